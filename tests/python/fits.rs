//! Whether packages fit together is judged without Python where that is certain, and then as pip judges it.

use refit_adapters::python::check::surely_fits;
use refit_testkit::wheels::Wheel;

use crate::lab::Lab;

/// Whether Refit is certain that they fit, and whether they do by pip's word.
async fn judged(lab: &Lab) -> (bool, bool) {
    let interpreter = lab.environments.interpreter(lab.venv.path()).await.unwrap();
    (surely_fits(lab.venv.path(), &interpreter), lab.venv.pip_check().is_ok())
}

fn has(lab: &Lab, wheel: &Wheel) {
    let folder = lab.path().join("wheels");
    let file = wheel.build().write_to(&folder);
    let file = file.to_str().unwrap();
    let done = lab.venv.pip(None, &["install", "--no-deps", "--no-index", "--force-reinstall", file]);
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test]
async fn as_pip_judges_it() {
    let lab = Lab::new().await;
    std::fs::create_dir_all(lab.path().join("wheels")).unwrap();
    assert_eq!(judged(&lab).await, (true, true), "pip and its like");
    has(&lab, &Wheel::new("app", "1.0").requires("Part.One>=1,<2").requires("never; sys_platform == 'win32'"));
    assert_eq!(judged(&lab).await, (false, false), "one is missing");
    has(&lab, &Wheel::new("part-one", "1.5rc1"));
    assert_eq!(judged(&lab).await, (true, true), "a pre-release that is installed");
    has(&lab, &Wheel::new("part-one", "2.0"));
    assert_eq!(judged(&lab).await, (false, false), "too new");
    has(&lab, &Wheel::new("part-one", "1.9").extra("fast", &["turbo"]));
    assert_eq!(judged(&lab).await, (true, true), "an extra that nobody asked for");
    has(&lab, &Wheel::new("from", "1").requires("part-one @ https://127.0.0.1/part_one-7.zip"));
    assert_eq!(judged(&lab).await, (true, true), "where it came from does not matter");

    // A wheel of another machine, as after a move of the card to another board.
    let info = lab.venv.site_packages().join("part_one-1.9.dist-info/WHEEL");
    let text = std::fs::read_to_string(&info).unwrap();
    std::fs::write(&info, text.replace("py3-none-any", "cp27-cp27m-win32")).unwrap();
    let (certain, by_pip) = judged(&lab).await;
    assert!(!certain, "is of another machine; pip says {by_pip}: its older generations do not look");
}
