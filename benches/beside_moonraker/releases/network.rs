//! A network that belongs to one process: loopback alone, where GitHub's names lead to loopback, and a release host that
//! answers to them behind TLS.
//!
//! Who is to be in it starts itself again in namespaces of its own. Refuses to touch the machine's own network and files:
//! what is mounted goes with the process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use refit_testkit::disk::Disk;
use refit_testkit::releases::ReleaseHost;
use tempfile::TempDir;

/// The API, the downloads, and where those redirect to.
const NAMES: [&str; 3] = ["api.github.com", "github.com", "objects.githubusercontent.com"];

/// Set for the process inside.
const INSIDE: &str = "REFIT_BENCH_RELEASES";

/// MiB of a file system of its own: ext4 searches long for a free inode where many were deleted in the last minutes, by
/// whomever.
const DISK: u64 = 8 << 10;

/// See the module.
pub(super) struct Network {
    host: ReleaseHost,
    // Dropped in this order.
    disk: Option<Disk>,
    folder: TempDir,
}

/// Starts this program again, inside, and waits for its end.
pub(super) fn enter() {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.arg(std::env::current_exe().expect("a program knows itself")).env(INSIDE, "1").stdin(Stdio::null());
    let status = command.status().expect("unshare (util-linux) is there");
    assert!(status.success(), "the benchmark of releases ended with {status}");
}

/// Whether this process was started by [`enter`].
pub(super) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

impl Network {
    /// Makes the network of this process ready, and starts the host.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hosts = folder.path().join("hosts");
        let text = format!("127.0.0.1 localhost\n127.0.0.1 {}\n", NAMES.join(" "));
        std::fs::write(&hosts, text).expect("a file can be written");
        must(Command::new("ip").args(["link", "set", "lo", "up"]), "iproute2");
        must(Command::new("mount").arg("--bind").arg(&hosts).arg("/etc/hosts"), "mount");
        let host = ReleaseHost::start_tls(&NAMES, SocketAddr::from((Ipv4Addr::LOCALHOST, 443)));
        let disk = Disk::new(folder.path(), "disk", DISK);
        let disk = disk.inspect_err(|why| println!("without a file system of its own: {why}")).ok();
        let network = Self { host, disk, folder };
        std::fs::write(network.ca(), network.host.ca_pem()).expect("a file can be written");
        network
    }

    /// Who is GitHub here.
    pub(super) fn host(&self) -> &ReleaseHost {
        &self.host
    }

    /// The certificate that must be trusted.
    pub(super) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The folder of everything.
    pub(super) fn folder(&self) -> &Path {
        self.disk.as_ref().map_or(self.folder.path(), Disk::path)
    }
}

fn must(command: &mut Command, package: &str) {
    let status = command.stdin(Stdio::null()).status().unwrap_or_else(|e| panic!("{command:?} ({package}): {e}"));
    assert!(status.success(), "{command:?} ended with {status}");
}
