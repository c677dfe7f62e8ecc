//! Any bytes as the files of an installed distribution and as the names of an index's files: no panic; what is known of a
//! distribution can be stored and read again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_model::python::file_name::{WheelName, is_archive, project_of, source_version};
use refit_model::python::installed::{Distribution, record, wheel_tags};
use refit_model::python::name::ProjectName;
use refit_model::python::specifier::Specifiers;
use refit_model::python::version;

fuzz_target!(|bytes: &[u8]| {
    let _record = (record(bytes), wheel_tags(bytes));
    // Two files: `METADATA` before the first form feed, `direct_url.json` after it.
    let (metadata, direct_url) = bytes.split_at(bytes.iter().position(|byte| *byte == 0xc).unwrap_or(bytes.len()));
    if let Some(found) = Distribution::parse(metadata, direct_url.get(1..)) {
        let stored = serde_json::to_string(&found).expect("can be stored");
        assert_eq!(serde_json::from_str::<Distribution>(&stored).expect("can be read"), found);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(wheel) = WheelName::parse(text) {
        assert!(is_archive(text) && !wheel.tags.is_empty());
        assert_eq!(project_of(text), Some(wheel.name));
    }
    if let Some((name, _)) = text.split_once('-').and_then(|(name, rest)| Some((ProjectName::new(name).ok()?, rest))) {
        let _version = source_version(text, &name);
    }
    let version = version::parse(text).or_else(|| version::parse("1.0"));
    if let (Some(version), Ok(specifiers)) = (version, text.parse::<Specifiers>()) {
        assert_eq!(specifiers.to_string().parse().as_ref(), Ok(&specifiers));
        let _inside = specifiers.contains(&version);
    }
});
