use proptest::prelude::*;

use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn of(text: &str, own: bool) -> Option<String> {
    checksum_of(text.as_bytes(), "web.zip", own).unwrap()
}

#[test]
fn every_common_form_is_understood() {
    for text in [
        format!("{A}  web.zip\n"),
        format!("{A} *web.zip"),
        format!("{A} web.zip\r\n"),
        format!("{A}\tweb.zip"),
        format!("\u{feff}{A}  web.zip"),
        format!("{}  web.zip", A.to_uppercase()),
        format!("{B}  other\n{A}  web.zip\n"),
        format!("SHA256 (web.zip) = {A}"),
        format!("SHA256(web.zip)= {A}"),
        format!("SHA2-256(web.zip)= {A}"),
        format!("{A}  ./web.zip"),
        format!("{A}  dist/web.zip"),
        format!("{B}  old/web.zip\n{A}  web.zip"),
        format!("# a comment\n\n{A}  web.zip\n{A}  web.zip\n"),
    ] {
        assert_eq!(of(&text, false).as_deref(), Some(A), "{text}");
        assert_eq!(of(&text, true).as_deref(), Some(A), "{text}");
    }
}

#[test]
fn a_bare_digest_counts_in_a_file_of_its_own_only() {
    assert_eq!(of(&format!("{A}\n"), true).as_deref(), Some(A));
    assert_eq!(of(&format!("{A}\n"), false), None);
    for (file, own) in [
        ("web.zip.sha256", true),
        ("WEB.zip.SHA256sum", true),
        ("web.zip.sha256.txt", true),
        ("web.zip", false),
        ("SHA256SUMS", false),
        ("web.zip2.sha256", false),
        ("wé", false),
    ] {
        assert_eq!(is_own(file, "web.zip"), own, "{file}");
    }
}

#[test]
fn what_does_not_speak_of_the_file_says_nothing() {
    for text in [
        "",
        "web.zip",
        A,
        &format!("{A}web.zip"),
        &format!("{A}  web.zip.sig"),
        &format!("{A}  xweb.zip"),
        &format!("{}  web.zip", &A[1..]),
        &format!("{A}a  web.zip"),
        &format!("SHA512 (web.zip) = {A}{A}"),
        &format!("MD5 (web.zip) = {}", &A[..32]),
        &format!("SHA256 () = {A}"),
        &format!("\\{A}  web.zip"),
        &"é".repeat(40),
    ] {
        assert_eq!(of(text, false), None, "{text}");
    }
    assert_eq!(of(&format!("{A}  other.zip"), true), None);
}

#[test]
fn two_digests_for_one_name_are_a_contradiction() {
    for text in [format!("{A}  web.zip\n{B}  web.zip"), format!("{A}  x/web.zip\n{B}  y/web.zip")] {
        assert_eq!(checksum_of(text.as_bytes(), "web.zip", false), Err(Contradiction), "{text}");
    }
    assert_eq!(checksum_of(format!("{A}\n{B}").as_bytes(), "web.zip", true), Err(Contradiction));
}

proptest! {
    #[test]
    fn no_file_ends_the_process(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in ".{0,20}", own: bool) {
        if let Ok(Some(found)) = checksum_of(&bytes, &name, own) {
            prop_assert_eq!(sha256(&found), Some(found));
        }
    }

    #[test]
    fn a_line_that_speaks_of_a_file_is_found_among_others(
        digest in "[0-9a-f]{64}",
        name in "[a-zA-Z0-9._+-]{1,40}",
        before in proptest::collection::vec("[0-9a-f]{64}  [A-Z]{3}/[a-z]{50}|[ -~]{0,30}", 0..6),
        bsd: bool,
    ) {
        let line = if bsd { format!("SHA256 ({name}) = {digest}") } else { format!("{digest}  {name}") };
        let text = format!("{}\n{line}\n", before.join("\n"));
        prop_assert_eq!(checksum_of(text.as_bytes(), &name, false), Ok(Some(digest)));
    }

    #[test]
    fn near_misses_are_never_taken(digest in "[0-9a-f]{63,66}", name in "[a-z]{1,8}", other in "[a-z]{1,8}") {
        prop_assume!(name != other || digest.len() != 64);
        prop_assert_eq!(checksum_of(format!("{digest}  {other}").as_bytes(), &name, false), Ok(None));
    }
}
