//! Names, lists, scripts, and what apt and dpkg were seen to say (apt 2.6.1, dpkg 1.21.22).

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn pi() -> Distribution {
    let os_release = b"ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"12\"\n";
    Distribution::parse(os_release, "raspberry-pi")
}

fn names(listed: &Listed) -> Vec<&str> {
    listed.packages.iter().map(PackageName::as_str).collect()
}

#[test]
fn a_name_is_nothing_else_to_apt() {
    for fine in ["g++", "libffi-dev", "python3.11", "libc6:armhf", "0ad", "libstdc++-12-dev", "x11:any"] {
        assert_eq!(PackageName::new(fine).map(|name| name.as_str().to_owned()), Ok(fine.to_owned()));
    }
    let name = PackageName::new("libc6:armhf").expect("a name");
    assert_eq!((name.bare(), name.architecture()), ("libc6", Some("armhf")));
    for bad in [
        "",
        "a",
        "-y",
        "--help",
        "systemd-",
        "./evil.deb",
        "/etc/x",
        "a b",
        "foo=1.0",
        "foo/testing",
        "desktop^",
        "foo*",
        "Foo",
        "foo:",
        "foo:-x",
        "foo:armhf-",
        "foo:a:b",
        "föö",
        "foo\n",
        "?any",
        "~nfoo",
        "$(id)",
    ] {
        assert!(PackageName::new(bad).is_err(), "{bad} is taken");
    }
}

#[test]
fn a_list_is_read_for_this_distribution() {
    let file = br#"{
        "debian": ["python3-dev", " libffi-dev ", "python3-dev",
            "python3-libcamera; vendor == 'raspberry-pi' and distro_version >= '11'",
            "curl; distro_id == 'debian'", "wireless-tools ; distro_version < '12'",
            "nmap; planet == 'mars'", "rm -rf", 7, ""],
        "ubuntu": ["snapd"]
    }"#;
    let listed = from_json(file, &pi()).expect("a list");
    assert_eq!(names(&listed), ["python3-dev", "libffi-dev", "python3-libcamera"]);
    assert_eq!(
        listed.complaints,
        [
            "the condition of nmap is not understood (there is no variable 'planet'); it is passed by",
            "'rm -rf' is not the name of a package; it is passed by",
            "7 in the list for debian is not text; it is passed by",
            "'' is not the name of a package; it is passed by",
        ]
    );
    let nearest = from_json(br#"{"debian": ["a1"], "raspbian": ["b1"]}"#, &pi()).expect("a list");
    assert_eq!(names(&nearest), ["b1"]);
    let without = listed.without(&excluded("curl, libffi-dev python3-libcamera"));
    assert_eq!(names(&without), ["python3-dev"]);
}

