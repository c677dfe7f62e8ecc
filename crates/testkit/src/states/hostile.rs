//! Repositories whose own configuration would run code. What they would run creates the lab's tripwire file, and nothing
//! else.

use super::{State, StateLab};
use crate::git::Commit;

pub(super) const STATES: &[State] = &[
    State::new("hostile-fsmonitor", "core.fsmonitor runs a program at every status", |lab| {
        configured(lab, "core.fsmonitor");
    }),
    State::new("hostile-hooks", "hooks for checkout, merge, rewrite, reset and refs", |lab| {
        let command = format!("#!/bin/sh\ntouch '{}'\n", lab.tripwire().display());
        let work = lab.clone();
        for hook in ["post-checkout", "post-merge", "post-rewrite", "post-index-change", "reference-transaction"] {
            work.write(&format!(".git/hooks/{hook}"), &command);
            work.set_executable(&format!(".git/hooks/{hook}"), true);
        }
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("hostile-hooks-path", "core.hooksPath leads to hooks in the work tree", |lab| {
        let command = format!("#!/bin/sh\ntouch '{}'\n", lab.tripwire().display());
        let work = lab.clone();
        work.write("build/post-checkout", &command);
        work.set_executable("build/post-checkout", true);
        work.git(&["config", "core.hooksPath", "build"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("hostile-filter", "a clean and smudge filter on a modified file", |lab| {
        lab.remote.push("master", &Commit::new("Attributes").file(".gitattributes", "*.py filter=evil\n"));
        let script = script(lab);
        let work = lab.clone();
        work.git(&["config", "filter.evil.clean", &format!("{script}; cat")]);
        work.git(&["config", "filter.evil.smudge", &format!("{script}; cat")]);
        work.write("app.py", "print('mine')\n");
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("hostile-ssh-command", "core.sshCommand, and a remote reached by ssh", |lab| {
        configured(lab, "core.sshCommand");
        lab.work.git(&["remote", "set-url", "origin", "ssh://git@127.0.0.1/lab/hostile.git"]);
    }),
    State::new("hostile-credential-helper", "credential.helper runs a program", |lab| {
        let script = script(lab);
        lab.clone().git(&["config", "credential.helper", &format!("!{script}")]);
    }),
    State::new("hostile-upload-pack", "remote.origin.uploadpack names a program", |lab| {
        configured(lab, "remote.origin.uploadpack");
    }),
    State::new("hostile-textconv", "diff.evil.textconv by attributes", |lab| {
        lab.remote.push("master", &Commit::new("Attributes").file(".gitattributes", "*.py diff=evil\n"));
        configured(lab, "diff.evil.textconv");
        lab.work.write("app.py", "print('mine')\n");
    }),
    State::new("hostile-include", "include.path leads to another file that sets core.fsmonitor", |lab| {
        let script = script(lab);
        let work = lab.clone();
        work.write(".git/more", format!("[core]\n\tfsmonitor = \"{script}\"\n"));
        work.git(&["config", "include.path", "more"]);
    }),
    State::new("hostile-instead-of", "url.….insteadOf sends the fetch to another repository", |lab| {
        let (other, url) = lab.other_remote("evil");
        other.commit(&[("app.py", "print('evil')\n")], "Evil");
        let url = url.trim_end_matches(".git").to_owned();
        let key = format!("url.{url}.insteadOf");
        let official = lab.url.trim_end_matches(".git").to_owned();
        lab.clone().git(&["config", &key, &official]);
    }),
    State::new("hostile-ext-url", "the remote's URL is an ext:: command", |lab| {
        let script = script(lab);
        lab.clone().git(&["remote", "set-url", "origin", &format!("ext::sh -c {}", script.replace(' ', "% "))]);
    }),
    State::new("hostile-dash-branch", "the branch in the configuration begins with a dash", |lab| {
        let work = lab.clone();
        work.git(&["config", "branch.master.merge", "refs/heads/--upload-pack=touch"]);
    }),
];

/// A shell command that trips the wire.
fn script(lab: &StateLab) -> String {
    format!("touch '{}'", lab.tripwire().display())
}

/// A clone, one behind, with a configuration key that names a program.
fn configured(lab: &StateLab, key: &str) {
    let program = lab.world.root().join(format!("{}.sh", lab.name));
    let tripwire = lab.tripwire();
    std::fs::write(&program, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", tripwire.display()))
        .expect("a script can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a script can be made executable");
    lab.clone().git(&["config", key, &program.display().to_string()]);
    lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
}
