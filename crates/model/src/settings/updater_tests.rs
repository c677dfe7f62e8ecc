//! Every type of updater with every option, as a running Moonraker 0.11.0 took the same sections.

use super::*;
use crate::health::HealthSpec;

#[test]
fn a_git_repository_with_defaults() {
    let updater = good(GIT);
    let common = CommonSettings {
        health: crate::health::HealthSpec::USUAL,
        channel: Channel::Dev,
        channel_invalid: false,
        refresh_interval_hours: 168,
        report_anomalies: true,
        info_tags: vec![],
        managed_services: vec!["foo".to_owned()],
        hold: None,
        is_system_service: true,
    };
    let git = GitSettings {
        path: PathBuf::from("/x/app"),
        origin: "https://e.x/o/r.git".to_owned(),
        moved_origin: None,
        primary_branch: "master".to_owned(),
        pinned_commit: None,
        dependencies: Dependencies::default(),
    };
    assert_eq!((updater.name.as_str(), updater.section.as_str()), ("foo", "update_manager foo"));
    assert_eq!((updater.common, updater.kind), (common, UpdaterKind::Git(git)));
    assert_eq!(updater.place.to_string(), "/c/moonraker.conf:2");
}

#[test]
fn a_git_repository_with_everything() {
    let text = "channel: stable\nrefresh_interval: 3\nreport_anomalies: no\ninfo_tags:\n  a=b\n\n  c d  \n  # q\n  e\n\
                moved_origin: https://e.x/old\nprimary_branch: main\npinned_commit: ABCDEF12\nvirtualenv: venv\n\
                requirements: sub/req.txt\nvenv_args: -p python3\npip_environment_variables:\n  A=b\n  C = d=e\n\
                system_dependencies: sys.json\nis_system_service: False\nmanaged_services: klipper\n  moonraker klipper\n";
    let updater = good(&format!("{GIT}{text}"));
    let common = updater.common;
    assert_eq!((common.channel, common.refresh_interval_hours, common.report_anomalies), (Channel::Stable, 3, false));
    assert_eq!((common.info_tags, common.is_system_service), (vec!["a=b".into(), "c d".into(), "e".into()], false));
    assert_eq!(common.managed_services, ["klipper", "moonraker"]);
    let UpdaterKind::Git(git) = updater.kind else { panic!("not git") };
    assert_eq!(git.moved_origin.as_deref(), Some("https://e.x/old.git"));
    assert_eq!((git.primary_branch.as_str(), git.pinned_commit.as_deref()), ("main", Some("abcdef12")));
    let python = PythonEnv {
        location: PythonLocation::Virtualenv(PathBuf::from("/x/app/venv")),
        requirements: Some(PathBuf::from("/x/app/sub/req.txt")),
        venv_args: Some("-p python3".to_owned()),
        pip_environment: vec![("A".into(), "b".into()), ("C".into(), "d=e".into())],
    };
    assert_eq!(python.location.executable(), Path::new("/x/app/venv/bin/python"));
    assert_eq!(git.dependencies.python, Some(python));
    assert_eq!(git.dependencies.system_dependencies.as_deref(), Some(Path::new("/x/app/sys.json")));
}

#[test]
fn every_type_can_be_held_back_and_nobody_calls_the_option_unparsed() {
    let named = |options: &str| format!("[update_manager foo]\n{options}");
    for section in [named(GIT), named(WEB)] {
        let settings = load(&format!("{section}hold: yes\n"));
        let place = settings.updaters[0].common.hold.clone().unwrap();
        assert!(place.line as usize > section.lines().count(), "{place}");
        assert_eq!(settings.warnings, Vec::<String>::new());
        assert_eq!(load(&format!("{section}hold: no\n")).updaters[0].common.hold, None);
    }
    // Neither where the section fails for another reason, nor where the value makes no sense: it is not updated then.
    for text in ["[update_manager foo]\nhold: yes\n".to_owned(), named(&format!("{GIT}hold: perhaps\n"))] {
        let settings = load(&text);
        assert!(settings.failed_updater("foo").is_some());
        assert!(!settings.warnings.iter().any(|warning| warning.contains("Unparsed")), "{:?}", settings.warnings);
    }
    let global = load(&format!("[update_manager]\nhold: yes\n{}", named(GIT)));
    assert!(global.warnings.iter().any(|warning| warning.contains("Unparsed config option 'hold")));
}

