//! Any bytes as a list of packages, as an install script, as a lock file, and as what apt, dpkg and npm say: no panic, the same answer twice,
//! and nothing asked for that apt-get could take for anything but a package's name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_model::node::{LockFile, npm_trouble};
use refit_model::packages::{
    Database, Distribution, Listed, PackageName, Simulation, excluded, from_json, from_script, sizes, trouble,
};

fn check(listed: &Listed) {
    for name in &listed.packages {
        let text = name.as_str();
        assert!(!text.starts_with('-') && !text.ends_with('-'), "{text}");
        assert!(!text.contains(['/', '=', ' ', '*', '?', '~', '^', '$']), "{text}");
        assert_eq!(PackageName::new(text).as_ref(), Ok(name));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == 0x0c).unwrap_or(bytes.len());
    let (first, second) = (&bytes[..split], bytes.get(split + 1..).unwrap_or_default());
    let here = Distribution::parse(second, "raspberry-pi");
    assert_eq!(from_json(first, &here), from_json(first, &here));
    if let Ok(listed) = from_json(first, &here) {
        check(&listed);
        check(&listed.without(&excluded(&String::from_utf8_lossy(second))));
    }
    let listed = from_script(first);
    assert_eq!(listed, from_script(first));
    check(&listed);
    assert_eq!(Simulation::parse(first, second), Simulation::parse(first, second));
    assert_eq!(Database::parse(first, "amd64"), Database::parse(first, "amd64"));
    assert_eq!(sizes(first), sizes(first));
    assert_eq!(trouble(first, second), trouble(first, second));
    if let (Ok(wanted), Ok(installed)) = (LockFile::parse(first), LockFile::parse(second)) {
        assert_eq!(wanted.changes_from(&installed), wanted.changes_from(&installed));
        assert!(wanted.changes_from(&wanted).is_empty());
    }
    assert_eq!(npm_trouble(second), npm_trouble(second));
});
