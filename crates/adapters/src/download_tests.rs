use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use refit_model::updater::release::{ForgeKind, Release};
use refit_testkit::disk::Disk;
use refit_testkit::releases::{Asset as File, Digest as Told, Fault, Release as Published, ReleaseHost, sha256_hex};
use refit_testkit::wait::wait_for;

use super::*;
use crate::forge::ForgeOptions;

#[path = "download_proof_tests.rs"]
mod proofs;

const SIZE: usize = 300_000;
const CUT: u64 = 100_000;

struct Bench {
    host: ReleaseHost,
    forges: Forges,
    source: Source,
    folder: tempfile::TempDir,
    told: Mutex<Vec<Progress>>,
}

fn content() -> Vec<u8> {
    // Without a period, so that bytes in the wrong place show.
    (0..SIZE as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

impl Bench {
    fn with(release: Published) -> Self {
        Self::of(ForgeKind::Github, release)
    }

    fn of(kind: ForgeKind, release: Published) -> Self {
        let host = ReleaseHost::start();
        host.publish("lab", "Web", release);
        let source = crate::forge::tests::source(&host, kind);
        let patience = Duration::from_millis(400);
        let forges = Forges::new(ForgeOptions { patience, ..crate::forge::tests::options() });
        Self { host, forges, source, folder: tempfile::tempdir().unwrap(), told: Mutex::default() }
    }

    fn usual() -> Self {
        Self::with(Published::new("v1").file("web.zip", content()))
    }

    fn undigested() -> Published {
        Published::new("v1").asset(File::new("web.zip", content()).digest(Told::Absent))
    }

    async fn release(&self) -> Release {
        let release = self.forges.tagged(&self.source, "v1").await.unwrap();
        self.host.forget();
        release
    }

    fn downloads(&self) -> Downloads {
        Downloads::new(self.folder.path().join("downloads"))
    }

    /// As another process would: nothing is known but what is on the disk.
    async fn get(&self, release: &Release, verify: &Verify) -> Result<Got, DownloadError> {
        self.told.lock().unwrap().clear();
        let tell = |progress| self.told.lock().unwrap().push(progress);
        let find = |name: &str| release.assets.iter().find(|asset| asset.name == name);
        let checksums: Vec<Asset> =
            release.assets.iter().filter(|asset| asset.name.to_lowercase().contains("sha256")).cloned().collect();
        let wanted = Wanted {
            source: &self.source,
            asset: find("web.zip").unwrap(),
            checksums: &checksums,
            signature: find("web.zip.minisig"),
            verify,
        };
        self.downloads().fetch(&self.forges, &wanted, &tell).await
    }

    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("downloads")).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn part(&self) -> PathBuf {
        let name = self.left().into_iter().find(|name| name.starts_with("part-") && !name.ends_with(".json"));
        self.folder.path().join("downloads").join(name.unwrap())
    }

    /// Bytes of the file that went out.
    fn sent(&self) -> u64 {
        self.host.sent_of("v1/web.zip")
    }

    /// The ranges asked of the storage, in order.
    fn ranges(&self) -> Vec<Option<String>> {
        let asked = self.host.requests_of("web.zip").into_iter().filter(|asked| asked.status != 302);
        asked.map(|asked| asked.header("range").map(str::to_owned)).collect()
    }

    fn whole(&self, got: &Got, verified: &str) {
        assert_eq!(got.verified, verified);
        assert_eq!((got.size, got.sha256.as_str()), (SIZE as u64, sha256_hex(&content()).as_str()));
        assert_eq!(got.file, self.folder.path().join("downloads").join(&got.sha256));
        assert!(std::fs::read(&got.file).unwrap() == content());
        assert_eq!(self.left(), std::slice::from_ref(&got.sha256));
    }
}

const SERVER: &str = "sha256 as the release server gives it";
const THERE_IS: Verify = Verify::WhatThereIs;
/// The storage's door, where the bytes come from.
const STORAGE: &str = "/assets-host";

#[tokio::test]
async fn a_file_is_had_once_and_then_is_there() {
    let bench = Bench::usual();
    let release = bench.release().await;
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.sent(), SIZE as u64);
    let told = bench.told.lock().unwrap().clone();
    assert_eq!(told.last(), Some(&Progress { done: SIZE as u64, total: Some(SIZE as u64) }));
    bench.host.forget();
    let again = bench.get(&release, &Verify::Digest).await.unwrap();
    assert_eq!(again, got);
    assert_eq!(bench.host.requests(), []);
    // Not believed by its name: one that changed on the disk is had again.
    std::fs::write(&got.file, b"rotten").unwrap();
    assert_eq!(bench.get(&release, &THERE_IS).await.unwrap(), got);
    bench.whole(&got, SERVER);
    assert_eq!(bench.sent(), SIZE as u64);
    let kept = serde_json::to_string(&got).unwrap();
    assert_eq!(serde_json::from_str::<Got>(&kept).unwrap(), got);
}

