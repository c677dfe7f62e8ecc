//! Real apt-get and dpkg on a root of their own: what is missing, what may come, what is cut, and what is taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::dependencies::PackageChange;
use refit_model::journal::Witness;
use refit_model::name::{RunId, UpdaterName};
use refit_model::step::Content;
use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::scratch::scratch;
use serde_json::json;

use super::*;
use crate::git::Git;

#[path = "packages_cut_tests.rs"]
mod cut;
#[path = "packages_listed_tests.rs"]
mod listed;

fn deb(name: &str) -> Deb {
    let (name, version) = name.split_once('_').unwrap();
    let deb = Deb::new(name, version);
    match name {
        "app-dev" => deb.depends("libapp (= 1.0)"),
        "needs-newer" => deb.depends("base-thing (>= 1.1)"),
        "rival" => deb.conflicts("base-thing"),
        "bad-post" => deb.depends("libapp").script("postinst", "echo doomed; exit 3"),
        "stand-in" => deb.field("Provides", "virtual-thing"),
        "slow" => deb.depends("libapp").postinst_waits(),
        "friend" => deb.depends("libapp"),
        "libapp" => deb.conffile("etc/libapp", "as shipped\n"),
        _ => deb,
    }
}

/// A Debian, and some software that lists packages.
struct World {
    apt: AptWorld,
    root: PathBuf,
    told: Arc<Mutex<Vec<String>>>,
    git: Git,
    rules: PackageRules,
    _root: tempfile::TempDir,
}

impl World {
    async fn new(source: &[&str]) -> Self {
        let place = scratch();
        let root = fs::canonicalize(place.path()).unwrap();
        for folder in ["app", "home"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        fs::write(root.join("os-release"), "ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"12\"\n").unwrap();
        let apt = AptWorld::new().unwrap();
        let environment =
            apt.environment().into_iter().filter(|(name, _)| name.starts_with("APT") || name.starts_with("DPKG"));
        let surroundings = Surroundings {
            home: root.join("home"),
            path: std::env::var_os("PATH").unwrap(),
            passed_on: environment.map(|(name, value)| (name.into(), value)).collect(),
        };
        let rules = PackageRules {
            os_release: vec![root.join("nowhere"), root.join("os-release")],
            rpi_issue: root.join("rpi-issue"),
            runtime: root.join("no-systemd"),
            unit_logs: root.clone(),
            is_root: true,
            patience: Duration::from_secs(30),
            ..PackageRules::usual(surroundings.clone())
        };
        let git = Git::find(surroundings).await.unwrap();
        let world = Self { apt, root, told: Arc::default(), git, rules, _root: place };
        world.offer(source);
        world.apt.update();
        world
    }

    /// Puts packages into the source; the machine does not know of it yet.
    fn offer(&self, packages: &[&str]) {
        packages.iter().for_each(|package| self.apt.publish(&deb(package)));
    }

    /// Somebody else's doing.
    fn has(&self, program: &str, args: &[&str]) -> String {
        let output = self.apt.command(program).args(args).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program} {args:?}: {said}");
        said
    }

    fn installed(&self) -> String {
        self.apt.status().iter().map(|(name, known)| format!("{} {name} {}\n", known.status, known.version)).collect()
    }

