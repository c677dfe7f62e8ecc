//! Real apt-get and dpkg on a root of their own, through the planner: what is offered, what is refused, what is cut off.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use refit_engine::ports::Circumstance;
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::{Action, Occasion, Plan, Verdict};
use refit_model::refusal::Refusal;
use refit_model::step::Step;
use refit_model::updater::{Facts, Spec};
use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::scratch::scratch;
use refit_testkit::web::WebServer;

use super::*;
use crate::command::Surroundings;
use crate::packages::PackageRules;

#[path = "system_rights_tests.rs"]
mod rights;

/// A Debian, and the hand on it.
struct World {
    apt: AptWorld,
    told: Arc<Mutex<Vec<String>>>,
    rules: PackageRules,
    places: SystemRules,
    root: tempfile::TempDir,
}

impl World {
    /// These are installed, and these are offered.
    fn new(installed: &[Deb], offered: &[Deb]) -> Self {
        let root = scratch();
        let apt = AptWorld::new().unwrap();
        let environment =
            apt.environment().into_iter().filter(|(name, _)| name.starts_with("APT") || name.starts_with("DPKG"));
        let surroundings = Surroundings {
            home: root.path().to_owned(),
            path: std::env::var_os("PATH").unwrap(),
            passed_on: environment.map(|(name, value)| (name.into(), value)).collect(),
        };
        fs::write(
            root.path().join("os-release"),
            "ID=debian\nVERSION_ID=10\nVERSION_CODENAME=buster\nPRETTY_NAME=\"Debian GNU/Linux 10 (buster)\"\n",
        )
        .unwrap();
        let rules = PackageRules {
            os_release: vec![root.path().join("os-release")],
            runtime: root.path().join("no-systemd"),
            is_root: true,
            patience: Duration::from_secs(30),
            ..PackageRules::usual(surroundings)
        };
        let places = SystemRules {
            reboot_required: root.path().join("reboot-required"),
            kernel: root.path().join("osrelease"),
            modules: root.path().join("modules"),
        };
        let world = Self { apt, told: Arc::default(), rules, places, root };
        installed.iter().for_each(|deb| world.apt.publish(deb));
        world.apt.update();
        let names: Vec<String> = world.apt_names();
        world.apt.install(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        offered.iter().for_each(|deb| world.apt.publish(deb));
        world
    }

    /// What the repository has.
    fn apt_names(&self) -> Vec<String> {
        let index = fs::read_to_string(self.apt.repository().join("Packages")).unwrap();
        index.lines().filter_map(|line| line.strip_prefix("Package: ")).map(str::to_owned).collect()
    }

    fn hand(&self) -> SystemPackages {
        SystemPackages::new(self.places.clone(), Arc::new(Packages::new(self.rules.clone())), "boot-1".to_owned())
    }

    async fn refresh(&self) -> SystemFacts {
        self.refresh_from(&SystemFacts::default(), 1000).await
    }

    async fn refresh_from(&self, before: &SystemFacts, now: i64) -> SystemFacts {
        self.hand().refresh(&spec(), before, now, self.tell()).await
    }

    /// Plans an upgrade of what is there now.
    async fn plan(&self, facts: &SystemFacts, consent: bool) -> Result<Plan, Refusal> {
        self.plan_for(Action::Upgrade, facts, consent).await
    }

    async fn plan_for(&self, action: Action, facts: &SystemFacts, consent: bool) -> Result<Plan, Refusal> {
        let facts = self.hand().survey(&spec(), facts).await;
        let occasion = Occasion {
            now: 1000,
            mark: "mark".to_owned(),
            application: "system".to_owned(),
            consent,
            ..Occasion::default()
        };
        let verdict =
            refit_model::plan::plan(action, &Spec::System(spec()), &Facts::System(Box::new(facts)), &occasion)?;
        match verdict {
            Verdict::Do(plan) => Ok(*plan),
            Verdict::Nothing(why) => Err(Refusal::Unfit(format!("nothing: {why}"))),
        }
    }

    /// Performs its steps on this machine, as the engine does; what each left, or why one failed.
    async fn run(&self, plan: &Plan) -> Result<Vec<String>, String> {
        let mut notes = Vec::new();
        for planned in &plan.steps {
            let Step::System(step) = &planned.step else { continue };
            let witness = self.hand().witness(step).await;
            let done = self.hand().act(step, &self.circumstance(false, witness)).await;
            notes.extend(done.map_err(|error| error.message)?);
        }
        Ok(notes)
    }

    async fn upgrade(&self, consent: bool) -> Result<Vec<String>, String> {
        let facts = self.refresh().await;
        let plan = self.plan(&facts, consent).await.map_err(|refusal| refusal.to_string())?;
        self.run(&plan).await
    }

    fn circumstance(&self, again: bool, witness: Option<Witness>) -> Circumstance {
        Circumstance { run: RunId(7), again, rebooted: false, witness, tell: self.tell() }
    }

    fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |line| told.lock().unwrap().push(line.to_owned()))
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

