//! What is updated: a repository from which every service runs, and a front end. Also for `tests/vm/health.rs`.

use refit_testkit::git::Commit;
use refit_testkit::releases::{Content, release_info};

/// What services run.
const WARD: &str = include_str!("ward.py");

/// A version, with what is sick about it.
pub fn version(number: u32, sick: &str) -> Commit {
    Commit::new(&format!("Version {number}"))
        .exec("ward.py", WARD)
        .file("version.txt", format!("{number}\n"))
        .file("sick.txt", format!("{sick}\n"))
}

/// A front end whose page asks for two files.
pub fn page(tag: &str, missing: &[&str]) -> Content {
    let (script, style) = (format!("assets/index-{tag}.js"), "css/app.css".to_owned());
    let text = format!("<link rel=stylesheet href=\"/{style}\"><script type=module src=\"./{script}\"></script>\n");
    let content = Content::default()
        .file("index.html", text)
        .file("release_info.json", release_info("lab", "web", tag, "web.zip"));
    let files = [script, style].into_iter().filter(|file| !missing.iter().any(|part| file.contains(part)));
    files.fold(content, |content, file| content.file(&file, format!("{tag}\n")))
}
