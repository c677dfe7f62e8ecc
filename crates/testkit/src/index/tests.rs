use super::*;
use crate::rpc::{Http, HttpReply};
use crate::wheels::{Sdist, Wheel};

const JSON: (&str, &str) = ("Accept", "application/vnd.pypi.simple.v1+json");

fn index() -> PackageIndex {
    let index = PackageIndex::start();
    index.publish(Wheel::new("My.Tool", "1.0").requires_python(">=3.8").build());
    index.publish(Wheel::new("My.Tool", "1.1").build());
    index.publish(Sdist::new("My.Tool", "1.1").build());
    index.yank("my-tool", "1.0", "it is \"broken\"");
    index
}

fn get(index: &PackageIndex, path: &str, headers: &[(&str, &str)]) -> HttpReply {
    Http::new(index.port()).request("GET", path, headers, b"")
}

#[test]
fn a_page_in_json_tells_everything() {
    let index = index();
    let page = get(&index, "/simple/my-tool/", &[JSON]);
    assert_eq!((page.status, page.header("content-type")), (200, Some(JSON.1)));
    assert_eq!(page.header("cache-control"), Some("max-age=600, public"));
    assert_eq!(page.header("last-modified"), Some("Thu, 04 Jan 2024 00:00:00 GMT"));
    let page = page.json();
    assert_eq!((&page["name"], &page["versions"]), (&"my-tool".into(), &serde_json::json!(["1.0", "1.1"])));
    let file = &page["files"][0];
    assert_eq!(file["filename"], "my_tool-1.0-py3-none-any.whl");
    assert_eq!((&file["yanked"], &file["requires-python"]), (&"it is \"broken\"".into(), &">=3.8".into()));
    assert_eq!(file["upload-time"], "2024-01-01T00:00:00.000000Z");
    let url = file["url"].as_str().unwrap().strip_prefix(&index.base()).unwrap();
    let bytes = get(&index, url, &[]).body;
    assert_eq!(file["size"], bytes.len());
    assert_eq!(file["hashes"]["sha256"], crate::releases::sha256_hex(&bytes));
    let metadata = get(&index, &format!("{url}.metadata"), &[]).body;
    assert!(metadata.starts_with(b"Metadata-Version: 2.1\nName: My.Tool\n"));
    assert_eq!(file["core-metadata"]["sha256"], crate::releases::sha256_hex(&metadata));
    assert_eq!((&page["files"][2]["core-metadata"], &page["files"][2]["yanked"]), (&false.into(), &false.into()));
    assert_eq!(index.downloads_of("my_tool-1.0-py3-none-any.whl").len(), 1);
    assert_eq!(index.sent_of("my_tool-1.0-py3-none-any.whl"), bytes.len() as u64);
    index.core_metadata(CoreMetadata::Pep658);
    let file = get(&index, "/simple/my-tool/", &[JSON]).json()["files"][0].clone();
    assert!(file.get("core-metadata").is_none() && file["dist-info-metadata"].is_object());
    let list = get(&index, "/simple/", &[JSON]).json();
    assert_eq!(list["projects"][0]["name"], "my-tool");
}

#[test]
fn a_page_in_html_tells_everything() {
    let index = index();
    index.links(Links::Relative);
    let page = get(&index, "/simple/my-tool/", &[]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("href=\"../../files/") && text.contains("data-requires-python=\"&gt;=3.8\""), "{text}");
    assert!(text.contains("data-yanked=\"it is &quot;broken&quot;\"") && text.contains("data-core-metadata=\"sha256="));
    index.core_metadata(CoreMetadata::Absent);
    index.hashes(Hashes::Absent);
    index.unyank("My_Tool", "1.0");
    let text = get(&index, "/simple/my-tool/", &[]).text();
    assert!(!text.contains("metadata=") && !text.contains("#sha256") && !text.contains("yanked"), "{text}");
}

