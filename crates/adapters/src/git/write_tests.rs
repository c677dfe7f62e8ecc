//! The steps of an upgrade, a rollback and a soft recovery, with the real git over smart HTTP: each performed twice,
//! undone twice, undone without having been performed, and cut at git's own system calls.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::name::{BranchName, CommitId, RunId, UpdaterName};
use refit_model::step::{GitTarget, Head, KeptPlace, RepoRef};
use refit_testkit::git::{Commit, GitWorld, Remote, Work};
use refit_testkit::git_http::{Fault, GitServer, Lie};

use super::fetch::{Wanted, fetch};
use super::hand::Hand;
use super::{Git, keep, switch};
use crate::command::Surroundings;
use crate::fault::FaultPlan;

/// A remote with an old version A and a new one B, a clone that stands on A, and everything that can differ between
/// two versions: changed, removed, added, renamed files, a mode, a link, a folder that becomes a file.
pub(super) struct Lab {
    _root: tempfile::TempDir,
    pub(super) root: PathBuf,
    pub(super) server: GitServer,
    pub(super) remote: Remote,
    pub(super) work: Work,
    pub(super) git: Git,
    pub(super) a: CommitId,
    pub(super) b: CommitId,
    pub(super) told: Arc<Mutex<Vec<String>>>,
}

pub(super) fn id(text: &str) -> CommitId {
    CommitId::new(text).unwrap()
}

pub(super) fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

impl Lab {
    pub(super) async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(place.path()).unwrap();
        let world = GitWorld::new(root.join("world"));
        let remote = world.remote("lab/app");
        let text = |version: u32, n: usize| format!("version {version} of {n}\n").repeat(20);
        let mut first = Commit::new("First").exec("run.sh", "#!/bin/sh\n").link("link", "f1");
        for n in 0..8 {
            first = first.file(&format!("f{n}"), text(1, n)).file(&format!("d/f{n}"), text(1, n));
        }
        let a = id(&remote.push("master", &first.file("folder/x", "x\n").file("folder/y", "y\n")));
        remote.tag("v1.0.0");
        let server = GitServer::start(world.remotes());
        let work = remote.clone_with(&server.url(&remote.route()), root.join("app"), &[]);
        let mut second = Commit::new("Second").delete("f1").delete("d/f3").file("d/renamed", text(1, 3));
        for n in [0, 2, 4] {
            second = second.file(&format!("f{n}"), text(2, n));
        }
        let second = second.file("new/deep/file", "new\n").delete("folder/x").delete("folder/y").delete("link");
        let b = id(&remote.push("master", &second.file("folder", "now a file\n").link("link2", "f0")));
        remote.tag("v1.1.0");
        let home = root.join("world/home");
        let path = std::env::var_os("PATH").unwrap();
        let git = Git::find(Surroundings { home, path, passed_on: Vec::new() }).await.unwrap();
        Self { _root: place, root, server, remote, work, git, a, b, told: Arc::default() }
    }

    pub(super) fn repo(&self) -> RepoRef {
        RepoRef { updater: UpdaterName::new("app").unwrap(), path: self.work.path().to_owned() }
    }

    pub(super) fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |line| told.lock().unwrap().push(line.to_owned()))
    }

    pub(super) fn hand(&self) -> Hand<'_> {
        Hand::open(&self.git, &self.repo(), self.tell(), FaultPlan::none())
    }

    pub(super) fn circumstance(&self, again: bool) -> Circumstance {
        Circumstance { run: RunId(7), again, rebooted: false, witness: None, tell: self.tell() }
    }

    pub(super) fn kept(&self) -> KeptPlace {
        let key = "20260101T000000Z-app-1".to_owned();
        KeptPlace { folder: self.root.join("app.refit-kept").join(&key), key }
    }

    pub(super) async fn fetched(&self) {
        let wanted = self.wanted(Some(&self.b));
        fetch(&self.hand(), wanted, &self.circumstance(false)).await.unwrap();
    }

    pub(super) fn wanted<'a>(&self, commit: Option<&'a CommitId>) -> Wanted<'a> {
        static MASTER: std::sync::OnceLock<BranchName> = std::sync::OnceLock::new();
        let master = MASTER.get_or_init(|| branch("master"));
        Wanted { remote: "origin", branch: Some(master), commit, refetch: false, ask: false }
    }

    pub(super) async fn forward(&self, again: bool) -> Result<Option<String>, StepError> {
        let to = GitTarget::Commit(self.b.clone());
        let head = Head::Branch(branch("master"));
        switch::switch(&self.hand(), &head, Some(&self.a), &to, &self.circumstance(again)).await
    }

    pub(super) async fn back(&self) -> Result<(), StepError> {
        let head = Head::Branch(branch("master"));
        switch::switch_back(&self.hand(), &head, &head, &self.a, &self.circumstance(true)).await
    }

    /// HEAD, what git status says, and every file outside of `.git`.
    pub(super) fn state(&self) -> (String, String, BTreeMap<PathBuf, String>) {
        (self.work.rev("HEAD"), self.work.git(&["status", "--porcelain"]), files(self.work.path()))
    }
}

