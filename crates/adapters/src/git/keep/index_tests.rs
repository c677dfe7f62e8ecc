use refit_model::step::GitTarget;

use super::super::super::keep;
use super::super::super::write_tests::Lab;

/// Staged, then changed or deleted in the work tree: the index alone has it.
#[tokio::test]
async fn what_is_only_staged_is_kept_and_staged_again() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("f0", "staged\n");
    lab.work.write("own", "staged and gone\n");
    lab.work.git(&["add", "f0", "own"]);
    lab.work.write("f0", "changed after it was staged\n");
    lab.work.remove("own");
    let (before, to) = (lab.state(), GitTarget::Commit(lab.b.clone()));
    let name = format!("refs/refit/kept/{}-index", lab.kept().key);
    let note = keep::keep_aside(&lab.hand(), &lab.kept(), &to).await.unwrap().unwrap();
    assert!(note.contains(&format!("what was staged as {name}")), "{note}");
    let show = |path: &str| lab.work.git(&["show", &format!("{name}:{path}")]);
    assert_eq!((show("f0").trim(), show("own").trim()), ("staged", "staged and gone"));
    assert_eq!(keep::kept(lab.work.path())[0].reference.as_deref(), Some(name.as_str()));
    // Cut before the switch: nothing is to be put back.
    keep::put_back(&lab.hand(), &lab.kept()).await.unwrap();
    assert_eq!((lab.state(), keep::kept(lab.work.path()).len()), (before.clone(), 0));
    keep::keep_aside(&lab.hand(), &lab.kept(), &to).await.unwrap();
    lab.forward(false).await.unwrap();
    lab.work.git(&["gc", "--quiet", "--prune=now"]);
    lab.back().await.unwrap();
    for _ in 0..2 {
        keep::put_back(&lab.hand(), &lab.kept()).await.unwrap();
        assert_eq!(lab.state(), before);
    }
    assert!(!lab.work.try_git(&["rev-parse", "--verify", "--quiet", &name]).ok());
    assert_eq!(lab.work.git(&["show", ":f0"]).trim(), "staged");
}

#[tokio::test]
async fn what_was_staged_since_stays_and_so_does_the_kept_index() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("f0", "staged\n");
    lab.work.git(&["add", "f0"]);
    lab.work.write("f0", "changed\n");
    keep::keep_aside(&lab.hand(), &lab.kept(), &GitTarget::Commit(lab.b.clone())).await.unwrap();
    lab.forward(false).await.unwrap();
    lab.back().await.unwrap();
    lab.work.write("f4", "staged since\n");
    lab.work.git(&["add", "f4"]);
    keep::put_back(&lab.hand(), &lab.kept()).await.unwrap();
    assert_eq!(lab.work.git(&["show", ":f4"]).trim(), "staged since");
    assert!(keep::kept(lab.work.path())[0].reference.is_some());
}

/// Of files that are staged and the same in the work tree, or in the middle of a merge, the files are what is kept.
#[tokio::test]
async fn what_a_file_holds_as_well_needs_no_index() {
    let lab = Lab::new().await;
    lab.fetched().await;
    lab.work.write("f0", "staged\n");
    lab.work.git(&["add", "f0"]);
    lab.work.write("f2", "changed\n");
    lab.work.remove("f4");
    let note = keep::keep_aside(&lab.hand(), &lab.kept(), &GitTarget::Commit(lab.b.clone())).await.unwrap().unwrap();
    assert!(!note.contains("staged"), "{note}");
}
