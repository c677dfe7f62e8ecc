use super::*;
use crate::name::UpdaterName;
use crate::updater::system::{AwaitsReboot, Interrupted, Lists, Provider, WithRemovals};

fn spec() -> SystemSpec {
    let name = UpdaterName::new("system").unwrap();
    SystemSpec { name, packagekit: true, refresh_interval_hours: 168, config_hash: String::new() }
}

fn package(name: &str, from: Option<&str>) -> PackageUpgrade {
    PackageUpgrade { name: name.to_owned(), from: from.map(str::to_owned), to: "2".to_owned(), ..Default::default() }
}

#[test]
fn the_list_names_what_is_upgraded() {
    let facts = SystemFacts {
        offered: vec![package("libc6", Some("1")), package("newdep", None)],
        held: vec![package("held", Some("1"))],
        provider: Some(Provider::default()),
        ..Default::default()
    };
    let assessed = assess(&spec(), &facts);
    assert_eq!((assessed.package_list, assessed.seen), (vec!["libc6".to_owned()], true));
    assert_eq!(assessed.warnings, ["Held at their versions: held 1 -> 2"]);
    let unseen = assess(&spec(), &SystemFacts::default());
    assert_eq!((unseen.seen, unseen.warnings.len()), (false, 0));
}

#[test]
fn what_the_owner_should_know_is_told_the_most_pressing_first() {
    let facts = SystemFacts {
        unseen: Some("this machine has no apt".to_owned()),
        interrupted: vec![Interrupted { name: "libc6".to_owned(), status: "iHR".to_owned() }],
        end_of_life: Some("Debian 10 has reached its end of life".to_owned()),
        lists: Lists { error: Some("no route".to_owned()), ..Lists::default() },
        reboot: Some(Reboot { packages: vec!["linux-image".to_owned()] }),
        awaits_reboot: Some(AwaitsReboot { packages: vec!["libc6".to_owned()], boot: "b".to_owned() }),
        boot: "b".to_owned(),
        kept_back: vec![package("needs", Some("1"))],
        with_removals: Some(WithRemovals { packages: Vec::new(), remove: vec!["old".to_owned()] }),
        provider: Some(Provider { warning: Some("PackageKit is old".to_owned()), ..Provider::default() }),
        ..Default::default()
    };
    assert_eq!(
        assess(&spec(), &facts).warnings,
        [
            "this machine has no apt",
            "The installation of libc6 was cut off. Finish it: refit recover system",
            "Debian 10 has reached its end of life",
            "The lists of packages are not up to date: no route",
            "The machine has to be restarted before all that was upgraded is in use (linux-image, libc6)",
            "Kept back: needs 1 -> 2. Their upgrade would remove old; with consent it does: refit upgrade system --consent",
            "PackageKit is old",
        ]
    );
    let quiet = SystemFacts { kept_back: facts.kept_back.clone(), ..Default::default() };
    assert_eq!(assess(&spec(), &quiet).warnings, ["Kept back by the package manager for now: needs 1 -> 2"]);
}

#[test]
fn facts_of_an_older_version_are_read() {
    let facts: SystemFacts = serde_json::from_str(r#"{"last_refresh": 7}"#).unwrap();
    assert_eq!(facts, SystemFacts { last_refresh: 7, ..SystemFacts::default() });
}
