//! Any bytes as a page of a package index, in both forms, and as what configures pip: no panic, and every link that is
//! kept leads to a distribution.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::python_package::netrc::login;
use refit_adapters::python_package::page::{html, json};
use refit_model::python::file_name::is_archive;

const AT: &str = "https://index.example/simple/tool/";

fuzz_target!(|bytes: &[u8]| {
    let at = AT.parse().expect("an address");
    for files in [html(bytes, &at).ok(), json(bytes, &at).ok()].into_iter().flatten() {
        for file in files {
            assert!(is_archive(&file.filename) && !file.filename.contains('/'));
            assert!(file.url.starts_with("https://") || file.url.starts_with("http://"));
            assert!(!file.yanked.unwrap_or_default().chars().any(char::is_control));
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let _login = login(&text, "index.example");
});