/// Every leaf below a folder, `.git` left out: its mode and content.
pub(super) fn files(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                if path != dir.join(".git") {
                    folders.push(path);
                }
                continue;
            }
            let seen = if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o111;
                format!("{mode:o} {}", fs::read_to_string(&path).unwrap())
            };
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), seen);
        }
    }
    found
}

#[tokio::test]
async fn a_switch_and_its_undo_may_each_run_twice() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("mine.cfg", "mine\n");
    let before = lab.state();
    lab.back().await.unwrap();
    assert_eq!(lab.state(), before, "undone before it was done");
    lab.forward(false).await.unwrap();
    let after = lab.state();
    assert_eq!((after.0.as_str(), after.1.as_str()), (lab.b.as_str(), "?? mine.cfg"));
    lab.forward(true).await.unwrap();
    assert_eq!(lab.state(), after);
    let told = lab.told.lock().unwrap().join("\n");
    assert!(told.contains(&format!("Updating {}..{}", &lab.a.as_str()[..7], &lab.b.as_str()[..7])), "{told}");
    assert!(told.contains("Fast-forward") && told.contains("create mode 100644 new/deep/file"), "{told}");
    for _ in 0..2 {
        lab.back().await.unwrap();
        assert_eq!(lab.state(), before);
    }
    assert_eq!(lab.work.git(&["symbolic-ref", "HEAD"]), "refs/heads/master");
}

#[tokio::test]
async fn an_upgrade_is_verified_and_rolls_back_without_a_network() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.forward(false).await.unwrap();
    switch::verify(&lab.hand(), Some(&lab.b)).await.unwrap();
    let wrong = switch::verify(&lab.hand(), Some(&lab.a)).await.unwrap_err();
    assert!(wrong.message.starts_with("Git Repo app: HEAD is not at"), "{wrong}");
    lab.server.set_fault(&lab.remote.route(), Fault::Refuse(503));
    lab.server.forget();
    fetch(&lab.hand(), lab.wanted(Some(&lab.a)), &lab.circumstance(false)).await.unwrap();
    let to = GitTarget::Commit(lab.a.clone());
    let (hand, head) = (lab.hand(), Head::Branch(branch("master")));
    switch::switch(&hand, &head, Some(&lab.b), &to, &lab.circumstance(false)).await.unwrap();
    switch::verify(&lab.hand(), Some(&lab.a)).await.unwrap();
    assert_eq!(lab.server.asked(), [], "everything was here");
    lab.work.write("f0", "changed\n");
    let differs = switch::verify(&lab.hand(), None).await.unwrap_err();
    assert_eq!(differs.message, "Recovery attempt failed, repo state not pristine");
    assert!(lab.told.lock().unwrap().iter().any(|line| line == "not as git says after the recovery: f0"));
}