#[test]
fn health_checks_are_read_for_every_type_and_nonsense_costs_the_updater() {
    let named = |options: &str| format!("[update_manager foo]\n{options}");
    let lines = "health_check:\n  url http://127.0.0.1/\n  unit foo\nhealth_check_timeout: 5\n";
    for (section, page) in [(named(GIT), false), (named(WEB), true)] {
        let settings = load(&format!("{section}{lines}"));
        assert_eq!(settings.warnings, Vec::<String>::new());
        let lines = ["url http://127.0.0.1/".to_owned(), "unit foo".to_owned()];
        assert_eq!(settings.updaters[0].common.health, HealthSpec::parse(&lines, Some(5), page).unwrap());
    }
    for (wrong, option, why) in [
        ("health_check: ping x\n", "health_check", "[update_manager foo]: Option 'health_check': 'ping' is no kind"),
        ("health_check_timeout: 0\n", "health_check_timeout", "'health_check_timeout: 0' is not from 1 to 600 seconds"),
        ("health_check_timeout: 601\n", "health_check_timeout", "not from 1 to 600"),
    ] {
        let settings = load(&format!("{}{wrong}", named(GIT)));
        let problem = settings.problems.iter().find(|problem| problem.option.as_deref() == Some(option)).unwrap();
        assert!(problem.message.contains(why) && problem.remedy.is_some(), "{problem:?}");
        assert!(settings.failed_updater("foo").is_some());
    }
    let builtin = load("[update_manager]\n[update_manager klipper]\nhealth_check: none\n").builtin;
    assert!(builtin.klipper.health.off && !builtin.moonraker.health.off);
}

#[test]
fn types() {
    assert_eq!(bad("path: /tmp"), "No option 'type' in section: 'update_manager foo'");
    for word in ["", "web_beta", "system", "git", "a'b", "git-repo"] {
        assert_eq!(bad(&format!("type: {word}")), format!("No enum member named {word}"));
    }
    for word in ["Git_Repo", "Web", "WEB"] {
        let list = "['web', 'git_repo', 'zip', 'python', 'executable']";
        let choice = format!("Value {word} is not a vailid choice.  Must be one of the following {list}");
        assert_eq!(bad(&format!("type: {word}")), format!("Section [update_manager foo], Option 'type: {choice}"));
    }
    for word in ["none", "None"] {
        let settings = foo(&format!("type: {word}\nfoo: 1"));
        let invalid = format!("Invalid type '{word}' for section [update_manager foo]");
        assert_eq!(settings.warnings, [invalid, unparsed("foo: 1")]);
        assert!(settings.updaters.is_empty());
    }
}

#[test]
fn channels() {
    for (base, word) in [(WEB, "web"), (ZIP, "zip"), (EXE, "executable")] {
        let settings = foo(&format!("{base}channel: dev"));
        let text = format!(
            "[update_manager foo]: Invalid value 'dev' for option 'channel'. Type '{word}' supports the following \
             channels: ['stable', 'beta'].  Falling back to channel 'stable'"
        );
        assert_eq!(settings.warnings, [text]);
        let common = settings.updaters.first().map(|u| (u.common.channel, u.common.channel_invalid));
        assert_eq!(common, Some((Channel::Stable, true)));
        assert_eq!(good(&format!("{base}channel: beta")).common.channel, Channel::Beta);
        assert_eq!(good(base).common.channel, Channel::Stable);
    }
    assert_eq!(good(&format!("{PYTHON}channel: dev")).common.channel, Channel::Dev);
    assert_eq!(good(PYTHON).common.channel, Channel::Stable);
    for value in ["Dev", "x", ""] {
        let choice = "is not a vailid choice.  Must be one of the following ['stable', 'beta', 'dev']";
        let expected = format!("Section [update_manager foo], Option 'channel: Value {value} {choice}");
        assert_eq!(bad(&format!("{GIT}channel: {value}")), expected);
    }
}

