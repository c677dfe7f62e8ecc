//! Lock files of all versions, and what npm 6 to 11 were seen to say.

use proptest::prelude::*;

use super::*;

fn lock(text: &str) -> LockFile {
    LockFile::parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {text}"))
}

const THIRD: &str = r#"{"name": "app", "lockfileVersion": 3, "packages": {
    "": {"name": "app", "dependencies": {"a": "^1.0.0"}},
    "node_modules/a": {"version": "1.1.0", "resolved": "https://localhost/a/-/a-1.1.0.tgz"},
    "node_modules/a/node_modules/@scope/b": {"version": "2.0.0"},
    "node_modules/tools": {"version": "3.0.0", "dev": true},
    "node_modules/only-mac": {"version": "1.0.0", "optional": true},
    "node_modules/repo": {"version": "1.0.0", "resolved": "git+ssh://git@localhost/x/repo.git#cafe"},
    "node_modules/vendored": {"version": "1.0.0", "resolved": "file:vendor/vendored-1.0.0.tgz"}
}}"#;

#[test]
fn what_changes_is_named() {
    let wanted = lock(THIRD);
    let installed = lock(
        r#"{"packages": {
        "node_modules/a": {"version": "1.0.0"},
        "node_modules/repo": {"version": "1.0.0", "resolved": "git+ssh://git@localhost/x/repo.git#beef"},
        "node_modules/vendored": {"version": "1.0.0", "resolved": "file:vendor/vendored-1.0.0.tgz"},
        "node_modules/old": {"version": "0.1.0"}
    }}"#,
    );
    assert_eq!(
        wanted.changes_from(&installed),
        [
            "a 1.0.0 -> 1.1.0",
            "@scope/b 2.0.0",
            "repo git+ssh://git@localhost/x/repo.git#beef -> git+ssh://git@localhost/x/repo.git#cafe",
            "old 0.1.0 removed",
        ]
    );
    assert_eq!(wanted.archives(), ["vendor/vendored-1.0.0.tgz"]);
    assert!(wanted.folders().is_empty());
    assert!(wanted.changes_from(&wanted).is_empty());
}

#[test]
fn older_lock_files_are_read() {
    let first = lock(
        r#"{"lockfileVersion": 1, "dependencies": {
        "a": {"version": "1.1.0", "dependencies": {"@scope/b": {"version": "2.0.0"}}},
        "tools": {"version": "3.0.0", "dev": true},
        "only-mac": {"version": "1.0.0", "optional": true},
        "repo": {"version": "git+ssh://git@localhost/x/repo.git#cafe"},
        "vendored": {"version": "file:vendor/vendored-1.0.0.tgz"},
        "mine": {"version": "file:packages/mine"}
    }}"#,
    );
    assert_eq!(first.packages["node_modules/a/node_modules/@scope/b"].version, "2.0.0");
    assert_eq!((first.folders(), first.archives()), (vec!["mine"], vec!["vendor/vendored-1.0.0.tgz"]));
    let workspace = lock(
        r#"{"packages": {"packages/mine": {"version": "1.0.0"},
        "node_modules/mine": {"resolved": "packages/mine", "link": true}}}"#,
    );
    assert_eq!(workspace.folders(), ["mine"]);
    assert_eq!(lock("{}"), LockFile::default());
    for (bad, words) in [("", "not JSON"), ("[]", "as npm does"), (r#"{"packages": 1}"#, "as npm does")] {
        assert!(LockFile::parse(bad.as_bytes()).expect_err(bad).to_string().contains(words), "{bad}");
    }
}

#[test]
fn the_line_that_matters_is_found() {
    let said = |text: &str| npm_trouble(text.as_bytes()).unwrap_or_default();
    assert_eq!(
        said(
            "npm error code E404\nnpm error 404 Not Found - GET http://localhost/nope - not found\nnpm error 404\nnpm error 404  'nope@1.0.0' is not in this registry.\n"
        ),
        "Not Found - GET http://localhost/nope - not found"
    );
    assert_eq!(
        said(
            "npm error code ECONNREFUSED\nnpm error syscall connect\nnpm error errno ECONNREFUSED\nnpm error FetchError: request to http://localhost/a failed, reason: connect ECONNREFUSED 127.0.0.1:9\nnpm error     at x (y)\n"
        ),
        "FetchError: request to http://localhost/a failed, reason: connect ECONNREFUSED 127.0.0.1:9"
    );
    assert_eq!(
        said(
            "npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only install packages when in sync.\nnpm error\nnpm error Missing: nope@1.0.0 from lock file\n"
        ),
        "package.json and package-lock.json do not fit together (Missing: nope@1.0.0 from lock file)"
    );
    assert_eq!(
        said(
            "npm ERR! code 1\nnpm ERR! path /x/node_modules/@scope/b\nnpm ERR! command failed\nnpm ERR! command sh -c node-gyp rebuild\nnpm ERR! no compiler\n"
        ),
        "@scope/b could not be built: `node-gyp rebuild` failed"
    );
    assert_eq!(
        said("npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed\n"),
        "sha512-x integrity checksum failed"
    );
    assert_eq!(said("npm error code ENOSPC\n"), "ENOSPC");
    assert_eq!(npm_trouble(b"npm warn deprecated\n"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _lock = LockFile::parse(&bytes);
        let _trouble = npm_trouble(&bytes);
    }

    #[test]
    fn a_version_has_no_changes_from_itself(versions in proptest::collection::btree_map("[a-z]{1,3}", "[0-9]\\.[0-9]", 0..6)) {
        let packages: serde_json::Map<_, _> = versions
            .iter()
            .map(|(name, version)| (format!("node_modules/{name}"), serde_json::json!({ "version": version })))
            .collect();
        let file = lock(&serde_json::json!({ "packages": packages }).to_string());
        prop_assert!(file.changes_from(&file).is_empty());
        prop_assert_eq!(file.changes_from(&LockFile::default()).len(), versions.len());
        prop_assert_eq!(LockFile::default().changes_from(&file).len(), versions.len());
    }
}
