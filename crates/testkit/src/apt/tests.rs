//! The real apt and dpkg in the pretend system: they behave there as they do on a host.

use std::time::Duration;

use super::*;
use crate::child::Child;
use crate::wait::wait_for;

fn world() -> Option<AptWorld> {
    AptWorld::new().inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

fn published(debs: &[Deb]) -> Option<AptWorld> {
    let world = world()?;
    debs.iter().for_each(|deb| world.publish(deb));
    world.update();
    Some(world)
}

/// The letters that dpkg shows of a package.
fn letters(world: &AptWorld, name: &str) -> String {
    world.status().remove(name).map(|known| known.status).unwrap_or_default()
}

#[test]
fn packages_come_with_what_they_need_and_go() {
    let foo = Deb::new("libfoo", "1:1.0-2").depends("libbar (>= 1.0)").conffile("etc/foo.conf", "a=1\n");
    let foo = foo.script("postinst", "echo \"$1 $2\" > \"$DPKG_ROOT/configured\"");
    let Some(world) = published(&[Deb::new("libbar", "1.0"), foo]) else { return };
    let plan = said(&world.apt(&["install", "-s", "libfoo"])).unwrap();
    assert!(plan.contains("Inst libfoo (1:1.0-2 Lab:stable [all])") && world.status().is_empty(), "{plan}");
    world.install(&["libfoo"]).unwrap();
    assert_eq!(
        (world.version("libfoo").as_deref(), world.version("libbar").as_deref()),
        (Some("1:1.0-2"), Some("1.0"))
    );
    assert_eq!(fs::read_to_string(world.root().join("configured")).unwrap(), "configure \n");
    assert_eq!(fs::read_to_string(world.root().join("usr/share/libfoo/version")).unwrap(), "1:1.0-2\n");
    world.publish(&Deb::new("libbar", "1.1"));
    world.update();
    assert!(said(&world.apt(&["upgrade", "-y"])).unwrap().contains("Unpacking libbar (1.1) over (1.0)"));
    world.remove(&["libbar"]).unwrap();
    assert_eq!((letters(&world, "libfoo"), letters(&world, "libbar")), ("rc".to_owned(), String::new()));
    assert!(!world.root().join("usr/share/libfoo/version").exists() && world.root().join("etc/foo.conf").exists());
}

#[test]
fn what_is_missing_held_or_in_the_way_is_refused() {
    let needy = Deb::new("needy", "1.0").depends("nothing");
    let Some(world) = published(&[Deb::new("libbar", "1.0"), needy, Deb::new("rival", "1.0").conflicts("libbar")])
    else {
        return;
    };
    let refused = |names: &[&str]| world.install(names).unwrap_err();
    assert!(refused(&["missing"]).contains("E: Unable to locate package missing"));
    assert!(refused(&["needy"]).contains("needy : Depends: nothing but it is not installable"));
    world.install(&["libbar"]).unwrap();
    world.hold("libbar");
    assert_eq!((letters(&world, "libbar").as_str(), world.version("libbar").as_deref()), ("hi", Some("1.0")));
    world.publish(&Deb::new("libbar", "2.0"));
    world.update();
    assert!(refused(&["libbar"]).contains("E: Held packages were changed and -y was used"));
    assert!(said(&world.apt(&["upgrade", "-y"])).unwrap().contains("have been kept back:\n  libbar\n"));
    assert!(refused(&["rival"]).contains("held"));
    world.unhold("libbar");
    world.lose("libbar");
    assert!(refused(&["libbar"]).contains("E: Unable to fetch some archives"));
    world.withdraw("needy");
    world.update();
    assert!(refused(&["needy"]).contains("Unable to locate package needy"));
    let busy = world.busy();
    assert!(refused(&["rival"]).contains("Could not get lock"));
    drop(busy);
    assert!(world.install(&["rival"]).unwrap().contains("Removing libbar (1.0)"));
}

#[test]
fn a_configuration_that_fails_leaves_it_half_configured_until_it_is_repaired() {
    let Some(world) = published(&[Deb::new("broken", "1.0").postinst_fails("the disk is haunted")]) else { return };
    let told = world.install(&["broken"]).unwrap_err();
    assert!(told.contains("the disk is haunted") && told.contains("returned error exit status 1"), "{told}");
    assert_eq!((letters(&world, "broken").as_str(), world.version("broken")), ("iF", None));
    let audit = world.command("dpkg").arg("--audit").output().unwrap();
    assert!(String::from_utf8_lossy(&audit.stdout).contains("only half configured"));
    let script = world.root().join("var/lib/dpkg/info/broken.postinst");
    fs::write(script, "#!/bin/sh\nexit 0\n").unwrap();
    let repaired = world.command("dpkg").args(["--configure", "-a"]).output().unwrap();
    assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stderr));
    assert_eq!(letters(&world, "broken"), "ii");
}

#[test]
fn a_configuration_that_hangs_goes_on_when_released() {
    let Some(world) = published(&[Deb::new("slow", "1.0").postinst_waits()]) else { return };
    let mut apt = world.command("apt-get");
    apt.args(["install", "-y", "slow"]);
    let mut apt = Child::spawn(apt, &world.root().join("log"));
    wait_for(Duration::from_secs(10), "the configuration", || letters(&world, "slow") == "iF");
    assert!(apt.exited().is_none());
    world.release();
    assert!(apt.wait(Duration::from_secs(10)).success(), "{}", apt.log());
    assert_eq!(world.version("slow").as_deref(), Some("1.0"));
}

#[test]
fn a_signed_repository_is_believed_with_its_key_and_not_without() {
    let Some(world) = published(&[Deb::new("libfoo", "1.0")]) else { return };
    let key = match world.sign() {
        Ok(key) => key,
        Err(missing) => return eprintln!("skipped: {missing}"),
    };
    let sources = world.root().join("etc/apt/sources.list");
    let keyring = world.root().join("lab.asc");
    let source = |options: &str| {
        write(&sources, &format!("deb {options}file:{} ./\n", world.repository().display()));
        world.apt(&["update"])
    };
    let strange = said(&source("")).unwrap_err();
    assert!(strange.contains("NO_PUBKEY") || strange.contains("is not signed"), "{strange}");
    write(&keyring, &key);
    let known = source(&format!("[signed-by={}] ", keyring.display()));
    assert!(known.status.success(), "{known:?}");
    // What is published later is signed too.
    world.publish(&Deb::new("libfoo", "1.1"));
    world.update();
    world.install(&["libfoo"]).unwrap();
    assert_eq!(world.version("libfoo").as_deref(), Some("1.1"));
    let release = world.repository().join("InRelease");
    let forged = fs::read_to_string(&release).unwrap().replace("Label: Lab", "Label: Lob");
    write(&release, &forged);
    let refused = world.apt(&["update"]);
    let told = format!("{refused:?}");
    assert!(told.contains("BADSIG") || told.contains("BAD signature") || told.contains("invalid"), "{told}");
}
