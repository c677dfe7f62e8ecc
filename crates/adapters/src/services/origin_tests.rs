use super::*;

#[test]
fn a_control_group_names_a_service_of_the_system() {
    for (groups, unit) in [
        ("0::/system.slice/klipper-1.service\n", Some("klipper-1")),
        ("0::/system.slice/system-klipper.slice/klipper@1.service\n", Some("klipper@1")),
        ("0::/system.slice/klipper.service/payload\n", Some("klipper")),
        ("0::/system.slice/_notify.service\n", Some("notify")),
        (
            "12:pids:/system.slice/x.service\n1:name=systemd:/system.slice/moonraker_2.service\n0::/\n",
            Some("moonraker_2"),
        ),
        ("0::/klipper.service\n", Some("klipper")),
        ("0::/\n", None),
        ("0::/init.scope\n", None),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        // The user's own systemd: the system's would restart all of it.
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/klipper.service\n", None),
        ("0::/docker/0123\n", None),
        ("nonsense\n", None),
        ("", None),
    ] {
        assert_eq!(unit_in(groups, "").as_deref(), unit, "{groups}");
    }
    // In a container, below a group of the host's.
    let inside = "9:name=systemd:/machine/box/system.slice/refit.service\n0::/\n";
    assert_eq!(unit_in(inside, "9:name=systemd:/machine/box/init.scope\n0::/\n").as_deref(), Some("refit"));
    assert_eq!(unit_in(inside, "9:name=systemd:/machine/bo\n"), None);
    let both = "9:name=systemd:/box\n0::/box/system.slice/refit.service\n";
    assert_eq!(unit_in(both, "9:name=systemd:/box\n0::/box/init.scope\n").as_deref(), Some("refit"));
    assert_eq!(
        unit_in("1:name=systemd:/system.slice/a.service\n0::/\n", "1:name=systemd:/\n0::/\n").as_deref(),
        Some("a")
    );
    assert_eq!(unit_in("0::/system.slice/refit.service\n", "0::/init.scope\n").as_deref(), Some("refit"));
    assert_eq!(unit_of(u32::MAX), None);
}

fn found(unit: &str, in_use: bool, paths: &[&str]) -> Found {
    Found { unit: unit.to_owned(), in_use, paths: paths.iter().map(|path| (*path).to_owned()).collect(), pid: None }
}

fn chosen(found: &[Found], peer: Option<&str>) -> Vec<String> {
    let checkout = Checkout { home: Some("/home/pi/klipper".into()), environment: Some("/home/pi/klippy-env".into()) };
    choose("klipper", found, &checkout, peer)
}

#[test]
fn instances_that_share_a_checkout_are_restarted_together() {
    let script = "/home/pi/klipper/klippy/klippy.py";
    let two = [
        found("klipper-1", true, &["/usr/bin/python3", script]),
        found("klipper_2", true, &["/home/pi/klippy-env/bin/python", "$KLIPPER_ARGS"]),
        found("klipper-old", true, &["/home/pi/klipper-old/klippy/klippy.py"]),
        found("klipper-mcu", true, &["/usr/local/bin/klipper_mcu", "-r"]),
        found("klipper-3", false, &[script]),
    ];
    assert_eq!(chosen(&two, None), ["klipper-1", "klipper_2"]);
    // The socket's other end counts, whatever its command line says.
    assert_eq!(chosen(&two, Some("klipper-old")), ["klipper-1", "klipper_2", "klipper-old"]);
    assert_eq!(chosen(&two, Some("foreign")), ["klipper-1", "klipper_2"]);
}

#[test]
fn whole_names_only_and_the_asked_one_when_nothing_is_known() {
    let script = "/home/pi/klipper/klippy/klippy.py";
    let odd =
        ["klipperfoo", "klipper@1", "klipper-a-b", "moonraker", "klipper_x"].map(|unit| found(unit, true, &[script]));
    assert_eq!(chosen(&odd, None), ["klipper"]);
    assert_eq!(chosen(&[], Some("klipper-7")), ["klipper"]);
    // None is in use: what the owner stopped is not started under another name.
    assert_eq!(chosen(&[found("klipper", false, &[script]), found("klipper-1", false, &[script])], None), ["klipper"]);
    assert_eq!(chosen(&[found("klipper-1", false, &[script])], None), ["klipper-1"]);
    assert_eq!(chosen(&[found("klipper-1", true, &["klippy.py", "/home/pi/klipper2/x"])], None), ["klipper"]);
}

#[test]
fn a_checkout_is_recognised_through_links() {
    let place = tempfile::tempdir().unwrap();
    let real = place.path().join("real");
    std::fs::create_dir_all(real.join("bin")).unwrap();
    std::os::unix::fs::symlink(&real, place.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/usr/bin/python3", real.join("bin/python")).unwrap();
    let checkout = Checkout { home: None, environment: Some(place.path().join("link")) }.resolved();
    for name in ["link", "real"] {
        assert!(checkout.holds(&place.path().join(name).join("bin/python").display().to_string()), "{name}");
    }
    assert!(!checkout.holds("/usr/bin/python3") && !checkout.holds("bin/python") && !checkout.holds(""));
}
