//! A web front end behind a real web server, looked at without a pause while the built daemon updates it and rolls it back.
//!
//! A page load is what a browser does: the page, the manifest that it names, and every asset that the manifest names. Each
//! answer must be what the manifest says, whatever the folder became in between. Needs nginx; `cargo xtask test` brings it.
//!
//! | file | what it is |
//! |---|---|
//! | [`front_end`] | the two versions, and where they are published |
//! | [`nginx`] | the web server |
//! | [`reader`] | who looks |
//! | [`host`] | the daemon |

#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one room offers to the others")]

mod front_end;
mod host;
mod nginx;
mod reader;

use std::time::{Duration, Instant};

use host::Host;
use nginx::Nginx;
use reader::Readers;

/// Updates and rollbacks, half of each.
const CHANGES: usize = 100;

/// Page loads that go on at the same time.
const READERS: usize = 4;

#[test]
fn nobody_who_looks_sees_an_update() {
    let host = Host::new();
    let mut daemon = host.daemon();
    let nginx = Nginx::start(&host.front_end(), &host.path("nginx"));
    let readers = Readers::start(READERS, nginx.port());
    let begun = Instant::now();
    for change in 0..CHANGES {
        let (deed, version) = if change % 2 == 0 { ("upgrade", 1) } else { ("rollback", 0) };
        daemon.change(deed);
        assert_eq!(host.installed(), front_end::VERSIONS[version], "after change {change}");
        if readers.have_failed() {
            break;
        }
    }
    let took = begun.elapsed();
    let seen = readers.end();
    eprintln!("{took:?}: {seen:?}");
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests in {} page loads", seen.requests, seen.loads);
    for version in front_end::VERSIONS {
        assert!(seen.versions.contains(version), "nobody saw {version}");
    }
    // Else nothing was proved.
    assert!(seen.spanning > 0, "no page load went on while the folders changed places: {seen:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    daemon.stop();
}
