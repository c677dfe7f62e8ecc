//! What the scripts of packages said last: PackageKit passes on how they ended and not their words, which apt writes into
//! its terminal log. Users of the group adm can read that.
//! Refuses to: insist on it.

use std::path::Path;

/// Where apt writes what dpkg and the scripts of packages print.
pub(super) const LOG: &str = "/var/log/apt/term.log";
/// What dpkg says between the words of scripts.
const DPKG: [&str; 8] = [
    "(Reading database",
    "Preparing to ",
    "Unpacking ",
    "Setting up ",
    "Removing ",
    "Processing triggers",
    "Selecting previously",
    "Log started",
];
/// Enough to know, and short enough for a message.
const LINES: usize = 3;

/// The words before the last failure; none where they cannot be read, or are not there.
pub(super) fn last_words(log: &Path) -> Option<String> {
    let bytes = std::fs::read(log).ok()?;
    of_text(&String::from_utf8_lossy(&bytes))
}

fn of_text(text: &str) -> Option<String> {
    let last = text.rsplit("Log started: ").next()?;
    // Progress is written over itself.
    let lines: Vec<&str> = last.lines().map(|line| line.rsplit('\r').next().unwrap_or(line).trim()).collect();
    let failed = lines.iter().position(|line| line.starts_with("dpkg: error processing"))?;
    let before = lines.iter().take(failed).rev();
    let words = before.take_while(|line| !DPKG.iter().any(|start| line.starts_with(start)));
    let mut words: Vec<&str> = words.filter(|line| !line.is_empty()).take(LINES).copied().collect();
    words.reverse();
    let words: String = words.join("; ").chars().filter(|c| !c.is_control()).take(300).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_script_that_failed_are_found() {
        let log = "\nLog started: 2026-01-01  10:00:00\nSetting up other (1.0) ...\nan older story\ndpkg: error processing \
                   package other (--configure):\nLog ended: 2026-01-01  10:00:01\n\nLog started: 2026-01-02  10:00:00\n\
                   (Reading database ... \r(Reading database ... 12604 files and directories currently installed.)\n\
                   Unpacking bad (1.1) over (1.0) ...\nSetting up bad (1.1) ...\nfirst\nthe disk is haunted\r\n\
                   dpkg: error processing package bad (--configure):\n installed bad package post-installation script \
                   subprocess returned error exit status 1\nLog ended: 2026-01-02  10:00:01\n";
        assert_eq!(of_text(log).as_deref(), Some("first; the disk is haunted"));
        let silent = log.replace("first\nthe disk is haunted\r\n", "");
        assert_eq!(of_text(&silent), None);
        assert_eq!(of_text("Log started: now\nSetting up fine (1) ...\nLog ended: then\n"), None);
        assert_eq!(last_words(Path::new("/nowhere")), None);
    }
}
