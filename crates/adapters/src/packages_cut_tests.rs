//! Installations that fail, are cut or die: finished, or taken back.

use super::*;

#[tokio::test]
async fn a_package_that_fails_is_told_and_taken_back() {
    let world = World::new(&["bad-post_1.0", "libapp_1.0", "base-thing_1.0"]).await;
    world.has("apt-get", &["-y", "install", "base-thing"]);
    let before = world.installed();
    world.lists(&["bad-post"]);
    let witness = world.witness(&[]).await;
    let error = world.install(&[], false).await.unwrap_err();
    assert_eq!(
        error.message,
        "Git Repo app: the system packages bad-post could not be installed: bad-post: installed bad-post package \
         post-installation script subprocess returned error exit status 3. To see it for yourself, type: sudo apt-get \
         install bad-post"
    );
    assert!(world.told().contains("doomed"));
    assert!(world.installed().contains("iF bad-post"));
    world.remove_added(&witness).await.unwrap();
    assert_eq!(world.installed(), before);
    assert_eq!(world.files(), ["base-thing"]);
}

#[tokio::test]
async fn a_cut_installation_is_finished_first_and_then_taken_back() {
    let world = World::new(&["app-dev_2.0-1", "libapp_1.0"]).await;
    world.lists(&["app-dev"]);
    let witness = world.witness(&[]).await;
    let deb = |name: &str| world.apt.repository().join(name).to_string_lossy().into_owned();
    let cut = || {
        world.has("dpkg", &["--unpack", &deb("libapp_1.0_all.deb"), &deb("app-dev_2.0-1_all.deb")]);
        let status = world.apt.root().join("var/lib/dpkg/status");
        // Where most cuts were seen to leave a package: half of its files, and a status that demands it anew.
        let halved =
            fs::read_to_string(&status).unwrap().replacen("install ok unpacked", "install reinstreq half-installed", 1);
        fs::write(&status, halved).unwrap();
        assert!(world.installed().contains("iHR"), "{}", world.installed());
    };
    cut();
    world.install(&[], true).await.unwrap();
    assert_eq!(world.installed(), "ii app-dev 2.0-1\nii libapp 1.0\n");
    world.has("dpkg", &["--purge", "app-dev", "libapp"]);
    cut();
    world.told();
    world.remove_added(&witness).await.unwrap();
    assert!(world.told().contains("Installing again what was cut off: app-dev"), "forward first, then back");
    assert_eq!((world.installed().as_str(), world.files()), ("", Vec::new()));
    // Nor does it help when the file that would mend it is gone.
    cut();
    fs::remove_dir_all(world.apt.repository()).unwrap();
    world.remove_added(&witness).await.unwrap();
    assert_eq!((world.installed().as_str(), world.files()), ("", Vec::new()), "{}", world.told());
}

#[tokio::test]
async fn an_installation_that_dies_is_finished_or_taken_back() {
    for taken_back in [false, true] {
        let world = World::new(&["slow_1.0", "libapp_1.0"]).await;
        world.lists(&["slow"]);
        let witness = world.witness(&[]).await;
        {
            let hand = world.hand();
            let (step, contents, first) = (world.step(&[], true), world.contents(), world.circumstance(false, None));
            let begun = hand.act(&step, &contents, &first);
            tokio::select! {
                done = begun => panic!("it waits for ever, and ended: {done:?}"),
                () = world.hears("Setting up slow") => {}
            }
        }
        world.apt.release();
        assert!(!world.installed().contains("ii slow"), "{}", world.installed());
        if taken_back {
            world.remove_added(&witness).await.unwrap();
            assert_eq!((world.installed().as_str(), world.files()), ("", Vec::new()));
        } else {
            world.install(&[], true).await.unwrap();
            assert_eq!(world.installed(), "ii libapp 1.0\nii slow 1.0\n");
        }
    }
}

#[tokio::test]
async fn configuration_from_an_earlier_time_stays() {
    let world = World::new(&["libapp_1.0", "app-dev_2.0-1"]).await;
    let status = world.apt.root().join("var/lib/dpkg/status");
    fs::write(&status, "Package: libapp\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 0.9\nConffiles:\n /etc/libapp d41d8cd98f00b204e9800998ecf8427e\nMaintainer: x\nDescription: x\n\n").unwrap();
    fs::create_dir_all(world.apt.root().join("etc")).unwrap();
    fs::write(world.apt.root().join("etc/libapp"), "mine\n").unwrap();
    world.lists(&["app-dev"]);
    let witness = world.witness(&[]).await;
    assert_eq!(witness.as_ref().unwrap()["configured"], json!(["libapp"]));
    world.install(&[], false).await.unwrap();
    world.remove_added(&witness).await.unwrap();
    assert_eq!(fs::read_to_string(world.apt.root().join("etc/libapp")).unwrap(), "mine\n");
    assert_eq!(world.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_cut_off_before_is_named_with_what_finishes_it() {
    let world = World::new(&["libapp_1.0", "base-thing_1.0"]).await;
    let file = world.apt.repository().join("base-thing_1.0_all.deb");
    world.has("dpkg", &["--unpack", &file.to_string_lossy()]);
    let status = world.apt.root().join("var/lib/dpkg/status");
    let halved =
        fs::read_to_string(&status).unwrap().replacen("install ok unpacked", "install reinstreq half-installed", 1);
    fs::write(&status, halved).unwrap();
    world.lists(&["libapp"]);
    // Nothing is mended while a printer may print: that is a plan of its own.
    world.apt.withdraw("base-thing");
    world.apt.update();
    let words = "an earlier installation of base-thing was cut off. Nothing was changed. Finish it first: refit recover system. \
                 Then try again";
    assert_eq!(world.survey(&[]).await.refused.as_deref(), Some(words));
    assert_eq!(world.fetch(&[]).await.unwrap_err().message, format!("Git Repo app: {words}"));
}

#[tokio::test]
async fn an_open_journal_of_dpkg_is_closed_first() {
    let world = World::new(&["libapp_1.0"]).await;
    world.lists(&["libapp"]);
    let journal = world.apt.root().join("var/lib/dpkg/updates/0001");
    fs::write(&journal, "").unwrap();
    let error = world.fetch(&[]).await.unwrap_err().message;
    assert!(error.contains("was cut off") && error.contains("refit recover system"), "{error}");
    assert!(world.install(&[], false).await.is_ok(), "{}", world.told());
    assert_eq!((world.installed().as_str(), journal.exists()), ("ii libapp 1.0\n", false));
}
