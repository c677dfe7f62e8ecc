//! What the software of a host needs beside its own files: Python packages from an index, system packages from an apt of
//! their own, Node packages from a registry, and a service that runs all of it. Real pip, apt and npm; the service manager
//! is a script that notes what it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use refit_testkit::apt::{AptWorld, Deb, Known};
use refit_testkit::git::Commit;
use refit_testkit::index::PackageIndex;
use refit_testkit::npm::{Npm, Package, Project, Registry};
use refit_testkit::venv::Venv;
use refit_testkit::wheels::{Distribution, Wheel};

use crate::deeds::Kind;
use crate::host::{Host, NAME};
use crate::oracle::names;
use crate::syscalls::write_program;
use verdict::Dependencies;

pub mod deaths;
mod inside_pip;
mod offline;
pub mod service;
mod sweeps;
pub mod verdict;

/// The file that asks for Python packages.
pub const REQUIREMENTS: &str = "requirements.txt";
/// The system package that only the second version lists.
pub const PACKAGE: &str = "libmotion";
/// The owner's files in the environment: nothing that pip knows of.
const OWN: [&str; 2] = ["mine.cfg", "share/mine/notes.txt"];
/// Programs that mean the apt of the host.
const APT: [&str; 6] = ["apt-get", "apt-config", "apt-cache", "apt-mark", "dpkg", "dpkg-query"];

/// What is offered.
pub struct Needs {
    pub index: PackageIndex,
    pub registry: Registry,
    pub apt: AptWorld,
    /// What comes first on the path.
    programs: PathBuf,
    /// The folders that are put back with the host, though they lie elsewhere.
    aside: [PathBuf; 2],
}

impl Needs {
    /// Publishes everything, and makes the environment of the first version. `folder` is beside the host.
    pub fn furnish(folder: &Path, root: &Path) -> Self {
        let programs = folder.join("programs");
        fs::create_dir_all(&programs).expect("a folder");
        let apt = AptWorld::new().unwrap_or_else(|missing| panic!("{missing}"));
        let aside = [apt.root(), folder.join("service")];
        let needs = Self { index: PackageIndex::start(), registry: Registry::start(), apt, programs, aside };
        needs.registry.publish(&Package::new("mesh", "1.0.0"));
        needs.registry.publish(&Package::new("mesh", "2.0.0").depends("matrix", "1.0.0"));
        needs.registry.publish(&Package::new("matrix", "1.0.0"));
        for wheel in wheels() {
            needs.index.publish(wheel);
        }
        needs.apt.publish(&Deb::new(PACKAGE, "1.0"));
        needs.apt.update();
        needs.write_programs(folder);
        service::install(&needs.programs, &needs.aside[1], &root.join("software"));
        let home = root.join("home");
        fs::create_dir_all(&home).expect("a folder");
        let venv = Venv::make(&home, &root.join("software/app-env")).unwrap_or_else(|missing| panic!("{missing}"));
        deaths::plant(&venv.site_packages(), &folder.join("pip-dies"));
        let file = folder.join(REQUIREMENTS);
        fs::write(&file, requirements(0)).expect("a list");
        let said = venv.pip_install(&needs.index, &["-r", &file.display().to_string()]);
        said.unwrap_or_else(|why| panic!("{why}"));
        needs
    }

    /// The variables of the daemon, beside its path and its home: pip's settings.
    pub fn variables(&self, host: &Host) -> Vec<(String, OsString)> {
        let mut variables = environment(host).environment(Some(&self.index));
        variables.retain(|(name, _)| name.starts_with("PIP_"));
        let text = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        // What was downloaded once would make an index that is down look well.
        variables.extend([text("PIP_NO_CACHE_DIR", "1"), text("PIP_DEFAULT_TIMEOUT", "2")]);
        variables
    }

    /// What comes first on the daemon's path.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The folders that are put back with the host, each with its name.
    pub fn aside(&self) -> impl Iterator<Item = (&str, &Path)> {
        ["system", "service"].into_iter().zip(self.aside.iter().map(PathBuf::as_path))
    }

