//! One state of one python application: its section, the virtual environment it is to find, what the index has of it.
//!
//! What is installed is written as an installer leaves it, not installed: that takes no time, and can be what no installer
//! would leave. Refuses to know how the daemons are asked.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use refit_testkit::index::PackageIndex;
use refit_testkit::releases::{Release, ReleaseHost};
use refit_testkit::venv::Venv;
use refit_testkit::wheels::{Distribution, Wheel};

/// Whose repositories on GitHub the applications come from.
pub const OWNER: &str = "own";

/// What is installed of an application.
struct Installed {
    version: String,
    /// In METADATA, when it is another one than in the name of the folder.
    told: Option<&'static str>,
    headers: String,
    files: Vec<(String, String)>,
    direct_url: Option<String>,
}

/// What was done to an environment after it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It has no pip.
    NoPip,
    /// No `bin/activate`.
    NoActivate,
    /// No `bin/python`.
    NoInterpreter,
    /// `bin/python` leads nowhere, as after an upgrade of the system.
    InterpreterGone,
    /// `bin/python` is a file that cannot be started.
    NotExecutable,
    /// `bin/python` starts and fails.
    Fails,
    /// No `lib`.
    NoLibrary,
    /// The METADATA of the application is not there.
    NoMetadata,
    /// The METADATA of the application is empty.
    EmptyMetadata,
}

/// How the section names the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Virtualenv,
    /// By its interpreter, as it was done before.
    Env,
    Both,
    Neither,
    /// A folder that is not there.
    Missing,
    /// By a file in it.
    AFile,
    /// By a link to it.
    Linked,
}

/// Whose environment it lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// Its own.
    Alone,
    /// One with others that are asked about on the index.
    Together,
    /// One with others, whose pip is a stand-in that knows of nothing newer: asking it costs next to nothing.
    Quietly,
}

/// What is built, published and configured under one name.
pub struct State {
    pub name: &'static str,
    project: &'static str,
    named: Named,
    options: String,
    installed: Option<Installed>,
    damages: Vec<Damage>,
    published: Vec<Distribution>,
    yanked: Vec<&'static str>,
    releases: Vec<Release>,
    commits: Vec<(&'static str, String)>,
    /// What is installed beside it: names and versions.
    beside: Vec<(&'static str, &'static str)>,
    pub lives: Lives,
    pub has_repository: bool,
    /// It has the pip that the machine's Python brings along.
    pub keeps_pip: bool,
}

impl State {
    /// The version `1.0.0` of a project of this name is installed from the index, which has no other; no service.
    pub fn new(name: &'static str) -> Self {
        let state = Self {
            name,
            project: name,
            named: Named::Virtualenv,
            options: "is_system_service: False\n".to_owned(),
            installed: None,
            damages: Vec::new(),
            published: Vec::new(),
            yanked: Vec::new(),
            releases: Vec::new(),
            commits: Vec::new(),
            beside: Vec::new(),
            lives: Lives::Alone,
            has_repository: false,
            keeps_pip: false,
        };
        state.installed("1.0.0").published(&["1.0.0"])
    }

    /// Of a project of this name, which the section does not tell. Before everything else.
    pub fn of(mut self, project: &'static str) -> Self {
        self.project = project;
        self.published(&["1.0.0"])
    }

    /// With this version installed, and nothing else known of it.
    pub fn installed(mut self, version: &str) -> Self {
        let module = (format!("{}.py", self.stem()), format!("VERSION = \"{version}\"\n"));
        self.installed = Some(Installed {
            version: version.to_owned(),
            told: None,
            headers: String::new(),
            files: vec![module],
            direct_url: None,
        });
        self
    }

    /// With nothing installed.
    pub fn absent(mut self) -> Self {
        self.installed = None;
        self
    }

    /// With this version in METADATA, as no index takes it. Empty: without the line.
    pub fn told(self, version: &'static str) -> Self {
        self.change(|installed| installed.told = Some(version))
    }

    /// With this header in METADATA.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|installed| installed.headers.push_str(&format!("{name}: {value}\n")))
    }

    /// With this `Project-URL`.
    pub fn url(self, label: &str, url: &str) -> Self {
        self.header("Project-URL", &format!("{label}, {url}"))
    }

    /// With this file in `site-packages`.
    pub fn file(self, path: &str, content: &str) -> Self {
        self.change(|installed| installed.files.push((path.to_owned(), content.to_owned())))
    }