#[tokio::test]
async fn what_gives_way_is_kept_listed_and_put_back() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("f2", "my change\n");
    lab.work.set_executable("f2", true);
    lab.work.write("new", "a file where the version has a folder\n");
    lab.work.write("folder/mine", "in a folder that becomes a file\n");
    lab.work.link("link2", "elsewhere");
    lab.work.write("untouched", "stays\n");
    lab.work.remove("f5");
    lab.work.remove("f7");
    lab.work.write("f7/mine", "a folder where both versions have a file\n");
    let before = lab.state();
    let to = GitTarget::Commit(lab.b.clone());
    let note = keep::keep_aside(&lab.hand(), &lab.kept(), &to).await.unwrap().unwrap();
    assert_eq!(lab.state(), before, "keeping takes nothing away");
    assert!(note.starts_with("Kept aside: 5 file(s) in "), "{note}");
    lab.work.write("f2", "changed again after it was kept\n");
    keep::keep_aside(&lab.hand(), &lab.kept(), &to).await.unwrap();
    let copies = files(&lab.kept().folder.join("files"));
    assert_eq!(copies.get(Path::new("f2")).map(String::as_str), Some("111 my change\n"), "the older copy stays");
    lab.work.write("f2", "my change\n");
    lab.forward(false).await.unwrap();
    let listed = keep::kept(lab.work.path());
    assert_eq!((listed.len(), listed[0].files, listed[0].folder.as_deref()), (1, 5, Some(lab.kept().folder.as_path())));
    assert_eq!(lab.work.read("untouched"), b"stays\n");
    lab.back().await.unwrap();
    for _ in 0..2 {
        keep::put_back(&lab.hand(), &lab.kept()).await.unwrap();
        assert_eq!(lab.state(), before);
    }
    assert!(!lab.root.join("app.refit-kept").exists(), "nothing is kept when everything is back");
}

#[tokio::test]
async fn what_the_owner_changed_since_is_not_put_back_over() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("f2", "my change\n");
    let to = GitTarget::Commit(lab.b.clone());
    keep::keep_aside(&lab.hand(), &lab.kept(), &to).await.unwrap();
    lab.work.write("f2", "newer\n");
    keep::put_back(&lab.hand(), &lab.kept()).await.unwrap();
    assert_eq!(lab.work.read("f2"), b"newer\n");
    assert_eq!(keep::kept(lab.work.path()).len(), 1, "the older one is kept still");
}

#[tokio::test]
async fn local_commits_are_kept_and_come_back() {
    let lab = Lab::new().await;
    lab.fetched().await;
    let mine = lab.work.commit(&[("mine.py", "mine\n")], "Mine");
    let head = Head::Branch(branch("master"));
    let to = GitTarget::FirstAncestorOf {
        pin: None,
        candidates: vec![id(&mine)],
        remote: "origin".to_owned(),
        branch: branch("master"),
    };
    let kept = lab.kept();
    let note = keep::keep_aside(&lab.hand(), &kept, &to).await.unwrap().unwrap();
    let name = format!("refs/refit/kept/{}", kept.key);
    assert!(note.contains(&name), "{note}");
    switch::switch(&lab.hand(), &head, Some(&id(&mine)), &to, &lab.circumstance(false)).await.unwrap();
    assert_eq!(lab.work.rev("HEAD"), lab.b.as_str(), "a local commit is no ancestor: the tip it is");
    assert_eq!(lab.work.rev(&name), mine);
    assert_eq!(keep::kept(lab.work.path())[0].reference.as_deref(), Some(name.as_str()));
    switch::switch_back(&lab.hand(), &head, &head, &id(&mine), &lab.circumstance(true)).await.unwrap();
    keep::put_back(&lab.hand(), &kept).await.unwrap();
    assert_eq!(lab.work.rev("HEAD"), mine);
    assert!(!lab.work.try_git(&["rev-parse", "--verify", "--quiet", &name]).ok());
}

#[tokio::test]
async fn to_a_commit_that_is_lost_there_is_no_way_back() {
    let lab = Lab::new().await;
    lab.fetched().await;
    let lost = id(&"deadbeef".repeat(5));
    let (head, to) = (Head::Branch(branch("master")), GitTarget::Commit(lab.b.clone()));
    switch::switch(&lab.hand(), &head, Some(&lost), &to, &lab.circumstance(false)).await.unwrap();
    for _ in 0..2 {
        switch::switch_back(&lab.hand(), &head, &head, &lost, &lab.circumstance(true)).await.unwrap();
        assert_eq!((lab.state().0.as_str(), lab.state().1.as_str()), (lab.b.as_str(), ""));
    }
}

