use super::*;

fn at() -> Url {
    Url::parse("https://index.example/simple/my-tool/").unwrap()
}

fn names(files: &[IndexFile]) -> Vec<&str> {
    files.iter().map(|file| file.filename.as_str()).collect()
}

#[test]
fn a_page_in_json_is_read() {
    let text = r#"{"meta": {"api-version": "1.1", "_last-serial": 7}, "name": "my-tool", "versions": ["1.0"], "files": [
        {"filename": "x", "url": "../../files/my_tool-1.0-py3-none-any.whl", "hashes": {"sha256": "ab"},
         "requires-python": ">=3.8", "yanked": "it is \"broken\"", "size": 12, "core-metadata": {"sha256": "cd"},
         "upload-time": "2024-01-01T00:00:00.000000Z"},
        {"url": "https://files.example/my_tool-1.1%2Blocal.tar.gz", "yanked": true, "hashes": {}, "requires-python": null},
        {"url": "https://files.example/my_tool-1.2.tar.gz", "yanked": false, "dist-info-metadata": false, "size": "12"},
        {"url": "https://files.example/readme.txt"}, {"url": "file:///my_tool-9.tar.gz"}, {"filename": "no address"}
    ]}"#;
    let files = json(text.as_bytes(), &at()).unwrap();
    assert_eq!(names(&files), ["my_tool-1.0-py3-none-any.whl", "my_tool-1.1+local.tar.gz", "my_tool-1.2.tar.gz"]);
    let first = &files[0];
    assert_eq!(first.url, "https://index.example/files/my_tool-1.0-py3-none-any.whl");
    assert_eq!((first.size, first.core_metadata, first.hashes["sha256"].as_str()), (Some(12), true, "ab"));
    assert_eq!(first.requires_python.as_deref(), Some(">=3.8"));
    assert_eq!(first.upload_time.as_deref(), Some("2024-01-01T00:00:00.000000Z"));
    let yanked: Vec<_> = files.iter().map(|file| file.yanked.as_deref()).collect();
    assert_eq!(yanked, [Some("it is \"broken\""), Some(""), None]);
    assert_eq!((files[2].core_metadata, files[2].size), (false, None));
}

#[test]
fn what_is_no_page_is_said_to_be_none() {
    let told = |text: &str| json(text.as_bytes(), &at()).unwrap_err().to_string();
    assert!(told("<html>").starts_with("it is not the JSON that a package index answers with"));
    assert!(told(r#"{"files": 3}"#).starts_with("it is not the JSON"));
    assert!(told(r#"{"meta": {"api-version": "2.0"}, "files": []}"#).contains("version 2.0"));
    assert!(html(b"<p>Please log in <a href=/login>here</a>", &at()).is_err());
    assert!(json(br#"{"files": []}"#, &at()).unwrap().is_empty());
}

#[test]
fn a_page_in_html_is_read_as_browsers_read_it() {
    let sha256 = "ab".repeat(32);
    let text = format!(
        "<!DOCTYPE html><HTML><head><title>a > b</title><script>'<a href=\"my_tool-7.tar.gz\">'</script></head>\n\
         <!-- <a href=\"my_tool-8.tar.gz\"> -->\n\
         <a href=\"../../files/my_tool-1.0-py3-none-any.whl#sha256={sha256}\" data-requires-python=\"&gt;=3.8, &lt;4\"\n\
         data-yanked=\"it is &quot;broken&#34; &#x26; old\" data-core-metadata=\"sha256=cd\">other text</a><br/>\n\
         <A  HREF = 'https://files.example/my_tool-1.1.tar.gz#egg=x' data-yanked data-x=1/>\n\
         <a rel=internal href=my_tool-1.2.zip data-dist-info-metadata=false>x</a><a>none</a>\n\
         <a href=\"my_tool-1.3.zip?a=1&amp;b=2&copy;\">x</a><abbr href=\"my_tool-9.zip\"></abbr><a href=\"my_tool-1.4.zip"
    );
    let files = html(text.as_bytes(), &at()).unwrap();
    let want =
        ["my_tool-1.0-py3-none-any.whl", "my_tool-1.1.tar.gz", "my_tool-1.2.zip", "my_tool-1.3.zip", "my_tool-1.4.zip"];
    assert_eq!(names(&files), want);
    assert_eq!(files[0].url, "https://index.example/files/my_tool-1.0-py3-none-any.whl");
    assert_eq!(files[0].hashes["sha256"], sha256);
    assert_eq!(files[0].requires_python.as_deref(), Some(">=3.8, <4"));
    assert_eq!(files[0].yanked.as_deref(), Some("it is \"broken\" & old"));
    assert_eq!((files[0].core_metadata, files[2].core_metadata), (true, false));
    assert_eq!((files[1].yanked.as_deref(), files[2].yanked.as_deref()), (Some(""), None));
    assert!(files[1].hashes.is_empty());
    assert_eq!(files[3].url, "https://index.example/simple/my-tool/my_tool-1.3.zip?a=1&b=2&copy;");
}

#[test]
fn the_base_of_a_page_in_html_counts_for_what_follows() {
    let text = b"<base href=\"/elsewhere/\"><base href=\"/not/\"><a href=\"my_tool-1.0.zip\">";
    assert_eq!(html(text, &at()).unwrap()[0].url, "https://index.example/elsewhere/my_tool-1.0.zip");
}

#[test]
fn texts_of_an_index_disturb_nobody() {
    let text = format!(r#"{{"files": [{{"url": "x-1.zip", "yanked": "a\u001b[2Jb\n{}"}}]}}"#, "é".repeat(2000));
    let reason = json(text.as_bytes(), &at()).unwrap().remove(0).yanked.unwrap();
    assert!(reason.starts_with("a[2Jb") && reason.len() <= LONGEST_TEXT, "{}", reason.len());
}

proptest::proptest! {
    #[test]
    fn any_page_is_read_to_its_end(text in "(<|>|a|/|!--|-->|=|\"|'| |href|&#|x41;|&amp|é|base|script|\\.zip){0,40}|\\PC*") {
        for file in html(text.as_bytes(), &at()).unwrap_or_default() {
            proptest::prop_assert!(is_archive(&file.filename));
            proptest::prop_assert!(Url::parse(&file.url).is_ok());
        }
        let _ = json(text.as_bytes(), &at());
    }

    #[test]
    fn what_is_written_into_html_is_read_from_it(stem in "[a-z]{1,8}-[0-9.+!]{1,6}", needs in "[<>=!~0-9., ]{0,12}", reason in "\\PC{0,20}") {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let name: String = stem.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = format!(
            "<a href=\"f/{name}.tar.gz\" data-requires-python=\"{}\" data-yanked=\"{}\">x</a>", escaped(&needs), escaped(&reason)
        );
        let files = html(page.as_bytes(), &at()).unwrap();
        proptest::prop_assert_eq!(&files[0].filename, &format!("{stem}.tar.gz"));
        proptest::prop_assert_eq!(files[0].requires_python.as_deref(), Some(needs.as_str()));
        proptest::prop_assert_eq!(files[0].yanked.as_deref(), Some(reason.as_str()));
    }
}
