//! Refit beside the reference Moonraker, measured in one run.

use anyhow::Result;

use crate::{cargo, must, needs, target};

/// What the benchmark needs beside what the tests need: a web server that hands git's own server its requests, a network of
/// its own, and what updates a release by hand.
const BENCH_TOOLS: &[(&str, &str)] = &[
    ("git", "git"),
    ("python3", "python3"),
    ("nginx", "nginx-light"),
    ("fcgiwrap", "fcgiwrap"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("mkfs.ext4", "e2fsprogs"),
    ("curl", "curl"),
    ("unzip", "unzip"),
    ("libsodium.so.23", "libsodium23"),
];

/// Installs, builds Refit as it is released, and measures. Prints the table that docs/performance.md keeps.
pub(crate) fn run() -> Result<()> {
    needs::install_tools(BENCH_TOOLS)?;
    let moonraker = needs::install_moonraker()?;
    must(cargo().args(["build", "--release"]))?;
    must(
        cargo()
            .args(["bench", "--bench", "beside_moonraker", "--features", "host-tests"])
            .env("REFIT_BENCH_BINARY", released()?)
            .env("REFIT_TEST_MOONRAKER", &moonraker),
    )
}

/// The program is copied, because the benchmark's own build replaces it with one that can be killed at will.
fn released() -> Result<std::path::PathBuf> {
    let target = target();
    let copy = target.join("refit-released");
    std::fs::copy(target.join("release/refit"), &copy)?;
    Ok(copy)
}