#[test]
fn what_cannot_be_parsed_hides_what_was_not_read() {
    for (option, why) in [
        ("refresh_interval: x", "invalid literal for int() with base 10: 'x'"),
        ("report_anomalies: x", "Not a boolean: x"),
        ("is_system_service: x", "Not a boolean: x"),
        ("enable_node_updates: x", "Not a boolean: x"),
        ("pip_environment_variables: A: b", "Failed to parse dictionary field, A: b"),
    ] {
        let name = option.split(':').next().unwrap_or_default();
        let settings = foo(&format!("{GIT}{option}\nbar: 1"));
        let message = format!("[update_manager foo]: Option '{name}' {PARSING} {why}");
        assert_eq!(settings.warnings, [format!("[update_manager]: Failed to load extension foo: {message}")]);
    }
    // What can be parsed and not used does not hide it.
    let settings = foo("type: git_repo\npath: /nope\nfoo: 1");
    let failed =
        format!("[update_manager]: Failed to load extension foo: {}", path_error("path", "/nope", "does not exist"));
    assert_eq!(settings.warnings, [failed, unparsed("foo: 1")]);
}

#[test]
fn paths() {
    let at = |path: &str| foo(&format!("type: git_repo\npath: {path}\norigin: https://e.x/x"));
    for (text, path) in [("~/app", "/home/pi/app"), ("/x/venv/../app/.", "/x/app"), ("/x/file", "/x/file")] {
        let settings = at(text);
        let Some(UpdaterKind::Git(git)) = settings.updaters.first().map(|u| u.kind.clone()) else { panic!("{text}") };
        assert_eq!(git.path, Path::new(path));
    }
    let no = |path: &str| bad(&format!("type: git_repo\npath: {path}\norigin: x"));
    assert_eq!(no("/nope"), path_error("path", "/nope", "does not exist"));
    assert_eq!(no("{data_path}/x"), path_error("path", "/cwd/{data_path}/x", "does not exist"));
    assert_eq!(no(""), path_error("path", "", "does not exist"));
    let multi = at("\n  /x/app");
    assert_eq!(
        multi.warnings.first().map(String::as_str),
        Some(
            "[update_manager]: Failed to load extension foo: Invalid path for option `path` in section \
             [update_manager foo]: Path `/cwd/<br/>/x/app` does not exist"
        )
    );
    assert_eq!(bad("type: git_repo\norigin: x"), "No option 'path' in section: 'update_manager foo'");
    assert_eq!(bad("type: git_repo\npath: /x/app"), "No option 'origin' in section: 'update_manager foo'");
}

#[test]
fn virtual_environments() {
    let no = |options: &str| bad(&format!("{GIT}{options}"));
    let invalid = |path: &str| format!("[update_manager foo]: Invalid virtualenv at path {path}. {VERIFY}");
    let python = |path: &str| format!("[update_manager foo]: Invalid python executable at {path}. {VERIFY}");
    assert_eq!(no("virtualenv: /x/venv"), "No option 'requirements' in section: 'update_manager foo'");
    assert_eq!(no("env: /x/venv/bin/python"), "No option 'requirements' in section: 'update_manager foo'");
    for (value, path) in [("/nope", "/nope"), ("../nope", "/x/app/../nope"), ("./sub/../nope", "/x/app/sub/../nope")] {
        assert_eq!(no(&format!("virtualenv: {value}")), path_error("virtualenv", path, "does not exist"));
    }
    assert_eq!(no("virtualenv: ~/venv"), path_error("virtualenv", "/home/pi/venv", "does not exist"));
    assert_eq!(no("virtualenv: /x/noact"), invalid("/x/noact"));
    assert_eq!(no("virtualenv: /x/file"), invalid("/x/file"));
    assert_eq!(no("virtualenv:"), invalid("/x/app"));
    assert_eq!(no("virtualenv: /x/nopy"), python("/x/nopy/bin/python"));
    assert_eq!(no("virtualenv: /x/noexec"), python("/x/noexec/bin/python"));
    assert_eq!(no("env: /nope/python"), path_error("env", "/nope/python", "does not exist"));
    assert_eq!(no("env: /x/venv"), path_error("env", "/x/venv", "is not a file"));
    assert_eq!(no("env: /x/noexec/bin/python"), path_error("env", "/x/noexec/bin/python", "is not executable"));
    assert_eq!(no("env: /x/file"), path_error("env", "/x/file", "is not executable"));
    assert_eq!(no("env: /x/noact/bin/../bin/python"), invalid("/x/noact"));
    let kind = good(&format!("{GIT}env: /x/venv/bin/python\nrequirements: req.txt")).kind;
    let location = kind.dependencies().python.as_ref().map(|env| env.location.clone());
    assert_eq!(location, Some(PythonLocation::Env(PathBuf::from("/x/venv/bin/python"))));
    assert_eq!(location.map(|env| env.folder()), Some(PathBuf::from("/x/venv")));
}

