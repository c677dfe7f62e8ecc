//! What a file must show before it is believed, and what is not asked for.

use refit_testkit::releases::{Limit, Signer};

use super::*;
use crate::forge::Token;

#[tokio::test]
async fn what_is_not_what_was_published_is_deleted_and_said() {
    for (fault, words) in [
        (Fault::WrongBytes, "its sha256 is "),
        (Fault::Truncated(1000), "1000 bytes are served, and the release says 300000"),
        (Fault::Endless, "more than 300000 bytes are sent"),
    ] {
        let bench = Bench::usual();
        let release = bench.release().await;
        bench.host.fault(fault.on(STORAGE));
        let error = bench.get(&release, &THERE_IS).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, DownloadError::Differs { .. }), "{told}");
        assert!(told.starts_with("web.zip is not what was published: ") && told.contains(words), "{told}");
        assert!(told.contains("It was deleted; try again"), "{told}");
        // What the socket holds aside, no more than the file is taken.
        assert!(bench.sent() < 20 * 1024 * 1024, "{}", bench.sent());
        assert_eq!(bench.left(), Vec::<String>::new());
        // The next attempt begins anew.
        bench.host.heal();
        bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    }
    let liar = Bench::with(Published::new("v1").asset(File::new("web.zip", content()).digest(Told::Lie)));
    let release = liar.release().await;
    let told = liar.get(&release, &THERE_IS).await.unwrap_err().to_string();
    assert!(told.contains("and the release server says"), "{told}");
    // The owner's choice.
    liar.whole(&liar.get(&release, &Verify::SizeOnly).await.unwrap(), "size only");
}

#[tokio::test]
async fn without_any_proof_an_earlier_part_is_not_believed() {
    let bench = Bench::with(Bench::undigested());
    let release = bench.release().await;
    bench.host.fault(Fault::CutAfter(CUT).on(STORAGE).once());
    bench.host.fault(Fault::Reset.on(STORAGE));
    bench.get(&release, &THERE_IS).await.unwrap_err();
    bench.host.heal();
    bench.host.forget();
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), "size only");
    assert_eq!(bench.sent(), SIZE as u64);
}

#[tokio::test]
async fn a_published_checksum_file_is_as_good_as_the_server_s_word() {
    for name in ["SHA256SUMS", "web.zip.sha256"] {
        let bench = Bench::with(Bench::undigested().with_checksums(name));
        let release = bench.release().await;
        for verify in [THERE_IS, Verify::Digest] {
            let got = bench.get(&release, &verify).await.unwrap();
            bench.whole(&got, &format!("sha256 as {name} gives it"));
        }
        // The file was there the second time; the checksums were asked for.
        assert_eq!(bench.sent(), SIZE as u64);
    }
    let wrong = format!("{}  web.zip\n", "0".repeat(64));
    let bench = Bench::with(Bench::undigested().file("SHA256SUMS", wrong.clone()));
    let release = bench.release().await;
    let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
    assert!(told.contains("and SHA256SUMS says 000000"), "{told}");
    let twice = format!("{wrong}{}  web.zip\n", "1".repeat(64));
    let bench = Bench::with(Bench::undigested().file("SHA256SUMS", twice));
    let release = bench.release().await;
    let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
    assert_eq!(told, "web.zip is not downloaded: SHA256SUMS gives two different sha256 for it; tell the project");
    assert_eq!(bench.sent(), 0);
}

#[tokio::test]
async fn a_checksum_file_that_cannot_be_had_is_not_done_without() {
    let bench = Bench::with(Bench::undigested().with_checksums("SHA256SUMS"));
    let release = bench.release().await;
    for (fault, words) in [
        (Fault::status(404), "there is no such file of lab/Web"),
        (Fault::Reset, "the connection was cut"),
        (Fault::Endless, "longer than 1048576 bytes"),
    ] {
        bench.host.heal();
        bench.host.fault(fault.on("SHA256SUMS"));
        let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
        assert!(told.starts_with("SHA256SUMS cannot be downloaded: ") && told.contains(words), "{told}");
    }
    assert_eq!(bench.sent(), 0);
}

#[tokio::test]
async fn a_digest_that_is_asked_for_and_not_known_is_refused_before_the_first_byte() {
    for release in [Bench::undigested(), Bench::undigested().file("SHA256SUMS", "nothing of it\n")] {
        let bench = Bench::with(release);
        let release = bench.release().await;
        let told = bench.get(&release, &Verify::Digest).await.unwrap_err().to_string();
        assert!(told.starts_with("web.zip is not downloaded: its section says 'verify: digest'"), "{told}");
        assert_eq!((bench.sent(), bench.ranges().len()), (0, 0));
        bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), "size only");
    }
}

