//! Whole plans on a real repository, step by step through the table: performed twice, undone twice, undone without
//! having been performed; recoveries of every kind of damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use refit_engine::ports::{Circumstance, Look, Machine as _, StepError, Tell};
use refit_model::name::{BranchName, RunId, UpdaterName};
use refit_model::plan::{Action, Occasion, Plan, Verdict, plan};
use refit_model::printer::{Activity, KlippyState, Printer};
use refit_model::settings::Channel;
use refit_model::step::{Phase, ServiceStep, Sick, Step};
use refit_model::updater::Common;
use refit_model::updater::git::{Damage, GitFacts, GitSpec};
use refit_model::updater::{Facts, Spec};
use refit_testkit::git::{Commit, GitWorld, Remote, Work};
use refit_testkit::git_http::GitServer;
use refit_testkit::states::{State, StateLab};
use tokio::sync::watch;

use super::{DependencyHands, Host};
use crate::command::Surroundings;
use crate::fault::FaultPlan;
use crate::forge::{ForgeOptions, Forges};
use crate::git::Git;
use crate::python_package::ApplicationRules;
use crate::release::{ReleaseRules, Releases};

#[path = "machine_recovery_tests.rs"]
mod recovery;

pub(super) struct Lab {
    pub(super) root: PathBuf,
    pub(super) server: GitServer,
    pub(super) remote: Remote,
    pub(super) work: Work,
    pub(super) host: Host,
    printer: watch::Sender<Printer>,
    told: Arc<Mutex<Vec<String>>>,
    pub(super) spec: GitSpec,
    _root: tempfile::TempDir,
}

