//! Any bytes as a request to the root helper: no panic, and what is a request reads the same again and holds no word that
//! systemctl or apt-get could take for an option, a file, a pattern or an order to remove.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::root_helper::{Request, Wanted};

fn check(packages: &[Wanted]) {
    for wanted in packages {
        let word = wanted.to_string();
        assert!(word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()), "{word}");
        assert!(!word.ends_with(['-']) && !word.contains(['/', ' ', '*', '?', '\n']), "{word}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = Request::parse(bytes) else { return };
    assert_eq!(Request::parse(request.to_line().as_bytes()).as_ref(), Ok(&request));
    match &request {
        Request::Start { unit } | Request::Stop { unit } | Request::Restart { unit } => {
            let file = unit.file();
            assert!(!file.starts_with(['-', '.']) && !file.contains(['/', ' ', '*', '\n']), "{file}");
        }
        Request::Download { packages } | Request::Install { packages } => check(packages),
        Request::Lists {} | Request::Mend {} => {}
    }
});