#[tokio::test]
async fn a_broken_connection_costs_no_byte_twice() {
    for fault in [Fault::CutAfter(CUT), Fault::StallAfter(CUT)] {
        let bench = Bench::usual();
        let release = bench.release().await;
        let label = format!("{fault:?}");
        bench.host.fault(fault.on(STORAGE).once());
        let got = bench.get(&release, &THERE_IS).await.unwrap();
        bench.whole(&got, SERVER);
        assert_eq!(bench.sent(), SIZE as u64, "{label}");
        assert_eq!(bench.ranges(), [None, Some(format!("bytes={CUT}-"))], "{label}");
        let resumed = bench.host.requests_of(STORAGE).pop().unwrap();
        assert_eq!(resumed.status, 206);
        assert!(resumed.header("if-range").is_some_and(|tag| tag.starts_with('"')), "{resumed:?}");
    }
}

#[tokio::test]
async fn many_breaks_do_not_matter_while_bytes_arrive() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(30_000).on(STORAGE));
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.sent(), SIZE as u64);
    assert_eq!(bench.ranges().len(), 10);
}

#[tokio::test]
async fn a_reset_loses_only_what_was_under_way() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::ResetAfter(CUT).on(STORAGE).times(2));
    bench.host.fault(Fault::Reset.on(STORAGE).nth(3));
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.ranges().len(), 4);
}

#[tokio::test]
async fn nothing_at_all_is_tried_a_few_times_and_what_is_there_stays() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::Reset.on(STORAGE));
    let error = bench.get(&release, &THERE_IS).await.unwrap_err();
    let told = error.to_string();
    assert!(
        told.starts_with("the download of web.zip broke off 5 times in a row") && told.ends_with("try again"),
        "{told}"
    );
    assert!(!told.contains("sig"), "{told}");
    assert_eq!(bench.ranges().len(), 6);
    // The next call, after a restart, goes on from there.
    bench.host.heal();
    bench.host.forget();
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.sent(), SIZE as u64 - CUT);
    assert_eq!(bench.ranges(), [Some(format!("bytes={CUT}-"))]);
}

#[tokio::test]
async fn a_call_that_is_dropped_in_the_middle_is_gone_on_from() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::StallAfter(CUT).on(STORAGE).once());
    let cut = AtomicBool::new(false);
    let folder = bench.folder.path().join("downloads");
    let arrived = async {
        while !std::fs::read_dir(&folder).is_ok_and(|mut all| {
            all.any(|entry| entry.is_ok_and(|entry| entry.metadata().is_ok_and(|seen| seen.len() == CUT)))
        }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cut.store(true, Ordering::SeqCst);
    };
    tokio::select! {
        _ = bench.get(&release, &THERE_IS) => panic!("it stalls"),
        () = arrived => {}
    }
    assert!(cut.load(Ordering::SeqCst));
    bench.host.release();
    wait_for(Duration::from_secs(5), "the first answer's end", || {
        bench.host.requests_of(STORAGE).first().is_some_and(|asked| asked.status != 0)
    });
    bench.host.forget();
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.ranges(), [Some(format!("bytes={CUT}-"))]);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_had_anew() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::ChangedEtag.on(STORAGE));
    let got = bench.get(&release, &THERE_IS).await.unwrap();
    bench.whole(&got, SERVER);
    assert_eq!(bench.sent(), CUT + SIZE as u64);
    let last = bench.host.requests_of(STORAGE).pop().unwrap();
    assert_eq!((last.status, last.header("range").is_some()), (200, true));
}

#[tokio::test]
async fn a_server_without_ranges_serves_all_again() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::IgnoreRange.on(STORAGE));
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    assert_eq!(bench.sent(), CUT + SIZE as u64);
}

#[tokio::test]
async fn a_server_that_never_comes_further_is_given_up() {
    let bench = Bench::usual();
    let release = bench.release().await;
    // It always breaks off at the same place, and forgets its entity tags.
    for n in 1..=20 {
        bench.host.fault(if n % 2 == 1 { Fault::CutAfter(CUT) } else { Fault::WrongRange }.on(STORAGE).nth(n));
    }
    let error = bench.get(&release, &THERE_IS).await.unwrap_err();
    assert!(matches!(error, DownloadError::Broken { times: 5, .. }), "{error}");
}

#[tokio::test]
async fn another_range_than_the_one_asked_for_is_not_appended() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::WrongRange.on(STORAGE).nth(2));
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    let ranges = bench.ranges();
    assert_eq!(ranges, [None, Some(format!("bytes={CUT}-")), None]);
}

