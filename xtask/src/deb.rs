//! The Debian package: what is in it, and where each thing goes.
//!
//! Built by dpkg-deb alone, which is there wherever packages are; the usual tool would have to be compiled first.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, must, project, target};

/// Files of the project, with their places in the system.
const FILES: &[(&str, &str)] = &[
    ("dist/refit.service", "usr/lib/systemd/system/refit.service"),
    ("dist/refit-root.socket", "usr/lib/systemd/system/refit-root.socket"),
    ("dist/refit-root@.service", "usr/lib/systemd/system/refit-root@.service"),
    ("dist/sysusers.d/refit.conf", "usr/lib/sysusers.d/refit.conf"),
    ("dist/polkit/50-refit.rules", "usr/share/polkit-1/rules.d/50-refit.rules"),
    ("dist/allowed-services", "etc/refit/allowed-services"),
    ("LICENSE", "usr/share/doc/refit/copyright"),
    ("CHANGELOG.md", "usr/share/doc/refit/CHANGELOG.md"),
];

/// What runs when it is installed and removed.
const SCRIPTS: &[&str] = &["postinst", "prerm", "postrm"];

/// Changes of the administrator stay.
const CONFFILES: &str = "/etc/refit/allowed-services\n";

/// Builds the release and packs it, small.
pub(crate) fn run() -> Result<()> {
    must(cargo().args(["build", "--release"]))?;
    let package = pack(&target().join("release/refit"), &["-Zxz"], &target().join("deb"))?;
    println!("{}", package.display());
    Ok(())
}

/// Packs the program that the tests are built with, quickly.
pub(crate) fn for_tests() -> Result<PathBuf> {
    pack(&target().join("debug/refit"), &["-Zgzip", "-z1"], &target().join("deb-for-tests"))
}

fn pack(program: &Path, compression: &[&str], folder: &Path) -> Result<PathBuf> {
    let tree = folder.join("tree");
    let _ = fs::remove_dir_all(&tree);
    place(program, &tree.join("usr/bin/refit"), 0o755)?;
    for (from, to) in FILES {
        place(&project().join(from), &tree.join(to), 0o644)?;
    }
    for script in SCRIPTS {
        place(&project().join("dist/debian").join(script), &tree.join("DEBIAN").join(script), 0o755)?;
    }
    let architecture = told("dpkg", &["--print-architecture"])?;
    let version = env!("CARGO_PKG_VERSION");
    // It is linked to the C library of the machine that builds it, and needs no older one.
    let libc = told("dpkg-query", &["--show", "--showformat=${Version}", "libc6"])?;
    let libc = libc.split(['-', '+']).next().unwrap_or_default();
    let control = format!(
        "Package: refit\nVersion: {version}\nArchitecture: {architecture}\nSection: admin\nPriority: optional\n\
         Maintainer: The Refit project\nDepends: libc6 (>= {libc}), git, passwd, systemd\n\
         Recommends: ca-certificates, packagekit, polkitd, python3-venv\n\
         Description: update manager for Klipper printer hosts\n \
         Keeps the software of a printer host up to date, and the host working while it does so: each update is\n \
         planned, journalled, verified, and undone when it does not hold. Speaks Moonraker's update API.\n"
    );
    fs::write(tree.join("DEBIAN/control"), control).context("could not write the control file")?;
    fs::write(tree.join("DEBIAN/conffiles"), CONFFILES).context("could not write the list of conffiles")?;
    let package = folder.join(format!("refit_{version}_{architecture}.deb"));
    must(Command::new("dpkg-deb").args(compression).args(["--root-owner-group", "--build"]).arg(&tree).arg(&package))?;
    let _ = fs::remove_dir_all(&tree);
    Ok(package)
}

fn place(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let placed = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(from, to).map(drop));
    placed.with_context(|| format!("could not copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).context("could not set a mode")
}

fn told(program: &str, arguments: &[&str]) -> Result<String> {
    let asked = Command::new(program).args(arguments).output();
    let asked = asked.with_context(|| format!("could not start {program}: packages are built on Debian"))?;
    Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
}
