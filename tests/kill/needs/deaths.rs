//! How pip dies at its nth change of the disk: a line in the environment has every Python count what it opens for writing,
//! renames, makes and deletes, as soon as a file of orders is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::Host;

/// A hook of Python's own sees each of these before it happens.
const COUNTER: &str = r#"
import os, signal, sys
ORDERS = {orders!r}
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.utime")
def is_change(event, args):
    if event == "open":
        flags = args[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in CHANGES
def begin():
    try:
        with open(ORDERS) as file:
            note, nth, whom, deed = file.read().split()
    except (OSError, ValueError):
        return
    doing = [word for word in ("install", "uninstall", "check") if word in sys.orig_argv]
    if not doing or deed not in doing + ["any"]:
        return
    out, me, seen = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.getpid(), [0]
    def hook(event, args):
        if is_change(event, args) and os.getpid() == me:
            seen[0] += 1
            os.write(out, doing[0].encode() + b"\n")
            if seen[0] == int(nth):
                if whom == "both":
                    os.kill(os.getppid(), signal.SIGKILL)
                os.kill(me, signal.SIGKILL)
    sys.addaudithook(hook)
begin()
"#;

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// pip alone, as by the kernel's memory killer.
    Alone,
    /// The daemon with it.
    Both,
}

/// Plants the counter into an environment. Every copy of it has it, too.
pub fn plant(site_packages: &Path, orders: &Path) {
    let text = COUNTER.replace("{orders!r}", &format!("{:?}", orders.display().to_string()));
    fs::write(site_packages.join("_dies.py"), text).expect("a module");
    fs::write(site_packages.join("dies.pth"), "import _dies\n").expect("a line");
}

/// From now on the changes of every pip are counted.
pub fn count(host: &Host) {
    order(host, "any", 0, Whom::Alone);
}

/// From now on the next pips die at their `nth` change while they do this deed (`install`).
pub fn order(host: &Host, deed: &str, nth: usize, whom: Whom) {
    let whom = if whom == Whom::Both { "both" } else { "alone" };
    let _ = fs::remove_file(note(host));
    let text = format!("{} {nth} {whom} {deed}\n", note(host).display());
    fs::write(host.beside("pip-dies"), text).expect("orders");
}

/// Takes the order back. How many changes were counted, by what pip did.
pub fn take_back(host: &Host) -> BTreeMap<String, usize> {
    let _ = fs::remove_file(host.beside("pip-dies"));
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(note(host)).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn note(host: &Host) -> PathBuf {
    host.beside("pip-changes")
}
