//! Any bytes as a published checksum file and as `release_info.json`: no panic, and a digest is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::download::checksum_of;
use refit_adapters::release::installed::parse_info;

fuzz_target!(|bytes: &[u8]| {
    for own in [false, true] {
        if let Ok(Some(digest)) = checksum_of(bytes, "app.zip", own) {
            assert_eq!(digest.len(), 64);
            assert!(digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        }
    }
    let _info = parse_info(bytes);
});
