//! Any bytes from a Unix socket or a WebSocket: no panic; what was read can be written and read again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_server::frames::Frames;
use refit_server::{json, rpc};

fuzz_target!(|bytes: &[u8]| {
    let mut frames = Frames::default();
    for piece in bytes.chunks(7) {
        frames.buffer().extend_from_slice(piece);
        while frames.take().is_some() {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _message = rpc::read(text);
    if let Ok(value) = json::parse(text) {
        let mut written = Vec::new();
        json::write(&value, &mut written);
        let again = json::decode(&written).expect("what was written can be read");
        let mut twice = Vec::new();
        json::write(&again, &mut twice);
        assert_eq!(written, twice);
    }
});
