//! Any bytes as an answer of supervisord: no panic, and what was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::services::supervisord::xml_rpc::{Answer, answer, call};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Answer::Result(value)) = answer(bytes) else { return };
    let written = String::from_utf8(call("x", std::slice::from_ref(&value))).expect("text");
    let written = written.replacen("<methodCall><methodName>x</methodName>", "<methodResponse>", 1);
    let end = written.rfind("</methodCall>").expect("an end");
    let again = answer(format!("{}</methodResponse>", &written[..end]).as_bytes());
    assert_eq!(again, Ok(Answer::Result(value)));
});
