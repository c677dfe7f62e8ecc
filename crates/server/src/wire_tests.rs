//! The public shapes, frozen: the expected texts are what clients get, key by key.

use std::sync::Arc;

use refit_engine::snapshot::{Attention, Full, Running, Snapshot};
use refit_model::hold::{Asked, Holds, Offer};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Action;
use refit_model::request::HoldRequest;
use refit_model::settings::Channel;
use refit_model::updater::git::{CommitBehind, GitAssessment, Hazard, Kept};
use refit_model::updater::release::{Asset, Choice, Previous, RateLimit, Release, ReleaseAssessment, ReleaseKind};

use super::*;

fn name(text: &str) -> UpdaterName {
    UpdaterName::new(text).unwrap()
}

fn written<T: Serialize>(shape: &T) -> String {
    String::from_utf8(crate::json::serialize(shape)).unwrap()
}

fn git() -> GitAssessment {
    let text = str::to_owned;
    GitAssessment {
        name: name("app"),
        channel: Channel::Dev,
        channel_invalid: false,
        debug_enabled: false,
        is_valid: true,
        info_tags: vec![text("desc=Ä <b>")],
        repo_detected: true,
        branch: text("master"),
        remote_alias: text("origin"),
        remote_url: text("http://127.0.0.1/own/app.git"),
        recovery_url: text("http://127.0.0.1/own/app.git"),
        owner: text("own"),
        repo_name: text("app"),
        version: text("v1.0.0-0"),
        remote_version: text("v1.0.0-1"),
        rollback_version: text("v1.0.0-0"),
        full_version_string: text("v1.0.0-0-g007a7fb4"),
        current_hash: text("007a7fb43b51c5f80bc76e41221a6edcf3cc1567"),
        remote_hash: text("7688f9bcdc5cda86fd617061df20ef0b6cf2d588"),
        is_dirty: false,
        pristine: true,
        detached: false,
        corrupt: false,
        diverged: false,
        commits_behind: vec![CommitBehind {
            sha: text("7688f9bcdc5cda86fd617061df20ef0b6cf2d588"),
            author: text("Ann Author"),
            date: 1_700_000_660,
            subject: text("change 4"),
            message: String::new(),
            tag: None,
        }],
        commits_behind_count: 1,
        git_messages: Vec::new(),
        warnings: Vec::new(),
        anomalies: vec![text("Repo has diverged from remote")],
        last_good_fetch: Some(1_700_000_700),
        remote_error: None,
        damage: vec![text("the file .git/HEAD is damaged")],
        hazards: vec![Hazard { key: text("core.fsmonitor"), refused: false }],
        kept: vec![Kept { key: text("k"), folder: Some("/home/k".into()), reference: None, files: 2, at: 5 }],
        dependencies: Default::default(),
        last_refresh: 1_700_000_701,
    }
}

/// `app` is held back by the configuration, and skips what it offers.
fn held() -> Holds {
    let mut holds = Holds::new([(name("app"), "a place".to_owned())], Asked::default());
    let skip = HoldRequest::Skip { name: "app".to_owned(), version: None };
    holds.change(&name("app"), &skip, "v1.0.0-0", Offer::Version("v1.0.0-1")).unwrap();
    holds
}

