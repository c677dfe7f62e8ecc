//! The programs that updates are made with.

use std::path::Path;

use refit_model::dependencies::Dependencies;
use refit_model::updater::Spec;

use super::{Finding, Patient};
use crate::command::Command;
use crate::python::{layout, seen};

/// Debian 11 has it; older ones are not tested.
const OLDEST_GIT: (u32, u32, u32) = (2, 30, 0);
/// Writes what is safe against a power cut by itself from this one on (`core.fsync`).
const SYNCING_GIT: (u32, u32, u32) = (2, 36, 0);
/// Closed holes through which a repository could run code while it is cloned (CVE-2024-32002 and others).
const SAFE_GIT: (u32, u32, u32) = (2, 39, 4);
/// Says what it would install before it does (`--report`).
const OLDEST_PIP: (u32, u32, u32) = (22, 2, 0);

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = vec![git(patient).await];
    findings.extend(environments(patient).await);
    findings.extend(node(patient).await);
    findings
}

async fn git(patient: &Patient<'_>) -> Finding {
    let asked = Command::new(&patient.git, &patient.surroundings).arg("--version").dir("/").run().await;
    let told = asked.ok().filter(crate::command::Outcome::success);
    let Some(told) = told else {
        let what = format!("git does not work on this machine ({})", patient.git.display());
        return Finding::trouble("git", what, "Type: sudo apt-get install git");
    };
    judge_git(&String::from_utf8_lossy(&told.stdout))
}

fn judge_git(told: &str) -> Finding {
    const CHECK: &str = "git";
    let words = told.trim().trim_start_matches("git version ").to_owned();
    let Some(version) = version(&words) else {
        return Finding::trouble(
            CHECK,
            format!("git does not say its version: '{words}'"),
            "Type: sudo apt-get install git",
        );
    };
    let update = "Install the system's updates, or a newer release of it";
    if version < OLDEST_GIT {
        return Finding::trouble(CHECK, format!("git {words} is too old: Refit needs 2.30 or newer"), update);
    }
    if version < SYNCING_GIT {
        let what = format!(
            "git {words} is older than 2.36: it protects less of what it writes against a power cut, and Refit makes up for it more slowly"
        );
        return Finding::warning(CHECK, what, update);
    }
    if version < SAFE_GIT {
        let what = format!(
            "git {words} is older than 2.39.4, in which holes were closed that let a repository run programs; your distribution may have closed them in its own version"
        );
        return Finding::warning(CHECK, what, update);
    }
    Finding::fine(CHECK, format!("git {words}"))
}

async fn environments(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for spec in patient.specs {
        let environment = dependencies(spec).and_then(|all| all.environment.as_ref());
        let Some(environment) = environment.filter(|environment| !seen.contains(&environment.folder)) else { continue };
        seen.push(environment.folder.clone());
        findings.push(environment_of(patient, spec.name().as_str(), &environment.folder).await);
    }
    findings
}

async fn environment_of(patient: &Patient<'_>, name: &str, folder: &Path) -> Finding {
    const CHECK: &str = "python";
    let shown = folder.display();
    if let Some(words) = seen::complaint(folder).and_then(|state| state.complaint(folder)) {
        return Finding::trouble(CHECK, words, format!("Type: refit recover {name}"));
    }
    let question = "import platform, pip; print(platform.python_version(), pip.__version__)";
    let command = Command::new(layout::python(folder), &patient.surroundings).args(["-I", "-c", question]).dir("/");
    let outcome = match command.run().await {
        Ok(outcome) if outcome.success() => outcome,
        Ok(outcome) => {
            let said = outcome.stderr_text();
            let last = said.lines().last().unwrap_or_default();
            let what = format!("The Python environment {shown} of {name} does not work: {last}");
            return Finding::trouble(CHECK, what, format!("Type: refit recover {name} --hard"));
        }
        Err(error) => {
            let what = format!("The Python environment {shown} of {name} does not work: {error}");
            return Finding::trouble(CHECK, what, format!("Type: refit recover {name} --hard"));
        }
    };
    let told = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let mut words = told.split_whitespace();
    let (python, pip) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if version(pip).is_none_or(|pip| pip < OLDEST_PIP) {
        let what = format!("pip {pip} of {name} is older than 22.2: it cannot say beforehand what it would install");
        return Finding::warning(CHECK, what, format!("Type: {}/bin/python -m pip install --upgrade pip", shown));
    }
    Finding::fine(CHECK, format!("{name}: Python {python}, pip {pip}"))
}

async fn node(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "node";
    let wanted: Vec<&str> = patient
        .specs
        .iter()
        .filter(|spec| dependencies(spec).is_some_and(|all| all.node))
        .map(|spec| spec.name().as_str())
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let names = wanted.join(", ");
    let ask = async |program: &str| {
        let asked = Command::new(program, &patient.surroundings).arg("--version").dir("/").run().await.ok()?;
        asked.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    };
    vec![match (ask("node").await, ask("npm").await) {
        (Some(node), Some(npm)) => Finding::fine(CHECK, format!("Node {node}, npm {npm}")),
        (None, _) => Finding::trouble(
            CHECK,
            format!("{names} needs Node, which does not work here"),
            "Type: sudo apt-get install nodejs npm",
        ),
        (Some(_), None) => Finding::trouble(
            CHECK,
            format!("{names} needs npm, which does not work here"),
            "Type: sudo apt-get install npm",
        ),
    }]
}

fn dependencies(spec: &Spec) -> Option<&Dependencies> {
    spec.common().map(|common| &common.dependencies)
}

/// The first three numbers; those that are missing are 0.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    let first = text.split_whitespace().next()?;
    let mut parts = first.split('.').map(|part| digits(part).parse::<u32>());
    let major = parts.next()?.ok()?;
    let mut next = || parts.next().and_then(Result::ok).unwrap_or_default();
    Some((major, next(), next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn git_is_judged_by_its_version() {
        for (told, level) in [
            ("git version 2.20.1\n", Level::Trouble),
            ("git version 2.30.2\n", Level::Warning),
            ("git version 2.39.2\n", Level::Warning),
            ("git version 2.39.5 (Apple Git-154)\n", Level::Fine),
            ("git version 2.47.3\n", Level::Fine),
            ("git version 2.43.windows.1\n", Level::Fine),
            ("nonsense\n", Level::Trouble),
        ] {
            let judged = judge_git(told);
            assert_eq!(judged.level, level, "{judged:?}");
            assert_eq!(judged.remedy.is_some(), level > Level::Fine, "{judged:?}");
        }
    }

    #[test]
    fn versions_have_three_numbers() {
        assert_eq!(version("25.2"), Some((25, 2, 0)));
        assert_eq!(version("22.0.4rc1 more"), Some((22, 0, 4)));
        assert_eq!(version(""), None);
    }
}