    /// `ii app 2.0`, a line each.
    fn installed(&self) -> Vec<String> {
        let known = self.apt.status();
        known.iter().map(|(name, known)| format!("{} {name} {}", known.status, known.version)).collect()
    }

    fn sources(&self, lines: &str) {
        let own = format!("deb [trusted=yes] file:{} ./\n", self.apt.repository().display());
        fs::write(self.apt.root().join("etc/apt/sources.list"), format!("{own}{lines}")).unwrap();
    }
}

fn spec() -> SystemSpec {
    let name = UpdaterName::new("system").unwrap();
    SystemSpec { name, packagekit: false, refresh_interval_hours: 168, config_hash: "x".to_owned() }
}

fn words(packages: &[refit_model::updater::system::PackageUpgrade]) -> Vec<String> {
    packages.iter().map(refit_model::updater::system::PackageUpgrade::words).collect()
}

#[tokio::test]
async fn packages_are_brought_to_the_versions_of_the_plan() {
    let world = World::new(
        &[Deb::new("app", "1.0").conffile("etc/app", "as shipped\n").depends("lib"), Deb::new("lib", "1.0")],
        &[
            Deb::new("app", "2.0").conffile("etc/app", "as shipped, newer\n").depends("lib (>= 2.0), newdep"),
            Deb::new("lib", "2.0"),
            Deb::new("newdep", "1.0"),
        ],
    );
    fs::write(world.apt.root().join("etc/app"), "the owner's\n").unwrap();
    world.apt.command("apt-mark").args(["auto", "lib"]).output().unwrap();
    let facts = world.refresh().await;
    let mut offered = words(&facts.offered);
    offered.sort();
    assert_eq!(offered, ["app 1.0 -> 2.0", "lib 1.0 -> 2.0", "newdep 1.0 (new)"]);
    assert!(facts.offered.iter().all(|package| package.bytes.is_some_and(|bytes| bytes > 0)), "{:?}", facts.offered);
    assert_eq!((facts.last_refresh, facts.lists.last_good, &facts.lists.error), (1000, Some(1000), &None));
    let provider = facts.provider.clone().unwrap();
    assert_eq!(provider.name, "apt");
    assert!(provider.version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())));

    let plan = world.plan(&facts, false).await.unwrap();
    let notes = world.run(&plan).await.unwrap();
    assert!(notes[0].starts_with("downloaded: 3 packages, "), "{notes:?}");
    assert_eq!(world.installed(), ["ii app 2.0", "ii lib 2.0", "ii newdep 1.0"]);
    assert_eq!(fs::read_to_string(world.apt.root().join("etc/app")).unwrap(), "the owner's\n");
    // Who asked for what is known still: else nothing would ever be cleaned up.
    let auto = world.apt.command("apt-mark").arg("showauto").output().unwrap();
    let mut auto: Vec<String> = String::from_utf8_lossy(&auto.stdout).lines().map(str::to_owned).collect();
    auto.sort();
    assert_eq!(auto, ["lib", "newdep"]);
    // Once more is as once.
    world.run(&plan).await.unwrap();
    let seen = world.hand().look(&spec(), &facts).await;
    assert_eq!((seen.offered, seen.last_refresh), (Vec::new(), 1000));
}

