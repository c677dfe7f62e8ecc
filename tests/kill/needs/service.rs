//! A service manager that is a script: it knows one unit, which runs a program of the environment, and notes of which versions
//! everything was when it was started last.

use std::fs;
use std::path::Path;

use crate::host::Host;
use crate::needs::environment;
use crate::syscalls::write_program;

/// `STATE` holds `<invocation> <active or failed> <what runs>`. Written beside first: it is read at any time.
const SYSTEMCTL: &str = r#"#!/bin/sh
stamp() {
  tool=$(ls @SOFTWARE@/app-env/lib/*/site-packages | grep '^tool-')
  mesh=$(grep '"version"' @SOFTWARE@/app/node_modules/mesh/package.json)
  echo $(cat @SOFTWARE@/app/version.txt) $tool $mesh | tr -d '",:'
}
put() {
  echo "$1 $2 $(stamp)" >@STATE@.$$
  mv @STATE@.$$ @STATE@
}
read -r invocation active ran <@STATE@
case "$*" in
  "show "*)
    while [ "$1" != -- ]; do shift; done
    shift
    for unit; do
      if [ $unit != app.service ]; then
        printf 'Id=%s\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\n' $unit
        continue
      fi
      result=success
      [ $active = failed ] && result=exit-code
      printf 'Id=app.service\nLoadState=loaded\nActiveState=%s\nSubState=x\nResult=%s\nType=simple\n' $active $result
      printf 'InvocationID=%s\nNRestarts=0\n\n' $invocation
    done
    ;;
  *" restart -- app.service")
    refused=$(cat @REFUSED@ 2>/dev/null)
    if [ "$refused" = all ] || [ "$refused" = "$(cat @SOFTWARE@/app/version.txt)" ]; then now=failed
    elif @SOFTWARE@/app-env/bin/tool >/dev/null 2>&1; then now=active; else now=failed; fi
    put $((invocation + 1)) $now
    [ $now = active ]
    ;;
  *" stop -- app.service") put $((invocation + 1)) inactive ;;
  "list-units "*) ;;
  *) echo "never heard of $*" >&2; exit 1 ;;
esac
"#;

/// The programs that packages are installed with go through a unit of their own where there is systemd.
const SYSTEMD_RUN: &str = r#"#!/bin/sh
log=/dev/null
while [ "$1" != -- ]; do
  case $1 in StandardOutput=append:*) log=${1#*append:} ;; esac
  shift
done
shift
exec "$@" >>"$log" 2>&1
"#;

/// Puts the programs where they come first on the path.
pub fn install(programs: &Path, folder: &Path, software: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let state = folder.join("state").display().to_string();
    let text = SYSTEMCTL.replace("@SOFTWARE@", &software.display().to_string()).replace("@STATE@", &state);
    let text = text.replace("@REFUSED@", &folder.join("refused").display().to_string());
    write_program(&programs.join("systemctl"), &text);
    write_program(&programs.join("systemd-run"), SYSTEMD_RUN);
    fs::write(&state, "1 active 1 tool-1.0.dist-info version 1.0.0\n").expect("a state");
}

/// The service does not run.
pub fn fail(host: &Host) {
    fs::write(state(host), "1 failed nothing\n").expect("a state");
}

/// From now on it does not come up, with the second version or with any.
pub fn refuse(host: &Host, second_only: bool) {
    fs::write(host.beside("service/refused"), if second_only { "2\n" } else { "all\n" }).expect("a note");
}

/// What speaks against the service running what is there. `must_run`: it has to.
pub fn runs_what_is_there(host: &Host, must_run: bool) -> Option<String> {
    let state = fs::read_to_string(state(host)).unwrap_or_default();
    let mut words = state.trim().splitn(3, ' ').skip(1);
    let (active, ran) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let there = there(host);
    let fine = if active == "active" { ran == there } else { !must_run };
    (!fine).then(|| format!("the service is {active} and runs {ran:?}, and what is there is {there:?}"))
}

fn state(host: &Host) -> std::path::PathBuf {
    host.beside("service/state")
}

fn there(host: &Host) -> String {
    let app = host.app();
    let read = |path: &str| fs::read_to_string(app.path().join(path)).unwrap_or_default();
    let tool = environment(host).installed().remove("tool").map(|version| format!("tool-{version}.dist-info"));
    let mesh = read("node_modules/mesh/package.json");
    let mesh = mesh.lines().find(|line| line.contains("\"version\"")).unwrap_or_default().replace(['"', ',', ':'], "");
    let words = [read("version.txt"), tool.unwrap_or_default(), mesh];
    words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}
