//! The part of the pretend printer host that is a Python application in an environment of its own, the package index that
//! its versions come from, and the environment of the pretend Klipper.
//!
//! Refuses to: ask any index but its own, whatever pip is configured with on this machine.

use std::ffi::OsString;
use std::path::Path;

use refit_adapters::command::Surroundings;
use refit_testkit::index::PackageIndex;
use refit_testkit::unavailable::Unavailable;
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Wheel;

/// What is installed, and what is to be had.
const INSTALLED: &str = "1.0";
const NEWEST: &str = "1.1";

/// The longest folder in which an environment's scripts can be started: the kernel reads no longer first lines.
const LONGEST: usize = 80;

/// The application. Its index ends when it is dropped.
#[derive(Debug)]
pub struct Application {
    venv: Venv,
    index: PackageIndex,
}

impl Application {
    /// Publishes two versions of it and of what it needs, and installs the older ones in `software`; an empty environment
    /// becomes Klipper's, in `home`.
    ///
    /// # Errors
    /// Where this machine's Python makes no environments.
    pub fn make(home: &Path, software: &Path) -> Result<Self, Unavailable> {
        if software.as_os_str().len() > LONGEST {
            return Err(Unavailable(format!("{} is too long a path for it", software.display())));
        }
        let venv = Venv::make(home, &software.join("py-app-env"))?;
        Venv::make(home, &home.join("klippy-env"))?;
        let index = PackageIndex::start();
        for version in [INSTALLED, NEWEST] {
            index.publish(Wheel::new("py-lib", version).build());
            let app = Wheel::new("py-app", version).requires(&format!("py-lib>={version}"));
            index.publish(app.console_script("py-app", "py_app:main").build());
        }
        let old = [format!("py-app=={INSTALLED}"), format!("py-lib=={INSTALLED}")];
        venv.pip_install(&index, &[&old[0], &old[1]]).map_err(Unavailable)?;
        Ok(Self { venv, index })
    }

    /// What pip finds in its surroundings, in place of what this machine has for it.
    pub fn surroundings(&self, inherited: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
        let is_pips = |name: &OsString| name.to_string_lossy().starts_with(Surroundings::PIP);
        let own = [("PIP_CONFIG_FILE", "/dev/null".into()), ("PIP_INDEX_URL", OsString::from(self.index.url()))];
        let own = own.map(|(name, value)| (OsString::from(name), value));
        inherited.iter().filter(|(name, _)| !is_pips(name)).cloned().chain(own).collect()
    }

    /// Its section of the configuration.
    pub fn section(&self) -> String {
        format!(
            "\n[update_manager py-app]\ntype: python\nvirtualenv: {}\nproject_name: py-app\nis_system_service: False\n",
            self.venv.path().display()
        )
    }
}