#[tokio::test]
async fn what_is_held_stays_and_what_would_remove_waits_for_consent() {
    let installed = ["held", "needs", "old", "plain"].map(|name| Deb::new(name, "1.0"));
    let newer = Deb::new("needs", "2.0").conflicts("old");
    let world = World::new(&installed, &[Deb::new("held", "2.0"), newer, Deb::new("plain", "2.0")]);
    world.apt.hold("held");
    let facts = world.refresh().await;
    assert_eq!(words(&facts.offered), ["plain 1.0 -> 2.0"]);
    assert_eq!(words(&facts.held), ["held 1.0 -> 2.0"]);
    assert_eq!(words(&facts.kept_back), ["needs 1.0 -> 2.0"]);
    assert_eq!(facts.with_removals.as_ref().unwrap().remove, ["old"]);
    let shown = refit_model::updater::system::assess(&spec(), &facts);
    assert_eq!(shown.package_list, ["plain"]);
    assert_eq!(
        shown.warnings,
        [
            "Held at their versions: held 1.0 -> 2.0",
            "Kept back: needs 1.0 -> 2.0. Their upgrade would remove old; with consent it does: refit upgrade system \
             --consent"
        ]
    );

    world.upgrade(false).await.unwrap();
    assert_eq!(world.installed(), ["hi held 1.0", "ii needs 1.0", "ii old 1.0", "ii plain 2.0"]);
    let refused = world.upgrade(false).await.unwrap_err();
    assert!(refused.starts_with("Error updating system packages: nothing was changed. Kept back: needs"), "{refused}");
    assert!(refused.contains("would remove old; with consent"), "{refused}");

    // What was agreed to is removed, and nothing else.
    let agreed = world.plan(&world.refresh().await, true).await.unwrap();
    assert_eq!(agreed.notes[0], "Removed with your consent: old");
    world.apt.publish(&Deb::new("needs", "3.0").conflicts("old, plain"));
    world.apt.withdraw("needs");
    world.apt.publish(&Deb::new("needs", "2.0").conflicts("old, plain"));
    world.apt.update();
    let error = world.run(&agreed).await.unwrap_err();
    assert!(error.contains("would remove plain by now, which the plan does not name"), "{error}");
    assert_eq!(world.installed().len(), 4);
    world.apt.publish(&Deb::new("needs", "2.0").conflicts("old"));
    world.apt.update();
    world.run(&agreed).await.unwrap();
    assert_eq!(world.installed(), ["hi held 1.0", "ii needs 2.0", "ii plain 2.0"]);
}

#[tokio::test]
async fn what_is_held_meanwhile_is_not_changed() {
    let world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let plan = world.plan(&world.refresh().await, false).await.unwrap();
    world.apt.hold("app");
    let error = world.run(&plan).await.unwrap_err();
    assert!(error.contains("would change app, which you hold at its version"), "{error}");
    assert_eq!(world.installed(), ["hi app 1.0"]);
}

#[tokio::test]
async fn another_version_than_the_plan_names_is_not_taken() {
    let world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let plan = world.plan(&world.refresh().await, false).await.unwrap();
    world.apt.withdraw("app");
    world.apt.publish(&Deb::new("app", "3.0"));
    // The lists still name what is gone: they are fetched again, and offer another.
    fs::remove_file(world.apt.repository().join("app_2.0_all.deb")).unwrap();
    let error = world.run(&plan).await.unwrap_err();
    assert!(
        error.starts_with("Error updating system packages: the package sources offer something else by now"),
        "{error}"
    );
    assert!(error.ends_with("Nothing was changed; look again and update: refit refresh system"), "{error}");
    assert_eq!(world.installed(), ["ii app 1.0"]);
    world.upgrade(false).await.unwrap();
    assert_eq!(world.installed(), ["ii app 3.0"]);
}

#[tokio::test]
async fn a_repository_that_vanished_costs_nothing_that_is_known() {
    let world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let served = WebServer::start(world.apt.repository().parent().unwrap());
    let source = format!("deb [trusted=yes] {} repository/\n", served.url());
    fs::write(world.apt.root().join("etc/apt/sources.list"), source).unwrap();
    let good = world.refresh().await;
    assert_eq!(good.lists.error, None, "{:?}", world.told());
    fs::rename(world.apt.repository(), world.root.path().join("elsewhere")).unwrap();
    let seen = world.refresh_from(&good, 2000).await;
    assert_eq!((seen.last_refresh, seen.lists.last_good, seen.lists.failed_at), (2000, Some(1000), Some(2000)));
    let error = seen.lists.error.clone().unwrap();
    assert!(error.starts_with("Failed to fetch http:") && error.contains("Look at this source"), "{error}");
    assert_eq!((words(&seen.offered), seen.end_of_life.as_deref()), (vec!["app 1.0 -> 2.0".to_owned()], None));
    let failed = world.run(&world.plan(&seen, false).await.unwrap()).await.unwrap_err();
    assert!(failed.contains("Nothing was changed") || failed.contains("could not be"), "{failed}");
    assert_eq!(world.installed(), ["ii app 1.0"]);
    fs::rename(world.root.path().join("elsewhere"), world.apt.repository()).unwrap();
    let seen = world.refresh_from(&seen, 3000).await;
    assert_eq!((seen.lists.last_good, seen.lists.failed_at, seen.lists.error), (Some(3000), None, None));
}