#[test]
fn the_status_has_every_field_in_the_order_clients_know() {
    let absent = AbsentAssessment { name: name("klipper"), warnings: vec!["looked in ~/klipper".to_owned()] };
    let snapshot = Snapshot {
        revision: 7,
        busy: true,
        initialized: true,
        updaters: vec![
            (name("klipper"), Arc::new(Assessment::Absent(absent))),
            (name("app"), Arc::new(Assessment::Git(Box::new(git())))),
        ],
        application: Some("full".to_owned()),
        running: Some(Running {
            run: RunId(3),
            updater: name("app"),
            action: Action::SoftRecovery,
            step: 1,
            steps: 4,
            doing: "fetch master from origin".to_owned(),
        }),
        waiting: vec!["klipper".to_owned()],
        attention: vec![Attention { run: RunId(2), updater: name("app"), message: "look here".to_owned() }],
        holds: Arc::new(held()),
        full: Some(Full {
            done: vec![name("one")],
            running: Some(name("app")),
            waiting: vec![name("klipper")],
            failed: vec![(name("two"), "why".to_owned())],
            passed_by: vec![name("three")],
        }),
        ..Snapshot::default()
    };
    let expected = concat!(
        r#"{"github_rate_limit":null,"github_requests_remaining":null,"github_limit_reset_time":null,"version_info":{"#,
        r#""klipper":{"name":"klipper","configured_type":"none","version":"?","remote_version":"?","is_valid":false,"#,
        r#""warnings":["looked in ~/klipper"],"refit":{"held":null,"skipped":null}},"#,
        r#""app":{"channel":"dev","debug_enabled":false,"channel_invalid":false,"is_valid":true,"#,
        r#""configured_type":"git_repo","info_tags":["desc=\u00c4 <b>"],"detected_type":"git_repo","#,
        r#""repo_detected":true,"remote_alias":"origin","branch":"master","owner":"own","repo_name":"app","#,
        r#""remote_url":"http://127.0.0.1/own/app.git","recovery_url":"http://127.0.0.1/own/app.git","#,
        r#""version":"v1.0.0-0","remote_version":"v1.0.0-1","rollback_version":"v1.0.0-0","#,
        r#""current_hash":"007a7fb43b51c5f80bc76e41221a6edcf3cc1567","#,
        r#""remote_hash":"7688f9bcdc5cda86fd617061df20ef0b6cf2d588","is_dirty":false,"detached":false,"#,
        r#""commits_behind":[{"sha":"7688f9bcdc5cda86fd617061df20ef0b6cf2d588","author":"Ann Author","#,
        r#""date":"1700000660","subject":"change 4","message":"","tag":null}],"commits_behind_count":1,"#,
        r#""git_messages":[],"full_version_string":"v1.0.0-0-g007a7fb4","pristine":true,"corrupt":false,"#,
        r#""warnings":[],"anomalies":["Repo has diverged from remote"],"name":"app","#,
        r#""refit":{"last_refresh":1700000701,"last_good_fetch":1700000700,"remote_error":null,"diverged":false,"#,
        r#""damage":["the file .git/HEAD is damaged"],"hazards":[{"key":"core.fsmonitor","refused":false}],"#,
        r#""kept":[{"key":"k","folder":"/home/k","reference":null,"files":2,"at":5}],"environment":null,"held":"configuration","skipped":"v1.0.0-1"}}},"busy":true,"#,
        r#""refit":{"version":"VERSION","initialized":true,"application":"full","#,
        r#""running":{"run":3,"name":"app","action":"soft_recovery","step":1,"steps":4,"#,
        r#""doing":"fetch master from origin"},"waiting":["klipper"],"#,
        r#""attention":[{"run":2,"name":"app","message":"look here"}],"full":{"done":["one"],"running":"app","waiting":["klipper"],"#,
        r#""failed":[{"name":"two","message":"why"}],"passed_by":["three"]}}}"#,
    );
    assert_eq!(written(&Status::from(&snapshot)), expected.replace("VERSION", VERSION));
}

fn release() -> ReleaseAssessment {
    let text = |text: &str| text.to_owned();
    let asset =
        Asset { name: text("app.zip"), url: text("https://x/app.zip"), size: Some(7), sha256: Some(text("ab")) };
    ReleaseAssessment {
        name: name("front"),
        kind: ReleaseKind::Web,
        channel: Channel::Beta,
        channel_invalid: false,
        debug_enabled: false,
        is_valid: true,
        info_tags: Vec::new(),
        owner: text("own"),
        repo_name: text("proj"),
        version: text("v1.0.0"),
        remote_version: None,
        rollback_version: text("v0.9.0"),
        last_error: String::new(),
        warnings: Vec::new(),
        anomalies: Vec::new(),
        update_available: true,
        release: Some(Release {
            tag: text("v2.0.0"),
            name: None,
            prerelease: true,
            published_at: Some(text("2026-01-01T00:00:00Z")),
            notes: text("New."),
            page: None,
            assets: vec![asset.clone()],
        }),
        choice: Some(Ok(Choice { asset, why: text("the only zip of the release") })),
        verified: Some(text("size only")),
        previous: vec![Previous { version: text("v0.9.0"), folder: "/p".into(), at: 3, bytes: 4 }],
        kept: Vec::new(),
        dependencies: Default::default(),
        last_good_answer: Some(5),
        not_before: None,
        rate: Some(RateLimit { limit: 60, remaining: 57, reset: 1_800_000_000.0, at: 2.0 }),
        last_refresh: 6,
    }
}

#[test]
fn a_release_has_every_field_in_the_order_clients_know() {
    let older = ReleaseAssessment {
        name: name("other"),
        rate: Some(RateLimit { limit: 60, remaining: 58, reset: 1.0, at: 1.0 }),
        ..release()
    };
    let updaters = [release(), older].map(|one| (one.name.clone(), Arc::new(Assessment::Release(Box::new(one)))));
    let snapshot = Snapshot { updaters: updaters.into(), ..Snapshot::default() };
    let written = written(&Status::from(&snapshot));
    let root = r#"{"github_rate_limit":60,"github_requests_remaining":57,"github_limit_reset_time":1800000000.0,"#;
    assert!(written.starts_with(root), "the newest counts: {written}");
    let expected = concat!(
        r#""front":{"channel":"beta","debug_enabled":false,"channel_invalid":false,"is_valid":true,"#,
        r#""configured_type":"web","info_tags":[],"name":"front","repo_name":"proj","owner":"own","version":"v1.0.0","#,
        r#""remote_version":null,"rollback_version":"v0.9.0","last_error":"","warnings":[],"anomalies":[],"#,
        r#""refit":{"last_refresh":6,"last_good_answer":5,"not_before":null,"update_available":true,"#,
        r#""release":{"tag":"v2.0.0","name":null,"prerelease":true,"published_at":"2026-01-01T00:00:00Z","page":null,"#,
        r#""notes":"New.","asset":"app.zip","size":7,"sha256":"ab","why":"the only zip of the release"},"#,
        r#""verified":"size only","previous":[{"version":"v0.9.0","folder":"/p","at":3,"bytes":4}],"kept":[],"#,
        r#""environment":null,"held":null,"skipped":null}}"#,
    );
    assert!(written.contains(expected), "{written}");
}