impl Lab {
    pub(super) async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(place.path()).unwrap();
        let world = GitWorld::new(root.join("world"));
        let remote = world.remote("lab/app");
        let first = Commit::new("First").file("a.py", "one\n").file("dir/b.py", "one\n").file("gone.py", "x\n");
        remote.push("master", &first.exec("run.sh", "#!/bin/sh\n").link("link", "a.py"));
        remote.tag("v1.0.0");
        let server = GitServer::start(world.remotes());
        let url = server.url(&remote.route());
        let work = remote.clone_with(&url, root.join("app"), &[]);
        let (host, printer) = host(root.join("world/home")).await;
        let spec = spec_of(work.path(), &url);
        Self { root, server, remote, work, host, printer, told: Arc::default(), spec, _root: place }
    }

    pub(super) fn second(&self) -> String {
        let second = Commit::new("Second").file("a.py", "two\n").delete("gone.py").file("new.py", "two\n");
        let sha = self.remote.push("master", &second.file("mine.cfg", "the version's\n"));
        self.remote.tag("v1.1.0");
        sha
    }

    pub(super) fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |line| told.lock().unwrap().push(line.to_owned()))
    }

    pub(super) fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }

    pub(super) async fn look(&self, before: &GitFacts, look: Look) -> GitFacts {
        let before = Facts::Git(Box::new(before.clone()));
        match self.host.inspect(&Spec::Git(self.spec.clone()), &before, look, self.tell()).await {
            Facts::Git(facts) => *facts,
            Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent => panic!("a repository has facts"),
        }
    }

    pub(super) async fn refreshed(&self) -> GitFacts {
        self.look(&GitFacts::default(), Look::Remote).await
    }

    pub(super) async fn planned(&self, before: &GitFacts, action: Action) -> Plan {
        let facts = Facts::Git(Box::new(self.look(before, Look::Survey(action)).await));
        let occasion = Occasion {
            now: 1_775_124_930,
            mark: "one".to_owned(),
            application: "app".to_owned(),
            ..Occasion::default()
        };
        match plan(action, &Spec::Git(self.spec.clone()), &facts, &occasion) {
            Ok(Verdict::Do(plan)) => *plan,
            other => panic!("no plan for {action:?}: {other:?}\n{facts:#?}"),
        }
    }

    /// Every step twice, as after a crash; in between, each undo of a step that was not begun.
    pub(super) async fn perform(&self, plan: &Plan, times: usize) -> Result<Vec<Option<serde_json::Value>>, StepError> {
        let mut witnesses = Vec::new();
        for (index, planned) in plan.steps.iter().enumerate() {
            let witness = self.host.witness(&planned.step).await;
            for time in 0..times {
                let circumstance = self.circumstance(time > 0, witness.clone());
                self.host.perform(&planned.step, circumstance).await.inspect_err(|error| {
                    eprintln!("step {index} {:?}: {error}", planned.step);
                })?;
            }
            witnesses.push(witness);
        }
        Ok(witnesses)
    }

    pub(super) async fn undo(&self, plan: &Plan, witnesses: &[Option<serde_json::Value>]) {
        for (index, planned) in plan.steps.iter().enumerate().rev() {
            for _ in 0..2 {
                let witness = witnesses.get(index).cloned().flatten();
                let done = self.host.undo(&planned.step, &planned.undo, self.circumstance(true, witness)).await;
                done.unwrap_or_else(|error| panic!("undo of {:?}: {error}", planned.step));
            }
        }
    }

    pub(super) fn circumstance(&self, again: bool, witness: Option<serde_json::Value>) -> Circumstance {
        Circumstance { run: RunId(9), again, rebooted: false, witness, tell: self.tell() }
    }

    pub(super) fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let head = self.work.try_git(&["rev-parse", "HEAD"]).stdout;
        let status = self.work.try_git(&["status", "--porcelain"]).stdout;
        (head, status, files(self.work.path()))
    }

    fn siblings(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(super) fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path == dir.join(".git") {
                continue;
            }
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else {
                let text = if kind.is_symlink() {
                    format!("{:?}", fs::read_link(&path))
                } else {
                    String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned()
                };
                found.push((path.strip_prefix(dir).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// A hand for releases that is never asked for any.
fn releases(home: &Path, path: &std::ffi::OsStr, forges: &Arc<Forges>) -> Releases {
    let rules = ReleaseRules {
        downloads: home.join("downloads"),
        bounds: crate::archive::Bounds::default(),
        keep_days: 1,
        keep_bytes: 0,
        surroundings: Surroundings { home: home.to_owned(), path: path.to_owned(), passed_on: Vec::new() },
    };
    Releases::new(rules, Arc::clone(forges))
}

fn forges() -> Arc<Forges> {
    Arc::new(Forges::new(ForgeOptions {
        tokens: Vec::new(),
        proxy: None,
        environment_proxies: Vec::new(),
        agent: "refit".to_owned(),
        patience: std::time::Duration::from_secs(5),
    }))
}

async fn host(home: PathBuf) -> (Host, watch::Sender<Printer>) {
    let path = std::env::var_os("PATH").unwrap();
    let (printer, watched) = watch::channel(Printer::default());
    let forges = forges();
    let releases = releases(&home, &path, &forges);
    let (state, machine) = (home.join("state"), home.join("etc"));
    let surroundings = Surroundings { home, path, passed_on: Vec::new() };
    let git = Git::find(surroundings.clone()).await.unwrap();
    let packages = ApplicationRules { surroundings, state, github_api: String::new(), machine };
    let dependencies = DependencyHands::new(packages, forges, None);
    (Host::new(git, 2, releases, dependencies, watched, FaultPlan::none()), printer)
}

fn spec_of(path: &Path, origin: &str) -> GitSpec {
    GitSpec {
        common: Common { config_hash: "1".to_owned(), ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Dev) },
        path: path.to_owned(),
        origin: origin.to_owned(),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: None,
    }
}

/// A lab around a state of the catalogue.
pub(super) async fn world_of(place: tempfile::TempDir, state: State) -> (Lab, StateLab) {
    let root = fs::canonicalize(place.path()).unwrap();
    let remotes = refit_testkit::states::remotes_of(&root);
    fs::create_dir_all(&remotes).unwrap();
    let server = GitServer::start(&remotes);
    let built = state.build(&root, Some(server.control()));
    let options = built.options();
    let option = |key: &str| options.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    let mut spec = spec_of(&built.path, &option("origin").unwrap());
    spec.pinned_commit = option("pinned_commit").map(|pin| pin.to_lowercase());
    spec.primary_branch = BranchName::new(&option("primary_branch").unwrap_or_else(|| "master".to_owned())).unwrap();
    spec.common.channel = match option("channel").as_deref() {
        Some("stable") => Channel::Stable,
        Some("beta") => Channel::Beta,
        Some(_) | None => Channel::Dev,
    };
    let (host, printer) = host(root.join("home")).await;
    let (remote, work) = (built.remote.clone(), built.work.clone());
    let told = Arc::default();
    (Lab { root, server, remote, work, host, printer, told, spec, _root: place }, built)
}

/// What the owner has lying around: modified, untracked in the way, untracked beside, ignored, in a folder of its own.
fn untidy(work: &Work, modify: bool) {
    if modify {
        work.write("dir/b.py", "my change\n");
    }
    work.write("mine.cfg", "mine\n");
    work.write("notes.txt", "notes\n");
    work.write("venv/bin/python", "python\n");
    work.set_executable("venv/bin/python", true);
    work.link("venv/lib64", "lib");
    work.write(".git/info/exclude", "ignored.log\n");
    work.write("ignored.log", "log\n");
}

#[tokio::test]
async fn every_step_of_every_plan_may_run_twice_and_be_undone_twice() {
    for action in [Action::Upgrade, Action::SoftRecovery, Action::HardRecovery, Action::Rollback] {
        let lab = Lab::new().await;
        let old = lab.work.rev("HEAD");
        let new = lab.second();
        let mut facts = lab.refreshed().await;
        if action == Action::Rollback {
            let upgrade = lab.planned(&facts, Action::Upgrade).await;
            lab.perform(&upgrade, 1).await.unwrap();
            let after = Facts::Git(Box::new(lab.look(&facts, Look::Local).await));
            let before = Facts::Git(Box::new(facts));
            let Facts::Git(after) = refit_model::updater::after_run(&upgrade, &before, after) else { panic!() };
            facts = *after;
        }
        untidy(&lab.work, action != Action::Upgrade);
        let before = lab.state();
        let plan = lab.planned(&facts, action).await;
        lab.undo(&plan, &[]).await;
        assert_eq!(lab.state(), before, "{action:?} undone before it was done");
        let witnesses = lab.perform(&plan, 2).await.unwrap();
        let head = lab.work.rev("HEAD");
        let expected = if action == Action::Upgrade { &new } else { &old };
        assert_eq!(&head, expected, "{action:?}");
        let after: Vec<_> = files(lab.work.path());
        let text = |name: &str| after.iter().find(|(path, _)| path == Path::new(name)).map(|(_, text)| text.as_str());
        for (name, content) in [("notes.txt", "notes\n"), ("ignored.log", "log\n"), ("venv/bin/python", "python\n")] {
            assert_eq!(text(name), Some(content), "{action:?} {name}");
        }
        assert_eq!(text("dir/b.py"), Some("one\n"), "{action:?}");
        let now = lab.look(&facts, Look::Local).await;
        assert_eq!(now.kept.len(), 1, "{action:?}: what gave way is listed");
        lab.undo(&plan, &witnesses).await;
        assert_eq!(lab.state(), before, "{action:?} undone");
        assert_eq!(lab.siblings(), ["app", "world"], "{action:?} leaves nothing behind");
    }
}

#[tokio::test]
async fn a_preparation_can_be_thrown_away_at_any_step() {
    for action in [Action::Upgrade, Action::SoftRecovery, Action::HardRecovery] {
        let lab = Lab::new().await;
        lab.second();
        let facts = lab.refreshed().await;
        untidy(&lab.work, action != Action::Upgrade);
        let before = lab.state();
        let whole = lab.planned(&facts, action).await;
        for end in 1..=whole.steps.len() {
            let mut cut = whole.clone();
            cut.steps.truncate(end);
            if cut.steps[end - 1].phase == Phase::Switch && cut.steps[end - 1].step != Step::CheckPrinter {
                break;
            }
            let witnesses = lab.perform(&cut, 1).await.unwrap();
            assert_eq!(lab.state(), before, "{action:?}: step {end} of the preparation touches nothing in use");
            lab.undo(&cut, &witnesses).await;
            assert_eq!(lab.siblings(), ["app", "world"]);
        }
    }
}

#[tokio::test]
async fn a_hard_recovery_moves_head_and_carries_over_with_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new().await;
    let old = lab.work.rev("HEAD");
    lab.second();
    let facts = lab.refreshed().await;
    untidy(&lab.work, true);
    fs::set_permissions(lab.work.path().join("venv"), fs::Permissions::from_mode(0o750)).unwrap();
    let plan = lab.planned(&facts, Action::HardRecovery).await;
    lab.perform(&plan, 1).await.unwrap();
    let told = lab.told();
    assert!(told.contains("Git Repo app: Git Clone Complete"), "{told}");
    assert!(told.contains(&format!("Git Repo app: Moving HEAD to previous commit {old}")), "{told}");
    let mode = |name: &str| fs::metadata(lab.work.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("venv"), mode("venv/bin/python") & 0o111), (0o750, 0o111));
    assert_eq!(fs::read_link(lab.work.path().join("venv/lib64")).unwrap(), Path::new("lib"));
    assert_eq!(lab.work.git(&["rev-list", "--count", "--all", "--missing=print"]), "2", "a whole clone");
    let kept = lab.look(&facts, Look::Local).await.kept;
    let folder = kept[0].folder.clone().unwrap();
    assert_eq!(fs::read_to_string(folder.join("dir/b.py")).unwrap(), "my change\n");
    assert!(folder.join(".git/HEAD").exists(), "the old folder is whole");
}

/// A kind of damage, and how it is done to a repository.
type Blow = (&'static str, fn(&Work));

/// Every kind of damage that can be fetched again.
fn damages() -> Vec<Blow> {
    vec![
        ("empty object of HEAD", |work| {
            work.loosen();
            work.damage(&work.object("HEAD"), b"");
        }),
        ("empty tree", |work| {
            work.loosen();
            work.damage(&work.object("HEAD^{tree}"), b"");
        }),
        ("missing object of HEAD", |work| {
            work.loosen();
            fs::remove_file(work.object("HEAD")).unwrap();
        }),
        ("missing blob", |work| {
            work.loosen();
            fs::remove_file(work.object("HEAD:a.py")).unwrap();
        }),
        ("empty index", |work| work.damage(&work.dot_git("index"), b"")),
        ("zeroed index", |work| work.zero(&work.dot_git("index"))),
        ("empty config", |work| work.damage(&work.dot_git("config"), b"")),
        ("zeroed config", |work| work.zero(&work.dot_git("config"))),
        ("empty HEAD", |work| work.damage(&work.dot_git("HEAD"), b"")),
        ("zeroed HEAD", |work| work.zero(&work.dot_git("HEAD"))),
        ("empty branch", |work| work.damage(&work.dot_git("refs/heads/master"), b"")),
        ("zeroed remote branch", |work| {
            let file = work.dot_git("refs/remotes/origin/master");
            fs::write(&file, format!("{}\n", work.rev("HEAD"))).unwrap();
            work.zero(&file);
        }),
        ("cut-off pack", |work| {
            let pack = work.pack();
            let bytes = fs::read(&pack).unwrap();
            work.damage(&pack, &bytes[..bytes.len() / 2]);
        }),
        ("pack without index", |work| fs::remove_file(work.pack().with_extension("idx")).unwrap()),
        ("lying commit-graph", |work| {
            work.git(&["commit-graph", "write", "--reachable"]);
            work.zero(&work.dot_git("objects/info/commit-graph"));
        }),
        ("stale locks", |work| {
            for lock in ["index.lock", "HEAD.lock", "refs/heads/master.lock"] {
                let lock = work.dot_git(lock);
                fs::write(&lock, "").unwrap();
                let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
                fs::File::options().write(true).open(&lock).unwrap().set_modified(old).unwrap();
            }
        }),
    ]
}

#[tokio::test]
async fn soft_recovery_heals_every_damage_that_can_be_fetched_again() {
    for (name, damage) in damages() {
        let lab = Lab::new().await;
        let facts = lab.refreshed().await;
        let head = lab.work.rev("HEAD");
        untidy(&lab.work, true);
        damage(&lab.work);
        let seen = lab.look(&facts, Look::Local).await;
        // A blob that nothing has to read is missed by git too, until a version needs it.
        assert!(!seen.local.damage.is_empty() || name == "missing blob", "{name}: is not seen");
        assert!(!seen.local.damage.contains(&Damage::MissingGitDir), "{name}");
        let plan = lab.planned(&seen, Action::SoftRecovery).await;
        lab.perform(&plan, 2).await.unwrap_or_else(|error| panic!("{name}: {error}\n{:?}", seen.local.damage));
        let after = lab.look(&seen, Look::Local).await;
        assert_eq!(after.local.damage, [], "{name}");
        assert_eq!(lab.work.rev("HEAD"), head, "{name}");
        assert_eq!(lab.work.git(&["symbolic-ref", "HEAD"]), "refs/heads/master", "{name}");
        assert_eq!(lab.work.try_git(&["fsck", "--full"]).code, Some(0), "{name}");
        assert_eq!(lab.work.git(&["config", "branch.master.remote"]), "origin", "{name}");
        assert_eq!(lab.work.read("notes.txt"), b"notes\n", "{name}");
        assert_eq!(lab.work.read("dir/b.py"), b"one\n", "{name}");
        let kept = after.kept.iter().filter_map(|kept| kept.folder.as_ref());
        let mine = kept.filter_map(|folder| fs::read_to_string(folder.join("files/dir/b.py")).ok()).next();
        assert_eq!(mine.as_deref(), Some("my change\n"), "{name}: what was modified is kept");
    }
}

#[tokio::test]
async fn hard_recovery_needs_nothing_of_the_old_repository() {
    let mut damages = damages();
    damages.push(("no .git", |work| fs::remove_dir_all(work.dot_git("")).unwrap()));
    for (name, damage) in damages {
        let lab = Lab::new().await;
        untidy(&lab.work, true);
        damage(&lab.work);
        let seen = lab.refreshed().await;
        let plan = lab.planned(&seen, Action::HardRecovery).await;
        lab.perform(&plan, 2).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = lab.look(&seen, Look::Remote).await;
        assert_eq!((after.local.damage.as_slice(), after.remote.error.as_deref()), (&[][..], None), "{name}");
        assert_eq!(lab.work.try_git(&["fsck", "--full"]).code, Some(0), "{name}");
        assert_eq!(lab.work.read("notes.txt"), b"notes\n", "{name}");
        assert_eq!(lab.work.read("venv/bin/python"), b"python\n", "{name}");
        assert_eq!(lab.work.read("dir/b.py"), b"one\n", "{name}");
    }
}

#[tokio::test]
async fn a_busy_printer_stops_the_switch() {
    let lab = Lab::new().await;
    let perform = || lab.host.perform(&Step::CheckPrinter, lab.circumstance(false, None));
    assert_eq!(perform().await, Ok(None));
    lab.printer.send_replace(Printer { state: KlippyState::Ready, activity: Activity::Paused, ..Printer::default() });
    let refused = perform().await.unwrap_err();
    assert!(refused.printer_busy);
    assert_eq!(refused.message, "Update Refused: Klippy is printing");
    // Nor is klipper restarted under a print that has begun since; one that a crash left is finished.
    let restart = |unit: &str| {
        let (updater, title) = (UpdaterName::new("app").unwrap(), "Git Repo app".to_owned());
        let (unit, own, sick) = (unit.to_owned(), false, Sick::TakeBack);
        Step::Service(ServiceStep::Restart { updater, title, unit, own, sick })
    };
    let (klipper, other) = ("klipper-of-a-test", "one-of-a-test");
    for (unit, again, is_busy) in [(klipper, false, true), (klipper, true, false), (other, false, false)] {
        let done = lab.host.perform(&restart(unit), lab.circumstance(again, None)).await;
        assert_eq!(done.is_err_and(|error| error.printer_busy), is_busy, "{unit}");
    }
}
