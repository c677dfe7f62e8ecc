//! Any bytes where git's output, git's files or a remote's answer is expected: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::git::{config, parse, remote};
use refit_model::version::Version;

fuzz_target!(|bytes: &[u8]| {
    let _status = parse::status(bytes).map(|s| s.changed.iter().any(|c| c.is_dirty() && c.is_modified()));
    let _log = parse::log(bytes);
    let _tags = parse::tags(bytes);
    let _detached = parse::detached_at(bytes);
    let _counts = (parse::left_right(bytes), parse::count(bytes));
    let _quoted = parse::quoted(bytes, true);
    let _entries = (config::parse(bytes), config::parse_list(bytes));
    let _refs = (remote::pkt::read_refs(bytes), remote::pkt::read_ls_remote(bytes), remote::pack::read(bytes));
    if let Some(version) = std::str::from_utf8(bytes).ok().and_then(Version::parse) {
        let _shown = (version.short(), version.is_final(), version.is_alpha(), version.previous_tag());
    }
});
