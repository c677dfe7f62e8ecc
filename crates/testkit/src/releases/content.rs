//! Ready-made contents of releases: a web front end, a zip application, an executable. The same bytes in every run.

use serde_json::json;

mod stored_zip;

use stored_zip::StoredZip;

/// A zip of a web front end, as Mainsail and Fluidd ship theirs: `index.html`, which names the hashed files below
/// `assets/`, `manifest.json` with the name and all files, `release_info.json` and `.version`.
///
/// `name` is `owner/project`, or a project that is its own owner. There are `files` files, at least six, with `bytes`
/// bytes in all, or a little more when that is too few.
pub fn web_front_end(name: &str, version: &str, files: usize, bytes: usize) -> Vec<u8> {
    let (owner, project) = name.split_once('/').unwrap_or((name, name));
    let parts = files.saturating_sub(4).max(2);
    let seeds = (0..parts).map(|n| {
        let kind = ["js", "css", "svg", "woff2"][n % 4];
        let hash = &super::sha256_hex(format!("{name} {version} {n}").as_bytes())[..8];
        (format!("assets/{}-{hash}.{kind}", if n < 2 { "index".to_owned() } else { format!("part{n}") }), kind)
    });
    let seeds: Vec<_> = seeds.collect();
    let listed: Vec<&String> = seeds.iter().map(|(path, _)| path).collect();
    let index = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{project} {version}</title>\n\
         <link rel=\"manifest\" href=\"/manifest.json\">\n<script type=\"module\" src=\"/{}\"></script>\n\
         <link rel=\"stylesheet\" href=\"/{}\">\n</head>\n<body>\n\
         <h1>{project}</h1>\n<p id=\"version\">{version}</p>\n</body>\n</html>\n",
        listed[0], listed[1]
    );
    let manifest =
        json!({ "name": project, "version": version, "start_url": "/", "display": "standalone", "files": listed });
    let mut zip = StoredZip::default();
    zip.add("index.html", 0o644, index.as_bytes());
    zip.add("manifest.json", 0o644, manifest.to_string().as_bytes());
    zip.add("release_info.json", 0o644, &release_info(owner, project, version, &format!("{project}.zip")));
    zip.add(".version", 0o644, version.as_bytes());
    for (n, (path, kind)) in seeds.iter().enumerate() {
        // The last file takes what did not divide evenly.
        let share = bytes.saturating_sub(zip.content()) / (parts - n);
        zip.add(path, 0o644, &filler(&format!("{version} {path}"), kind, share));
    }
    zip.finish()
}

/// A zip of a Python application, as Spoolman ships its own: sources, a requirements file, a start script that may be
/// executed, and `release_info.json`. `name` as in [`web_front_end`].
pub fn zip_app(name: &str, version: &str) -> Vec<u8> {
    let (owner, project) = name.split_once('/').unwrap_or((name, name));
    let module = project.to_lowercase().replace('-', "_");
    let mut zip = StoredZip::default();
    zip.add(
        "release_info.json",
        0o644,
        &release_info(owner, project, version, &format!("{}.zip", project.to_lowercase())),
    );
    zip.add("README.md", 0o644, format!("# {project} {version}\n").as_bytes());
    zip.add("requirements.txt", 0o644, b"# nothing beyond the standard library\n");
    zip.add(&format!("{module}/__init__.py"), 0o644, format!("__version__ = \"{version}\"\n").as_bytes());
    zip.add(&format!("{module}/__main__.py"), 0o644, b"from . import __version__\nprint(__version__)\n");
    let start = format!("#!/bin/sh\ncd \"$(dirname \"$0\")/..\" && exec python3 -m {module} \"$@\"\n");
    zip.add("scripts/start.sh", 0o755, start.as_bytes());
    zip.finish()
}

/// A shell script that prints `version` when it is asked `--version`, and exits with 2 for anything else.
pub fn executable(version: &str) -> Vec<u8> {
    format!(
        "#!/bin/sh\ncase \"${{1:-}}\" in\n  --version) echo '{version}' ;;\n\
         \x20 *) echo \"usage: $0 --version\" >&2; exit 2 ;;\nesac\n"
    )
    .into_bytes()
}

/// `release_info.json` with every field that clients know.
pub fn release_info(owner: &str, project: &str, version: &str, asset: &str) -> Vec<u8> {
    let info = json!({
        "project_name": project,
        "project_owner": owner,
        "version": version,
        "asset_name": asset,
    });
    info.to_string().into_bytes()
}

/// Text of this length that says where it belongs and does not repeat itself too much.
fn filler(seed: &str, kind: &str, length: usize) -> Vec<u8> {
    let mut text = format!("/* {seed}.{kind} */\n").into_bytes();
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(format!("{state:016x}\n").as_bytes());
    }
    text.truncate(length.max(1));
    text
}
