//! Any query and body of an HTTP request: no panic, whatever the content type says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_server::{arguments, multipart};

fuzz_target!(|parts: (&[u8], &str, &[u8])| {
    let (query, content_type, body) = parts;
    for kind in [content_type, "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let brought = arguments::brought(query, kind, body);
        let _credential = brought.credential("token");
        if let Ok(arguments) = brought.arguments() {
            let _name = arguments.text("name");
            let _hard = arguments.flag("hard");
            let _limit = arguments.count("limit", 1, 10);
        }
        let _fields = multipart::fields(kind, body);
    }
});