#[test]
fn an_environment_whose_interpreter_is_gone_can_be_mended() {
    let folder = |options: &str| {
        let kind = good(options).kind;
        let python = match &kind {
            UpdaterKind::Python(python) => Some(&python.python),
            other => other.dependencies().python.as_ref(),
        };
        python.map(|python| python.location.folder())
    };
    let gone = Some(PathBuf::from("/x/gone"));
    assert_eq!(folder("type: python\nvirtualenv: /x/gone"), gone);
    assert_eq!(folder("type: python\nenv: /x/gone/bin/python"), gone);
    for kind in [GIT, ZIP] {
        assert_eq!(folder(&format!("{kind}virtualenv: /x/gone\nrequirements: /x/app/req.txt")), gone);
    }
    // Not even the link is there.
    assert!(bad("type: python\nvirtualenv: /x/nopy").contains("Invalid python executable at /x/nopy/bin/python."));
}

#[test]
fn requirements_and_lists_of_packages() {
    let no = |options: &str| bad(&format!("{GIT}{options}"));
    let requirements = |value: &str| no(&format!("virtualenv: /x/venv\nrequirements: {value}"));
    assert_eq!(requirements("nope.txt"), path_error("requirements", "/x/app/nope.txt", "does not exist"));
    assert_eq!(requirements("../nope"), path_error("requirements", "/x/app/../nope", "does not exist"));
    assert_eq!(requirements("~/x"), path_error("requirements", "/x/app/~/x", "does not exist"));
    assert_eq!(requirements("sub"), path_error("requirements", "/x/app/sub", "is not a file"));
    assert_eq!(requirements(""), path_error("requirements", "/x/app", "is not a file"));
    for option in ["system_dependencies", "install_script"] {
        let value = |value: &str| no(&format!("{option}: {value}"));
        assert_eq!(value("nope"), path_error(option, "/x/app/nope", "does not exist"));
        assert_eq!(value("../nope/../y"), path_error(option, "/x/y", "does not exist"));
        assert_eq!(value("sub"), path_error(option, "/x/app/sub", "is not a file"));
        assert_eq!(value(""), path_error(option, "/x/app", "is not a file"));
    }
    let lock = path_error("enable_node_updates", "/x/app/package-lock.json", "does not exist");
    assert_eq!(no("enable_node_updates: True"), lock);
    // The newer option hides the older one.
    let settings = foo(&format!("{GIT}install_script: nope.sh\nsystem_dependencies: sys.json\nrequirements: nope"));
    assert_eq!(settings.warnings, [unparsed("install_script: nope.sh"), unparsed("requirements: nope")]);
}

#[test]
fn services() {
    let of = |options: &str, asvc| {
        let text = format!("[server]\n[update_manager foo]\n{GIT}{options}\n");
        let settings = load_with(&text, asvc);
        let services = settings.updaters.first().map(|u| u.common.managed_services.join(" ")).unwrap_or_default();
        (services, settings.warnings)
    };
    let denied = "[update_manager foo]: Moonraker is not permitted to restart service 'foo'.  To enable management of \
                  this service add foo to the bottom of the file /d/moonraker.asvc.  To disable management for this \
                  service set 'is_system_service: False' in the configuration for this section.";
    for options in
        ["", "managed_services: foo", "managed_services: klipper foo", "is_system_service: no\nmanaged_services: foo"]
    {
        assert_eq!(of(options, None), (String::new(), vec![denied.to_owned()]), "of {options:?}");
    }
    assert_eq!(of("", Some("foo.service")).0, "foo");
    assert_eq!(of("managed_services: klipper\n  foo", Some("foo")), ("klipper foo".to_owned(), vec![]));
    for (options, services) in [
        ("is_system_service: no", ""),
        ("managed_services:", ""),
        ("managed_services: klipper", "klipper"),
        ("managed_services: klipper moonraker", "klipper moonraker"),
        ("managed_services: klipper klipper", "klipper"),
    ] {
        assert_eq!(of(options, Some("")), (services.to_owned(), vec![]));
    }
    for (value, wrong, rest) in [
        ("bar klipper baz", "bar", "klipper"),
        ("moonraker, klipper", "moonraker,", "klipper"),
        ("klipper.service", "klipper.service", ""),
        ("Klipper", "Klipper", ""),
    ] {
        let text = format!(
            "[update_manager foo]: Option 'managed_services: {value}' contains an invalid value '{wrong}'.  All values \
             must be one of the following choices: ['foo', 'klipper', 'moonraker']"
        );
        assert_eq!(of(&format!("managed_services: {value}"), None), (rest.to_owned(), vec![text]));
    }
    let other = load_with("[server]\n[update_manager klipperfoo]\ntype: git_repo\npath: /x/app\norigin: x\n", None);
    assert_eq!(other.warnings.len(), 1, "the whole name must be allowed");
}

