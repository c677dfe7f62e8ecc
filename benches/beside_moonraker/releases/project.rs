//! A front end: its versions as they are published, its first version as it is installed, its section. Every asset has
//! another name in each version, as hashed names do: nothing can be shared between two.

use std::path::Path;

use refit_testkit::releases::{Content, Release, ReleaseHost};

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Project<'a> {
    /// Where it is published.
    pub(super) host: &'a ReleaseHost,
    /// The repository's, the updater's and the folder's.
    pub(super) name: &'a str,
    /// Files, and bytes when unpacked.
    pub(super) size: (usize, usize),
}

impl Project<'_> {
    /// Publishes a version; answers the bytes of its archive.
    pub(super) fn publish(&self, version: usize) -> usize {
        let archive = self.content(version).zip();
        let bytes = archive.len();
        let release = Release::new(&format!("v{version}.0.0")).file(&format!("{}.zip", self.name), archive);
        self.host.publish("own", self.name, release);
        bytes
    }

    /// Puts version 1 into a folder below `software`; answers the section.
    pub(super) fn install(&self, software: &Path) -> String {
        let (name, folder) = (self.name, software.join(self.name));
        self.content(1).install(&folder).expect("files can be written");
        format!("[update_manager {name}]\ntype: web\nchannel: stable\nrepo: own/{name}\npath: {}\n\n", folder.display())
    }

    /// Where the archive of a version is, and the SHA-256 that the host tells of it.
    pub(super) fn download(&self, version: usize) -> String {
        format!("{}/own/{}/releases/download/v{version}.0.0/{}.zip", self.host.github_web(), self.name, self.name)
    }

    fn content(&self, version: usize) -> Content {
        Content::web_front_end(&format!("own/{}", self.name), &format!("v{version}.0.0"), self.size.0, self.size.1)
    }
}
