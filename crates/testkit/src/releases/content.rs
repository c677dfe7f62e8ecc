//! Ready-made contents of releases: a web front end, a zip application, an executable. The same bytes in every run.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::zip::ZipBuilder;

/// The files of a release, to be packed or to be put into a folder as an installed version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Content {
    /// A web front end, as Mainsail and Fluidd ship theirs: `index.html`, which names the hashed files below `assets/`,
    /// shows its version in big letters and loads itself again every two seconds; `manifest.json` with the name and all
    /// files; `release_info.json` and `.version`.
    ///
    /// `name` is `owner/project`, or a project that is its own owner. There are `files` files, at least six, with `bytes`
    /// bytes in all, or a little more when that is too few. The names of the assets are other ones in each version.
    #[must_use]
    pub fn web_front_end(name: &str, version: &str, files: usize, bytes: usize) -> Self {
        let (owner, project) = name.split_once('/').unwrap_or((name, name));
        let parts = files.saturating_sub(4).max(2);
        let seeds = (0..parts).map(|n| {
            let kind = ["js", "css", "svg", "woff2"][n % 4];
            let hash = &super::sha256_hex(format!("{name} {version} {n}").as_bytes())[..8];
            (format!("assets/{}-{hash}.{kind}", if n < 2 { "index".to_owned() } else { format!("part{n}") }), kind)
        });
        let seeds: Vec<_> = seeds.collect();
        let listed: Vec<&str> = seeds.iter().map(|(path, _)| &path[..]).collect();
        let manifest =
            json!({ "name": project, "version": version, "start_url": "/", "display": "standalone", "files": listed });
        let mut content = Self::default()
            .file("index.html", page(project, version, &listed))
            .file("manifest.json", manifest.to_string())
            .file("release_info.json", release_info(owner, project, version, &format!("{project}.zip")))
            .file(".version", version);
        let mut rest = bytes.saturating_sub(content.files.iter().map(|file| file.bytes.len()).sum());
        for (n, (path, kind)) in seeds.iter().enumerate() {
            // The last file takes what did not divide evenly.
            let filler = filler(&format!("{version} {path}"), kind, rest / (parts - n));
            rest = rest.saturating_sub(filler.len());
            content = content.file(path, filler);
        }
        content
    }

    /// A Python application, as Spoolman ships its own: sources, a requirements file, a start script that may be
    /// executed, and `release_info.json`. `name` as in [`web_front_end`](Self::web_front_end).
    #[must_use]
    pub fn zip_app(name: &str, version: &str) -> Self {
        let (owner, project) = name.split_once('/').unwrap_or((name, name));
        let module = project.to_lowercase().replace('-', "_");
        let asset = format!("{}.zip", project.to_lowercase());
        let start = format!("#!/bin/sh\ncd \"$(dirname \"$0\")/..\" && exec python3 -m {module} \"$@\"\n");
        Self::default()
            .file("release_info.json", release_info(owner, project, version, &asset))
            .file("README.md", format!("# {project} {version}\n"))
            .file("requirements.txt", "# nothing beyond the standard library\n")
            .file(&format!("{module}/__init__.py"), format!("__version__ = \"{version}\"\n"))
            .file(&format!("{module}/__main__.py"), "from . import __version__\nprint(__version__)\n")
            .program("scripts/start.sh", start)
    }

    /// What the folder of an executable holds: the [`executable`] as `file`, and its `release_info.json`.
    #[must_use]
    pub fn tool(name: &str, version: &str, file: &str) -> Self {
        let (owner, project) = name.split_once('/').unwrap_or((name, name));
        Self::default()
            .program(file, executable(version))
            .file("release_info.json", release_info(owner, project, version, file))
    }

    /// With one more file.
    #[must_use]
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, 0o644, bytes.into())
    }

    /// With one more file that may be executed.
    #[must_use]
    pub fn program(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, 0o755, bytes.into())
    }

    /// Packed, each file deflated.
    #[must_use]
    pub fn zip(&self) -> Vec<u8> {
        let add = |zip: ZipBuilder, file: &File| zip.file(&file.path, &file.bytes).mode(file.mode);
        self.files.iter().fold(ZipBuilder::new(), add).build()
    }

    /// Put into a folder, which is made.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn install(&self, folder: &Path) -> io::Result<()> {
        for file in &self.files {
            let path = folder.join(&file.path);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, &file.bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }

    fn with(mut self, path: &str, mode: u32, bytes: Vec<u8>) -> Self {
        self.files.push(File { path: path.to_owned(), mode, bytes });
        self
    }
}

/// [`Content::web_front_end`], packed.
pub fn web_front_end(name: &str, version: &str, files: usize, bytes: usize) -> Vec<u8> {
    Content::web_front_end(name, version, files, bytes).zip()
}

/// [`Content::zip_app`], packed.
pub fn zip_app(name: &str, version: &str) -> Vec<u8> {
    Content::zip_app(name, version).zip()
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

/// The page of a front end. Each version has a colour of its own, so that the change is seen from across a room.
fn page(project: &str, version: &str, assets: &[&str]) -> String {
    let hue = version.bytes().fold(0_u32, |hue, byte| (hue * 31 + u32::from(byte) * 47) % 360);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{project} {version}</title>\n\
         <meta http-equiv=\"refresh\" content=\"2\">\n\
         <style>body {{ font-family: sans-serif; text-align: center; color: white; background: hsl({hue}, 55%, 30%) }} \
         #version {{ font-size: 20vw; font-weight: bold; margin: 0 }}</style>\n\
         <link rel=\"manifest\" href=\"/manifest.json\">\n<script type=\"module\" src=\"/{}\"></script>\n\
         <link rel=\"stylesheet\" href=\"/{}\">\n</head>\n<body>\n\
         <h1>{project}</h1>\n<p id=\"version\">{version}</p>\n</body>\n</html>\n",
        assets[0], assets[1]
    )
}

/// Text of this length that says where it belongs and does not repeat itself too much. A comment in JavaScript and CSS.
fn filler(seed: &str, kind: &str, length: usize) -> Vec<u8> {
    let mut text = format!("/* {seed}.{kind}\n").into_bytes();
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    while text.len() + 3 < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(format!("{state:016x}\n").as_bytes());
    }
    text.truncate(length.saturating_sub(3).max(1));
    text.extend_from_slice(b"*/\n");
    text
}
