//! Untrue answers. Pure: from what was asked and what is true to what is told.

use hyper::body::Bytes;

use super::{Ask, Lie};

/// The sha that no repository has.
const NOWHERE: &str = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// The finite lies.
pub(super) fn told(lie: Lie, truth: Vec<u8>) -> Vec<u8> {
    match lie {
        Lie::Garbage => noise(4096),
        Lie::BadPktLines => [b"zzzz", truth.get(4..).unwrap_or_default()].concat(),
        Lie::UnknownSha => with_unknown_shas(truth),
        Lie::TruncatedPack => truth[..truth.len() / 2].to_owned(),
        Lie::Endless => truth,
    }
}

/// The `n`th piece of an answer without end.
pub(super) fn endless(ask: Ask, n: u64) -> Bytes {
    let mut piece = Vec::new();
    if ask == Ask::Fetch && n == 0 {
        piece.extend(packet("packfile\n"));
    }
    for line in 0..100 {
        let number = n * 100 + line;
        piece.extend(match ask {
            Ask::Fetch => packet(&format!("\u{2}Counting objects: {number}\r")),
            Ask::Discovery | Ask::LsRefs | Ask::Other => packet(&format!("{NOWHERE} refs/heads/endless-{number}\n")),
        });
    }
    Bytes::from(piece)
}

fn packet(line: &str) -> Vec<u8> {
    format!("{:04x}{line}", line.len() + 4).into_bytes()
}

/// Replaces every run of exactly forty hex digits that ends in a space; four digits of packet length may stand before it.
fn with_unknown_shas(mut truth: Vec<u8>) -> Vec<u8> {
    let mut run = 0;
    for at in 0..truth.len() {
        if truth[at].is_ascii_hexdigit() {
            run += 1;
            continue;
        }
        if truth[at] == b' ' && (run == 40 || run == 44) {
            truth[at - 40..at].copy_from_slice(NOWHERE.as_bytes());
        }
        run = 0;
    }
    truth
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shas_are_replaced_in_place() {
        let truth = packet(&format!("{} refs/heads/master\n", "1".repeat(40)));
        let lie = told(Lie::UnknownSha, truth.clone());
        assert_eq!(lie, packet(&format!("{NOWHERE} refs/heads/master\n")));
        assert_eq!(told(Lie::TruncatedPack, truth.clone()).len(), truth.len() / 2);
    }
}