    /// The standing orders of the daemon.
    pub fn orders(&self) -> String {
        format!("systemd={},settling=100", self.aside[1].display())
    }

    /// What a version's commit adds to its files.
    pub fn asks(&self, commit: Commit, version: usize) -> Commit {
        let folder = self.programs.with_file_name(format!("manifests-{version}"));
        fs::create_dir_all(&folder).expect("a folder");
        let project = Project::new("panel", "1.0.0").depends("mesh", ["1.0.0", "2.0.0"][version]);
        self.registry.write(&project, &folder);
        let read = |name: &str| fs::read(folder.join(name)).expect("a manifest");
        let packages = ["", PACKAGE][version];
        commit
            .file(".gitignore", "*.log\nnode_modules/\n")
            .file("package.json", read("package.json"))
            .file("package-lock.json", read("package-lock.json"))
            .file(REQUIREMENTS, requirements(version))
            .file("install.sh", format!("#!/bin/sh\nPKGLIST=\"{packages}\"\n"))
            .file("version.txt", format!("{}\n", version + 1))
    }

    /// Has npm install what the first version's repository asks for.
    pub fn furnish_repository(&self, home: &Path, repository: &Path) {
        let npm = Npm::find(home).unwrap_or_else(|missing| panic!("{missing}"));
        npm.ci(&self.registry, repository).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Nobody answers any more.
    pub fn go_down(&self) {
        self.index.down();
        self.registry.down();
        let away = self.apt.repository().with_extension("away");
        fs::rename(self.apt.repository(), away).expect("a repository");
    }

    /// Everybody answers again.
    pub fn come_back(&self) {
        self.index.up();
        self.registry.up();
        let away = self.apt.repository().with_extension("away");
        fs::rename(away, self.apt.repository()).expect("a repository");
    }

    fn write_programs(&self, folder: &Path) {
        let npm = Npm::find(folder).unwrap_or_else(|missing| panic!("{missing}"));
        let registry = self.registry.url();
        let text = format!(
            "#!/bin/sh\nexport npm_config_registry={registry} npm_config_fetch_retries=0\n\
             export npm_config_cache={}\nexec {} \"$@\"\n",
            folder.join("npm-cache").display(),
            npm.program().display()
        );
        write_program(&self.programs.join("npm"), &text);
        let variables: String = self
            .apt
            .environment()
            .into_iter()
            .filter(|(name, _)| name.starts_with("APT_") || name.starts_with("DPKG_"))
            .map(|(name, value)| format!("export {name}='{}'\n", value.to_string_lossy()))
            .collect();
        for program in APT {
            let text = format!("#!/bin/sh\n{variables}exec /usr/bin/{program} \"$@\"\n");
            write_program(&self.programs.join(program), &text);
        }
    }
}

/// The environment in use.
pub fn environment(host: &Host) -> Venv {
    Venv::at(&host.root().join("home"), &host.software("app-env"))
}

/// Where environments from before are kept.
pub fn kept_place(host: &Host) -> PathBuf {
    host.previous("app-env")
}

/// The kept environments by their folders' names, each as its digest.
pub fn kept(host: &Host) -> BTreeMap<String, String> {
    let place = kept_place(host);
    let home = host.root().join("home");
    names(&place).into_iter().map(|name| (name.clone(), Venv::at(&home, &place.join(name)).digest())).collect()
}

/// The options of the updater's section. Of its services one is not there.
pub fn options(host: &Host) -> String {
    format!(
        "virtualenv: {}\nrequirements: {REQUIREMENTS}\ninstall_script: install.sh\nenable_node_updates: True\n\
         managed_services: app moonraker\n",
        environment(host).path().display()
    )
}

/// The section of an application that lives in the environment.
pub fn section(host: &Host) -> String {
    let folder = environment(host).path().display().to_string();
    format!(
        "\n[update_manager tool]\ntype: python\nvirtualenv: {folder}\nproject_name: tool\nis_system_service: False\n"
    )
}

/// One is upgraded, one stays, one is new, and one is not asked for any more, which leaves it where it is.
fn requirements(version: usize) -> String {
    ["tool==1.0\nhelper==1.0\nlegacy==1.0\n", "tool==2.0\nhelper==1.0\nextra>=1.0\n"][version].to_owned()
}

/// The programs of an environment, and what each says: its name, and the version that is installed.
pub fn programs(venv: &Venv) -> Vec<(String, String)> {
    let mut installed = venv.installed();
    installed.retain(|name, _| ["tool", "legacy", "extra"].contains(&name.as_str()));
    installed.into_iter().map(|(name, version)| (name.clone(), format!("{name} {version}"))).collect()
}

/// Bends what the software depends on into the state before the deed; what that is.
pub fn bend(host: &Host, kind: Kind) -> Dependencies {
    if host.needs.is_none() {
        return Dependencies::default();
    }
    own(host);
    let venv = environment(host);
    let (whole, installed) = (venv.digest(), venv.installed());
    let mut new = Vec::new();
    match kind {
        Kind::DepsRollbackExact => damage_kept(host),
        Kind::DepsRecover => {
            venv.delete_module("helper");
            new.push(whole);
        }
        Kind::DepsRebuild | Kind::DepsRebuildInPlace => {
            venv.break_interpreter();
            service::fail(host);
            if kind == Kind::DepsRebuildInPlace {
                forbid_namespaces(host);
            }
        }
        Kind::DepsInPlace => forbid_namespaces(host),
        _ => {}
    }
    Dependencies { new, installed, ..Dependencies::of(host) }
}

/// The environment that is kept is not fit to be gone back to any more.
fn damage_kept(host: &Host) {
    let place = kept_place(host);
    let all = names(&place);
    let [only] = all.as_slice() else { panic!("kept: {all:?}") };
    Venv::at(&host.root().join("home"), &place.join(only)).delete_module("helper");
}

/// Puts the owner's files into the environment.
fn own(host: &Host) {
    for path in OWN {
        let file = environment(host).path().join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, format!("the owner's {path}\n")).expect("a file");
    }
}

