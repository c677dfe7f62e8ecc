use proptest::prelude::*;
use refit_model::updater::release::ForgeKind;
use serde_json::json;

use super::*;

fn source(forge: ForgeKind, api: &str) -> Source {
    Source { forge, host: "h".to_owned(), api: api.to_owned(), owner: "o".to_owned(), repo: "r".to_owned() }
}

fn github() -> Source {
    source(ForgeKind::Github, "https://api.github.com")
}

fn parse(json: &serde_json::Value) -> Option<Release> {
    one(&github(), json.to_string().as_bytes()).unwrap()
}

#[test]
fn what_is_left_out_or_odd_is_no_reason_to_know_nothing() {
    let bare = parse(&json!({"tag_name": "v1"})).unwrap();
    assert_eq!((bare.tag.as_str(), bare.name, bare.prerelease, bare.assets.len()), ("v1", None, false, 0));
    let odd = json!({
        "tag_name": "v1", "name": null, "draft": null, "prerelease": "yes", "body": 7, "html_url": "javascript:x",
        "published_at": [], "unknown": {"deep": [1]},
        "assets": [{"name": "a", "browser_download_url": "https://x/a", "size": "12", "digest": null, "uploader": {}}],
    });
    let odd = parse(&odd).unwrap();
    assert_eq!((odd.name, odd.prerelease, odd.notes.as_str(), odd.page), (None, false, "", None));
    assert_eq!(odd.assets, [Asset { name: "a".to_owned(), url: "https://x/a".to_owned(), size: None, sha256: None }]);
    assert_eq!(parse(&json!({"tag_name": "v1", "assets": 3})).unwrap().assets, []);
    assert_eq!(parse(&json!({"tag_name": "v1", "name": "  "})).unwrap().name, None);
}

#[test]
fn what_has_no_tag_and_what_is_a_draft_is_no_release() {
    let long = "v".repeat(2000);
    for none in [
        json!({}),
        json!({"tag_name": null}),
        json!({"tag_name": ""}),
        json!({"tag_name": "a\nb"}),
        json!({"tag_name": long}),
        json!({"tag_name": "v1", "draft": true}),
        json!({"tag_name": "v1", "upcoming_release": true}),
    ] {
        assert_eq!(parse(&none), None, "{none}");
    }
    let list = json!([{"tag_name": "v2", "draft": true}, {"tag_name": "v1"}, {}]);
    let list = several(&github(), list.to_string().as_bytes()).unwrap();
    assert_eq!(list.iter().map(|release| release.tag.as_str()).collect::<Vec<_>>(), ["v1"]);
}

#[test]
fn only_files_that_can_be_had_safely_are_assets() {
    let file = |name: &str, url: &str| json!({"name": name, "browser_download_url": url});
    let assets = json!([
        file("good.zip", "https://x/good.zip"), file("../up", "https://x/1"), file("a/b", "https://x/2"),
        file("a\u{7}b", "https://x/3"), file("", "https://x/4"), file("..", "https://x/5"),
        file(&"n".repeat(256), "https://x/6"), file("plain", "http://x/7"), file("user", "https://u:p@x/8"),
        file("ftp", "ftp://x/9"), file("none", "nonsense"), {"name": "nowhere"}, {"browser_download_url": "https://x/"},
    ]);
    let told = json!({"tag_name": "v1", "assets": assets}).to_string();
    let names = |api: &str| {
        let release = one(&source(ForgeKind::Github, api), told.as_bytes()).unwrap().unwrap();
        release.assets.into_iter().map(|asset| asset.name).collect::<Vec<_>>()
    };
    assert_eq!(names("https://api.github.com"), ["good.zip"]);
    assert_eq!(names("http://mirror.lan"), ["good.zip", "plain"]);
}

#[test]
fn a_digest_is_64_digits_of_sha256() {
    let digest = |text: &str| {
        let file = json!({"name": "a", "browser_download_url": "https://x/a", "digest": text});
        parse(&json!({"tag_name": "v1", "assets": [file]})).unwrap().assets.remove(0).sha256
    };
    let upper = "AB".repeat(32);
    assert_eq!(digest(&format!("sha256:{upper}")), Some("ab".repeat(32)));
    for none in
        [upper.as_str(), &format!("sha512:{upper}"), &format!("sha256:{upper}0"), "sha256:", &"sha256:é".repeat(8)]
    {
        assert_eq!(digest(none), None, "{none}");
    }
}

#[test]
fn gitlab_says_the_same_in_other_words() {
    let told = json!({
        "tag_name": "v1-rc1", "name": "One", "description": "notes", "released_at": "2026-01-01T00:00:00Z",
        "_links": {"self": "https://gitlab.com/o/r/-/releases/v1"},
        "assets": {"count": 2, "sources": [{"format": "zip", "url": "https://x/source.zip"}],
            "links": [{"name": "a.zip", "url": "https://x/far", "direct_asset_url": "https://x/near"}, {"name": "b", "url": "https://x/b"}]},
    });
    let release =
        one(&source(ForgeKind::Gitlab, "https://gitlab.com/api/v4"), told.to_string().as_bytes()).unwrap().unwrap();
    assert!(release.prerelease);
    assert_eq!(release.notes, "notes");
    assert_eq!(release.page.as_deref(), Some("https://gitlab.com/o/r/-/releases/v1"));
    let urls: Vec<_> = release.assets.iter().map(|asset| asset.url.as_str()).collect();
    assert_eq!(urls, ["https://x/near", "https://x/b"]);
}

#[test]
fn notes_are_cut_between_letters() {
    for (text, kept) in
        [("ä".repeat(LONGEST_NOTES), LONGEST_NOTES), (format!("a{}", "ä".repeat(LONGEST_NOTES)), LONGEST_NOTES - 1)]
    {
        assert_eq!(parse(&json!({"tag_name": "v1", "body": text})).unwrap().notes.len(), kept);
    }
    assert_eq!(parse(&json!({"tag_name": "v1", "body": "short"})).unwrap().notes, "short");
}

proptest! {
    #[test]
    fn nothing_that_a_forge_says_ends_the_process(text in ".*", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = one(&github(), &bytes);
        let _ = several(&github(), text.as_bytes());
        let told = json!({"tag_name": text, "name": text, "body": text, "assets": [{"name": text, "browser_download_url": text, "digest": text}]});
        if let Some(release) = parse(&told) {
            prop_assert!(release.tag == text);
        }
    }
}
