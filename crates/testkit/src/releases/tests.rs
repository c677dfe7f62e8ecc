use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::rpc::{Http, HttpReply};
use crate::wait::wait_for;

const AGENT: (&str, &str) = ("User-Agent", "test");

/// A host with three releases, a pre-release and a draft of one project.
fn host() -> ReleaseHost {
    let host = ReleaseHost::start();
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        host.publish("lab", "Web", Release::new(version).file("web.zip", big(version)).with_checksums("SHA256SUMS"));
    }
    host.publish("lab", "Web", Release::new("v1.3.0-beta.1").prerelease().file("web.zip", "beta"));
    host.publish("lab", "Web", Release::new("v2.0.0").draft().file("web.zip", "draft"));
    host
}

/// A file of several chunks.
fn big(seed: &str) -> Vec<u8> {
    seed.bytes().cycle().take(100_000).collect()
}

/// GETs a URL of the host, wherever it is.
fn get(url: &str, headers: &[(&str, &str)]) -> HttpReply {
    let (http, path) = door(url);
    http.request("GET", &path, &[&[AGENT], headers].concat(), b"")
}

fn door(url: &str) -> (Http, String) {
    let rest = url.strip_prefix("http://127.0.0.1:").unwrap();
    let (port, path) = rest.split_once('/').unwrap();
    (Http::new(port.parse().unwrap()), format!("/{path}"))
}

fn api(host: &ReleaseHost, path: &str) -> HttpReply {
    get(&format!("{}/repos/lab/Web/{path}", host.github_api()), &[])
}

fn tags(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|release| release["tag_name"].as_str().unwrap()).collect()
}

/// The link that GitHub's download of this release leads to.
fn link(host: &ReleaseHost, tag: &str) -> String {
    let reply = get(&format!("{}/lab/web/releases/download/{tag}/web.zip", host.github_web()), &[]);
    assert_eq!(reply.status, 302);
    reply.header("location").unwrap().to_owned()
}

#[test]
fn github_tells_of_releases() {
    let host = host();
    let latest = api(&host, "releases/latest").json();
    assert_eq!(
        (&latest["tag_name"], &latest["draft"], &latest["prerelease"]),
        (&"v1.2.0".into(), &false.into(), &false.into())
    );
    assert_eq!(latest["published_at"], "2026-01-03T00:00:00Z");
    let asset = &latest["assets"][0];
    assert_eq!(asset["digest"], format!("sha256:{}", sha256_hex(&big("v1.2.0"))));
    assert_eq!((&asset["size"], &asset["state"]), (&100_000.into(), &"uploaded".into()));
    assert_eq!(tags(&api(&host, "releases").json()), ["v1.3.0-beta.1", "v1.2.0", "v1.1.0", "v1.0.0"]);
    assert_eq!(api(&host, "releases/tags/v1.0.0").json()["tag_name"], "v1.0.0");
    for missing in ["releases/tags/v2.0.0", "releases/tags/v9", "nothing"] {
        let reply = api(&host, missing);
        assert_eq!((reply.status, &reply.json()["message"]), (404, &"Not Found".into()), "{missing}");
    }
    let sums = get(&link(&host, "v1.2.0").replace("web.zip", "SHA256SUMS"), &[]);
    assert_eq!(sums.status, 403, "a link is signed for its file alone");
    let id = asset["id"].as_u64().unwrap();
    let binary = get(
        &format!("{}/repos/lab/Web/releases/assets/{id}", host.github_api()),
        &[("Accept", "application/octet-stream")],
    );
    assert_eq!((binary.status, binary.header("location").unwrap().starts_with(&host.asset_host())), (302, true));
}

#[test]
fn what_the_api_says_of_hashes_may_be_nothing_or_wrong() {
    let host = ReleaseHost::start();
    let release = Release::new("v1")
        .nameless()
        .asset(Asset::new("a", "a").digest(Digest::Absent))
        .asset(Asset::new("b", "b").digest(Digest::Lie))
        .with_checksums("SUMS")
        .signed(&Signer::named("lab"));
    let sums = String::from_utf8_lossy(&release.find("SUMS").unwrap().bytes).into_owned();
    assert_eq!(sums, format!("{}  a\n{}  b\n", sha256_hex(b"a"), sha256_hex(b"b")));
    assert!(release.find("SUMS.minisig").is_some());
    host.publish("lab", "Web", release);
    let told = api(&host, "releases/latest").json();
    assert_eq!((&told["name"], &told["assets"][0]["digest"]), (&Value::Null, &Value::Null));
    let lie = told["assets"][1]["digest"].as_str().unwrap();
    assert!(lie.len() == 71 && lie != format!("sha256:{}", sha256_hex(b"b")), "{lie}");
}

