use super::*;

struct Place {
    _root: tempfile::TempDir,
    live: PathBuf,
    stage: PathBuf,
    kept: PathBuf,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let live = root.path().join("app");
    let stage = root.path().join(".app.new");
    for (dir, text) in [(&live, "old"), (&stage, "new")] {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("f"), text).unwrap();
    }
    let kept = root.path().join("app.kept/one");
    Place { live, stage, kept, _root: root }
}

impl Place {
    fn go(&self, before: Sides) -> Result<(), TreeError> {
        if !is_exchanged(&self.live, before)? {
            exchange(&self.live, Stage::at(&self.stage)?.sync()?, &self.kept, before)?;
        }
        settle(&self.live, &self.stage, &self.kept, before, &FaultPlan::none())
    }

    fn back(&self, before: Sides) -> Result<(), TreeError> {
        exchange_back(&self.live, &self.stage, &self.kept, before)
    }

    fn text(path: &Path) -> Option<String> {
        fs::read_to_string(path.join("f")).ok()
    }

    fn state(&self) -> [Option<String>; 3] {
        [&self.live, &self.stage, &self.kept].map(|path| Self::text(path))
    }
}

fn state(live: &str, stage: &str, kept: &str) -> [Option<String>; 3] {
    [live, stage, kept].map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

#[test]
fn an_exchange_and_its_undo_may_each_run_twice() {
    let place = place();
    let before = sides(&place.live, &place.stage).unwrap();
    place.back(before).unwrap();
    assert_eq!(place.state(), state("old", "new", ""), "undone before it was done");
    for _ in 0..2 {
        place.go(before).unwrap();
        assert_eq!(place.state(), state("new", "", "old"));
    }
    for _ in 0..2 {
        place.back(before).unwrap();
        assert_eq!(place.state(), state("old", "new", ""));
    }
}

#[test]
fn an_exchange_that_was_cut_goes_on_in_either_direction() {
    // Exchanged, and the old folder still at the stage.
    let cut = |place: &Place| renameat_with(CWD, &place.stage, CWD, &place.live, RenameFlags::EXCHANGE).unwrap();
    // Two renames, cut between them.
    let half = |place: &Place| {
        make_parent(&place.kept).unwrap();
        fs::rename(&place.live, &place.kept).unwrap();
    };
    for cut in [&cut as &dyn Fn(&Place), &half] {
        let forward = place();
        let before = sides(&forward.live, &forward.stage).unwrap();
        cut(&forward);
        forward.go(before).unwrap();
        assert_eq!(forward.state(), state("new", "", "old"));
        let back = place();
        let before = sides(&back.live, &back.stage).unwrap();
        cut(&back);
        back.back(before).unwrap();
        assert_eq!(back.state(), state("old", "new", ""));
    }
}

#[test]
fn an_undo_that_was_cut_goes_on() {
    // Two renames in place of an exchange, cut before the third.
    let place = place();
    let before = sides(&place.live, &place.stage).unwrap();
    make_parent(&place.kept).unwrap();
    fs::rename(&place.stage, &place.kept).unwrap();
    place.back(before).unwrap();
    assert_eq!(place.state(), state("old", "new", ""));
    // And cut between the first two.
    make_parent(&place.kept).unwrap();
    fs::rename(&place.stage, &place.kept).unwrap();
    fs::rename(&place.live, &place.stage).unwrap();
    place.back(before).unwrap();
    assert_eq!(place.state(), state("old", "new", ""));
}

#[test]
fn an_undo_that_fails_in_the_middle_may_run_again() {
    let place = place();
    let before = sides(&place.live, &place.stage).unwrap();
    place.go(before).unwrap();
    fs::create_dir_all(place.stage.join("in the way")).unwrap();
    place.back(before).unwrap_err();
    assert_eq!(Place::text(&place.live).as_deref(), Some("new"), "nothing was done by halves");
    fs::remove_dir_all(&place.stage).unwrap();
    place.back(before).unwrap();
    assert_eq!(place.state(), state("old", "new", ""));
}

#[test]
fn what_was_not_noted_is_not_exchanged() {
    let place = place();
    assert!(matches!(noted(None, &place.live, &place.stage), Err(TreeError::Changed(_))));
    let before = sides(&place.live, &place.stage).unwrap();
    assert_eq!(noted(Some(before), &place.live, &place.stage).unwrap(), before);
    // Nothing was prepared, and nothing will be exchanged.
    fs::remove_dir_all(&place.stage).unwrap();
    assert_eq!(noted(None, &place.live, &place.stage).unwrap().stage, None);
}

#[test]
fn a_folder_that_was_not_there_is_put_there_and_taken_away() {
    let place = place();
    fs::remove_dir_all(&place.live).unwrap();
    let before = sides(&place.live, &place.stage).unwrap();
    place.go(before).unwrap();
    assert_eq!(place.state(), state("new", "", ""));
    place.back(before).unwrap();
    assert_eq!(place.state(), state("", "new", ""));
}

#[test]
fn a_folder_that_somebody_replaced_is_left_alone() {
    let place = place();
    let before = sides(&place.live, &place.stage).unwrap();
    fs::rename(&place.live, place.live.with_extension("theirs")).unwrap();
    fs::create_dir(&place.live).unwrap();
    assert!(matches!(place.go(before), Err(TreeError::Changed(path)) if path == place.live));
    assert!(matches!(place.back(before), Err(TreeError::Changed(_))));
    assert_eq!(Place::text(&place.stage).as_deref(), Some("new"));
    // The same once it was exchanged: in the stage's place it would be deleted.
    let place = super::tests::place();
    let before = sides(&place.live, &place.stage).unwrap();
    place.go(before).unwrap();
    fs::rename(&place.live, place.live.with_extension("aside")).unwrap();
    fs::create_dir(&place.live).unwrap();
    assert!(matches!(place.back(before), Err(TreeError::Changed(_))));
    assert_eq!(place.state(), state("", "", "old"));
}

#[test]
fn a_copy_keeps_mode_time_and_links_and_never_overwrites() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("a"), "one").unwrap();
    fs::set_permissions(at("a"), fs::Permissions::from_mode(0o754)).unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    File::options().append(true).open(at("a")).unwrap().set_modified(old).unwrap();
    std::os::unix::fs::symlink("nowhere", at("l")).unwrap();
    assert_eq!(copy_leaf(&at("a"), &at("x/y/a")).unwrap(), Copied::Yes);
    assert_eq!(copy_leaf(&at("l"), &at("x/l")).unwrap(), Copied::Yes);
    let seen = fs::metadata(at("x/y/a")).unwrap();
    assert_eq!((seen.permissions().mode() & 0o777, seen.modified().unwrap()), (0o754, old));
    assert_eq!(fs::read_link(at("x/l")).unwrap(), Path::new("nowhere"));
    fs::write(at("a"), "two").unwrap();
    assert_eq!(copy_leaf(&at("a"), &at("x/y/a")).unwrap(), Copied::Occupied);
    assert_eq!(fs::read_to_string(at("x/y/a")).unwrap(), "one");
}

