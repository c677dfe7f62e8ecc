use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

struct World {
    dir: tempfile::TempDir,
    info: PathBuf,
}

/// An environment with `My_Tool` 1.0 in it.
fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let info = dir.path().join("lib/python3.11/site-packages/My_Tool-1.0.dist-info");
    fs::create_dir_all(&info).unwrap();
    let world = World { dir, info };
    world.write("METADATA", "Name: My.Tool\nVersion: v1.0 \nProject-URL: Changelog , https://c/x,y\n\nVersion: 2\n");
    world
}

impl World {
    fn write(&self, name: &str, text: &str) {
        let file = self.info.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Lists the files in `RECORD` and writes them.
    fn record(&self, files: &[(&str, &str)]) {
        let lines: String = files.iter().map(|(path, _)| format!("{path},,\n")).collect();
        self.write("RECORD", &lines);
        for (path, text) in files {
            self.write(&format!("../{path}"), text);
        }
    }

    fn look(&self, name: &str) -> Option<InstalledPackage> {
        look(self.dir.path(), &ProjectName::new(name).unwrap(), None)
    }
}

#[test]
fn what_is_installed_is_read() {
    let world = world();
    world.write("direct_url.json", r#"{"url": "https://x", "vcs_info": {"vcs": "git", "commit_id": "ab"}}"#);
    let seen = world.look("my-tool").unwrap();
    assert_eq!(seen.version.as_deref(), Some("v1.0"));
    assert_eq!(seen.urls, [("Changelog".to_owned(), "https://c/x,y".to_owned())]);
    assert_eq!(seen.direct_url.unwrap()["vcs_info"]["commit_id"], "ab");
    assert_eq!(seen.release_info, None);
    assert!(world.look("tool").is_none() && world.look("my-tool-1").is_none());
}

#[test]
fn what_cannot_be_read_is_not_there() {
    let world = world();
    world.write("direct_url.json", "{broken");
    assert_eq!(world.look("my-tool").unwrap().direct_url, None);
    world.write("direct_url.json", "[]");
    assert_eq!(world.look("my-tool").unwrap().direct_url, Some(json!([])));
    world.write("METADATA", "Name: My.Tool\n");
    assert_eq!(world.look("my-tool").unwrap().version, None);
    world.write("METADATA", "");
    assert_eq!(world.look("my-tool"), None);
    fs::remove_file(world.info.join("METADATA")).unwrap();
    assert_eq!(world.look("my-tool"), None);
}

#[test]
fn release_info_is_found_anywhere_in_the_environment() {
    let full = r#"{"commit_sha": "abc", "git_version": "v1.0-0-gabc", "urls": {"Changelog": "https://c", "x": 1},
                   "system_dependencies": {"debian": ["a"]}}"#;
    for place in
        ["my_tool/release_info", "My_Tool-1.0.dist-info/release_info", "release_info", "../../../share/my/release_info"]
    {
        let world = world();
        world.record(&[("my_tool/release_info.json", full), ("x/my_release_info", full), (place, full)]);
        let found = world.look("my-tool").unwrap().release_info.unwrap_or_else(|| panic!("{place}"));
        assert_eq!((found.commit_sha.as_deref(), found.git_version.as_deref()), (Some("abc"), Some("v1.0-0-gabc")));
        assert_eq!(found.urls, [("Changelog".to_owned(), "https://c".to_owned())]);
        assert!(found.has_system_dependencies);
    }
    for text in ["", "{broken", "[]", "3"] {
        let world = world();
        world.record(&[("release_info", text)]);
        assert_eq!(world.look("my-tool").unwrap().release_info, None, "{text}");
    }
    let world = world();
    world.record(&[("release_info", r#"{"urls": null, "system_dependencies": {}}"#)]);
    let found = world.look("my-tool").unwrap().release_info.unwrap();
    assert_eq!((found.commit_sha, found.urls.len(), found.has_system_dependencies), (None, 0, false));
}

#[test]
fn a_record_leads_out_of_no_environment() {
    let world = world();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("release_info");
    fs::write(&file, r#"{"commit_sha": "abc"}"#).unwrap();
    let up = "../".repeat(20);
    world.write("RECORD", &format!("{}\n{up}{}\n", file.display(), file.strip_prefix("/").unwrap().display()));
    assert_eq!(world.look("my-tool").unwrap().release_info, None);
}

#[test]
fn the_newest_of_several_counts() {
    let world = world();
    let old = world.info.join("../my_tool-0.9.dist-info");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("METADATA"), "Name: my-tool\nVersion: 0.9\n").unwrap();
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
    File::options().write(true).open(old.join("METADATA")).unwrap().set_modified(past).unwrap();
    assert_eq!(world.look("my-tool").unwrap().version.as_deref(), Some("v1.0"));
}

#[test]
fn what_is_known_is_not_read_again_until_it_changes() {
    let world = world();
    world.record(&[("release_info", r#"{"commit_sha": "abc"}"#)]);
    let project = ProjectName::new("my-tool").unwrap();
    let again = |known: &InstalledPackage| look(world.dir.path(), &project, Some(known)).unwrap();
    // Files that were written just now may change once more within the same tick.
    let seen = world.look("my-tool").unwrap();
    assert_eq!(seen.stamp, None);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut kept = seen.clone();
    while kept.stamp.is_none() {
        assert!(Instant::now() < deadline, "the files stay young");
        std::thread::sleep(Duration::from_millis(100));
        kept = again(&kept);
    }
    kept.version = Some("as it was kept".to_owned());
    assert_eq!(again(&kept), kept);
    world.write("../release_info", r#"{"commit_sha": "abd"}"#);
    assert_eq!(again(&kept).release_info.unwrap().commit_sha.as_deref(), Some("abd"));
    world.write("METADATA", "Name: my-tool\nVersion: 1.1\n");
    assert_eq!(again(&kept).version.as_deref(), Some("1.1"));
}