    /// With this `release_info` beside its modules.
    pub fn release_info(self, text: &str) -> Self {
        let path = format!("{}_data/release_info", self.stem());
        self.file(&path, text)
    }

    /// With this `direct_url.json`.
    pub fn direct_url(self, text: &str) -> Self {
        self.change(|installed| installed.direct_url = Some(text.to_owned()))
    }

    fn change(mut self, change: impl FnOnce(&mut Installed)) -> Self {
        change(self.installed.as_mut().expect("a state has something installed to change"));
        self
    }

    /// With these versions on the index and no others.
    pub fn published(mut self, versions: &[&str]) -> Self {
        self.published = versions.iter().map(|version| Wheel::new(self.project, version).build()).collect();
        self
    }

    /// With this file on the index too.
    pub fn file_on_index(mut self, file: Distribution) -> Self {
        self.published.push(file);
        self
    }

    /// With another distribution in its environment.
    pub fn beside(mut self, name: &'static str, version: &'static str) -> Self {
        self.beside.push((name, version));
        self
    }

    /// From the repository of its name on GitHub, at this commit, with these releases there.
    pub fn at_github(self, commit: &str, releases: Vec<Release>) -> Self {
        let url = format!("https://github.com/{OWNER}/{}", self.name);
        let mut state = self.direct_url(&super::catalogue::git(&url, Some(commit)));
        state.releases = releases;
        state
    }

    /// From a repository on GitHub that is there: see [`super::world::World`].
    pub fn of_repository(mut self) -> Self {
        self.has_repository = true;
        self
    }

    /// With the pip that the machine's Python brings along, which is an older one than Moonraker wants.
    pub fn keeping_its_pip(mut self) -> Self {
        self.keeps_pip = true;
        self
    }

    /// With this commit on this branch of the repository.
    pub fn pushed(mut self, branch: &'static str, commit: &str) -> Self {
        self.commits.push((branch, commit.to_owned()));
        self
    }

    /// With this version yanked.
    pub fn yanked(mut self, version: &'static str) -> Self {
        self.yanked.push(version);
        self
    }

    /// With these lines in its section.
    pub fn options(mut self, lines: &str) -> Self {
        self.options.push_str(lines);
        self.options.push('\n');
        self
    }

    /// A service of its name.
    pub fn service(mut self) -> Self {
        self.options.clear();
        self
    }

    /// With the environment named in another way.
    pub fn named(mut self, named: Named) -> Self {
        self.named = named;
        self
    }

    /// With this done to the environment.
    pub fn damaged(mut self, damage: Damage) -> Self {
        self.damages.push(damage);
        self
    }

    /// In an environment with others, or alone.
    pub fn lives(mut self, lives: Lives) -> Self {
        self.lives = lives;
        self
    }

    /// Its section, with its environment below `root`.
    pub fn section(&self, root: &Path) -> String {
        let venv = self.path(root);
        let (folder, python) = (venv.display().to_string(), venv.join("bin/python").display().to_string());
        let lines = match self.named {
            Named::Virtualenv => format!("virtualenv: {folder}"),
            Named::Env => format!("env: {python}"),
            Named::Both => format!("virtualenv: {folder}\nenv: {python}"),
            Named::Neither => String::new(),
            Named::Missing => format!("virtualenv: {folder}-missing"),
            Named::AFile => format!("virtualenv: {folder}/pyvenv.cfg"),
            Named::Linked => format!("virtualenv: {folder}-link"),
        };
        let Self { name, options, .. } = self;
        format!("[update_manager {name}]\ntype: python\n{lines}\n{options}\n")
    }

    /// Puts it into its environment, which is there, and does to that what was to be done.
    pub fn install(&self, venv: &Venv, root: &Path) {
        let site = venv.site_packages();
        if let Some(installed) = &self.installed {
            installed.write(&self.dist_info(&site), self.project);
        }
        for (name, version) in &self.beside {
            let other = Self::new(name).installed(version);
            other.installed.iter().for_each(|installed| installed.write(&other.dist_info(&site), name));
        }
        for damage in &self.damages {
            self.damage(*damage, venv);
        }
        if self.named == Named::Linked {
            symlink(venv.path(), root.join(format!("{}-link", self.folder()))).expect("a link can be made");
        }
    }