#[test]
fn a_list_that_says_nothing_is_told() {
    let arch = Distribution::parse(b"ID=arch", "");
    let listed = from_json(br#"{"debian": ["a1"], "fedora": []}"#, &arch).expect("a list");
    assert_eq!((names(&listed), listed.complaints.len()), (vec![], 1));
    assert_eq!(listed.complaints, ["there is no list for arch (but for debian, fedora)"]);
    assert_eq!(from_json(b"{}", &arch), Ok(Listed::default()));
    for (bad, words) in
        [("{", "it is not JSON"), ("", "it is not JSON"), ("[]", "keyed by"), (r#"{"arch": "x"}"#, "keyed by")]
    {
        assert!(from_json(bad.as_bytes(), &arch).expect_err(bad).to_string().contains(words), "{bad}");
    }
}

#[test]
fn a_release_may_list_packages() {
    let told = br#"{"commit_sha": "x", "system_dependencies": {"debian": ["liblmdb-dev", "x1; y"]}}"#;
    let listed = from_release_info(told, &pi());
    assert_eq!((names(&listed), listed.complaints.len()), (vec!["liblmdb-dev"], 1));
    for nothing in ["", "[]", "{}", r#"{"system_dependencies": []}"#, r#"{"system_dependencies": null}"#] {
        assert_eq!(from_release_info(nothing.as_bytes(), &pi()), Listed::default(), "{nothing}");
    }
}

#[test]
fn a_script_is_read_and_never_run() {
    let script = br#"#!/bin/bash
install_packages()
{
    # Packages for python cffi
    PKGLIST="virtualenv python3-dev libffi-dev" # build-essential
    PKGLIST="${PKGLIST} libncurses-dev"
    PKGLIST="$PKGLIST stm32flash \
        libusb-1.0-0-dev"
    PKGLIST+=" avrdude"
    export PKGLIST='gcc-avr
      binutils-avr'
    #PKGLIST="evil"
    OTHER_PKGLIST="evil"
    PKGLISTS="evil"
    PKGLIST="${PKGLIST} $(touch /tmp/x) ${EXTRA} `id` -y virtualenv"
    PKGLIST=single; echo evil
    PKGLIST=
    sudo apt-get install --yes ${PKGLIST}
}
PKGLIST="open at the end"#;
    let listed = from_script(script);
    assert_eq!(
        names(&listed),
        [
            "virtualenv",
            "python3-dev",
            "libffi-dev",
            "libncurses-dev",
            "stm32flash",
            "libusb-1.0-0-dev",
            "avrdude",
            "gcc-avr",
            "binutils-avr",
            "single",
            "open",
            "at",
            "the",
            "end"
        ]
    );
    // `$(touch /tmp/x)` is two words, and neither is followed.
    let complaints = listed.complaints.join("\n");
    for word in ["'$(touch'", "'/tmp/x)'", "'${EXTRA}'", "'`id`'", "'-y'"] {
        assert!(complaints.contains(word), "{word} is not in {complaints}");
    }
}

const SIMULATED: &[u8] = b"Reading package lists...
Building dependency tree...
The following additional packages will be installed:
  base-thing libapp
The following packages will be REMOVED:
  rival
Remv rival [1.0]
Inst libapp (1:1.0-2 Debian:12.5/stable, Debian-Security:12/stable-security [amd64])
Inst base-thing [1.0] (1.1 localhost [all]) []
Inst app-dev (1.0 localhost [all])
Inst libc6:armhf (2.36 localhost [armhf])
Conf libapp (1:1.0-2 Debian:12.5/stable [amd64])
";

#[test]
fn a_simulation_is_read() {
    let seen = Simulation::parse(SIMULATED, b"");
    let planned = |name: &str, from: Option<&str>, version: &str, origin: &str| Planned {
        name: name.to_owned(),
        from: from.map(str::to_owned),
        version: version.to_owned(),
        origin: origin.to_owned(),
    };
    assert_eq!(
        seen.install,
        [
            planned("libapp", None, "1:1.0-2", "Debian:12.5/stable, Debian-Security:12/stable-security"),
            planned("base-thing", Some("1.0"), "1.1", "localhost"),
            planned("app-dev", None, "1.0", "localhost"),
            planned("libc6:armhf", None, "2.36", "localhost"),
        ]
    );
    assert_eq!(seen.remove, [Removed { name: "rival".to_owned() }]);
    assert_eq!(seen.added().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["libapp", "app-dev", "libc6:armhf"]);
}

#[test]
fn what_an_upgrade_leaves_is_read() {
    let seen = Simulation::parse(
        b"Calculating upgrade...\nThe following packages have been kept back:\n  held needs\n  other\nThe following packages \
          will be upgraded:\n  app\nInst app [1] (2 Debian-Security:12/stable-security [all])\n",
        b"",
    );
    assert_eq!(seen.kept_back, ["held", "needs", "other"]);
    assert!(seen.install[0].is_security());
    let answer = b"held:\n  Installed: 1:1.0\n  Candidate: 1:2.0\n  Version table:\n     1:2.0 500\nnew:\n  Installed: (none)\n  Candidate: 3\n";
    let seen = policies(answer);
    assert_eq!(seen["held"], (Some("1:1.0".to_owned()), "1:2.0".to_owned()));
    assert_eq!(seen["new"], (None, "3".to_owned()));
}

#[test]
fn a_simulation_says_why_not() {
    let nowhere = Simulation::parse(
        b"Note, selecting 'pyx3-12' for regex 'pyx3.12'\nNote, selecting 'mawk' instead of 'awk'\n",
        b"E: Unable to locate package nope\nE: Unable to locate package nope\nE: Package 'mail-agent' has no installation \
          candidate\nE: Unable to locate package x1.2\nE: Couldn't find any package by glob 'x1.2'\n",
    );
    assert_eq!(nowhere.not_found, ["pyx3.12", "nope", "mail-agent", "x1.2"]);
    assert!(nowhere.errors.is_empty());
    let unmet = Simulation::parse(
        b"The following information may help to resolve the situation:\n\nThe following packages have unmet dependencies:\n \
          needs-newer : Depends: base-thing (>= 1.1) but 1.0 is to be installed\n               Recommends: x1\n",
        b"E: Unable to correct problems, you have held broken packages.\n",
    );
    assert_eq!(
        unmet.unmet,
        ["needs-newer : Depends: base-thing (>= 1.1) but 1.0 is to be installed", "Recommends: x1"]
    );
    let held = Simulation::parse(
        b"The following held packages will be changed:\n  base-thing other\n0 upgraded\n x1\n",
        b"E: Held packages were changed and -y was used without --allow-change-held-packages.\n",
    );
    assert_eq!((held.held.join(" ").as_str(), held.errors.len(), held.unmet.len()), ("base-thing other", 1, 0));
    assert_eq!(unmet.errors, ["Unable to correct problems, you have held broken packages."]);
}

#[test]
fn what_dpkg_knows_is_read() {
    let answer = b"ii \tbase-thing\tall\t1.0\t\nhi \theld\tamd64\t2.0\t\niHR\thalf\tall\t1.0\t\niF \tfailed\tall\t1.0\tmta\n\
        rc \tgone\tall\t1.0\t\nii \tlibc6\tarmhf\t2.36\t\nii \tprov\tamd64\t1\tmta (= 1), awk, libx:any\nun \tnever\t\t\t\n\
        nonsense\niW \tcron\tamd64\t3\t\n";
    let seen = Database::parse(answer, "amd64");
    let name = |text: &str| PackageName::new(text).expect("a name");
    for there in ["base-thing", "held", "libc6:armhf", "prov", "awk", "libx", "cron", "mta", "prov:amd64"] {
        assert!(seen.has(&name(there)), "{there} is there");
    }
    for missing in ["half", "failed", "gone", "never", "libc6", "base", "libc6:arm64", "prov:armhf"] {
        assert!(!seen.has(&name(missing)), "{missing} is missing");
    }
    let broken: Vec<_> = seen.broken().iter().map(|one| (one.name.as_str(), one.needs_reinstallation())).collect();
    assert_eq!(broken, [("cron", false), ("failed", false), ("half", true)]);
    assert!(seen.get(&name("held")).is_some_and(Installed::is_held));
    assert!(seen.get(&name("gone")).is_some_and(Installed::is_only_configuration));
    assert_eq!(
        seen.all().filter(|one| one.architecture == "armhf").map(|one| one.full_name("amd64")).collect::<Vec<_>>(),
        ["libc6:armhf"]
    );
}

#[test]
fn sizes_are_read() {
    let answer =
        b"Package: libapp\nVersion: 1.0\nSize: 724\nDescription: x\n Size: 9\n\nPackage: solo\nVersion: 2\nSize: x\n\n";
    assert_eq!(sizes(answer).into_iter().collect::<Vec<_>>(), [(("libapp".to_owned(), "1.0".to_owned()), 724)]);
}

#[test]
fn the_line_that_matters_is_found() {
    let said = |stdout: &str, stderr: &str| trouble(stdout.as_bytes(), stderr.as_bytes());
    let text = |text: &str| Some(Trouble::Said(text.to_owned()));
    assert_eq!(
        said(
            "Setting up bad-post (1.0) ...\r\ndoomed\r\ndpkg: error processing package bad-post (--configure):\r\n installed \
             bad-post package post-installation script subprocess returned error exit status 3\r\nErrors were \
             encountered while processing:\r\n bad-post\r\n",
            "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"
        ),
        text("bad-post: installed bad-post package post-installation script subprocess returned error exit status 3")
    );
    assert_eq!(
        said(
            "",
            "E: Failed to fetch http://x/y.deb  404  Not Found [IP: 127.0.0.1 80]\nE: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n"
        ),
        text("Failed to fetch http://x/y.deb  404  Not Found [IP: 127.0.0.1 80]")
    );
    assert_eq!(
        said("", "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"),
        text("Sub-process /usr/bin/dpkg returned an error code (1)")
    );
    assert_eq!(said("", "dpkg: error: cannot open\n"), text("cannot open"));
    assert_eq!(said("all fine\n", "W: something\n"), None);
    let locked =
        |process, program: Option<&str>| Some(Trouble::Locked { process, program: program.map(str::to_owned) });
    assert_eq!(
        said(
            "",
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 31282 (apt-get)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n"
        ),
        locked(Some(31282), Some("apt-get"))
    );
    assert_eq!(
        said("", "dpkg: error: dpkg frontend lock was locked by another process with pid 7\nNote: x\n"),
        locked(Some(7), None)
    );
    assert_eq!(
        said("", "E: Could not get lock /x - open (11: Resource temporarily unavailable)\n"),
        locked(None, None)
    );
}

proptest! {
    #[test]
    fn names_survive(text in "[a-z0-9][a-z0-9+.-]{0,30}[a-z0-9+.](:[a-z0-9][a-z0-9-]{0,8}[a-z0-9])?") {
        let name = PackageName::new(&text).expect("a name by the rules");
        prop_assert_eq!(name.as_str(), &text);
        let json = serde_json::to_string(&name).expect("text");
        prop_assert_eq!(serde_json::from_str::<PackageName>(&json).expect("the same"), name);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _listed = from_json(&bytes, &pi());
        let _listed = from_script(&bytes);
        let _distribution = Distribution::parse(&bytes, "");
        let _seen = Simulation::parse(&bytes, &bytes);
        let _known = Database::parse(&bytes, "amd64");
        let _sizes = sizes(&bytes);
        let _trouble = trouble(&bytes, &bytes);
    }

    #[test]
    fn what_a_list_names_is_asked_for(wanted in proptest::collection::btree_set("[a-z][a-z0-9+.-]{0,12}[a-z0-9]", 0..8), at in any::<bool>()) {
        let list: Vec<String> = wanted.iter().cloned().collect();
        let file = serde_json::json!({ if at { "debian" } else { "raspbian" }: list }).to_string();
        let listed = from_json(file.as_bytes(), &pi()).expect("a list");
        prop_assert!(listed.complaints.is_empty());
        prop_assert_eq!(names(&listed).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), wanted.clone());
        let script = wanted.iter().map(|name| format!("PKGLIST=\"${{PKGLIST}} {name}\"\n")).collect::<String>();
        let listed = from_script(script.as_bytes());
        prop_assert_eq!(names(&listed).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), wanted);
    }
}