#[tokio::test]
async fn what_an_earlier_process_left_is_hashed_before_it_is_believed() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::Reset.on(STORAGE));
    bench.get(&release, &THERE_IS).await.unwrap_err();
    bench.host.heal();
    let part = bench.part();
    let mut bytes = std::fs::read(&part).unwrap();
    assert_eq!(bytes.len() as u64, CUT);
    bytes[50] ^= 1;
    std::fs::write(&part, &bytes).unwrap();
    bench.host.forget();
    // What a power cut left is no reason to blame the project: it is had anew, at once.
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    assert_eq!(bench.sent(), SIZE as u64 - CUT + SIZE as u64);
    // A part that is longer than the file, one that is whole already, and one whose note is torn.
    for (bytes, note, sent) in [(SIZE + 1, true, SIZE), (SIZE, true, 0), (SIZE / 2, false, SIZE)] {
        let asset = &release.assets[0];
        std::fs::remove_dir_all(bench.folder.path().join("downloads")).unwrap();
        let downloads = bench.folder.path().join("downloads");
        std::fs::create_dir(&downloads).unwrap();
        let key = part::key(asset, asset.sha256.as_deref());
        let mut content = content();
        content.resize(bytes, 0);
        std::fs::write(downloads.join(format!("part-{key}")), content).unwrap();
        let origin = part::Origin { etag: Some("\"x\"".to_owned()), last_modified: None, total: Some(SIZE as u64) };
        let text = serde_json::to_string(&origin).unwrap();
        let text = if note { text.as_str() } else { &text[..20] };
        std::fs::write(downloads.join(format!("part-{key}.json")), text).unwrap();
        bench.host.forget();
        bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
        assert_eq!(bench.sent(), sent as u64);
    }
}

#[tokio::test]
async fn a_length_that_nobody_tells_is_found_out() {
    let bench = Bench::of(ForgeKind::Gitlab, Published::new("v1").file("web.zip", content()));
    let release = bench.release().await;
    assert_eq!(release.assets[0].size, None);
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), "size only");
    assert_eq!(bench.told.lock().unwrap().last().unwrap().total, Some(SIZE as u64));
    bench.host.fault(Fault::NoLength.on("web.zip"));
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), "size only");
    assert_eq!(bench.told.lock().unwrap().last().unwrap().total, None);
    bench.host.heal();
    bench.host.fault(Fault::CutAfter(CUT).on("web.zip").once());
    bench.host.forget();
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), "size only");
    assert_eq!(bench.sent(), SIZE as u64);
}

#[tokio::test]
async fn a_server_that_says_no_is_asked_once_and_one_that_is_tired_again() {
    let bench = Bench::usual();
    let release = bench.release().await;
    for (status, words) in
        [(404, "there is no such file of lab/Web"), (403, "forbidden"), (401, "a token is asked for")]
    {
        bench.host.heal();
        bench.host.forget();
        bench.host.fault(Fault::status(status).on(STORAGE));
        let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
        assert!(told.starts_with("web.zip cannot be downloaded: ") && told.contains(words), "{told}");
        assert!(!told.contains("sig") && !told.contains(STORAGE), "{told}");
        assert_eq!(bench.ranges().len(), 1);
    }
    bench.host.heal();
    bench.host.forget();
    for (n, status) in [503, 429, 408].into_iter().enumerate() {
        bench.host.fault(Fault::status(status).on(STORAGE).nth(n + 1));
    }
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    assert_eq!(bench.ranges().len(), 4);
}

#[tokio::test]
async fn a_link_that_expired_is_asked_for_again() {
    let bench = Bench::usual();
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::Reset.on(STORAGE));
    bench.get(&release, &THERE_IS).await.unwrap_err();
    bench.host.heal();
    bench.host.expire_links();
    bench.host.forget();
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    assert_eq!(bench.sent(), SIZE as u64 - CUT);
}

#[tokio::test]
async fn two_who_want_the_same_get_it_once() {
    let bench = Bench::usual();
    let release = bench.release().await;
    let downloads = bench.downloads();
    let wanted =
        Wanted { source: &bench.source, asset: &release.assets[0], checksums: &[], signature: None, verify: &THERE_IS };
    let get = || downloads.fetch(&bench.forges, &wanted, &|_| {});
    let (one, two) = tokio::join!(get(), get());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(bench.sent(), SIZE as u64);
    get().await.unwrap();
    assert!(downloads.busy.lock().unwrap().len() <= 1);
}

#[tokio::test]
async fn a_disk_is_not_left_full() {
    let bench = Bench::of(ForgeKind::Gitlab, Published::new("v1").file("web.zip", content()));
    let release = bench.release().await;
    let disk = match Disk::new(bench.folder.path(), "downloads", 16) {
        Ok(disk) => disk,
        Err(missing) => return eprintln!("skipped: {missing}"),
    };
    disk.fill(100 << 10);
    let free = disk.free();
    let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
    assert!(told.starts_with("web.zip is not downloaded: not enough free space"), "{told}");
    // Nobody tells how long it is.
    bench.host.fault(Fault::NoLength.on("web.zip"));
    let error = bench.get(&release, &THERE_IS).await.unwrap_err();
    assert!(matches!(error, DownloadError::Disk { .. }), "{error}");
    assert!(disk.free() >= free - (16 << 10), "{} of {free}", disk.free());
    disk.unfill();
    assert_eq!(bench.get(&release, &THERE_IS).await.unwrap().size, SIZE as u64);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_said() {
    let bench = Bench::usual();
    let release = bench.release().await;
    std::fs::write(bench.folder.path().join("downloads"), "a file").unwrap();
    let error = bench.get(&release, &THERE_IS).await.unwrap_err();
    assert!(matches!(error, DownloadError::Disk { .. }), "{error}");
    assert_eq!(bench.sent(), 0);
}
