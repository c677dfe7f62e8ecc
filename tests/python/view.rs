//! The helper that shows a program folders in other places, as the program finds it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use refit_testkit::scratch::scratch;

/// Runs it as whoever runs the tests, or as nobody where that is root: the two ways into a namespace.
fn helper(folder: &Path, as_nobody: bool, arguments: &[&str]) -> Output {
    let program = folder.join("refit");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_refit"), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.arg("__under").args(arguments).current_dir("/");
    if as_nobody {
        command.uid(65534).gid(65534);
    }
    command.output().unwrap()
}

#[test]
fn folders_are_shown_in_other_places_to_one_program_alone() {
    let dir = scratch();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    // The second folder lies where nobody finds it any more once the first is shown.
    let hidden = two.join("hidden");
    for folder in [dir.path(), &one, &one.join("place"), &two, &hidden] {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::write(one.join("mark"), "first").unwrap();
    fs::write(hidden.join("mark"), "second").unwrap();
    let [first, second, third] = [&one, &two, &hidden].map(|folder| folder.display().to_string());
    let place = format!("{second}/place");
    let is_root = rustix::process::geteuid().is_root();
    for as_nobody in if is_root { vec![false, true] } else { vec![false] } {
        let script = "cat mark place/mark && echo && echo made > made && id -u && pwd";
        let said = helper(dir.path(), as_nobody, &[&second, &first, &second, &third, &place, "--", "sh", "-c", script]);
        let problem = String::from_utf8_lossy(&said.stderr).into_owned();
        if as_nobody && problem.contains("of their own") {
            eprintln!("not tried as nobody: {problem}");
            continue;
        }
        let user = if as_nobody { 65534 } else { rustix::process::geteuid().as_raw() };
        let want = format!("firstsecond\n{user}\n{second}\n");
        assert_eq!(String::from_utf8_lossy(&said.stdout), want, "{problem}");
        assert!(!two.join("made").exists() && !two.join("mark").exists() && !one.join("place/mark").exists());
        fs::remove_file(one.join("made")).unwrap();
    }
}

#[test]
fn what_cannot_be_shown_is_said() {
    let dir = scratch();
    let gone = dir.path().join("gone").display().to_string();
    let said = helper(dir.path(), false, &["/", &gone, "/", "--", "true"]);
    assert_eq!(said.status.code(), Some(125));
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(words.starts_with(&format!("refit: {gone} cannot be shown as /: No such file")), "{words}");
    let said = helper(dir.path(), false, &["/", "--", "/no/such/program"]);
    assert_eq!(
        String::from_utf8_lossy(&said.stderr).lines().next().unwrap(),
        "refit: /no/such/program could not be started: No such file or directory (os error 2)"
    );
    let said = helper(dir.path(), false, &[]);
    assert_eq!(String::from_utf8_lossy(&said.stderr), "refit: __under is for Refit itself\n");
    let help = Command::new(env!("CARGO_BIN_EXE_refit")).arg("--help").output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("__under"));
}