/// A file of the state folder stands where the trial of a namespace would be made: nothing can be prepared beside.
fn forbid_namespaces(host: &Host) {
    fs::write(host.data().join("refit/namespace"), "").expect("a file");
}

/// What dpkg says of the package; none when it knows nothing of it.
pub fn package(needs: &Needs) -> Option<Known> {
    needs.apt.status().remove(PACKAGE)
}

/// The version that the repository is at, as its own file says.
pub fn told_version(host: &Host) -> usize {
    let text = fs::read_to_string(host.software(NAME).join("version.txt")).unwrap_or_default();
    text.trim().parse::<usize>().map_or(usize::MAX, |number| number - 1)
}

fn wheels() -> Vec<Distribution> {
    let main = |name: &str, version: &str| {
        format!("from {name}.parts import one\n\n\ndef main():\n    print(\"{name} {version}\", one.WORD)\n")
    };
    let whole = |name: &str, version: &str, parts: usize| {
        let wheel = Wheel::new(name, version)
            .module(&format!("{name}/__init__.py"), main(name, version))
            .module(&format!("{name}/parts/__init__.py"), "")
            .module(&format!("{name}/parts/one.py"), format!("WORD = \"{}\"\n", version.repeat(40)));
        let wheel = (0..parts).fold(wheel, |wheel, part| {
            wheel.module(&format!("{name}/parts/p{part}_{}.py", version.len() + part), format!("V = {version}\n"))
        });
        wheel.console_script(name, &format!("{name}:main"))
    };
    vec![
        whole("tool", "1.0", 6).data("share/tool/page.html", "one").build(),
        // A file goes, some change, some come.
        whole("tool", "2.0", 4)
            .requires("helper>=1.0")
            .module("tool/new.py", "NEW = True\n")
            .data("share/tool/page.html", "two")
            .build(),
        whole("helper", "1.0", 0).build(),
        whole("legacy", "1.0", 0).build(),
        whole("extra", "1.0", 2).build(),
    ]
}