#[tokio::test]
async fn another_branch_and_a_detached_head_are_switched_and_restored() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.git(&["checkout", "--quiet", "-b", "feature"]);
    lab.work.git(&["branch", "--quiet", "-D", "master"]);
    let to = GitTarget::Commit(lab.b.clone());
    let master = Head::Branch(branch("master"));
    for (now, name) in [(Head::Branch(branch("feature")), "refs/heads/feature"), (Head::Detached, "")] {
        if now == Head::Detached {
            lab.work.git(&["checkout", "--quiet", "--detach"]);
        }
        let before = lab.state();
        switch::switch(&lab.hand(), &master, Some(&lab.a), &to, &lab.circumstance(false)).await.unwrap();
        assert_eq!(lab.work.git(&["symbolic-ref", "HEAD"]), "refs/heads/master");
        assert_eq!(lab.work.rev("HEAD"), lab.b.as_str());
        switch::switch_back(&lab.hand(), &master, &now, &lab.a, &lab.circumstance(true)).await.unwrap();
        assert_eq!(lab.state(), before);
        assert_eq!(lab.work.try_git(&["symbolic-ref", "--quiet", "HEAD"]).stdout.trim(), name);
        assert!(!lab.work.try_git(&["rev-parse", "--verify", "--quiet", "refs/heads/master"]).ok());
    }
}

#[tokio::test]
async fn a_fetch_brings_everything_once_and_fails_in_words() {
    let lab = Lab::new().await;
    let route = lab.remote.route();
    lab.server.set_fault(&route, Fault::Refuse(403));
    let refused = fetch(&lab.hand(), lab.wanted(Some(&lab.b)), &lab.circumstance(false)).await.unwrap_err();
    assert!(refused.message.contains("the remote forbids it"), "{refused}");
    for lie in [Lie::TruncatedPack, Lie::UnknownSha, Lie::BadPktLines, Lie::Garbage] {
        lab.server.set_fault(&route, Fault::Lie(lie));
        assert!(fetch(&lab.hand(), lab.wanted(Some(&lab.b)), &lab.circumstance(false)).await.is_err(), "{lie:?}");
        assert_eq!(lab.work.rev("HEAD"), lab.a.as_str());
    }
    lab.server.heal(&route);
    for _ in 0..2 {
        lab.fetched().await;
        assert_eq!(lab.work.rev("refs/refit/next"), lab.b.as_str());
    }
    assert_eq!(lab.work.git(&["tag"]), "v1.0.0\nv1.1.0");
    assert!(lab.work.dot_git("objects/info/commit-graph").exists());
    lab.server.forget();
    lab.fetched().await;
    assert_eq!(lab.server.asked(), [], "nothing is asked for what is here");
    let asked = Wanted { ask: true, ..lab.wanted(Some(&lab.b)) };
    fetch(&lab.hand(), asked, &lab.circumstance(false)).await.unwrap();
    assert!(!lab.server.asked().is_empty(), "unless the plan says so");
}

#[tokio::test]
async fn a_partial_clone_is_made_whole_before_it_is_relied_on() {
    let lab = Lab::new().await;
    lab.remote.git(&["config", "uploadpack.allowFilter", "true"]);
    lab.remote.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let url = lab.server.url(&lab.remote.route());
    fs::remove_dir_all(lab.work.path()).unwrap();
    let work = lab.remote.clone_with(&url, lab.work.path(), &["--filter=blob:none"]);
    work.git(&["reset", "--quiet", "--hard", lab.b.as_str()]);
    fetch(&lab.hand(), lab.wanted(Some(&lab.a)), &lab.circumstance(false)).await.unwrap();
    lab.server.set_fault(&lab.remote.route(), Fault::Refuse(503));
    let to = GitTarget::Commit(lab.a.clone());
    let head = Head::Branch(branch("master"));
    switch::switch(&lab.hand(), &head, Some(&lab.b), &to, &lab.circumstance(false)).await.unwrap();
    assert_eq!(lab.state().1, "");
}

#[tokio::test]
async fn a_stale_lock_goes_and_a_held_one_is_waited_for() {
    let lab = Lab::new().await;
    lab.fetched().await;
    for lock in ["index.lock", "HEAD.lock", "refs/heads/master.lock", "packed-refs.lock"] {
        fs::write(lab.work.dot_git(lock), "").unwrap();
    }
    lab.forward(false).await.unwrap();
    assert_eq!(lab.state().0, lab.b.as_str());
    let held = fs::File::create(lab.work.dot_git("index.lock")).unwrap();
    let layout = lab.hand().repo.layout;
    // This process itself does not count as a holder, another one does.
    let mut child = std::process::Command::new("sleep");
    let mut child = child.arg("60").stdin(held.try_clone().unwrap()).spawn().unwrap();
    let holder = super::locks::holder(&layout).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(holder.starts_with("sleep (process "), "{holder}");
    assert_eq!(super::locks::holder(&layout), None);
}

