//! The states of updaters of releases that are compared. Names begin with `zip-` and `tool-` where the type is not `web`.
//!
//! Byte faults are for the storage, to which a download is redirected: its links are the ones with a `?`.
//! The versions are `v1.0.0`, which is installed, and `v2.0.0`, which is published, unless a state is about them.

use refit_testkit::releases::{Asset, Fault, Release};

use super::state::{State, TOOL, app, info, program};

/// The folder of this one holds the folder of another, which is loaded later.
const OUTER: &str = "outer";

/// All states, in the order of their sections.
pub fn all() -> Vec<State> {
    [
        versions(),
        infos(),
        manifests(),
        places(),
        channels(),
        releases(),
        hosts(),
        contents(),
        downloads(),
        zips(),
        tools(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn web(name: &'static str) -> State {
    State::web(name).installed("v1.0.0")
}

fn versions() -> Vec<State> {
    vec![
        State::web("current").installed("v2.0.0"),
        web("behind"),
        State::web("newer").installed("v3.0.0"),
        State::web("without-v").installed("2.0.0"),
        web("tags").options("info_tags:\n  desc=It is: a front end\n  action=some thing\n  plain"),
        web("rollback-gone").published(&["v2.0.0"]),
        web("rollback-without-asset").oldest(Release::new("v1.0.0")),
    ]
}

fn infos() -> Vec<State> {
    let bare = |name: &'static str| State::web(name).file("index.html", "x");
    vec![
        State::web("empty"),
        bare("info-none"),
        bare("info-none-version").file(".version", "v1.0.0\n"),
        bare("info-broken").info("{\"project_name\": \"info"),
        bare("info-broken-version").info("{\"project_name\": \"info").file(".version", "v1.0.0"),
        bare("info-empty").info(""),
        bare("info-list").info("[1]"),
        bare("info-without-name").info(r#"{"project_owner": "own", "version": "v1.0.0"}"#),
        bare("info-without-owner").info(r#"{"project_name": "info-without-owner", "version": "v1.0.0"}"#),
        bare("info-without-version").info(r#"{"project_name": "info-without-version", "project_owner": "own"}"#),
        web("info-other-project").info(&info("mainsail-crew", "mainsail", "v1.0.0", None)),
        web("info-other-quiet")
            .info(&info("mainsail-crew", "mainsail", "v1.0.0", None))
            .options("report_anomalies: False"),
        web("info-other-unpublished").info(&info("nobody", "nothing", "v1.0.0", None)),
        web("info-other-case").info(&info("OWN", "Info-Other-Case", "v1.0.0", None)),
    ]
}

fn manifests() -> Vec<State> {
    let bare = |name: &'static str| State::web(name).file("index.html", "x");
    vec![
        bare("manifest-mainsail")
            .of("mainsail-crew", "mainsail")
            .file("manifest.json", r#"{"name": "Mainsail"}"#)
            .file(".version", "v1.0.0"),
        bare("manifest-fluidd").of("fluidd-core", "fluidd").file("manifest.webmanifest", r#"{"name": "fluidd"}"#),
        bare("manifest-other-repo").file("manifest.json", r#"{"name": "mainsail"}"#).file(".version", "v1.0.0"),
        bare("manifest-other-name").file("manifest.json", r#"{"name": "KIAUH"}"#),
        bare("manifest-broken").file("manifest.json", r#"{"name": "#),
        bare("manifest-info-broken").file("manifest.json", r#"{"name": "mainsail"}"#).info("{"),
    ]
}

fn places() -> Vec<State> {
    vec![
        State::web("a-file").file("", "x"),
        web("in-git").file(".git/HEAD", "ref: refs/heads/master\n"),
        web(OUTER),
        web("within-another").folder("outer/inner"),
        web("linked").link_to("linked"),
    ]
}

fn channels() -> Vec<State> {
    let beta = |state: State| state.options("channel: beta");
    vec![
        beta(web("beta")).changed(|_| Release::new("v3.0.0-beta1").prerelease().file("beta.zip", beta_app())),
        beta(web("beta-stable")),
        beta(web("beta-nothing")).published(&[]),
        web("channel-dev").options("channel: dev"),
    ]
}

fn beta_app() -> Vec<u8> {
    app(&info("own", "beta", "v3.0.0-beta1", None), "v3.0.0-beta1")
}

fn releases() -> Vec<State> {
    let small = |name: &'static str| app(&info("own", name, "v2.0.0", None), "v2.0.0");
    vec![
        web("nameless").changed(Release::nameless),
        web("named").changed(|release| release.named("Release two: the best")),
        web("named-empty").changed(|release| release.named("")),
        web("no-asset").newest(Release::new("v2.0.0")),
        web("prerelease-only").published(&["v2.0.0"]).changed(Release::prerelease),
        web("draft-newer").published(&["v1.0.0", "v2.0.0", "v3.0.0"]).changed(Release::draft),
        web("several-assets").newest(
            Release::new("v2.0.0")
                .file("several-assets-source.zip", app(&info("own", "several-assets", "v2.0.0", None), "source"))
                .file("several-assets.zip", small("several-assets"))
                .with_checksums("SHA256SUMS"),
        ),
        web("several-assets-named")
            .info(&info("own", "several-assets-named", "v1.0.0", Some("light.zip")))
            .oldest(light("v1.0.0"))
            .newest(light("v2.0.0")),
        web("asset-name-unknown").info(&info("own", "asset-name-unknown", "v1.0.0", Some("light.zip"))),
    ]
}

/// A release in two sizes, of which the installed one is the smaller.
fn light(tag: &str) -> Release {
    let of = |text: &str| app(&info("own", "several-assets-named", tag, Some("light.zip")), text);
    Release::new(tag).file("full.zip", of("full")).file("light.zip", of(tag))
}

fn hosts() -> Vec<State> {
    vec![
        web("unpublished").published(&[]),
        web("host-broken").fault(Fault::status(500).on("/own/host-broken/releases/")),
        web("host-no-json").fault(Fault::NotJson.on("/own/host-no-json/releases/")),
        web("host-resets").fault(Fault::Reset.on("/own/host-resets/releases/")),
    ]
}

fn contents() -> Vec<State> {
    vec![
        web("foreign-files").file("mine.txt", "mine").file("own/notes", "mine").file(".hidden", "mine"),
        web("persistent")
            .options("persistent_files:\n  config.json\n  logs\n  kept/")
            .file("config.json", "mine")
            .file("logs/a/b.log", "mine")
            .file("kept/x", "mine")
            .ships_zip(|zip, info| {
                zip.file("release_info.json", info).file("index.html", "n").file("config.json", "theirs")
            }),
        web("persistent-nested").options("persistent_files: sub/keep.txt").file("sub/keep.txt", "mine"),
        web("modes").ships_zip(|zip, info| {
            zip.file("release_info.json", info)
                .file("index.html", "n")
                .file("run.sh", "#!")
                .mode(0o755)
                .file("setuid", "s")
                .mode(0o4755)
                .file("quiet", "q")
                .mode(0o400)
        }),
        web("another-version").ships_zip(|zip, _| {
            zip.file("release_info.json", info("own", "another-version", "v2.0.1", None)).file("index.html", "n")
        }),
        web("another-project").ships_zip(|zip, _| {
            zip.file("release_info.json", info("mainsail-crew", "mainsail", "v2.0.0", None)).file("index.html", "n")
        }),
        web("without-info").ships_zip(|zip, _| zip.file("index.html", "n")),
        web("in-a-folder").ships_zip(|zip, info| zip.file("top/release_info.json", info).file("top/index.html", "n")),
        web("traversing")
            .ships_zip(|zip, info| zip.file("release_info.json", info).file("index.html", "n").file("../escaped", "x")),
        web("linking").ships_zip(|zip, info| {
            zip.file("release_info.json", info).file("index.html", "n").symlink("l", "index.html")
        }),
    ]
}

fn downloads() -> Vec<State> {
    vec![
        web("big")
            .ships_zip(|zip, info| zip.file("release_info.json", info).file("index.html", "n").file("blob", noise())),
        web("not-a-zip").ships("this is not an archive"),
        web("half-a-zip").ships(halved()),
        web("wrong-bytes").fault(Fault::WrongBytes.on("/wrong-bytes.zip?")),
        web("download-gone").fault(Fault::status(404).on("download-gone.zip")),
        web("download-broken").fault(Fault::status(500).on("download-broken.zip")),
        web("download-short").fault(Fault::Truncated(100).on("/download-short.zip?")),
        web("download-no-length").fault(Fault::NoLength.on("/download-no-length.zip?")),
    ]
}

/// Bytes that do not get smaller.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..90_000).flat_map(next).collect()
}

fn halved() -> Vec<u8> {
    let mut bytes = app(&info("own", "half-a-zip", "v2.0.0", None), "v2.0.0");
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn zips() -> Vec<State> {
    let zip = |name: &'static str| State::zip(name).installed("v1.0.0");
    vec![
        State::zip("zip-current").installed("v2.0.0"),
        zip("zip-behind").file("mine.txt", "mine"),
        State::zip("zip-info-none").file(".version", "v1.0.0"),
        State::zip("zip-manifest").file("manifest.json", r#"{"name": "Mainsail"}"#),
        zip("zip-channel-dev").options("channel: dev"),
        zip("zip-unpublished").published(&[]),
        zip("zip-service").options("managed_services: klipper"),
    ]
}

fn tools() -> Vec<State> {
    let tool = |name: &'static str| State::executable(name).installed("v1.0.0");
    vec![
        State::executable("tool-current").installed("v2.0.0"),
        tool("tool-behind").file("notes", "mine"),
        tool("tool-private").without(TOOL).file(TOOL, "#!/bin/sh\n").mode(0o700),
        tool("tool-without-asset-name").info(&info("own", "tool-without-asset-name", "v1.0.0", None)),
        tool("tool-file-missing").without(TOOL),
        tool("tool-not-executable").without(TOOL).file(TOOL, "#!/bin/sh\n"),
        State::executable("tool-info-none").file(TOOL, "#!/bin/sh\n").mode(0o755),
        tool("tool-channel-dev").options("channel: dev"),
        tool("tool-named").changed(|release| release.named("Release two")),
        tool("tool-other-asset").newest(Release::new("v2.0.0").file("other", "#!/bin/sh\necho other\n")),
        tool("tool-checksummed").newest(
            Release::new("v2.0.0")
                .asset(Asset::new("tool.sha256", "0").content_type("text/plain"))
                .file(TOOL, program("tool-checksummed", "v2.0.0")),
        ),
        tool("tool-gone").fault(Fault::status(404).on("/own/tool-gone/releases/download/")),
    ]
}
