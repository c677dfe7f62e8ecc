//! Two versions of a front end. `index.html` names a hashed manifest, which names every hashed asset with its SHA-256;
//! `version.txt` has the same name in both.

use refit_testkit::releases::{Content, Release, ReleaseHost, release_info, sha256_hex};
use serde_json::json;

/// The older is installed.
pub const VERSIONS: [&str; 2] = ["v1.0.0", "v2.0.0"];

/// The project.
pub const OWNER: &str = "lab";
/// The project, and the updater.
pub const NAME: &str = "front-end";

/// Assets of a version, with a few that both versions have.
const ASSETS: usize = 40;
const SHARED: usize = 8;

/// Makes one version.
pub fn version(version: &str) -> Content {
    let assets: Vec<(String, Vec<u8>)> = (0..ASSETS).map(|number| asset(version, number)).collect();
    let listed = assets.iter().map(|(path, bytes)| json!({"path": path, "sha256": sha256_hex(bytes)}));
    let manifest = json!({"version": version, "assets": listed.collect::<Vec<_>>()}).to_string().into_bytes();
    let manifest_path = format!("assets/manifest-{}.json", &sha256_hex(&manifest)[..16]);
    let page =
        format!("<!DOCTYPE html>\n<title>{version}</title>\n<link rel=\"manifest\" href=\"/{manifest_path}\">\n");
    let content = Content::default()
        .file("index.html", page)
        .file("version.txt", version)
        .file("release_info.json", release_info(OWNER, NAME, version, &format!("{NAME}.zip")))
        .file(&manifest_path, manifest);
    assets.into_iter().fold(content, |content, (path, bytes)| content.file(&path, bytes))
}

/// Publishes both.
pub fn publish() -> ReleaseHost {
    let host = ReleaseHost::start();
    for tag in VERSIONS {
        host.publish(OWNER, NAME, Release::new(tag).file(&format!("{NAME}.zip"), version(tag).zip()));
    }
    host
}

fn asset(version: &str, number: usize) -> (String, Vec<u8>) {
    let of = if number < SHARED { "both" } else { version };
    // From some bytes to some ten thousand: more than one packet, and more than one read.
    let bytes = format!("{of} {number}\n").repeat(1 + number * 120).into_bytes();
    (format!("assets/part{number}-{}.js", &sha256_hex(&bytes)[..16]), bytes)
}