#[tokio::test]
async fn after_a_power_cut_the_switch_is_finished_and_can_be_taken_back() {
    for finish in [true, false] {
        let lab = Lab::new().await;
        lab.fetched().await;
        let before = lab.state();
        lab.forward(false).await.unwrap();
        let after = lab.state();
        // Half of the new version was never written, nor was the index, nor the branch.
        lab.work.write("f0", "");
        lab.work.remove("new");
        for file in ["index", "refs/heads/master"] {
            fs::write(lab.work.dot_git(file), "").unwrap();
        }
        fs::create_dir_all(lab.work.dot_git("objects/ab")).unwrap();
        fs::write(lab.work.dot_git(&format!("objects/ab/{}", "0".repeat(38))), "").unwrap();
        let cut = Circumstance { rebooted: true, ..lab.circumstance(true) };
        let head = Head::Branch(branch("master"));
        if finish {
            let to = GitTarget::Commit(lab.b.clone());
            switch::switch(&lab.hand(), &head, Some(&lab.a), &to, &cut).await.unwrap();
            assert_eq!(lab.state(), after);
        } else {
            switch::switch_back(&lab.hand(), &head, &head, &lab.a, &cut).await.unwrap();
            assert_eq!(lab.state(), before);
        }
        assert_eq!(lab.work.try_git(&["fsck", "--strict"]).code, Some(0));
    }
}

/// A git that dies at its nth system call that writes, when it does what moves files and references.
fn dying_git(lab: &Lab, nth: u32) -> Surroundings {
    let point = refit_testkit::kill::KillPoint::writing(nth);
    let command = point.command();
    let words: Vec<String> = command.get_args().map(|arg| format!("'{}'", arg.to_string_lossy())).collect();
    let path = lab.git.surroundings().path.clone();
    let script = format!(
        "#!/bin/sh\nPATH='{}'\ncase \" $* \" in *' reset '*|*' update-ref '*|*' symbolic-ref HEAD '*|*' read-tree '*) exec strace {} git \"$@\";; esac\nexec git \"$@\"\n",
        path.to_string_lossy(),
        words.join(" ")
    );
    let bin = lab.root.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    Surroundings {
        path: format!("{}:{}", bin.display(), path.to_string_lossy()).into(),
        ..lab.git.surroundings().clone()
    }
}

/// Coarse here; every single call is tried in the tests of the whole daemon.
#[tokio::test]
async fn a_switch_killed_at_git_s_system_calls_is_finished_or_taken_back() {
    if let Err(missing) = refit_testkit::kill::strace() {
        eprintln!("skipped: {missing}");
        return;
    }
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("mine.cfg", "mine\n");
    let before = lab.state();
    let image = lab.root.join("image");
    let copy = |from: &Path, to: &Path| {
        if to.exists() {
            fs::remove_dir_all(to).unwrap();
        }
        let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(status.success());
    };
    copy(lab.work.path(), &image);
    lab.forward(false).await.unwrap();
    let after = lab.state();
    let mut deaths = 0;
    for nth in (1..).step_by(6) {
        copy(&image, lab.work.path());
        let dying = Git::find(dying_git(&lab, nth)).await.unwrap();
        let hand = Hand::open(&dying, &lab.repo(), lab.tell(), FaultPlan::none());
        let (head, to) = (Head::Branch(branch("master")), GitTarget::Commit(lab.b.clone()));
        let cut = switch::switch(&hand, &head, Some(&lab.a), &to, &lab.circumstance(false)).await;
        if cut.is_ok() {
            break;
        }
        deaths += 1;
        let wreck = lab.root.join("wreck");
        copy(lab.work.path(), &wreck);
        lab.forward(true).await.unwrap_or_else(|error| panic!("forward after call {nth}: {error}"));
        assert_eq!(lab.state(), after, "forward after call {nth}");
        copy(&wreck, lab.work.path());
        // And the way back is cut too, somewhere else.
        let dying = Git::find(dying_git(&lab, nth / 2 + 3)).await.unwrap();
        let hand = Hand::open(&dying, &lab.repo(), lab.tell(), FaultPlan::none());
        let _cut = switch::switch_back(&hand, &head, &head, &lab.a, &lab.circumstance(true)).await;
        lab.back().await.unwrap_or_else(|error| panic!("back after call {nth}: {error}"));
        assert_eq!(lab.state(), before, "back after call {nth}");
    }
    assert!(deaths > 10, "only {deaths} deaths");
}
