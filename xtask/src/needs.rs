//! Installs what the tests need beside cargo and git: Debian packages, and the reference Moonraker in a virtual
//! environment of its own. What is there already is left alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{must, project};

/// The Moonraker that Refit is compared with.
pub(crate) const MOONRAKER: &str = "moonraker==0.11.0";

/// Moonraker replaces an older pip in its own environment when it first looks for updates, which would change what is
/// compared, and ask the network.
const PIP: &str = "pip==25.2";

/// A program or library and the Debian package that brings it.
type Tool = (&'static str, &'static str);

/// For the tests.
pub(crate) const TEST_TOOLS: &[Tool] = &[
    ("git", "git"),
    ("strace", "strace"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mount", "mount"),
    // A network in which GitHub is the tests' own.
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("python3", "python3"),
    // Shows a front end while it is updated.
    ("nginx", "nginx-light"),
    // Moonraker's tokens.
    ("libsodium.so.23", "libsodium23"),
    // Installs what applications in JavaScript ask for.
    ("npm", "npm"),
    // Signs the tests' own repository of packages.
    ("gpg", "gpg"),
    ("gpg-agent", "gpg-agent"),
];

/// Installs the packages of the tools that are not there. Needs root only when something is missing.
pub(crate) fn install_tools(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&str> =
        tools.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        bail!("please install {} with your package manager, then run this again", missing.join(", "));
    }
    must(&mut as_root(&["apt-get", "update", "-q"]))?;
    let mut install = vec!["apt-get", "install", "-q", "-y", "--no-install-recommends"];
    install.extend(&missing);
    must(&mut as_root(&install))
}

/// Makes the virtual environment with the reference Moonraker, once. Answers its folder.
pub(crate) fn install_moonraker() -> Result<PathBuf> {
    let folder = project().join("target").join("moonraker-0.11.0");
    let wanted = format!("{MOONRAKER} {PIP}");
    if std::fs::read_to_string(folder.join("installed")).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    make_environment(&folder)?;
    must(Command::new(folder.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        MOONRAKER,
        PIP,
    ]))?;
    std::fs::write(folder.join("installed"), &wanted).context("could not mark the environment as complete")?;
    Ok(folder)
}

/// `python3 -m venv`, with Debian's package for it when the interpreter has none.
fn make_environment(folder: &Path) -> Result<()> {
    let make = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder).stderr(Stdio::null()).status();
    if make().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    must(&mut as_root(&["apt-get", "update", "-q"]))?;
    must(&mut as_root(&["apt-get", "install", "-q", "-y", "--no-install-recommends", "python3-venv"]))?;
    let status = make().context("could not start python3")?;
    if !status.success() {
        bail!("python3 -m venv {} failed: {status}", folder.display());
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let libraries = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let usual = ["/usr/sbin", "/sbin", &libraries].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).any(|folder| folder.join(program).is_file())
}

fn as_root(words: &[&str]) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    let mut command = if root {
        Command::new(words[0])
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg(words[0]);
        sudo
    };
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}
