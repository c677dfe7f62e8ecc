use super::*;

fn asset(name: &str) -> Asset {
    Asset { name: name.to_owned(), url: format!("https://x/{name}"), size: Some(1), sha256: None }
}

fn release(tag: &str, assets: &[&str]) -> Release {
    Release {
        tag: tag.to_owned(),
        name: None,
        prerelease: false,
        published_at: None,
        notes: String::new(),
        page: None,
        assets: assets.iter().map(|name| asset(name)).collect(),
    }
}

fn chosen(kind: ReleaseKind, named: Option<&str>, machine: &str, assets: &[&str]) -> Result<String, String> {
    let updater = UpdaterName::new("app").unwrap();
    let wish = Wish { updater: &updater, kind, named, machine };
    choose_asset(&wish, &release("v1", assets)).map(|choice| choice.asset.name).map_err(|error| error.to_string())
}

#[test]
fn the_file_is_the_named_one_then_the_updaters_own_then_the_only_zip() {
    let zip = |named, assets: &[&str]| chosen(ReleaseKind::Web, named, "arm", assets);
    assert_eq!(zip(Some("b.zip"), &["app.zip", "b.zip"]).as_deref(), Ok("b.zip"));
    assert_eq!(zip(Some("gone.zip"), &["app.zip", "b.zip"]).as_deref(), Ok("app.zip"));
    assert_eq!(zip(None, &["app.zip", "b.zip"]).as_deref(), Ok("app.zip"));
    assert_eq!(zip(None, &["notes.txt", "b.ZIP", "b.ZIP.sha256"]).as_deref(), Ok("b.ZIP"));
    let error = zip(None, &["a.zip", "b.zip"]).unwrap_err();
    assert!(error.contains("several zips") && error.contains("a.zip, b.zip"), "{error}");
    assert!(zip(None, &[]).unwrap_err().contains("it has no files"));
}

#[test]
fn an_executable_is_the_one_for_this_machine() {
    let all = [
        "tool_linux_amd64",
        "tool_linux_arm64",
        "tool_linux_armv7",
        "tool_windows_amd64.exe",
        "tool_linux_arm64.sha256",
    ];
    for (machine, want) in
        [("x86_64", "tool_linux_amd64"), ("aarch64", "tool_linux_arm64"), ("arm", "tool_linux_armv7")]
    {
        assert_eq!(chosen(ReleaseKind::Executable, None, machine, &all).as_deref(), Ok(want), "{machine}");
    }
    assert_eq!(
        chosen(
            ReleaseKind::Executable,
            Some("klipper_estimator_rpi"),
            "arm",
            &["klipper_estimator_linux", "klipper_estimator_rpi"]
        )
        .as_deref(),
        Ok("klipper_estimator_rpi")
    );
    assert_eq!(
        chosen(ReleaseKind::Executable, None, "x86_64", &["tool-x86_64-unknown-linux-musl"]).as_deref(),
        Ok("tool-x86_64-unknown-linux-musl")
    );
    let error = chosen(ReleaseKind::Executable, None, "riscv64", &all).unwrap_err();
    assert!(error.contains("none for this machine (riscv64)"), "{error}");
}

#[test]
fn the_newest_is_chosen_by_version_and_not_by_date() {
    let of = |tag: &str, prerelease| Release { prerelease, ..release(tag, &[]) };
    // The forge's order: newest first.
    let all = vec![of("v2.9.1", false), of("v2.10.0-beta.2", true), of("v2.10.0-beta.10", true), of("v2.9.0", false)];
    let tag = |channel| newest(channel, all.clone()).map(|release| release.tag);
    assert_eq!(tag(Channel::Stable).as_deref(), Some("v2.9.1"));
    assert_eq!(tag(Channel::Beta).as_deref(), Some("v2.10.0-beta.10"));
    assert_eq!(newest(Channel::Beta, Vec::new()), None);
    let named = vec![of("nightly", true), of("latest", true)];
    assert_eq!(newest(Channel::Beta, named).map(|release| release.tag).as_deref(), Some("nightly"));
}

#[test]
fn an_older_release_is_no_update() {
    let newer = |installed: &str, tag: &str| is_newer(installed, &release(tag, &[]));
    assert!(newer("v2.9.0", "v2.10.0"));
    assert!(!newer("v2.10.0", "v2.9.0"));
    assert!(!newer("v2.10.0", "v2.10.0"));
    assert!(newer("v2.10.0-beta.1", "v2.10.0"));
    assert!(newer("?", "v1.0.0"), "what is installed is not known");
    assert!(newer("v1.0.0", "nightly"), "cannot be told");
    let renamed = Release { name: Some("Spring".to_owned()), ..release("v3", &[]) };
    assert!(!is_newer("Spring", &renamed));
}

#[test]
fn checksum_files_are_found_the_specific_first() {
    let all = release("v1", &["SHA256SUMS", "app.zip", "app.zip.sha256", "other.zip.sha256"]);
    let names: Vec<&str> = checksum_assets(&all, "app.zip").iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(names, ["app.zip.sha256", "SHA256SUMS"]);
}
