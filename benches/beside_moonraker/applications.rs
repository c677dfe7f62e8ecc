//! Python applications: both look after the same five, from the same package index, and update one of them with three of
//! its requirements; beside them pip alone does the same, turn by turn.
//! Refuses to pass or fail anything: it tells what was measured.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use refit_testkit::index::PackageIndex;
use refit_testkit::moonraker::Installation;
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Wheel;

use crate::sheet::{Sheet, Tally, children_cost, settle};
use crate::subject::{Kind, Place, Subject};

/// Applications whose refresh finds nothing new, and how often.
const APPLICATIONS: usize = 5;
const REFRESHES: usize = 10;
/// Updates that are timed.
const TIMED: usize = 5;
/// What each application needs, and the modules and bytes of each of these.
const REQUIREMENTS: [&str; 3] = ["needs-one", "needs-two", "needs-three"];
const MODULES: usize = 60;
const MODULE_BYTES: usize = 8 << 10;

/// Measures, and prints the table.
pub(crate) fn run(installation: Installation, refit: PathBuf) {
    let folder = refit_testkit::scratch::scratch();
    let lab = Lab {
        folder: folder.path().to_owned(),
        index: PackageIndex::start(),
        reference: installation.venv().to_owned(),
    };
    lab.publish(1);
    let by_hand = lab.environment("by-hand", "app0");
    let [moonraker, refit] = [Kind::Moonraker(installation), Kind::Refit(refit)].map(|kind| lab.subject(&kind));
    let mut sheet = Sheet::with_columns(["Moonraker 0.11.0", "Refit", "pip alone", ""]);
    let mut tallies: [Tally; 2] = Default::default();
    for side in [&moonraker, &refit] {
        side.refresh(None);
    }
    for _ in 0..REFRESHES {
        for (side, tally) in [&moonraker, &refit].into_iter().zip(&mut tallies) {
            tally.measure(|| side.cost().milliseconds, || side.refresh(None));
        }
    }
    sheet.costs("refresh of 5 applications in one request, nothing changed", &tallies);
    let mut tallies: [Tally; 3] = Default::default();
    for version in 2..2 + TIMED {
        lab.publish(version);
        for side in [&moonraker, &refit] {
            side.refresh(Some("app0"));
        }
        let [of_moonraker, of_refit, of_pip] = &mut tallies;
        settle(&lab.folder);
        of_moonraker.measure(|| moonraker.cost().milliseconds, || moonraker.upgrade("app0"));
        settle(&lab.folder);
        of_refit.measure(|| refit.cost().milliseconds, || refit.upgrade("app0"));
        settle(&lab.folder);
        of_pip.measure(children_cost, || lab.pip(&by_hand, &format!("app0=={version}.0")));
    }
    sheet.costs("update of one and three of its requirements", &tallies);
    println!("\n{}", sheet.text());
}

struct Lab {
    folder: PathBuf,
    index: PackageIndex,
    /// Moonraker's environment: its pip is new enough for Moonraker not to replace it.
    reference: PathBuf,
}

impl Lab {
    fn publish(&self, version: usize) {
        let module = "x = 1\n".repeat(MODULE_BYTES / 6);
        for name in REQUIREMENTS {
            let package = name.replace('-', "_");
            let wheel = (0..MODULES).fold(Wheel::new(name, &format!("{version}.0")), |wheel, number| {
                wheel.module(&format!("{package}/m{number}.py"), format!("# {version}\n{module}"))
            });
            self.index.publish(wheel.module(&format!("{package}/__init__.py"), "").build());
        }
        for number in 0..APPLICATIONS {
            // Only the first one moves on.
            if version > 1 && number > 0 {
                continue;
            }
            let name = format!("app{number}");
            let wheel = REQUIREMENTS.iter().fold(Wheel::new(&name, &format!("{version}.0")), |wheel, needed| {
                wheel.requires(&format!("{needed}=={version}.0"))
            });
            self.index.publish(wheel.console_script(&name, &format!("{name}:main")).build());
        }
    }

    fn environment(&self, side: &str, name: &str) -> Venv {
        let path = self.folder.join(side).join("software").join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        let venv = Venv::make(&self.folder, &path).expect("a virtual environment");
        self.take_pip(&venv);
        self.pip(&venv, &format!("{name}==1.0"));
        venv
    }

    /// The reference's pip in place of the one that Python brought along.
    fn take_pip(&self, venv: &Venv) {
        let mut program = Command::new(self.reference.join("bin/python"));
        program.args(["-c", "import pip, pathlib; print(pathlib.Path(pip.__file__).parent.parent)"]);
        let told = program.env_clear().output().expect("the reference's Python starts");
        let from = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
        for folder in [venv.site_packages(), from.clone()] {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name != "pip" && !name.starts_with("pip-") {
                    continue;
                }
                if folder == from {
                    let copied = Command::new("cp").arg("-a").arg(entry.path()).arg(venv.site_packages()).status();
                    assert!(copied.is_ok_and(|status| status.success()), "{} is copied", entry.path().display());
                } else {
                    fs::remove_dir_all(entry.path()).expect("the old pip goes");
                }
            }
        }
    }

    /// The least that an update costs: pip, in the environment itself.
    fn pip(&self, venv: &Venv, requirement: &str) {
        let mut pip = Command::new(venv.bin("python"));
        pip.args(["-m", "pip", "install", "--quiet", requirement])
            .env_clear()
            .envs(venv.environment(Some(&self.index)));
        let status = pip.stdin(Stdio::null()).status().expect("pip starts");
        assert!(status.success(), "pip install {requirement} ended with {status}");
    }

    fn subject(&self, kind: &Kind) -> Subject {
        let root = self.folder.join(kind.name());
        let sections: String = (0..APPLICATIONS)
            .map(|number| {
                let venv = self.environment(kind.name(), &format!("app{number}"));
                format!(
                    "[update_manager app{number}]\ntype: python\nvirtualenv: {}\nis_system_service: False\n\n",
                    venv.path().display()
                )
            })
            .collect();
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("PIP_INDEX_URL", self.index.url().into()),
            ("PIP_NO_INDEX", "0".into()),
            ("PIP_CONFIG_FILE", "/dev/null".into()),
        ];
        environment.push(("PIP_ROOT_USER_ACTION", "ignore".into()));
        Subject::start_in(kind, &Place { root, sections, environment, first: "app0" }).0
    }
}