#[tokio::test]
async fn the_end_of_a_release_is_no_failure_of_ours() {
    let world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let gone = WebServer::start(world.root.path().join("empty"));
    let config = fs::read_to_string(world.apt.config()).unwrap();
    let proxy = gone.url();
    fs::write(world.apt.config(), format!("{config}Acquire::http::Proxy \"{}\";\n", proxy.trim_end_matches('/')))
        .unwrap();
    world.sources("deb http://deb.debian.org/debian buster main\n");
    let seen = world.refresh().await;
    let ended = seen.end_of_life.clone().unwrap_or_else(|| panic!("{:?}", seen.lists));
    assert!(ended.starts_with("Debian GNU/Linux 10 (buster) has reached its end of life: its package source is gone"));
    assert_eq!((&seen.lists.error, seen.lists.last_good), (&None, Some(1000)));
    // What others offer comes all the same.
    world.upgrade(false).await.unwrap();
    assert_eq!(world.installed(), ["ii app 2.0"]);
    // Somebody else's source says nothing of the release.
    world.sources("deb http://packages.example.net/debian buster main\n");
    let seen = world.refresh().await;
    assert_eq!(seen.end_of_life, None);
    assert!(seen.lists.error.unwrap().contains("take it out when nothing needs it any more"));
}

#[tokio::test]
async fn a_failing_script_is_told_and_its_package_put_back() {
    let installed = [Deb::new("bad", "1.0"), Deb::new("fine", "1.0")];
    let world =
        World::new(&installed, &[Deb::new("bad", "2.0").postinst_fails("no luck today"), Deb::new("fine", "2.0")]);
    let error = world.upgrade(false).await.unwrap_err();
    assert_eq!(
        error,
        "Error updating system packages: bad: installed bad package post-installation script subprocess returned error \
         exit status 1. Put back to the version from before: bad. 1 of 2 packages are upgraded, and stay so"
    );
    let told = world.told();
    assert!(told.contains("no luck today") && told.contains("Putting back the version from before: bad=1.0"), "{told}");
    assert_eq!(world.installed(), ["ii bad 1.0", "ii fine 2.0"]);
}

#[tokio::test]
async fn what_cannot_be_put_back_is_named_and_repaired_later() {
    let world = World::new(&[Deb::new("bad", "1.0")], &[]);
    world.apt.withdraw("bad");
    world.apt.publish(&Deb::new("bad", "2.0").script("postinst", "[ -e \"$DPKG_ROOT/released\" ] || exit 1"));
    let error = world.upgrade(false).await.unwrap_err();
    assert!(error.contains("bad could not be finished and is half installed. To see why, type: sudo dpkg"), "{error}");
    assert_eq!(world.installed(), ["iF bad 2.0"]);
    let facts = world.refresh().await;
    assert_eq!((facts.interrupted[0].name.as_str(), facts.interrupted[0].status.as_str()), ("bad", "iF"));
    let unsettled = world.hand().settle(&world.circumstance(true, None)).await.unwrap_err().message;
    assert!(unsettled.contains("bad could not be finished"), "{unsettled}");
    world.apt.release();
    let repair = world.plan_for(Action::SoftRecovery, &facts, false).await.unwrap();
    assert_eq!(world.run(&repair).await.unwrap(), ["finished: bad"]);
    assert_eq!(world.installed(), ["ii bad 2.0"]);
    let again = world.plan_for(Action::HardRecovery, &facts, false).await.unwrap_err().to_string();
    assert!(again.contains("nothing to repair"), "{again}");
}

#[tokio::test]
async fn what_was_cut_off_is_finished_before_anything_else() {
    let world = World::new(
        &[Deb::new("app", "1.0"), Deb::new("lib", "1.0")],
        &[Deb::new("app", "2.0"), Deb::new("lib", "2.0")],
    );
    world.apt.update();
    let file = world.apt.repository().join("lib_2.0_all.deb");
    world.apt.command("dpkg").arg("--unpack").arg(file).output().unwrap();
    let status = world.apt.root().join("var/lib/dpkg/status");
    let halved =
        fs::read_to_string(&status).unwrap().replacen("install ok unpacked", "install reinstreq half-installed", 1);
    fs::write(&status, halved).unwrap();
    let facts = world.refresh().await;
    assert_eq!(facts.interrupted[0].status, "iHR");
    let plan = world.plan(&facts, false).await.unwrap();
    world.run(&plan).await.unwrap();
    world.upgrade(false).await.ok();
    assert_eq!(world.installed(), ["ii app 2.0", "ii lib 2.0"]);
}