#[test]
fn pages_link_to_each_other() {
    let host = host();
    let mut url = format!("{}/repos/lab/Web/releases?per_page=1", host.github_api());
    let mut seen = Vec::new();
    loop {
        let reply = get(&url, &[]);
        seen.extend(tags(&reply.json()).into_iter().map(str::to_owned));
        let links = reply.header("link").unwrap().to_owned();
        assert_eq!(links.contains("rel=\"last\""), links.contains("rel=\"next\""), "{links}");
        let Some(next) = links.split(", ").find(|link| link.ends_with("rel=\"next\"")) else {
            break;
        };
        url = next[1..next.find('>').unwrap()].to_owned();
    }
    assert_eq!(seen, ["v1.3.0-beta.1", "v1.2.0", "v1.1.0", "v1.0.0"]);
    assert_eq!(api(&host, "releases?per_page=100").header("link"), None);
    assert_eq!(api(&host, "releases?per_page=2&page=9").json(), Value::Array(Vec::new()));
}

#[test]
fn what_is_known_is_not_told_again() {
    let host = host();
    let etag = api(&host, "releases/latest").header("etag").unwrap().to_owned();
    assert!(etag.starts_with("W/\""), "{etag}");
    let url = format!("{}/repos/lab/Web/releases/latest", host.github_api());
    let again = get(&url, &[("If-None-Match", &etag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    host.fault(Fault::ChangedEtag.on("latest").once());
    assert_eq!(get(&url, &[("If-None-Match", &etag)]).status, 200);
    host.publish("lab", "Web", Release::new("v1.2.1"));
    assert_eq!(get(&url, &[("If-None-Match", &etag)]).json()["tag_name"], "v1.2.1");
    assert!(host.remove("lab", "web", "v1.2.1"));
    assert_eq!(get(&url, &[("If-None-Match", &etag)]).status, 304);
    host.clear("lab", "web");
    assert_eq!(get(&url, &[]).status, 404);
}

#[test]
fn the_limit_counts_down_and_free_questions_are_free() {
    let host = host();
    let url = format!("{}/repos/lab/Web/releases/latest", host.github_api());
    host.rate_limit(60, 2, 1_800_000_000);
    host.token("ghp_known", Limit { limit: 5000, remaining: 2, reset_at: 1_900_000_000 });
    let auth = ("Authorization", "Bearer ghp_known");
    let first = get(&url, &[auth]);
    let known = ("If-None-Match", first.header("etag").unwrap());
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    let free = get(&url, &[auth, known]);
    assert_eq!((free.status, free.header("x-ratelimit-remaining")), (304, Some("1")));
    let paid = get(&url, &[known]);
    assert_eq!((paid.status, paid.header("x-ratelimit-remaining")), (304, Some("1")));
    assert_eq!(get(&url, &[]).header("x-ratelimit-remaining"), Some("0"));
    let over = get(&url, &[]);
    assert_eq!((over.status, over.header("x-ratelimit-reset")), (403, Some("1800000000")));
    assert!(over.json()["message"].as_str().unwrap().starts_with("API rate limit exceeded for "));
    assert_eq!(get(&url, &[auth]).status, 200);
    assert_eq!(get(&url, &[auth]).status, 403);
    host.rate_limit(60, 60, 1_800_003_600);
    assert_eq!(get(&url, &[]).status, 200);
    host.fault(Fault::secondary_limit(Some(30)).on("latest").once());
    let slow = get(&url, &[]);
    assert_eq!((slow.status, slow.header("retry-after")), (429, Some("30")));
    let wrong = get(&url, &[("Authorization", "Bearer ghp_other")]);
    assert_eq!((wrong.status, &wrong.json()["message"]), (401, &"Bad credentials".into()));
}

#[test]
fn github_wants_to_know_who_asks_and_where_it_moved_it_says() {
    let host = host();
    let (http, path) = door(&format!("{}/repos/lab/Web/releases/latest", host.github_api()));
    assert_eq!(http.get(&path).status, 403);
    assert_eq!(http.request("GET", &path.replace("/api", "/api/v3"), &[AGENT], b"").status, 200);
    assert_eq!(http.request("GET", &path.replace("/api", ""), &[AGENT], b"").status, 200);
    host.rename(("lab", "Web"), ("crew", "web-ui"));
    let moved = api(&host, "releases/latest");
    assert_eq!(moved.status, 301);
    assert_eq!(get(moved.header("location").unwrap(), &[]).json()["tag_name"], "v1.2.0");
    let download = get(&format!("{}/lab/web/releases/download/v1.2.0/web.zip", host.github_web()), &[]);
    assert!(download.header("location").unwrap().ends_with("/crew/web-ui/releases/download/v1.2.0/web.zip"));
}

#[test]
fn downloads_lead_to_a_signed_link_and_can_be_resumed() {
    let host = host();
    let (link, whole) = (link(&host, "v1.2.0"), big("v1.2.0"));
    assert!(link.starts_with(&host.asset_host()) && host.asset_host() != host.github_web(), "{link}");
    let (http, path) = door(&link);
    let head = http.request("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("100000")));
    let etag = head.header("etag").unwrap();
    assert_eq!(head.header("last-modified"), Some("Sat, 03 Jan 2026 00:00:00 GMT"));
    assert_eq!(host.sent_of("web.zip"), 0);
    assert!(get(&link, &[]).body == whole);
    let rest = get(&link, &[("Range", "bytes=99990-"), ("If-Range", etag)]);
    assert_eq!((rest.status, rest.header("content-range")), (206, Some("bytes 99990-99999/100000")));
    assert!(rest.body == whole[99_990..]);
    assert_eq!(get(&link, &[("Range", "bytes=99990-"), ("If-Range", "\"other\"")]).status, 200);
    let beyond = get(&link, &[("Range", "bytes=100000-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */100000")));
    assert_eq!(host.sent_of("v1.2.0/web.zip"), 200_010);
    assert_eq!((host.sent_of("v1.1.0/web.zip"), host.sent_of("eb.zip")), (0, 0));
    host.expire_links();
    assert_eq!(get(&link, &[]).status, 403);
    host.forget();
    assert_eq!(host.sent_of("web.zip"), 0);
}

#[test]
fn a_cut_body_ends_exactly_there() {
    let host = host();
    let (link, whole) = (link(&host, "v1.2.0"), big("v1.2.0"));
    let (http, path) = door(&link);
    let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    for after in [1, 70_001, 99_999] {
        for (fault, end) in
            [(Fault::CutAfter(after), crate::rpc::End::Closed), (Fault::ResetAfter(after), crate::rpc::End::Reset)]
        {
            host.forget();
            host.fault(fault.clone().on("assets-host").once());
            let (got, how) = http.raw(ask.as_bytes(), Duration::from_secs(10));
            let body = got.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            assert!(String::from_utf8_lossy(&got[..body]).to_lowercase().contains("content-length: 100000\r\n"));
            assert_eq!(how, end, "{fault:?}");
            assert!(got[body..] == whole[..after as usize], "{fault:?}: {} bytes", got.len() - body);
            assert_eq!(host.sent_of("web.zip"), after);
            host.heal();
        }
    }
    host.fault(Fault::Reset.on("assets-host").once());
    assert_eq!(http.raw(ask.as_bytes(), Duration::from_secs(10)), (Vec::new(), crate::rpc::End::Reset));
    assert_eq!(host.requests().last().unwrap().status, 0);
}

#[test]
fn a_stall_goes_on_when_released() {
    let host = host();
    let link = link(&host, "v1.2.0");
    for after in [0, 50_000] {
        host.forget();
        host.fault(Fault::StallAfter(after).on("assets-host").once());
        let asked = link.clone();
        let asking = std::thread::spawn(move || get(&asked, &[]));
        wait_for(Duration::from_secs(5), "the bytes before the stall", || {
            host.requests().len() == 1 && host.sent_of("web.zip") == after
        });
        assert!(!asking.is_finished());
        wait_for(Duration::from_secs(5), "the answer", || {
            host.release();
            asking.is_finished()
        });
        assert!(asking.join().unwrap().body == big("v1.2.0"));
        host.heal();
    }
}

#[test]
fn lies_about_bytes_and_ranges() {
    let host = host();
    let (link, whole) = (link(&host, "v1.2.0"), big("v1.2.0"));
    let range = ("Range", "bytes=60000-");
    let with = |fault: Fault, headers: &[(&str, &str)]| {
        host.heal();
        host.fault(fault.on("assets-host"));
        get(&link, headers)
    };
    let reply = with(Fault::WrongRange, &[range]);
    assert_eq!((reply.status, reply.header("content-range")), (206, Some("bytes 0-99999/100000")));
    assert_eq!(with(Fault::WrongRange, &[]).status, 200);
    let reply = with(Fault::IgnoreRange, &[range]);
    assert!(reply.status == 200 && reply.body == whole);
    let reply = with(Fault::WrongBytes, &[]);
    assert!(reply.body.len() == whole.len() && reply.body != whole);
    let reply = with(Fault::Truncated(10), &[]);
    assert_eq!((reply.header("content-length"), &reply.body[..]), (Some("10"), &whole[..10]));
    let reply = with(Fault::NoLength, &[]);
    assert!(reply.header("content-length").is_none() && reply.body == whole);
    let etag = with(Fault::ChangedEtag, &[]).header("etag").unwrap().to_owned();
    host.heal();
    assert_eq!(get(&link, &[range, ("If-Range", &etag)]).status, 200);
    let reply = with(Fault::SlowPerChunk(Duration::from_millis(1)), &[]);
    assert!(reply.body == whole);
    let reply = with(Fault::redirect("http://elsewhere/"), &[]);
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://elsewhere/")));
    assert_eq!(with(Fault::NotJson, &[]).json(), Value::Null);
    assert_eq!(with(Fault::status(503), &[]).status, 503);
}

#[test]
fn an_endless_answer_ends_with_the_host() {
    let host = host();
    host.fault(Fault::Endless.on("latest"));
    let (http, path) = door(&format!("{}/repos/lab/Web/releases/latest", host.github_api()));
    let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\r\n");
    let asking = std::thread::spawn(move || http.raw(ask.as_bytes(), Duration::from_secs(10)));
    wait_for(Duration::from_secs(5), "a megabyte", || host.requests().iter().any(|asked| asked.sent > 1 << 20));
    drop(host);
    assert_ne!(asking.join().unwrap().1, crate::rpc::End::Open);
}

#[test]
fn forgejo_tells_of_releases() {
    let host = host();
    let api = format!("{}/api/v1/repos/lab/Web", host.forgejo());
    let latest = get(&format!("{api}/releases/latest"), &[]);
    assert_eq!((latest.header("etag"), &latest.json()["tag_name"]), (None, &"v1.2.0".into()));
    let asset = &latest.json()["assets"][0];
    assert_eq!(asset.get("digest"), None);
    let file = get(asset["browser_download_url"].as_str().unwrap(), &[("Range", "bytes=5-9")]);
    assert_eq!((file.status, &file.body[..]), (206, &big("v1.2.0")[5..10]));
    assert_eq!(host.sent_of("lab/Web/v1.2.0/web.zip"), 5);
    let list = get(&format!("{api}/releases?limit=2&page=2"), &[]);
    assert_eq!((tags(&list.json()), list.header("x-total-count")), (vec!["v1.1.0", "v1.0.0"], Some("4")));
    assert_eq!(get(&format!("{api}/releases/tags/v1.0.0"), &[]).status, 200);
    assert_eq!(get(&format!("{api}/releases/tags/v2.0.0"), &[]).status, 404);
    host.token("mine", Limit { limit: 1, remaining: 1, reset_at: 0 });
    assert_eq!(get(&format!("{api}/releases"), &[("Authorization", "token mine")]).status, 200);
    assert_eq!(get(&format!("{api}/releases"), &[("Authorization", "token other")]).status, 401);
}

#[test]
fn gitlab_tells_of_releases() {
    let host = host();
    let api = format!("{}/api/v4/projects/lab%2FWeb", host.gitlab());
    host.publish("lab", "Web", Release::new("v3").upcoming());
    let latest = get(&format!("{api}/releases/permalink/latest"), &[]);
    assert_eq!(latest.status, 302);
    assert_eq!(get(latest.header("location").unwrap(), &[]).json()["tag_name"], "v1.3.0-beta.1");
    let list = get(&format!("{api}/releases?per_page=2"), &[]);
    assert_eq!((tags(&list.json()), list.header("x-total")), (vec!["v3", "v1.3.0-beta.1"], Some("5")));
    assert!(list.header("link").unwrap().contains("rel=\"next\""));
    let one = get(&format!("{api}/releases/v1.2.0"), &[]).json();
    assert_eq!(one["released_at"], "2026-01-03T00:00:00.000Z");
    let link = one["assets"]["links"][0]["direct_asset_url"].as_str().unwrap().to_owned();
    let file = get(&link, &[]);
    assert!(get(file.header("location").unwrap(), &[]).body == big("v1.2.0"));
    assert_eq!(get(&format!("{api}/releases"), &[("PRIVATE-TOKEN", "other")]).status, 401);
    assert_eq!(get(&format!("{}/api/v4/projects/lab%2Fnone/releases", host.gitlab()), &[]).status, 404);
}

#[test]
fn every_request_is_noted() {
    let host = host();
    api(&host, "releases/latest?x=1");
    let asked = host.requests_of("latest").pop().unwrap();
    assert_eq!(
        (&asked.method[..], &asked.path[..], asked.status),
        ("GET", "/api/repos/lab/Web/releases/latest?x=1", 200)
    );
    assert_eq!((asked.header("User-Agent"), asked.sent > 100), (Some("test"), true));
}

#[test]
fn ready_made_contents_are_what_they_say() {
    let dir = crate::scratch::scratch();
    let zip = web_front_end("lab/web", "v1.2.0", 50, 1 << 20);
    assert_eq!(zip, web_front_end("lab/web", "v1.2.0", 50, 1 << 20));
    std::fs::write(dir.path().join("web.zip"), zip).unwrap();
    std::fs::write(dir.path().join("app.zip"), zip_app("lab/My-App", "v1")).unwrap();
    let script = "import json,sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
        files=z.infolist()\nprint(len(files), sum(f.file_size for f in files))\n\
        print(json.loads(z.read('release_info.json')))\n\
        if len(sys.argv) > 2:\n  m=json.loads(z.read('manifest.json'))\n  assert all(f in z.namelist() for f in m['files'])\n  \
        assert m['files'][0] in z.read('index.html').decode()\n";
    let python = |args: &[&str]| {
        let done =
            std::process::Command::new("python3").arg("-c").arg(script).args(args).current_dir(&dir).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let told = python(&["web.zip", "front"]);
    assert!(told.starts_with("50 1048576\n"), "{told}");
    assert!(
        told.contains("'project_name': 'web', 'project_owner': 'lab', 'version': 'v1.2.0', 'asset_name': 'web.zip'")
    );
    assert!(python(&["app.zip"]).contains("'project_name': 'My-App'"));
    let tool = dir.path().join("tool");
    std::fs::write(&tool, executable("tool 1.2")).unwrap();
    let done = std::process::Command::new("sh").arg(&tool).arg("--version").output().unwrap();
    assert_eq!(done.stdout, b"tool 1.2\n");
}

#[cfg(feature = "tls")]
#[test]
fn names_are_served_behind_tls() {
    let names = ["api.github.com", "github.com", "release-assets.githubusercontent.com", "codeberg.org", "gitlab.com"];
    let host = ReleaseHost::start_tls(&names, ([127, 0, 0, 1], 0).into());
    host.publish("lab", "Web", Release::new("v1").file("web.zip", big("v1")));
    assert_eq!(host.github_api(), format!("https://api.github.com:{}", host.address().port()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = |trusting: bool| {
        let mut builder = reqwest::Client::builder().user_agent("test").no_proxy();
        for name in names {
            builder = builder.resolve(name, host.address());
        }
        let ca = reqwest::Certificate::from_pem(host.ca_pem().as_bytes()).unwrap();
        let trusted = if trusting { vec![ca] } else { Vec::new() };
        builder.tls_certs_only(trusted).build().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("{}/repos/lab/Web/releases/latest", host.github_api());
        assert!(client(false).get(&url).send().await.is_err());
        let client = client(true);
        let told: Value =
            serde_json::from_slice(&client.get(&url).send().await.unwrap().bytes().await.unwrap()).unwrap();
        let file = told["assets"][0]["browser_download_url"].as_str().unwrap();
        let reply = client.get(file).header("Authorization", "Bearer x").send().await.unwrap();
        assert_eq!(reply.url().host_str(), Some("release-assets.githubusercontent.com"));
        assert!(reply.bytes().await.unwrap() == big("v1"));
        let url = format!("{}/api/v1/repos/lab/Web/releases/latest", host.forgejo());
        assert!(url.starts_with("https://codeberg.org:"));
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
        let url = format!("{}/api/v4/projects/lab%2FWeb/releases", host.gitlab());
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    });
    let last = host.requests_of("assets-host").pop().unwrap();
    assert_eq!(last.header("authorization"), None);
}