#[test]
fn formats_can_be_left_out() {
    let index = index();
    index.formats(Formats::HtmlOnly);
    assert_eq!(get(&index, "/simple/my-tool/", &[JSON]).header("content-type"), Some("text/html; charset=utf-8"));
    index.formats(Formats::JsonOnly);
    assert_eq!(get(&index, "/simple/my-tool/", &[("Accept", "text/html")]).status, 406);
    assert_eq!(get(&index, "/simple/my-tool/", &[JSON]).status, 200);
    index.hashes(Hashes::Wrong);
    let file = get(&index, "/simple/my-tool/", &[JSON]).json()["files"][1].clone();
    assert_ne!(file["hashes"]["sha256"], Wheel::new("My.Tool", "1.1").build().sha256());
}

#[test]
fn what_is_known_already_is_304_until_it_changes() {
    let index = index();
    let path = "/simple/my-tool/";
    let first = get(&index, path, &[JSON]);
    let (etag, dated) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
    let again = |index: &PackageIndex| get(index, path, &[JSON, ("If-None-Match", etag)]);
    let known = again(&index);
    assert_eq!((known.status, known.header("etag"), known.body.is_empty()), (304, Some(etag), true));
    assert_eq!(get(&index, path, &[JSON, ("If-Modified-Since", dated)]).status, 304);
    // The other form is another page.
    assert_eq!(get(&index, path, &[("If-None-Match", etag)]).status, 200);
    index.remove("my-tool", "1.0");
    assert_eq!(again(&index).status, 200);
    assert_eq!(get(&index, path, &[JSON, ("If-Modified-Since", dated)]).status, 200);
    let asked = index.pages_of("My.Tool");
    assert_eq!(asked[1].header("if-none-match"), Some(etag));
    assert_eq!(asked.iter().map(|asked| asked.status).collect::<Vec<_>>(), [200, 304, 304, 200, 200, 200]);
}

#[test]
fn other_spellings_lead_to_the_page_and_what_is_gone_is_404() {
    let index = index();
    let status = |path: &str| get(&index, path, &[]).status;
    let moved = get(&index, "/simple/My.Tool/", &[]);
    assert_eq!((moved.status, moved.header("location")), (301, Some("/simple/my-tool/")));
    assert_eq!((status("/simple/my-tool"), status("/simple"), status("/simple/other/")), (301, 301, 404));
    assert!(index.remove("My.Tool", "1.1") && !index.remove("my-tool", "1.1"));
    assert!(index.remove_project("My.Tool") && !index.remove_project("my-tool"));
    assert_eq!((status("/simple/my-tool/"), status("/files/x/y.whl"), status("/files/x/y.metadata")), (404, 404, 404));
}

#[test]
fn a_login_can_be_required() {
    let index = index();
    index.require_login("lab", "secret");
    let refused = get(&index, "/simple/my-tool/", &[]);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Basic realm=\"packages\"")));
    assert_eq!(get(&index, "/simple/my-tool/", &[("Authorization", "Basic bGFiOnNlY3JldA==")]).status, 200);
    assert_eq!(get(&index, "/simple/my-tool/", &[("Authorization", "Basic bGFiOm90aGVy")]).status, 401);
    let other = PackageIndex::start();
    let told = format!("index-url = {}\nextra-index-url =\n    http://lab:secret@127.0.0.1:", other.url());
    assert!(other.pip_conf(&[&index]).contains(&told));
    let has_login = |asked: &Asked| asked.header("authorization").is_some();
    assert_eq!(index.requests().iter().map(has_login).collect::<Vec<_>>(), [false, true, true]);
    index.open();
    assert_eq!(get(&index, "/simple/my-tool/", &[]).status, 200);
}

#[test]
fn it_fails_as_told() {
    let index = index();
    index.fault(Fault::unavailable(30).on("/simple/").once());
    let busy = get(&index, "/simple/my-tool/", &[]);
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("30")));
    assert_eq!(get(&index, "/simple/my-tool/", &[]).status, 200);
    index.fault(Fault::status(404).on("/simple/my-tool"));
    assert_eq!(get(&index, "/simple/my-tool/", &[]).status, 404);
    index.heal();
    index.down();
    assert!(std::net::TcpStream::connect(("127.0.0.1", index.port())).is_err());
    index.up();
    assert_eq!(get(&index, "/simple/my-tool/", &[]).status, 200);
}