    /// The packages that have files on the disk.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.apt.root().join("usr/share")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn lists(&self, packages: &[&str]) {
        fs::write(self.root.join("app/deps.json"), json!({ "debian": packages }).to_string()).unwrap();
    }

    fn list(&self, known: &[&str]) -> PackageList {
        PackageList {
            content: Content::Live { path: self.root.join("app") },
            system_dependencies: Some("deps.json".into()),
            install_script: None,
            release_info_of: None,
            known: known.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn step(&self, known: &[&str], install: bool) -> PackageStep {
        let (updater, title) = (UpdaterName::new("app").unwrap(), "Git Repo app".to_owned());
        let list = self.list(known);
        if install {
            PackageStep::Install { updater, title, list }
        } else {
            PackageStep::Fetch { updater, title, list }
        }
    }

    fn hand(&self) -> Packages {
        Packages::new(self.rules.clone())
    }

    fn contents(&self) -> Contents<'_> {
        Contents::new(&self.git, Arc::new(|_| {}), FaultPlan::none())
    }

    fn circumstance(&self, again: bool, witness: Option<Witness>) -> Circumstance {
        let told = Arc::clone(&self.told);
        let tell: Tell = Arc::new(move |line| told.lock().unwrap().push(line.to_owned()));
        Circumstance { run: RunId(7), again, rebooted: false, witness, tell }
    }

    fn told(&self) -> String {
        std::mem::take(&mut *self.told.lock().unwrap()).join("\n")
    }

    /// Until a line begins with these words.
    async fn hears(&self, words: &str) {
        let heard = async {
            while !self.told.lock().unwrap().iter().any(|line| line.starts_with(words)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap();
    }

    async fn survey(&self, known: &[&str]) -> PackageSurvey {
        let now = PackageList { system_dependencies: Some("now.json".into()), ..self.list(&[]) };
        fs::write(self.root.join("app/now.json"), json!({ "debian": known }).to_string()).unwrap();
        self.hand().survey(&self.contents(), Some(&self.list(&[])), &now).await
    }

    async fn fetch(&self, known: &[&str]) -> Result<Option<String>, StepError> {
        self.hand().act(&self.step(known, false), &self.contents(), &self.circumstance(false, None)).await
    }

    async fn witness(&self, known: &[&str]) -> Option<Witness> {
        self.hand().witness(&self.step(known, true), &self.contents()).await
    }

    async fn install(&self, known: &[&str], again: bool) -> Result<Option<String>, StepError> {
        self.hand().act(&self.step(known, true), &self.contents(), &self.circumstance(again, None)).await
    }

    async fn remove_added(&self, witness: &Option<Witness>) -> Result<(), StepError> {
        self.hand().remove_added(&self.circumstance(true, witness.clone())).await
    }
}

fn change(name: &str, from: Option<&str>, version: Option<&str>) -> (String, Option<String>, Option<String>) {
    (name.to_owned(), from.map(str::to_owned), version.map(str::to_owned))
}

fn changes(changes: &[PackageChange]) -> Vec<(String, Option<String>, Option<String>)> {
    changes.iter().map(|one| (one.name.clone(), one.from.clone(), one.version.clone())).collect()
}

#[tokio::test]
async fn missing_packages_come_and_go_again() {
    let world = World::new(&["app-dev_2.0-1", "libapp_1.0", "base-thing_1.0", "stand-in_1.0"]).await;
    world.has("apt-get", &["-y", "install", "base-thing", "stand-in"]);
    let before = world.installed();
    world.lists(&[
        "base-thing",
        "app-dev; distro_version >= '11'",
        "virtual-thing",
        "gone; distro_id == 'arch'",
        "A B",
    ]);
    let seen = world.survey(&["base-thing"]).await;
    assert_eq!(changes(&seen.missing), [change("libapp", None, Some("1.0")), change("app-dev", None, Some("2.0-1"))]);
    assert!(seen.known && seen.refused.is_none() && seen.unavailable.is_empty(), "{seen:?}");
    let size = fs::metadata(world.apt.repository().join("libapp_1.0_all.deb")).unwrap().len();
    assert_eq!(seen.missing[0].bytes, Some(size));
    assert_eq!((seen.listed_now.as_slice(), seen.notes.len()), (&["base-thing".to_owned()][..], 1));

    let note = world.fetch(&[]).await.unwrap().unwrap();
    assert!(note.starts_with("ready to be installed: libapp 1.0, app-dev 2.0-1 ("), "{note}");
    assert_eq!(world.installed(), before, "a download changes nothing");
    assert!(world.told().contains("'A B' is not the name of a package"));
    let witness = world.witness(&[]).await;
    assert_eq!(witness, Some(json!({ "added": ["libapp", "app-dev"], "configured": [], "broken": [] })));

    let note = world.install(&[], false).await.unwrap();
    assert_eq!(note.as_deref(), Some("installed: libapp 1.0, app-dev 2.0-1"));
    let told = world.told();
    assert!(
        told.starts_with("Git Repo app: Installing system dependencies...\nResolving packages...\n")
            && told.contains("Setting up app-dev (2.0-1)"),
        "{told}"
    );
    assert!(!told.contains('%'), "{told}");
    assert_eq!(world.install(&[], true).await.unwrap().as_deref(), Some("no system packages are missing"));
    assert_eq!(world.told(), "");
    assert_eq!(world.witness(&[]).await, None);

    for _ in 0..2 {
        world.remove_added(&witness).await.unwrap();
        assert_eq!(world.installed(), before);
        assert_eq!(world.files(), ["base-thing", "stand-in"]);
    }
    world.remove_added(&None).await.unwrap();
    assert_eq!(world.installed(), before, "without a note nothing is removed");
}

#[tokio::test]
async fn what_was_there_or_is_needed_stays() {
    let world = World::new(&["app-dev_2.0-1", "libapp_1.0", "friend_1.0"]).await;
    world.lists(&["app-dev"]);
    let witness = world.witness(&[]).await;
    world.install(&[], false).await.unwrap();
    world.has("apt-get", &["-y", "install", "friend"]);
    world.remove_added(&witness).await.unwrap();
    assert!(world.told().contains("libapp, app-dev stay installed: something else needs them by now (friend)"));
    assert_eq!(world.installed(), "ii app-dev 2.0-1\nii friend 1.0\nii libapp 1.0\n");
}

#[tokio::test]
async fn a_transaction_that_would_remove_or_break_is_refused() {
    let world = World::new(&["base-thing_1.0", "base-thing_1.1", "rival_1.0", "needs-newer_1.0"]).await;
    world.has("apt-get", &["-y", "install", "base-thing=1.0"]);
    world.lists(&["rival"]);
    let refused = world.survey(&[]).await.refused.unwrap();
    assert_eq!(
        refused,
        "installing the system packages rival would remove base-thing. Nothing was changed; to do it all the same, type: \
         sudo apt-get install rival"
    );
    let error = world.fetch(&[]).await.unwrap_err();
    assert_eq!((error.message, error.command_failed), (format!("Git Repo app: {refused}"), false));
    assert!(world.install(&[], false).await.is_err());
    // The software ran without it: it stands in no way.
    let known = world.survey(&["rival"]).await;
    assert_eq!((known.refused, known.unavailable), (None, vec!["rival".to_owned()]));
    assert!(world.install(&["rival"], false).await.unwrap().unwrap().contains("rival cannot be had"));

    world.lists(&["needs-newer"]);
    let upgrade = world.survey(&[]).await;
    assert_eq!(
        changes(&upgrade.missing),
        [change("base-thing", Some("1.0"), Some("1.1")), change("needs-newer", None, Some("1.0"))]
    );
    world.has("apt-mark", &["hold", "base-thing"]);
    let held = world.survey(&[]).await.refused.unwrap();
    assert!(
        held.contains("while base-thing is held at its version") && held.ends_with("sudo apt-mark unhold base-thing")
    );
    assert_eq!(world.installed(), "hi base-thing 1.0\n");
}

#[tokio::test]
async fn another_package_manager_is_waited_for_and_named() {
    use rustix::fs::FlockOperation;
    let mut world = World::new(&["libapp_1.0"]).await;
    world.lists(&["libapp"]);
    let lock = |world: &World| {
        let file = fs::File::create(world.apt.root().join("var/lib/dpkg/lock-frontend")).unwrap();
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        file
    };
    let held = lock(&world);
    world.rules.patience = Duration::from_millis(200);
    let error = world.install(&[], false).await.unwrap_err().message;
    assert!(
        error.contains(&format!("(process {}) has been working on the system's packages", std::process::id())),
        "{error}"
    );
    drop(held);
    world.told();
    world.rules.patience = Duration::from_secs(30);
    let held = lock(&world);
    let free = async {
        world.hears("Waiting for ").await;
        drop(held);
    };
    let (done, ()) = tokio::join!(world.install(&[], false), free);
    done.unwrap();
    let told = world.told();
    assert_eq!(told.matches("Waiting for").count(), 1, "{told}");
    assert!(!told.contains("Could not get lock"), "{told}");
}

/// Programs in front of the real ones: they write down how they were called, and do it.
fn recorder(world: &mut World, name: &str, script: &str) -> PathBuf {
    let (bin, log) = (world.root.join("bin"), world.root.join(format!("{name}.log")));
    fs::create_dir_all(&bin).unwrap();
    let file = bin.join(name);
    fs::write(&file, format!("#!/bin/sh\necho \"$*\" >> {}\n{script}\n", log.display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(&world.rules.surroundings.path);
    world.rules.surroundings.path = path;
    log
}

#[tokio::test]
async fn apt_runs_in_a_unit_of_its_own_and_with_rights_that_it_is_given() {
    let mut world = World::new(&["libapp_1.0"]).await;
    world.lists(&["libapp"]);
    world.rules.is_root = false;
    let refused = recorder(&mut world, "sudo", "exit 1");
    let seen = world.survey(&[]).await;
    assert!(seen.refused.unwrap().ends_with("Type this, then update again: sudo apt-get install libapp"));
    assert!(world.fetch(&[]).await.unwrap_err().message.ends_with("sudo apt-get install libapp"));
    assert_eq!(fs::read_to_string(&refused).unwrap(), "-n env --version\n-n env --version\n");

    let sudo = recorder(&mut world, "sudo", "shift; exec \"$@\"");
    world.install(&[], false).await.unwrap();
    let calls = fs::read_to_string(&sudo).unwrap();
    assert!(
        calls.contains("-n env DEBIAN_FRONTEND=noninteractive ") && calls.contains(" apt-get -y -q --no-remove "),
        "{calls}"
    );
    world.has("dpkg", &["--purge", "libapp"]);

    fs::create_dir_all(&world.rules.runtime).unwrap();
    let unit = recorder(
        &mut world,
        "systemd-run",
        "[ \"$1\" != --version ] || exit 0
         while [ \"$1\" != -- ]; do case $1 in StandardOutput=append:*) log=${1#*append:};; esac; shift; done
         shift; exec \"$@\" >>$log 2>&1",
    );
    let units = recorder(
        &mut world,
        "systemctl",
        "n=$(wc -l < ${0%/*}/../systemctl.log); [ $n -ge 2 ] || echo refit-apt-7-install-0.service loaded active",
    );
    world.install(&[], true).await.unwrap();
    let call = fs::read_to_string(&unit).unwrap();
    assert!(
        call.starts_with(
            "--version\n--unit=refit-apt-7-install-0 --collect --wait --quiet -p Type=oneshot -p StandardOutput=append:"
        ),
        "{call}"
    );
    assert!(call.contains("--setenv=NEEDRESTART_SUSPEND=1") && call.contains("--force-confold"), "{call}");
    assert_eq!(fs::read_to_string(&units).unwrap().lines().count(), 2, "waits for what a dead daemon began");
    let told = world.told();
    assert!(told.contains("waiting for its end") && told.contains("Setting up libapp"), "{told}");
}