#[tokio::test]
async fn an_installation_that_dies_is_finished_by_the_next() {
    let world = World::new(
        &[Deb::new("slow", "1.0"), Deb::new("zlib", "1.0")],
        &[Deb::new("slow", "2.0").postinst_waits(), Deb::new("zlib", "2.0")],
    );
    let plan = world.plan(&world.refresh().await, false).await.unwrap();
    let install = plan.steps.iter().rev().find_map(|planned| match &planned.step {
        Step::System(step) => Some(step.clone()),
        _other => None,
    });
    let install = install.unwrap();
    let witness = world.hand().witness(&install).await;
    {
        let (hand, first) = (world.hand(), world.circumstance(false, None));
        let begun = hand.act(&install, &first);
        tokio::select! {
            done = begun => panic!("it waits for ever, and ended: {done:?}"),
            () = world.hears("Setting up slow") => {}
        }
    }
    world.apt.release();
    assert!(!world.installed().contains(&"ii slow 2.0".to_owned()), "{:?}", world.installed());
    world.hand().act(&install, &world.circumstance(true, witness.clone())).await.unwrap();
    assert_eq!(world.installed(), ["ii slow 2.0", "ii zlib 2.0"]);
    world.hand().settle(&world.circumstance(true, witness)).await.unwrap();
}

#[tokio::test]
async fn who_has_the_lock_is_named_and_waited_for() {
    let mut world = World::new(&[Deb::new("app", "1.0")], &[Deb::new("app", "2.0")]);
    let plan = world.plan(&world.refresh().await, false).await.unwrap();
    let busy = world.apt.busy();
    world.rules.patience = Duration::from_millis(200);
    let error = world.run(&plan).await.unwrap_err();
    let mine = fs::read_to_string("/proc/self/comm").unwrap();
    assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
    assert!(error.contains(mine.trim().split('-').next().unwrap_or_default()), "{error} names {mine}");
    world.rules.patience = Duration::from_secs(30);
    world.told();
    let free = async {
        world.hears("Waiting for ").await;
        drop(busy);
    };
    let (done, ()) = tokio::join!(world.run(&plan), free);
    done.unwrap();
    assert_eq!(world.installed(), ["ii app 2.0"]);
}

#[tokio::test]
async fn the_machine_says_when_it_is_to_be_restarted() {
    let world = World::new(&[Deb::new("libc6", "1.0")], &[Deb::new("libc6", "2.0")]);
    assert_eq!(world.refresh().await.reboot, None);
    fs::write(&world.places.reboot_required, "*** System restart required ***\n").unwrap();
    fs::write(world.root.path().join("reboot-required.pkgs"), "linux-image\nlibssl3\nlinux-image\n").unwrap();
    let seen = world.refresh().await;
    assert_eq!(seen.reboot.unwrap().packages, ["linux-image", "libssl3"]);
    fs::remove_file(&world.places.reboot_required).unwrap();
    fs::write(&world.places.kernel, "6.1.0-rpi4\n").unwrap();
    fs::create_dir_all(world.places.modules.join("6.1.0-rpi7")).unwrap();
    let seen = world.refresh().await;
    assert!(seen.reboot.clone().unwrap().packages[0].contains("6.1.0-rpi4"));
    fs::create_dir_all(world.places.modules.join("6.1.0-rpi4")).unwrap();
    // What an upgrade changed counts until the machine is in another boot.
    let plan = world.plan(&seen, false).await.unwrap();
    assert!(plan.notes[0].contains("To have libc6 in use, restart the machine"), "{:?}", plan.notes);
    world.run(&plan).await.unwrap();
    let after = refit_model::updater::system::after_run(&plan, &seen, world.hand().look(&spec(), &seen).await);
    let shown = refit_model::updater::system::assess(&spec(), &after);
    assert_eq!(shown.reboot.unwrap().packages, ["libc6"]);
    let rebooted =
        SystemPackages::new(world.places.clone(), Arc::new(Packages::new(world.rules.clone())), "boot-2".to_owned());
    let seen = rebooted.look(&spec(), &after).await;
    assert_eq!(refit_model::updater::system::assess(&spec(), &seen).reboot, None);
}