#[test]
fn what_a_cut_copy_left_is_in_nobody_s_way() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("a"), "one").unwrap();
    fs::write(at("precious"), "theirs").unwrap();
    std::os::unix::fs::symlink("precious", at("b.refit-part")).unwrap();
    assert_eq!(copy_leaf(&at("a"), &at("b")).unwrap(), Copied::Yes);
    assert_eq!(fs::read_to_string(at("precious")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(at("b")).unwrap(), "one");
}

#[test]
fn a_stage_goes_whatever_its_rights() {
    let root = tempfile::tempdir().unwrap();
    let stage = root.path().join("s");
    fs::create_dir_all(stage.join("locked/in")).unwrap();
    fs::set_permissions(stage.join("locked"), fs::Permissions::from_mode(0o500)).unwrap();
    for _ in 0..2 {
        delete_stage(&stage).unwrap();
        assert!(!stage.exists());
    }
}

#[test]
fn kept_folders_beyond_the_newest_go() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept");
    for name in ["20260101T000000Z-a", "20260301T000000Z-c", "20260201T000000Z-b", "20251201T000000Z-x.leaving"] {
        fs::create_dir_all(place.join(name)).unwrap();
    }
    fs::write(place.join("20260401T000000Z-note"), "no folder").unwrap();
    let gone = prune_kept(&place, 1, Path::is_dir, || ()).unwrap();
    assert_eq!(gone, ["20260201T000000Z-b", "20260101T000000Z-a"].map(|name| place.join(name)));
    let left = ["20260401T000000Z-note", "20260301T000000Z-c"].map(|name| place.join(name));
    assert_eq!(kept_in(&place), left);
    fs::remove_file(&left[0]).unwrap();
    prune_kept(&place, 0, Path::is_dir, || ()).unwrap();
    assert!(!place.exists(), "an empty place goes as well");
}

#[test]
fn what_given_up_runs_left_is_found_and_kept_as_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [".app.refit-new-r1", ".app.refit-new-r2", ".app.refit-new-r3.part", ".app-env.refit-new-r1"] {
        fs::create_dir_all(at(name).join("in")).unwrap();
    }
    let left = left_over(&at(".app.refit-new-r2")).unwrap();
    assert_eq!(left, [at(".app.refit-new-r1")]);
    assert!(!at(".app.refit-new-r3.part").exists(), "what is half made is nobody's");
    let kept = keep_left_over(&left[0]).unwrap();
    fs::create_dir_all(at(".app.refit-previous/20260101T000000Z-a")).unwrap();
    assert_eq!(kept_in(&at(".app.refit-previous")).last(), Some(&kept));
    assert!(kept.join("in").is_dir() && at(".app-env.refit-new-r1").is_dir());
    assert_eq!(folder_of(&left[0]), Some(at("app")));
}

#[test]
fn one_that_cannot_be_deleted_does_not_keep_the_others() {
    use nix::mount::{MsFlags, mount, umount};
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept");
    let busy = place.join("20251201T000000Z-x.leaving");
    for name in ["20260101T000000Z-a", "20260301T000000Z-c", "20260201T000000Z-b"] {
        fs::create_dir_all(place.join(name)).unwrap();
    }
    fs::create_dir_all(&busy).unwrap();
    if let Err(errno) = mount(Some("none"), &busy, Some("tmpfs"), MsFlags::empty(), None::<&str>) {
        eprintln!("not tried: {errno}");
        return;
    }
    let pruned = prune_kept(&place, 1, Path::is_dir, || ());
    umount(&busy).unwrap();
    assert!(pruned.is_err(), "{pruned:?}");
    assert_eq!(kept_in(&place), [place.join("20260301T000000Z-c")]);
}