#[test]
fn the_system_has_four_fields_and_what_refit_adds() {
    use refit_model::updater::system::{Lists, PackageUpgrade, Provider, Reboot, SystemAssessment};

    let package = |name: &str, from: Option<&str>| PackageUpgrade {
        name: name.to_owned(),
        from: from.map(str::to_owned),
        to: "2".to_owned(),
        bytes: Some(7),
        security: from.is_some(),
    };
    let system = SystemAssessment {
        name: name("system"),
        package_list: vec!["app".to_owned()],
        seen: true,
        last_refresh: 6,
        provider: Some(Provider { name: "apt".to_owned(), version: Some("2.6.1".to_owned()), warning: None }),
        packages: vec![package("app", Some("1")), package("new", None)],
        held: Vec::new(),
        kept_back: Vec::new(),
        would_remove: vec!["old".to_owned()],
        lists: Lists { last_good: Some(5), error: None, failed_at: None },
        end_of_life: None,
        interrupted: Vec::new(),
        reboot: Some(Reboot { packages: vec!["linux".to_owned()] }),
        warnings: vec!["look".to_owned()],
    };
    let looked = SystemAssessment { last_refresh: 0, ..system.clone() };
    let unseen = SystemAssessment { seen: false, ..looked.clone() };
    let entry = |one: SystemAssessment| {
        let updaters = vec![(name("system"), Arc::new(Assessment::System(Box::new(one))))];
        written(&Status::from(&Snapshot { updaters, ..Snapshot::default() }))
    };
    let expected = concat!(
        r#""system":{"name":"system","configured_type":"system","package_count":1,"package_list":["app"],"#,
        r#""refit":{"last_refresh":6,"provider":{"name":"apt","version":"2.6.1","warning":null},"packages":["#,
        r#"{"name":"app","from":"1","to":"2","bytes":7,"security":true},"#,
        r#"{"name":"new","from":null,"to":"2","bytes":7,"security":false}],"size":14,"held_packages":[],"kept_back":[],"#,
        r#""would_remove":["old"],"lists":{"last_good":5,"error":null,"failed_at":null},"end_of_life":null,"#,
        r#""interrupted":[],"reboot_required":true,"reboot_packages":["linux"],"warnings":["look"],"#,
        r#""held":null,"skipped":null}}"#,
    );
    let told = entry(system);
    assert!(told.contains(expected), "{told}");
    assert!(entry(looked).contains(r#""last_refresh":null"#));
    assert!(entry(unseen).contains(r#""last_refresh":0"#));
}

#[test]
fn notifications_have_no_id_and_one_parameter_or_none() {
    let message = RunMessage {
        application: "recover_app".to_owned(),
        proc_id: 140_737_488_355_328,
        message: "Reinstall Complete".to_owned(),
        complete: true,
    };
    let bytes = notification("notify_update_response", Some(&UpdateResponse::from(&message)));
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"jsonrpc":"2.0","method":"notify_update_response","params":[{"message":"Reinstall Complete","application":"recover_app","proc_id":140737488355328,"complete":true}]}"#
    );
    let bytes = notification::<()>("notify_klippy_ready", None);
    assert_eq!(bytes, br#"{"jsonrpc":"2.0","method":"notify_klippy_ready"}"#);
}

#[test]
fn a_plan_shows_no_login() {
    use refit_engine::handle::Planned;
    use refit_model::plan::{Plan, Verdict};
    use refit_model::step::{EnvironmentRef, EnvironmentStep, Phase, PlannedStep, Step, Undo};
    let env = EnvironmentRef {
        updater: name("app"),
        title: "Git Repo app".to_owned(),
        folder: "/home/pi/app-env".into(),
        pip_environment: vec![("PIP_INDEX_URL".to_owned(), "https://pi:s3cret@host/simple".to_owned())],
        venv_args: None,
    };
    let step = Step::Environment(EnvironmentStep::Prune { env, kept: "/home/pi/kept".into(), keep: 1 });
    let plan = Plan {
        updater: name("app"),
        action: Action::Upgrade,
        from: "1".to_owned(),
        to: "2".to_owned(),
        opening: Vec::new(),
        steps: vec![PlannedStep { step, undo: Undo::Nothing, phase: Phase::Switch, announce: Vec::new() }],
        closing: String::new(),
        notes: Vec::new(),
    };
    let planned = [Planned { updater: "app".to_owned(), verdict: Ok(Verdict::Do(Box::new(plan))) }];
    let text = written(&runs::Plans::from(planned.as_slice()));
    assert!(text.contains("PIP_INDEX_URL") && !text.contains("s3cret"), "{text}");
}