    /// Takes it out of its environment, as a hand that slipped does.
    pub fn uninstall(&self, root: &Path) {
        let site = Venv::at(root, &self.path(root)).site_packages();
        fs::remove_dir_all(self.dist_info(&site)).expect("it was there");
        fs::remove_file(site.join(format!("{}.py", self.stem()))).expect("it was there");
    }

    fn damage(&self, damage: Damage, venv: &Venv) {
        let python = venv.bin("python");
        let metadata = || self.dist_info(&venv.site_packages()).join("METADATA");
        match damage {
            Damage::NoPip => venv.delete_module("pip"),
            Damage::NoActivate => fs::remove_file(venv.bin("activate")).expect("it was there"),
            Damage::NoInterpreter => fs::remove_file(&python).expect("it was there"),
            Damage::InterpreterGone => venv.break_interpreter(),
            Damage::NotExecutable => script(venv, 0o644),
            Damage::Fails => script(venv, 0o755),
            Damage::NoLibrary => fs::remove_dir_all(venv.path().join("lib")).expect("it was there"),
            Damage::NoMetadata => fs::remove_file(metadata()).expect("it was there"),
            Damage::EmptyMetadata => fs::write(metadata(), "").expect("a file can be written"),
        }
    }

    /// Publishes what the index and the host are to have.
    pub fn publish(&self, index: &PackageIndex, host: &ReleaseHost) {
        for file in &self.published {
            index.publish(file.clone());
        }
        for version in &self.yanked {
            index.yank(self.project, version, "bad");
        }
        for release in &self.releases {
            host.publish(OWNER, self.name, release.clone());
        }
        for (branch, commit) in &self.commits {
            host.push(OWNER, self.name, branch, commit);
        }
    }

    /// What is in its environment below `root`, by name, when there are packages in it.
    pub fn packages(&self, root: &Path) -> Option<BTreeMap<String, String>> {
        let path = self.path(root);
        let alone = self.lives == Lives::Alone && path.join("lib").exists();
        alone.then(|| Venv::at(root, &path).installed())
    }

    /// Its environment below `root`.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join(self.folder())
    }

    fn folder(&self) -> String {
        match self.lives {
            Lives::Alone => format!("work/{}", self.name),
            Lives::Together => "work/together".to_owned(),
            Lives::Quietly => "work/quietly".to_owned(),
        }
    }

    fn dist_info(&self, site: &Path) -> PathBuf {
        let version = self.installed.as_ref().map_or("", |installed| &installed.version);
        site.join(format!("{}-{version}.dist-info", self.stem()))
    }

    /// The project in the names of files.
    pub fn stem(&self) -> String {
        self.project.to_lowercase().replace(['-', '.'], "_")
    }
}

impl Installed {
    fn write(&self, dist_info: &Path, project: &str) {
        let site = dist_info.parent().expect("a distribution is in site-packages");
        let folder = dist_info.file_name().expect("a distribution has a name").to_string_lossy();
        let version = match self.told {
            Some("") => String::new(),
            Some(version) => format!("Version: {version}\n"),
            None => format!("Version: {}\n", self.version),
        };
        let headers = &self.headers;
        let metadata = format!("Metadata-Version: 2.1\nName: {project}\n{version}{headers}\nA thing.\n");
        let mut files = self.files.clone();
        files.push((format!("{folder}/METADATA"), metadata));
        files.push((format!("{folder}/WHEEL"), "Wheel-Version: 1.0\nTag: py3-none-any\n".to_owned()));
        files.push((format!("{folder}/INSTALLER"), "pip\n".to_owned()));
        if let Some(text) = &self.direct_url {
            files.push((format!("{folder}/direct_url.json"), text.clone()));
        }
        let record: String = files.iter().map(|(path, _)| format!("{path},,\n")).collect();
        files.push((format!("{folder}/RECORD"), format!("{record}{folder}/RECORD,,\n")));
        for (path, content) in &files {
            let path = site.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {path:?}: {e}"));
        }
    }
}

fn script(venv: &Venv, mode: u32) {
    let python = venv.bin("python");
    fs::remove_file(&python).expect("it was there");
    fs::write(&python, "#!/bin/sh\nexit 3\n").expect("a file can be written");
    fs::set_permissions(&python, fs::Permissions::from_mode(mode)).expect("a mode can be set");
}
