//! A front end: its versions as they are published, its first version as it is installed, its section. Every asset has
//! another name in each version, as hashed names do: nothing can be shared between two.

use std::path::Path;

use refit_testkit::releases::{Content, Release, ReleaseHost};

/// See the module.
pub(super) struct Project<'a> {
    /// The repository's, the updater's and the folder's.
    pub(super) name: &'a str,
    host: &'a ReleaseHost,
    /// Files, and bytes when unpacked.
    size: (usize, usize),
    /// The newest that is published.
    version: usize,
}

impl<'a> Project<'a> {
    /// Nothing is published yet. `size`: files, and bytes when unpacked.
    pub(super) fn new(host: &'a ReleaseHost, name: &'a str, size: (usize, usize)) -> Self {
        Self { name, host, size, version: 0 }
    }

    /// Publishes the next version; answers the bytes of its archive.
    pub(super) fn publish(&mut self) -> usize {
        self.version += 1;
        let archive = self.content(self.version).zip();
        let bytes = archive.len();
        let release = Release::new(&format!("v{}.0.0", self.version)).file(&format!("{}.zip", self.name), archive);
        self.host.publish("own", self.name, release);
        bytes
    }

    /// Puts version 1 into a folder below `software`; answers the section.
    pub(super) fn install(&self, software: &Path) -> String {
        let (name, folder) = (self.name, software.join(self.name));
        self.content(1).install(&folder).expect("files can be written");
        format!("[update_manager {name}]\ntype: web\nchannel: stable\nrepo: own/{name}\npath: {}\n\n", folder.display())
    }

    /// Where the archive of the newest version is.
    pub(super) fn download(&self) -> String {
        let (web, name, version) = (self.host.github_web(), self.name, self.version);
        format!("{web}/own/{name}/releases/download/v{version}.0.0/{name}.zip")
    }

    fn content(&self, version: usize) -> Content {
        Content::web_front_end(&format!("own/{}", self.name), &format!("v{version}.0.0"), self.size.0, self.size.1)
    }
}
