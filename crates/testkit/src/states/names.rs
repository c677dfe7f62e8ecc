//! Names and line ends that parsers trip over.

use super::{State, StateLab};
use crate::git::Commit;

/// File names that are legal, and odd: spaces, quotes, Unicode in two forms, a newline, a tab, a leading dash.
const ODD_NAMES: [&str; 12] = [
    "with space.py",
    " leading and trailing ",
    "quo\"te's.py",
    "back\\slash.py",
    "\u{fc}ml\u{e4}ut.py",
    "u\u{308}ml.py",
    "\u{6f22}\u{5b57}/\u{1f5a8}.py",
    "new\nline.py",
    "tab\tbed.py",
    "-rf.py",
    "a -> b.py",
    ":(top)star*.py",
];

pub(super) const STATES: &[State] = &[
    State::new("odd-names", "tracked files with odd names, one behind", |lab| {
        odd(lab);
        lab.remote.commit(&[("with space.py", "changed\n"), ("new\nline.py", "changed\n")], "Change");
    }),
    State::new("odd-names-modified", "every file with an odd name modified", |lab| {
        odd(lab);
        for name in ODD_NAMES {
            lab.work.write(name, "mine\n");
        }
    }),
    State::new("odd-names-untracked", "untracked files with odd names", |lab| {
        lab.clone();
        for name in ODD_NAMES {
            lab.work.write(name, "mine\n");
        }
    }),
    State::new("odd-names-renamed", "a rename to an odd name staged", |lab| {
        lab.clone().git(&["mv", "app.py", "a -> b \u{e4}\".py"]);
    }),
    State::new("path-with-space", "the repository's own path has a space", |lab| {
        let path = lab.path.with_file_name("path with space");
        lab.path.clone_from(&path);
        lab.work = lab.world.work(&path);
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("path-through-link", "the configured path is a symbolic link to the repository", |lab| {
        lab.clone();
        let link = lab.path.with_file_name("path-through-link-link");
        std::os::unix::fs::symlink(&lab.path, &link).expect("a link can be made");
        lab.path = link;
    }),
    State::new("crlf-autocrlf", "CRLF in the work tree, LF in the repository, by core.autocrlf", |lab| {
        lab.clone_with(&["-c", "core.autocrlf=true"]);
    }),
    State::new("crlf-autocrlf-modified", "the same, with one file modified", |lab| {
        lab.clone_with(&["-c", "core.autocrlf=true"]).write("app.py", "print('mine')\r\n");
    }),
    State::new("crlf-in-repo", "CRLF in the repository, and attributes that say text=auto", |lab| {
        let commit = Commit::new("CRLF").file(".gitattributes", "* text=auto\n").file("crlf.py", "one\r\ntwo\r\n");
        lab.remote.push("master", &commit);
        lab.clone();
    }),
    State::new("crlf-eol-attribute", "attributes that want CRLF in the work tree", |lab| {
        lab.remote.push("master", &Commit::new("EOL").file(".gitattributes", "*.py text eol=crlf\n"));
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
];

fn odd(lab: &StateLab) {
    let commit = ODD_NAMES.iter().fold(Commit::new("Odd names"), |commit, name| commit.file(name, "theirs\n"));
    lab.remote.push("master", &commit);
    lab.clone();
}
