//! What software lists, and what the sources of packages have of it.

use super::*;

#[tokio::test]
async fn lists_that_cannot_be_used_are_told() {
    let mut world = World::new(&["libapp_1.0"]).await;
    fs::write(world.root.join("app/deps.json"), "{").unwrap();
    let refused = world.survey(&[]).await.refused.unwrap();
    assert!(
        refused.starts_with("the list of system packages deps.json of this version cannot be used: it is not JSON")
    );
    fs::remove_file(world.root.join("app/deps.json")).unwrap();
    let seen = world.survey(&[]).await;
    assert_eq!((seen.notes, seen.refused), (vec!["this version has no deps.json".to_owned()], None));
    // An install script is read where there is no list, and the owner's wishes count for it too.
    fs::write(world.root.join("app/install.sh"), "PKGLIST=\"libapp unwanted\"\ntouch /tmp/never\n").unwrap();
    world.rules.excluded = Some("other, unwanted".to_owned());
    let list = PackageList { install_script: Some("install.sh".into()), ..world.list(&[]) };
    let seen = world.hand().survey(&world.contents(), Some(&list), &world.list(&[])).await;
    assert_eq!((changes(&seen.missing), seen.refused), (vec![change("libapp", None, Some("1.0"))], None));
    let unread = world.hand().survey(&world.contents(), None, &list).await;
    assert_eq!((unread.known, unread.listed_now), (false, vec!["libapp".to_owned()]));
    // Images of one vendor, and what the owner says instead.
    world.lists(&["libapp; vendor == 'raspberry-pi'"]);
    assert!(world.survey(&[]).await.missing.is_empty());
    fs::write(&world.rules.rpi_issue, "").unwrap();
    assert_eq!(world.survey(&[]).await.missing.len(), 1);
    world.rules.vendor = Some(String::new());
    assert!(world.survey(&[]).await.missing.is_empty());
}

#[tokio::test]
async fn a_python_package_may_list_them() {
    let world = World::new(&["libapp_1.0"]).await;
    let site = world.root.join("app/lib/python3.11/site-packages");
    let record = |path: &str| fs::write(site.join("My_App-1.0.dist-info/RECORD"), format!("my_app/x.py,,\n{path},,\n"));
    fs::create_dir_all(site.join("my_app")).unwrap();
    fs::create_dir_all(site.join("My_App-1.0.dist-info")).unwrap();
    let told = json!({ "system_dependencies": { "debian": ["libapp"] } }).to_string();
    fs::write(site.join("My_App-1.0.dist-info/METADATA"), "Name: my-app\nVersion: 1.0\n").unwrap();
    fs::write(site.join("my_app/release_info"), &told).unwrap();
    fs::write(world.root.join("release_info"), &told).unwrap();
    let of = |project: &str| PackageList {
        system_dependencies: None,
        release_info_of: Some(project.to_owned()),
        ..world.list(&[])
    };
    let ask = async |list: PackageList| {
        changes(&world.hand().survey(&world.contents(), Some(&list), &world.list(&[])).await.missing)
    };
    record("my_app/release_info").unwrap();
    assert_eq!(ask(of("my.app")).await, [change("libapp", None, Some("1.0"))]);
    assert!(ask(of("app")).await.is_empty());
    record("../../../../release_info").unwrap();
    assert!(ask(of("my.app")).await.is_empty(), "a record that leads out is not followed");
}

#[tokio::test]
async fn a_machine_without_apt_is_told_so() {
    let mut world = World::new(&["libapp_1.0"]).await;
    world.lists(&["libapp"]);
    world.rules.surroundings.path = world.root.join("home").into();
    let seen = world.survey(&[]).await;
    assert_eq!((seen.refused.as_deref(), seen.unavailable), (None, vec!["libapp".to_owned()]));
    assert!(world.fetch(&[]).await.unwrap().unwrap().starts_with("this machine has no apt"));
    world.install(&[], false).await.unwrap();
    assert_eq!(world.witness(&[]).await, None);
}
#[tokio::test]
async fn what_no_source_knows_is_named_before_anything_changes() {
    let world = World::new(&["libapp_1.0", "pyx3-12_1.0"]).await;
    world.lists(&["libapp", "pyx3.12", "no-such-thing", "old-friend"]);
    let seen = world.survey(&["old-friend"]).await;
    assert_eq!(seen.unavailable, ["old-friend"]);
    let refused = seen.refused.unwrap();
    assert!(
        refused.starts_with("this version needs the system packages pyx3.12, no-such-thing, which no package source")
    );
    let error = world.fetch(&["old-friend"]).await.unwrap_err().message;
    assert!(error.contains("pyx3.12, no-such-thing, which no package source"), "{error}");
    assert!(world.told().contains("fetching the lists again"));
    assert_eq!(world.installed(), "");
    // It is published meanwhile, and the lists of this machine do not know it yet.
    world.lists(&["libapp", "friend", "old-friend"]);
    assert!(world.survey(&["old-friend"]).await.refused.is_some());
    world.offer(&["friend_1.0"]);
    let note = world.fetch(&["old-friend"]).await.unwrap().unwrap();
    assert!(note.contains("libapp 1.0, friend 1.0"), "{note}");
    assert!(world.told().contains("old-friend cannot be had; the version before listed them too"));
}

#[tokio::test]
async fn missing_lists_are_fetched_and_a_source_that_is_gone_is_told() {
    let world = World::new(&["libapp_1.0"]).await;
    world.lists(&["libapp"]);
    fs::remove_dir_all(world.apt.root().join("var/lib/apt/lists")).unwrap();
    fs::create_dir_all(world.apt.root().join("var/lib/apt/lists/partial")).unwrap();
    let seen = world.survey(&[]).await;
    assert_eq!((changes(&seen.missing), seen.refused), (vec![change("libapp", None, None)], None));
    fs::rename(world.apt.repository(), world.root.join("elsewhere")).unwrap();
    let error = world.fetch(&[]).await.unwrap_err().message;
    assert!(
        error.contains("the lists of packages could not be fetched (") && error.contains("Look at the network"),
        "{error}"
    );
    fs::rename(world.root.join("elsewhere"), world.apt.repository()).unwrap();
    world.told();
    world.fetch(&[]).await.unwrap();
    assert!(world.told().starts_with("The lists of packages are missing or old; fetching them"));
    // The list promises a file that is not there any more.
    fs::remove_file(world.apt.repository().join("libapp_1.0_all.deb")).unwrap();
    let error = world.install(&[], false).await.unwrap_err().message;
    assert!(
        error.contains("libapp could not be installed: ") && error.ends_with("sudo apt-get install libapp"),
        "{error}"
    );
}
