//! Whether what is installed fits together, as `pip check` judges it.
//! Refuses to: call something unfit. Where it is not certain, pip is asked, whose word counts.

use std::collections::BTreeSet;

use super::installed::{Distribution, Installed};
use super::marker::MarkerEnvironment;
use super::requirement::{Requirement, Wanted};
use super::version::parse;

/// Certain that each distribution has what it requires: installed, and in a version that it accepts. An installed
/// pre-release is as good as any version, what only an extra requires is not looked for, and where something came from does
/// not matter.
#[must_use]
pub fn surely_fit(installed: &Installed, environment: &MarkerEnvironment) -> bool {
    let fits = |distribution: &Distribution| {
        distribution.not_understood.is_empty()
            && distribution.requires.iter().all(|requirement| is_met(requirement, installed, environment))
    };
    installed.values().all(fits)
}

fn is_met(requirement: &Requirement, installed: &Installed, environment: &MarkerEnvironment) -> bool {
    if !requirement.applies(environment, &BTreeSet::new()) {
        return true;
    }
    let Some(found) = installed.get(&requirement.name) else { return false };
    match &requirement.source {
        Wanted::Url(_) => true,
        Wanted::Versions(specifiers) => {
            specifiers.is_empty() || parse(&found.version).is_some_and(|version| specifiers.contains(&version))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::marker::MarkerEnvironment;

    fn installed(of: &[&str]) -> Installed {
        let all = of.iter().map(|text| Distribution::parse(text.as_bytes(), None).unwrap());
        all.map(|distribution| (distribution.name.clone(), distribution)).collect()
    }

    fn fit(of: &[&str]) -> bool {
        surely_fit(&installed(of), &MarkerEnvironment { sys_platform: "linux".to_owned(), ..Default::default() })
    }

    #[test]
    fn what_is_required_is_there_in_an_accepted_version() {
        let a = "Name: A\nVersion: 1\nRequires-Dist: b.c>=1,<3\n";
        assert!(fit(&[a, "Name: B_C\nVersion: 2.5rc1\n"]), "an installed pre-release counts");
        assert!(!fit(&[a]), "is missing");
        assert!(!fit(&[a, "Name: b-c\nVersion: 3\n"]));
        assert!(!fit(&[a, "Name: b-c\nVersion: 2004d\n"]), "only pip knows such a version");
        assert!(fit(&["Name: a\nVersion: 1\nRequires-Dist: b\n", "Name: b\nVersion: 2004d\n"]), "any will do");
    }

    #[test]
    fn extras_other_systems_and_sources_do_not_matter() {
        assert!(fit(&[
            "Name: a\nVersion: 1\nRequires-Dist: b; extra == 'x'\nRequires-Dist: c; sys_platform == 'win32'\n"
        ]));
        assert!(!fit(&["Name: a\nVersion: 1\nRequires-Dist: b; sys_platform == 'linux'\n"]));
        let from = "Name: a\nVersion: 1\nRequires-Dist: b @ https://host/b-1.zip\n";
        assert!(fit(&[from, "Name: b\nVersion: 9\n"]));
        assert!(!fit(&[from]));
    }

    #[test]
    fn what_is_not_understood_is_not_certain() {
        assert!(!fit(&["Name: a\nVersion: 1\nRequires-Dist: b (>dev)\n", "Name: b\nVersion: 1\n"]));
    }
}