#[test]
fn pins_branches_and_addresses() {
    let short = "[update_manager foo]: Value for option 'commit' must be a minimum of 8 characters.";
    assert_eq!(
        (bad(&format!("{GIT}pinned_commit: abc")), bad(&format!("{GIT}pinned_commit:"))),
        (short.into(), short.into())
    );
    let odd = foo(&format!("{GIT}pinned_commit: zzzzzzzzzz"));
    assert_eq!((odd.warnings.len(), odd.problems.len(), odd.updaters.len()), (0, 1, 1));
    assert!(bad(&format!("{GIT}primary_branch: -x")).contains("not a branch name"));
    let origin = |value: &str| format!("type: git_repo\npath: /x/app\norigin: {value}");
    for (value, expected) in
        [("https://e.x/o", "https://e.x/o.git"), ("git@h:o/r.git", "git@h:o/r.git"), ("/srv/r", "/srv/r.git")]
    {
        let UpdaterKind::Git(git) = good(&origin(value)).kind else { panic!("not git") };
        assert_eq!(git.origin, expected);
    }
    for value in ["-x", "--upload-pack=touch", ""] {
        assert!(bad(&origin(value)).contains("is not the address of a repository"), "{value} is taken");
    }
    assert!(bad(&origin("ext::sh -c touch")).contains("transport"));
    assert!(bad(&origin("git://h/o")).contains("The protocol 'git' of option 'origin' is not allowed"));
    let allowed = load(&format!("[update_manager foo]\n{}\n[refit]\nallow_protocols: git\n", origin("git://h/o")));
    assert_eq!(allowed.updaters.len(), 1);
}

#[test]
fn releases() {
    let UpdaterKind::Web(web) = good(&format!("{WEB}persistent_files:\n  a/\n  ./b/c\n")).kind else {
        panic!("not web")
    };
    assert_eq!(
        (web.source.owner.as_str(), web.source.repo.as_str(), web.path.as_path()),
        ("o", "r", Path::new("/x/web"))
    );
    assert_eq!(web.persistent_files, ["a", "b/c"]);
    let common = good(WEB).common;
    assert!(!common.is_system_service && common.managed_services.is_empty());
    let forbidden =
        |name: &str| format!("Invalid value for option 'persistent_files': '{name}' can not be persistent.");
    for base in [WEB, ZIP] {
        assert_eq!(bad(&format!("{base}persistent_files: .version")), forbidden(".version"));
        assert_eq!(bad(&format!("{base}persistent_files:\n  a\n  release_info.json/")), forbidden("release_info.json"));
        for outside in ["../x", "/etc", ".", "a/../../b"] {
            assert!(bad(&format!("{base}persistent_files: {outside}")).contains("inside the updater's folder"));
        }
    }
    let repo = |value: &str| bad(&format!("type: web\npath: /x/web\nrepo: {value}"));
    for value in ["noslash", "", "/", "a/", "/b"] {
        assert_eq!(repo(value), "not enough values to unpack (expected 2, got 1)");
    }
    for value in ["ftp://github.com/a/b", "https://git hub.com/a/b", "a b/c", "a/b?x", "a/../b"] {
        assert!(repo(value).contains("is not the name of a repository"), "{value} is taken");
    }
    assert_eq!(bad("type: web\npath: /x/web"), "No option 'repo' in section: 'update_manager foo'");
}

