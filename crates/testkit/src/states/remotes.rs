//! What the remote is, and what became of it.

use super::{State, StateLab};
use crate::git_http::Fault;

pub(super) const STATES: &[State] = &[
    State::new("remote-other-alias", "the remote is called upstream", |lab| {
        lab.clone().git(&["remote", "rename", "origin", "upstream"]);
    }),
    State::new("remote-two", "tracks a fork, and origin is there too", |lab| {
        let (fork, url) = lab.other_remote("fork");
        fork.commit(&[("app.py", "print('fork')\n")], "Fork");
        let work = lab.clone();
        work.git(&["remote", "add", "fork", &url]);
        work.git(&["fetch", "--quiet", "fork"]);
        work.git(&["branch", "--quiet", "--set-upstream-to=fork/master", "master"]);
    }),
    State::new("remote-unofficial-url", "cloned from another URL than the configured one", |lab| {
        lab.clone();
        let official = lab.url_of("lab/official.git");
        lab.option("origin", &official);
    }),
    State::new("remote-without-suffix", "the configured URL lacks .git, the cloned one has it", |lab| {
        lab.clone();
        let bare = lab.url.trim_end_matches(".git").to_owned();
        lab.option("origin", &bare);
    }),
    State::new("remote-none", "no remote at all", |lab| {
        lab.clone().git(&["remote", "remove", "origin"]);
    }),
    State::new("remote-main", "the remote's branch is main, and it is configured", |lab| {
        lab.remote.force("main", "master");
        lab.remote.set_head("main");
        lab.remote.delete_branch("master");
        lab.clone();
        lab.option("primary_branch", "main");
    }),
    State::new("remote-branch-deleted", "the tracked branch is gone at the remote", |lab| {
        lab.remote.force("develop", "master");
        lab.clone().git(&["checkout", "--quiet", "develop"]);
        lab.remote.delete_branch("develop");
    }),
    State::new("remote-branch-pruned", "the tracked branch is gone, and fetched with --prune", |lab| {
        lab.remote.force("develop", "master");
        let work = lab.clone();
        work.git(&["checkout", "--quiet", "develop"]);
        lab.remote.delete_branch("develop");
        work.git(&["fetch", "--quiet", "--prune", "origin"]);
    }),
    State::new("remote-force-pushed", "the remote's last commit was replaced", |lab| {
        lab.clone();
        lab.remote.rewind(1);
        lab.remote.commit(&[("app.py", "print('rewritten')\n")], "Rewritten");
    }),
    State::new("remote-rewound", "the remote's last commit was taken back", |lab| {
        lab.clone();
        lab.remote.rewind(1);
    }),
    State::new("remote-unrelated", "the remote's history was replaced by another", |lab| {
        lab.clone();
        lab.remote.delete_branch("master");
        lab.remote.commit(&[("app.py", "print('all new')\n")], "All new");
    }),
    State::new("remote-empty", "the remote lost every branch", |lab| {
        lab.clone();
        lab.remote.delete_branch("master");
        lab.remote.delete_tag("v0.1.0");
    }),
    State::new("remote-ref-collision", "the remote's new branch collides with a known one", |lab| {
        lab.remote.force("side", "master");
        lab.clone();
        lab.remote.delete_branch("side");
        lab.remote.force("side/one", "master");
    }),
    State::new("remote-unreachable", "the remote refuses the connection", |lab| {
        let url = lab.refusing_url();
        lab.clone().git(&["remote", "set-url", "origin", &url]);
        lab.option("origin", &url);
    }),
    State::new("remote-gone", "the remote's repository is not there any more", |lab| {
        lab.clone();
        std::fs::remove_dir_all(lab.remote.path()).expect("the remote can be removed");
    }),
    State::served("remote-404", "the server answers 404", |lab| failing(lab, Fault::Refuse(404))),
    State::served("remote-500", "the server answers 500", |lab| failing(lab, Fault::Refuse(500))),
    State::served("remote-password", "the server wants a password", |lab| {
        failing(lab, Fault::RequireBasicAuth { user: "ada".to_owned(), password: "secret".to_owned() });
    }),
    State::served("remote-moved", "cloned from an old URL that redirects to the configured one", |lab| {
        let url = moved(lab);
        lab.option("moved_origin", &url);
    }),
    State::served("remote-moved-unconfigured", "the same without moved_origin", |lab| {
        moved(lab);
    }),
];

fn failing(lab: &StateLab, fault: Fault) {
    lab.clone();
    lab.remote.commit(&[("app.py", "print('three')\n")], "Unseen");
    lab.server().set_fault(&lab.remote.route(), fault);
}

/// Clones from `…-old.git`, which redirects. The old URL.
fn moved(lab: &StateLab) -> String {
    let old = lab.remote.route().replace(".git", "-old.git");
    lab.server().set_fault(&old, Fault::Redirect(lab.url.clone()));
    let url = lab.server().url(&old);
    lab.clone().git(&["remote", "set-url", "origin", &url]);
    lab.remote.commit(&[("app.py", "print('three')\n")], "After the move");
    url
}
