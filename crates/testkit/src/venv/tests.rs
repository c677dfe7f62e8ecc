//! The real pip as the client of the pretend index, its wheels and its sdists.

use std::time::{Duration, Instant};

use super::*;
use crate::index::{Fault, Hashes};
use crate::scratch::scratch;
use crate::wheels::{Pace, Sdist, Wheel};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn venv(folder: &Path) -> Option<Venv> {
    Venv::make(folder, &folder.join("venv")).inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

fn asked(index: &PackageIndex, name: &str) -> usize {
    index.pages_of(name).len()
}

#[test]
fn a_copy_is_made_in_no_time_and_is_the_same_each_time() {
    let dir = scratch();
    let Some(first) = venv(dir.path()) else { return };
    let before = first.digest();
    let out = first.run_script("pip", &["--version"]).unwrap();
    assert!(out.contains(&dir.path().join("venv/lib").display().to_string()), "{out}");
    fs::remove_dir_all(first.site_packages().join("pip/__pycache__")).unwrap();
    assert_eq!(first.digest(), before);
    let config = fs::read_to_string(dir.path().join("venv/pyvenv.cfg")).unwrap();
    assert!(!config.contains("testkit"), "{config}");

    fs::rename(first.path(), dir.path().join("away")).unwrap();
    let start = Instant::now();
    let second = venv(dir.path()).unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(second.digest(), before);
    let script = second.bin("pip");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    assert_ne!(second.digest(), before);
}

#[test]
fn pip_installs_what_the_index_has() {
    let dir = scratch();
    let Some(venv) = venv(dir.path()) else { return };
    let index = PackageIndex::start();
    let app = |version: &str| Wheel::new("My.App", version).console_script("app", "my_app:main").requires("dep>=1");
    for version in ["1.0", "1.1"] {
        index.publish(app(version).build());
    }
    index.publish(
        app("1.2")
            .requires("never; python_version < '3'")
            .extra("speedups", &["fast"])
            .data("share/my-app/page.html", "<p>")
            .dist_info("release_info.json", "{}")
            .build(),
    );
    index.publish(app("1.3").build());
    index.publish(app("2.0").requires_python(">=4").build());
    index.publish(app("3.0").tag("cp27-cp27m-win32").build());
    index.yank("my-app", "1.3", "");
    index.publish(Wheel::new("dep", "1.0").build());
    index.publish(Sdist::new("fast", "0.1").takes(Duration::from_millis(300), Pace::Computing).build());
    let dry = venv.pip(Some(&index), &["install", "--dry-run", "--quiet", "--report", "-", "my-app==1.2"]);
    let report: serde_json::Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!(report["install"][0]["metadata"]["version"], "1.2");
    // Since 23.2 pip asks for METADATA by itself.
    let pip = venv.installed()["pip"].clone();
    let pip: Vec<u32> = pip.split('.').filter_map(|part| part.parse().ok()).collect();
    let alone = index.downloads_of("my_app-1.2-py3-none-any.whl.metadata").len();
    assert_eq!(alone, usize::from(pip >= vec![23, 2]), "{pip:?}");

    let start = Instant::now();
    let said = venv.pip_install(&index, &["my-app[speedups]"]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(said.contains("Building wheel for fast"), "{said}");
    let installed = venv.installed();
    let version = |name: &str| installed.get(name).map(String::as_str);
    assert_eq!((version("my-app"), version("dep"), version("fast")), (Some("1.2"), Some("1.0"), Some("0.1")));
    assert_eq!((asked(&index, "never"), asked(&index, "dep")), (0, 2));
    assert_eq!(index.pages_of("dep")[0].header("accept").unwrap().split(',').next(), Some(JSON));
    assert_eq!(venv.run_script("app", &[]).unwrap(), "My.App 1.2\n");
    assert_eq!(venv.freeze(), ["dep==1.0", "fast==0.1", "My.App==1.2"]);
    assert!(dir.path().join("venv/share/my-app/page.html").exists());
    assert!(venv.site_packages().join("my_app-1.2.dist-info/release_info.json").exists());
    venv.pip_check().unwrap();

    venv.delete_module("my_app");
    assert!(venv.run_script("app", &[]).unwrap_err().contains("No module named 'my_app'"));
    assert!(venv.pip(None, &["uninstall", "-y", "dep"]).status.success());
    assert!(venv.pip_check().unwrap_err().contains("requires dep, which is not installed"));
}

#[test]
fn what_does_not_build_says_why() {
    let dir = scratch();
    let Some(venv) = venv(dir.path()) else { return };
    let index = PackageIndex::start();
    index.publish(
        Sdist::new("compiled", "1.0").without_compiler().takes(Duration::from_millis(250), Pace::Printing).build(),
    );
    index.publish(Sdist::new("puzzling", "1.0").metadata_fails("error: no such backend option").build());
    let before = venv.digest();
    let said = venv.pip_install(&index, &["compiled"]).unwrap_err();
    assert!(said.contains("error: command 'gcc' failed: No such file or directory"), "{said}");
    assert!(said.contains("gcc -O2 -c part2.c") && said.contains("Failed building wheel for compiled"), "{said}");
    let said = venv.pip_install(&index, &["puzzling"]).unwrap_err();
    assert!(said.contains("error: no such backend option") && said.contains("metadata-generation-failed"), "{said}");
    assert_eq!(venv.digest(), before);
}

#[test]
fn pip_meets_what_is_wrong_with_an_index() {
    let dir = scratch();
    let Some(venv) = venv(dir.path()) else { return };
    let index = PackageIndex::start();
    let good = Wheel::new("dep", "1.0").build();
    index.publish(good.clone());
    index.hashes(Hashes::Wrong);
    assert!(venv.pip_install(&index, &["dep"]).unwrap_err().contains("DO NOT MATCH THE HASHES"));
    index.hashes(Hashes::Absent);
    let requirements = dir.path().join("requirements.txt");
    fs::write(&requirements, good.hashed_requirement()).unwrap();
    index.require_login("lab", "secret");
    venv.pip_install(&index, &["--require-hashes", "-r", requirements.to_str().unwrap()]).unwrap();
    index.open();
    index.fault(Fault::CutAfter(20).on("/files/"));
    let file = ["--force-reinstall", "--no-cache-dir", "dep"];
    assert!(venv.pip_install(&index, &file).is_err());
    index.heal();
    index.down();
    assert!(venv.pip_install(&index, &["other"]).unwrap_err().contains("No matching distribution found for other"));
    assert_eq!(venv.installed().get("dep").map(String::as_str), Some("1.0"));
}

#[test]
fn an_interpreter_can_be_gone_or_another() {
    let dir = scratch();
    let Some(gone) = venv(dir.path()) else { return };
    gone.break_interpreter();
    assert!(!gone.bin("python").exists() && gone.bin("python").is_symlink());
    assert!(gone.run_script("pip", &["--version"]).unwrap_err().contains("No such file or directory"));
    let aged = Venv::make(dir.path(), &dir.path().join("aged")).unwrap();
    aged.age("3.1");
    assert!(aged.installed().contains_key("pip"));
    assert!(aged.run_script("pip", &["--version"]).unwrap_err().contains("No module named 'pip'"));
    assert!(fs::read_to_string(dir.path().join("aged/pyvenv.cfg")).unwrap().contains("version = 3.1.2\n"));
}