#[test]
fn a_repository_may_be_an_address() {
    let web = |repo: &str| match good(&format!("type: web\npath: /x/web\nrepo: {repo}")).kind {
        UpdaterKind::Web(web) => (web.source.api, web.source.owner, web.source.repo),
        other => panic!("{other:?}"),
    };
    let told = |api: &str| (api.to_owned(), "a".to_owned(), "b".to_owned());
    assert_eq!(web("https://github.com/a/b"), told("https://api.github.com"));
    assert_eq!(web("https://codeberg.org/a/b"), told("https://codeberg.org/api/v1"));
    assert!(bad("type: web\npath: /x/web\nrepo: https://git.lan/a/b").contains("What kind of forge is git.lan?"));
    let described = load(
        "[refit forge git.lan]\nkind: gitlab\n[update_manager foo]\ntype: web\npath: /x/web\nrepo: https://git.lan/a/b\n",
    );
    let Some(UpdaterKind::Web(web)) = described.updaters.first().map(|updater| &updater.kind) else { panic!() };
    assert_eq!(web.source.api, "https://git.lan/api/v4");
}

#[test]
fn what_a_download_must_show() {
    let verify = |value: &str| match good(&format!("{WEB}verify: {value}")).kind {
        UpdaterKind::Web(web) => web.verify,
        other => panic!("{other:?}"),
    };
    assert_eq!((verify("digest"), verify("none")), (Verify::Digest, Verify::SizeOnly));
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    assert_eq!(verify(&format!("minisign {key}")), Verify::Minisign { key: key.to_owned() });
    for value in ["sha1", "minisign", "minisign short", "digest none"] {
        assert!(bad(&format!("{WEB}verify: {value}")).contains("is not understood"), "{value}");
    }
    let UpdaterKind::Executable(tool) = good(&format!("{EXE}probe: info --quiet")).kind else { panic!() };
    assert_eq!(tool.probe, ["info", "--quiet"]);
}

#[test]
fn options_of_other_types_are_not_read() {
    for option in
        ["virtualenv: x", "system_dependencies: x", "is_system_service: x", "managed_services: klipper", "origin: x"]
    {
        assert_eq!(foo(&format!("{WEB}{option}")).warnings, [unparsed(option)]);
    }
    for option in
        ["persistent_files: a", "virtualenv: x", "install_script: x", "enable_node_updates: x", "venv_args: a"]
    {
        assert_eq!(foo(&format!("{EXE}{option}")).warnings, [unparsed(option)]);
    }
    for option in ["path: /tmp", "requirements: x", "env: x", "repo: a/b", "system_dependencies: q", "origin: q"] {
        assert_eq!(foo(&format!("{PYTHON}{option}")).warnings, [unparsed(option)]);
    }
    for option in ["origin: x", "pinned_commit: abc"] {
        assert_eq!(foo(&format!("{ZIP}{option}")).warnings, [unparsed(option)]);
    }
}

#[test]
fn zip_and_executable_take_dependencies() {
    let zip = good(&format!(
        "{ZIP}virtualenv: /x/venv\nrequirements: release_info.json\nsystem_dependencies: release_info.json"
    ));
    assert!(zip.kind.dependencies().python.is_some() && zip.kind.dependencies().system_dependencies.is_some());
    let exe = good(&format!("{EXE}system_dependencies: release_info.json\nmanaged_services: klipper"));
    assert!(exe.kind.dependencies().system_dependencies.is_some());
    assert_eq!(exe.common.managed_services, ["klipper"]);
    let required = "No option 'requirements' in section: 'update_manager foo'";
    assert_eq!(bad(&format!("{ZIP}virtualenv: /x/venv")), required);
}

#[test]
fn python_packages() {
    let python = |name: &str| {
        let UpdaterKind::Python(python) = good(&format!("type: python\nvirtualenv: /x/venv\n{name}")).kind else {
            panic!("not python")
        };
        (python.project_name, python.extras.join(" "), python.primary_branch)
    };
    assert_eq!(python(""), ("foo".to_owned(), String::new(), None));
    assert_eq!(
        python("project_name: a-b[x, y]\nprimary_branch: main"),
        ("a-b".into(), "x y".into(), Some("main".into()))
    );
    for name in ["", "a b", "distro>=1", "-x", "_x"] {
        let expected = format!("Failed to find distribution info for project {name}");
        assert_eq!(bad(&format!("type: python\nvirtualenv: /x/venv\nproject_name: {name}")), expected);
    }
    assert_eq!(
        bad("type: python\nproject_name: distro"),
        "[update_manager foo]: Option 'virtualenv' must specify a valid the path to a Python virtualenv"
    );
    assert_eq!(bad("type: python\nvirtualenv: /nope"), path_error("virtualenv", "/nope", "does not exist"));
    assert_eq!(bad("type: python\nvirtualenv: venv"), path_error("virtualenv", "venv", "is not absolute"));
}
