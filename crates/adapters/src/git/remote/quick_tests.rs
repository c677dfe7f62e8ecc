use refit_testkit::git::{Commit, Work};
use refit_testkit::git_http::{Ask, Fault, Lie};

use super::super::super::GitVersion;
use super::super::super::write_tests::{Lab, branch};
use super::super::{Remotes, Seen};
use super::*;

async fn check(lab: &Lab) -> Result<Seen, StepError> {
    let remotes = Remotes::new(GitVersion(2, 47), 2);
    remotes.check(&lab.hand(), "origin", &lab.server.url(&lab.remote.route()), &branch("master")).await
}

/// What was asked of the server since the last time.
fn asked(lab: &Lab) -> Vec<Ask> {
    let asked = lab.server.asked().iter().map(|asked| asked.ask).collect();
    lab.server.forget();
    asked
}

const QUICK: [Ask; 2] = [Ask::LsRefs, Ask::Fetch];

fn refs_of(work: &Work) -> String {
    work.git(&["for-each-ref", "refs/remotes/origin/master", "refs/tags"])
}

/// Another clone of the old state, for git to fetch into by itself.
fn twin(lab: &Lab, name: &str) -> Work {
    let twin = lab.root.join(name);
    let copied = std::process::Command::new("cp").arg("-a").arg(lab.work.path()).arg(&twin).status().unwrap();
    assert!(copied.success());
    lab.work.world().work(twin)
}

#[tokio::test]
async fn commits_and_tags_come_in_two_requests_and_are_what_git_would_fetch() {
    let lab = Lab::new().await;
    let first = twin(&lab, "first");
    lab.server.forget();
    assert_eq!(check(&lab).await, Ok(Seen::Fetched));
    assert_eq!(asked(&lab), QUICK);
    first.git(&["fetch", "--quiet", "origin"]);
    assert_eq!(refs_of(&lab.work), refs_of(&first));
    // A tag of every kind on the new commit, on an old one, and elsewhere.
    let second = twin(&lab, "second");
    lab.remote.push("master", &Commit::new("Third").file("f5", "three\n"));
    lab.remote.annotate("v2.0.0", "annotated, new");
    lab.remote.tag("light-new");
    lab.remote.tag_at("light-old", lab.a.as_str());
    lab.remote.git(&["tag", "-a", "-m", "annotated, old", "noted-old", lab.a.as_str()]);
    lab.remote.git(&["tag", "-a", "-m", "a tag of a tag", "noted-twice", "v2.0.0"]);
    lab.remote.push("side", &Commit::new("Side").file("side", "x\n"));
    lab.remote.tag_at("of-side", "side");
    lab.server.forget();
    assert_eq!(check(&lab).await, Ok(Seen::Fetched));
    assert_eq!(asked(&lab), QUICK);
    second.git(&["fetch", "--quiet", "origin", "+refs/heads/master:refs/remotes/origin/master"]);
    assert_eq!(refs_of(&lab.work), refs_of(&second));
    assert!(refs_of(&lab.work).contains("noted-twice") && !refs_of(&lab.work).contains("of-side"));
    lab.work.git(&["fsck", "--full", "--strict"]);
    assert_eq!(check(&lab).await, Ok(Seen::Same));
    // Written anew there: what is here of it is no help, and no hindrance.
    lab.remote.git(&["update-ref", "refs/heads/master", "side"]);
    lab.server.forget();
    assert_eq!((check(&lab).await, asked(&lab)), (Ok(Seen::Fetched), QUICK.to_vec()));
    assert_eq!(lab.work.rev("refs/remotes/origin/master"), lab.remote.git(&["rev-parse", "side"]));
    assert_eq!(lab.work.rev("of-side"), lab.work.rev("refs/remotes/origin/master"));
}

#[tokio::test]
async fn the_unusual_is_left_to_git() {
    for (what, set) in [
        ("all tags", ["config", "remote.origin.tagOpt", "--tags"]),
        ("checks of the owner's", ["config", "transfer.fsckObjects", "true"]),
        ("a partial clone", ["config", "remote.origin.promisor", "true"]),
        ("a commit that is here", ["fetch", "--quiet", "origin"]),
    ] {
        let lab = Lab::new().await;
        lab.work.git(&set);
        if set[0] == "fetch" {
            lab.work.git(&["update-ref", "refs/remotes/origin/master", lab.a.as_str()]);
        }
        lab.server.forget();
        assert_eq!(check(&lab).await, Ok(Seen::Fetched), "{what}");
        assert!(asked(&lab).contains(&Ask::Discovery), "{what}");
        assert_eq!(lab.work.rev("refs/remotes/origin/master"), lab.b.as_str(), "{what}");
    }
    let lab = Lab::new().await;
    std::fs::write(lab.work.path().join(".git/shallow"), format!("{}\n", lab.a)).unwrap();
    assert!(!is_usual(&lab.hand()), "shallow");
    std::fs::remove_file(lab.work.path().join(".git/shallow")).unwrap();
    assert!(is_usual(&lab.hand()));
    std::fs::write(lab.git.surroundings().home.join(".gitconfig"), "[fetch]\n\tfsckObjects = true\n").unwrap();
    assert!(!is_usual(&lab.hand()), "the owner's settings");
}

