//! The real package index: a small application in pure Python, from an old version to the newest and back, through the
//! built daemon. The only test here that leaves this machine, the way that every printer goes.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::scratch::scratch;
use refit_testkit::venv::Venv;
use refit_testkit::wait::{free_port, wait_for};

/// Long and slow lines are no failures.
const PATIENCE: Duration = Duration::from_secs(120);

/// A published application without dependencies, and a version of it that is long superseded.
const PROJECT: &str = "cowsay";
const OLD: &str = "5.0";

#[test]
fn an_application_from_the_real_index_is_updated_and_rolled_back() {
    let folder = scratch();
    let root = folder.path();
    for below in ["home", "data/config"] {
        fs::create_dir_all(root.join(below)).expect("a folder");
    }
    let venv = Venv::make(&root.join("home"), &root.join("home/cow-env")).expect("Python makes environments");
    let mut pip = Command::new(venv.bin("python"));
    pip.args(["-m", "pip", "install", "--quiet", &format!("{PROJECT}=={OLD}")]);
    ended_well(&outside(&mut pip, root).output().expect("pip starts"), "the old version is installed");
    fs::write(root.join("data/config/refit.conf"), configuration(venv.path())).expect("a configuration");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_refit"));
    serve.arg("--data-path").arg(root.join("data")).arg("serve");
    let daemon = Child::spawn(outside_of_pip(outside(&mut serve, root)), &root.join("log"));
    wait_for(PATIENCE, "the first look", || {
        ask(root, &["status", "--json"])
            .is_some_and(|text| text.contains(r#""initialized": true"#) || text.contains(r#""initialized":true"#))
    });
    let newest = ask(root, &["upgrade", "cow"]).unwrap_or_else(|| panic!("updated:\n{}", daemon.log_tail()));
    assert!(newest.contains("Python Package cow: Update Finished..."), "{newest}");
    let updated = version(&venv);
    assert_ne!(updated, OLD);
    venv.pip_check().expect("the packages fit together");
    assert!(ask(root, &["rollback", "cow"]).is_some(), "rolled back:\n{}", daemon.log_tail());
    assert_eq!(version(&venv), OLD);
}

fn configuration(venv: &Path) -> String {
    format!(
        "[server]\nport: {}\n\n[update_manager]\nenable_system_updates: False\n\n[update_manager cow]\ntype: python\n\
         virtualenv: {}\nproject_name: {PROJECT}\nis_system_service: False\n",
        free_port(),
        venv.display()
    )
}

fn version(venv: &Venv) -> String {
    venv.installed().get(PROJECT).cloned().expect("it is installed")
}

/// A command's output when it ended well.
fn ask(root: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
    command.arg("--data-path").arg(root.join("data")).args(words);
    let output = outside(&mut command, root).output().expect("refit starts");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ended_well(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The way to the network is the machine's own: its proxies, its certificates, and where its pip looks. The home is not.
fn outside<'a>(command: &'a mut Command, root: &Path) -> &'a mut Command {
    let ours = |name: &str| {
        let name_below = name.to_ascii_lowercase();
        name == "PATH" || name.starts_with("SSL_CERT") || name.starts_with("PIP_") || name_below.ends_with("_proxy")
    };
    let passed: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)).collect();
    command.env_clear().envs(passed).env("HOME", root.join("home")).env("LC_ALL", "C").stdin(Stdio::null())
}

/// Folders of wheels that the machine's pip knows besides are not for this test: the index is to be asked.
fn outside_of_pip(command: &mut Command) -> Command {
    let mut own = Command::new(command.get_program());
    own.args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value.filter(|_| name != "PIP_FIND_LINKS") {
            own.env(name, value);
        }
    }
    own
}