#[tokio::test]
async fn a_signature_is_checked_with_the_owner_s_key() {
    let signer = Signer::named("mainsail");
    let verify = Verify::Minisign { key: signer.public_key() };
    for release in [Published::new("v1").file("web.zip", content()), Bench::undigested()] {
        let bench = Bench::with(release.signed(&signer));
        let release = bench.release().await;
        bench.whole(&bench.get(&release, &verify).await.unwrap(), "minisign signature");
        assert_eq!(bench.sent(), SIZE as u64);
        // A broken connection is no trouble where a signature proves the whole.
        bench.host.fault(Fault::WrongBytes.on("web.zip?"));
        std::fs::remove_dir_all(bench.folder.path().join("downloads")).unwrap();
        let error = bench.get(&release, &verify).await.unwrap_err();
        assert!(matches!(error, DownloadError::Differs { .. }), "{error}");
        assert_eq!(bench.left(), Vec::<String>::new());
    }
    let legacy = signer.sign_legacy(&content(), "web.zip");
    let other = Signer::named("else").sign(&content(), "web.zip");
    let another = signer.sign(b"something else", "web.zip");
    for (signature, words) in [
        (Some(legacy.as_str()), "a signature of an old kind; ask the project"),
        (Some(other.as_str()), "web.zip.minisig was not made with the configured key"),
        (Some("nonsense"), "web.zip.minisig is no minisign signature"),
        (None, "the release has no minisign signature of it"),
        (Some(another.as_str()), "its minisign signature does not fit"),
    ] {
        let mut release = Published::new("v1").file("web.zip", content());
        if let Some(signature) = signature {
            release = release.file("web.zip.minisig", signature);
        }
        let bench = Bench::with(release);
        let release = bench.release().await;
        let told = bench.get(&release, &verify).await.unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
        assert_eq!(bench.left(), Vec::<String>::new());
        let wholly_sent = words.contains("does not fit");
        assert_eq!(bench.sent() > 0, wholly_sent, "{told}");
    }
    let bench = Bench::with(Published::new("v1").file("web.zip", content()).signed(&signer));
    let release = bench.release().await;
    let told = bench.get(&release, &Verify::Minisign { key: "RWx".to_owned() }).await.unwrap_err().to_string();
    assert!(told.contains("the key in 'verify: minisign' is none"), "{told}");
    // A file that was had without its signature is not believed with one that does not fit.
    bench.whole(&bench.get(&release, &THERE_IS).await.unwrap(), SERVER);
    let key = Signer::named("else").public_key();
    assert!(bench.get(&release, &Verify::Minisign { key }).await.is_err());
}

#[tokio::test]
async fn a_token_stays_with_the_api() {
    for kind in [ForgeKind::Github, ForgeKind::Forgejo, ForgeKind::Gitlab] {
        let mut bench = Bench::of(kind, Published::new("v1").file("web.zip", content()));
        bench.host.token("tok_hidden", Limit { limit: 9, remaining: 9, reset_at: 1_800_000_000 });
        bench.forges = Forges::new(ForgeOptions {
            tokens: vec![(bench.source.host.clone(), Token::new("tok_hidden").unwrap())],
            ..crate::forge::tests::options()
        });
        let release = bench.release().await;
        let got = bench.get(&release, &THERE_IS).await.unwrap();
        assert_eq!(got.size, SIZE as u64);
        let api = Url::parse(&bench.source.api).unwrap();
        for asked in bench.host.requests() {
            let shown = format!("{asked:?}").contains("tok_hidden");
            let own = Some(asked.header("host").unwrap()) == Some(&format!("127.0.0.1:{}", api.port().unwrap()));
            assert_eq!(shown, own, "{kind:?} {asked:?}");
        }
    }
}

#[tokio::test]
async fn an_address_that_is_not_safe_is_not_asked() {
    let bench = Bench::usual();
    let mut release = bench.release().await;
    for (url, words) in [
        ("ftp://x/web.zip", "not encrypted"),
        ("https://user:hidden@x/web.zip", "holds a user or a password"),
        ("nonsense", "its address is none"),
    ] {
        release.assets[0].url = url.to_owned();
        let told = bench.get(&release, &THERE_IS).await.unwrap_err().to_string();
        assert!(told.starts_with("web.zip is not downloaded: ") && told.contains(words), "{told}");
        assert!(!told.contains("hidden"), "{told}");
    }
    let secure = Source { api: "https://api.github.com".to_owned(), ..bench.source.clone() };
    let asset = bench.release().await.assets.remove(0);
    let wanted = Wanted { source: &secure, asset: &asset, checksums: &[], signature: None, verify: &THERE_IS };
    let told = bench.downloads().fetch(&bench.forges, &wanted, &|_| {}).await.unwrap_err().to_string();
    assert!(told.contains("not encrypted"), "{told}");
    assert_eq!(bench.sent(), 0);
}
