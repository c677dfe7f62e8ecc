//! A download's memory does not grow with the file. In a process of its own, since all of it is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use refit_adapters::download::{Downloads, Wanted};
use refit_adapters::forge::{ForgeOptions, Forges};
use refit_model::updater::release::{ForgeKind, Source, Verify};
use refit_testkit::releases::{Fault, Release, ReleaseHost};

const MIB: usize = 1024 * 1024;

/// KiB of this process's memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let host = ReleaseHost::start();
    // Of the storage's bytes there is one copy, before and after.
    host.publish("lab", "Web", Release::new("v1").file("big.bin", vec![7; 192 * MIB]).file("small.bin", vec![7; MIB]));
    let forges = Forges::new(ForgeOptions {
        tokens: Vec::new(),
        proxy: None,
        environment_proxies: Vec::new(),
        agent: "refit/test".to_owned(),
        patience: Duration::from_secs(10),
    });
    let (name, owner, repo) = ("github.com".to_owned(), "lab".to_owned(), "Web".to_owned());
    let source = Source { forge: ForgeKind::Github, host: name, api: host.github_api(), owner, repo };
    let release = forges.tagged(&source, "v1").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let downloads = Downloads::new(dir.path().to_owned());
    let most = AtomicU64::new(0);
    let get = async |name: &str| {
        let asset = release.assets.iter().find(|asset| asset.name == name).unwrap();
        let wanted = Wanted { source: &source, asset, checksums: &[], signature: None, verify: &Verify::Digest };
        let look = |_| {
            most.fetch_max(resident(), Ordering::SeqCst);
        };
        downloads.fetch(&forges, &wanted, &look).await.unwrap();
    };
    get("small.bin").await;
    let before = resident();
    // Half of it is resumed, so that what is there is hashed too.
    host.fault(Fault::CutAfter(96 * MIB as u64).on("big.bin?").once());
    get("big.bin").await;
    get("big.bin").await;
    let grown = most.load(Ordering::SeqCst).max(resident()).saturating_sub(before);
    println!("{grown} KiB more");
    assert!(grown < 24 * 1024, "{grown} KiB more for a file of 192 MiB");
}
