//! Any text as a configuration, and as a file that it includes: no panic, and the same answer twice.
#![no_main]

use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use refit_model::settings::{ConfigSource, LoadContext, Settings};

/// Two files: what stands before the first form feed, and what stands after it.
struct Files<'a> {
    main: &'a str,
    included: &'a str,
}

impl ConfigSource for Files<'_> {
    fn read(&self, path: &Path) -> Result<String, String> {
        let text = if path.ends_with("moonraker.conf") { self.main } else { self.included };
        Ok(text.to_owned())
    }
    fn glob(&self, pattern: &str) -> Result<Vec<PathBuf>, String> {
        if pattern.contains("main") { Ok(vec!["/c/moonraker.conf".into()]) } else { Ok(vec!["/c/included.conf".into()]) }
    }
    fn resolve(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
    fn exists(&self, path: &Path) -> bool {
        path.as_os_str().len() % 2 == 0
    }
    fn is_dir(&self, path: &Path) -> bool {
        path.as_os_str().len() % 2 == 0
    }
    fn is_dangling(&self, path: &Path) -> bool {
        path.as_os_str().len() % 3 == 0
    }
    fn is_executable(&self, path: &Path) -> bool {
        path.as_os_str().len() % 2 == 0
    }
}

fuzz_target!(|text: &str| {
    let (main, included) = text.split_once('\u{c}').unwrap_or((text, ""));
    let source = Files { main, included };
    let context = LoadContext { data_path: "/d".into(), asvc: None };
    let load = || Settings::load(Path::new("/c/moonraker.conf"), &source, &context);
    assert_eq!(format!("{:?}", load()), format!("{:?}", load()));
});
