//! The part of the pretend printer host that ships as releases: a web front end that a browser can look at, a zip
//! application and an executable, each a version behind, and the host that their projects publish on.
//!
//! Refuses to: touch anything outside the folder that it is given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use refit_testkit::releases::{Content, Release, ReleaseHost, executable};
use refit_testkit::web::WebServer;

/// What is installed, and what is to be had.
const INSTALLED: &str = "v1.0.0";
const NEWEST: &str = "v1.1.0";

/// Files and bytes of the front end: about as many as Mainsail has.
const FRONT_END: (usize, usize) = (150, 3 << 20);

/// The file of the executable.
const TOOL: &str = "tool";

/// What is shipped. Its servers end when it is dropped.
#[derive(Debug)]
pub struct Shipped {
    software: PathBuf,
    releases: ReleaseHost,
    web: WebServer,
}

impl Shipped {
    /// Publishes two versions of each, and installs the older ones in `software`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn make(software: &Path) -> io::Result<Self> {
        let releases = ReleaseHost::start();
        let shipped =
            Self { web: WebServer::start(software.join("front-end")), software: software.to_owned(), releases };
        for version in [INSTALLED, NEWEST] {
            shipped.publish(version);
        }
        let (files, bytes) = FRONT_END;
        let folder = |name: &str| software.join(name);
        Content::web_front_end("lab/front-end", INSTALLED, files, bytes).install(&folder("front-end"))?;
        Content::zip_app("lab/zip-app", INSTALLED).install(&folder("zip-app"))?;
        fs::write(folder("zip-app/my-settings.ini"), "# Made by the owner: no update takes it away.\n")?;
        Content::tool("lab/tool", INSTALLED, TOOL).install(&folder("tool"))?;
        Ok(shipped)
    }

    fn publish(&self, version: &str) {
        let (files, bytes) = FRONT_END;
        let release = || Release::new(version).notes(notes(version));
        let page = Content::web_front_end("lab/front-end", version, files, bytes);
        self.releases.publish("lab", "front-end", release().file("front-end.zip", page.zip()));
        let app = Content::zip_app("lab/zip-app", version);
        self.releases.publish("lab", "zip-app", release().file("zip-app.zip", app.zip()));
        self.releases.publish("lab", "tool", release().file(TOOL, executable(version)).with_checksums("SHA256SUMS"));
    }

    /// Where a browser sees the front end.
    pub fn address(&self) -> String {
        self.web.url()
    }

    /// Lines of `[refit]`: where GitHub's API is.
    pub fn options(&self) -> String {
        format!("github_api_url: {}\n", self.releases.github_api())
    }

    /// The sections of the configuration.
    pub fn sections(&self) -> String {
        let section = |name: &str, kind: &str, more: &str| {
            let path = self.software.join(name);
            format!(
                "\n[update_manager {name}]\ntype: {kind}\nchannel: stable\nrepo: lab/{name}\npath: {}\n{more}",
                path.display()
            )
        };
        section("front-end", "web", "")
            + &section("zip-app", "zip", "is_system_service: False\n")
            + &section("tool", "executable", "is_system_service: False\n")
    }
}

/// What the project says of a version.
fn notes(version: &str) -> &'static str {
    if version == NEWEST {
        "## What is new\n\n- The version is shown in another colour\n- Nothing else, as far as anybody knows\n"
    } else {
        "The first release.\n"
    }
}
