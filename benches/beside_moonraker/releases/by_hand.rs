//! What an update costs at the least: a download, its checksum, and `unzip` into a new folder. Nothing is exchanged, kept
//! or carried over.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::network::Network;
use super::project::Project;

/// See the module.
pub(super) struct ByHand {
    folder: PathBuf,
    ca: PathBuf,
}

impl ByHand {
    pub(super) fn new(network: &Network) -> Self {
        let by_hand = Self { folder: network.folder().join("by-hand"), ca: network.ca() };
        std::fs::create_dir_all(&by_hand.folder).expect("a folder");
        by_hand
    }

    /// Downloads, sums and unpacks the newest version; with `is_synced` it is on the disk at the end, as an update must be
    /// that survives a power cut.
    pub(super) fn update(&self, project: &Project<'_>, is_synced: bool) {
        // A folder of its own each time, because nothing is deleted.
        let folder = tempfile::Builder::new().disable_cleanup(true).tempdir_in(&self.folder).expect("a folder");
        let archive = folder.path().join("archive.zip");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--location", "--cacert"]).arg(&self.ca).arg("-o").arg(&archive);
        must(curl.arg(project.download()));
        must(Command::new("sha256sum").arg(&archive).stdout(Stdio::null()));
        must(Command::new("unzip").arg("-q").arg(&archive).arg("-d").arg(folder.path().join("unpacked")));
        if is_synced {
            must(Command::new("sync").arg("--file-system").arg(&self.folder));
        }
    }
}

fn must(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?} ended with {status}");
}