#[tokio::test]
async fn a_large_pack_is_left_to_git() {
    let lab = Lab::new().await;
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + u8::try_from(state >> 58).unwrap())
    });
    let noise: String = noise.take(4 * 1024 * 1024).collect();
    let tip = lab.remote.push("master", &Commit::new("Large").file("large", noise));
    lab.server.forget();
    assert_eq!(check(&lab).await, Ok(Seen::Fetched));
    assert!(asked(&lab).contains(&Ask::Discovery));
    assert_eq!(lab.work.rev("refs/remotes/origin/master"), tip);
}

#[tokio::test]
async fn an_untrue_answer_moves_no_ref() {
    for lie in [Lie::Garbage, Lie::BadPktLines, Lie::TruncatedPack, Lie::Endless] {
        let lab = Lab::new().await;
        let before = lab.work.git(&["for-each-ref"]);
        let route = lab.remote.route();
        lab.server.add_fault(&route, Ask::Fetch, Fault::Lie(lie));
        lab.server.add_fault(&route, Ask::Discovery, Fault::Refuse(503));
        let error = check(&lab).await.unwrap_err();
        assert!(error.message.contains("a fault of its own"), "git was asked then: {error}");
        assert_eq!(lab.work.git(&["for-each-ref"]), before, "{lie:?}");
        lab.server.heal(&route);
        assert_eq!(check(&lab).await, Ok(Seen::Fetched), "{lie:?}");
    }
}

/// A pack that lacks what its commits need is not taken, whatever it says of itself.
#[tokio::test]
async fn a_pack_with_a_gap_is_not_taken() {
    let lab = Lab::new().await;
    let ids = lab.remote.git(&["rev-list", "--objects", &format!("{}..{}", lab.a, lab.b)]);
    let blob = ids.lines().find(|line| line.ends_with("f0")).unwrap();
    let but: String = ids.lines().filter(|line| *line != blob).map(|line| format!("{}\n", &line[..40])).collect();
    for (objects, taken) in [(but, false), (ids.lines().map(|line| format!("{}\n", &line[..40])).collect(), true)] {
        let list = lab.root.join("objects");
        std::fs::write(&list, objects).unwrap();
        let packed = std::process::Command::new("git")
            .args(["pack-objects", "--stdout", "--quiet"])
            .current_dir(lab.remote.path())
            .stdin(std::fs::File::open(&list).unwrap())
            .output()
            .unwrap();
        assert_eq!(store(&lab.hand(), packed.stdout).await, Ok(taken));
    }
}

#[tokio::test]
async fn a_commit_graph_is_written_for_a_long_history_and_again_after_many_packs() {
    let lab = Lab::new().await;
    let graph = lab.work.path().join(".git/objects/info/commit-graph");
    check(&lab).await.unwrap();
    assert!(!graph.exists(), "a short history needs none");
    let many = (0..5000).fold(Commit::new("Many"), |commit, n| commit.file(&format!("many/{n}"), format!("{n}\n")));
    lab.remote.push("master", &many);
    check(&lab).await.unwrap();
    assert!(graph.exists(), "there was none");
    let old = std::fs::File::open(&graph).unwrap();
    let packs = |wanted: usize| {
        let mut found: Vec<_> = std::fs::read_dir(lab.work.path().join(".git/objects/pack"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"))
            .map(|entry| entry.metadata().unwrap().modified().unwrap())
            .collect();
        found.sort();
        // As if the graph had been written before the last ones.
        old.set_modified(found[found.len() - wanted] - std::time::Duration::from_millis(1)).unwrap();
    };
    for n in 1..PACKS {
        lab.remote.push("master", &Commit::new("One more").file("f6", format!("{n}\n")));
        check(&lab).await.unwrap();
    }
    packs(PACKS - 1);
    assert!(!wants_commit_graph(&lab.hand()));
    packs(PACKS);
    assert!(wants_commit_graph(&lab.hand()));
}
