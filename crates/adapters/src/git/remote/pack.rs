//! The question of protocol v2's `fetch` and its answer (gitprotocol-v2(5)): one round, for somebody who knows what it
//! has and what it wants.
//! Refuses to: read from a socket, or to look into the pack; git does that.

use refit_model::name::CommitId;

use super::pkt::{self, Packet, PktError, line};

/// What a pack begins with (gitformat-pack(5)).
const SIGNATURE: &[u8] = b"PACK";

/// Asks for what `wants` need, for somebody who has `haves` with all of their history.
#[must_use]
pub fn question(wants: &[&CommitId], haves: &[&CommitId], agent: &str) -> Vec<u8> {
    let mut question = Vec::new();
    line(&mut question, "command=fetch\n");
    line(&mut question, &format!("agent={agent}\n"));
    question.extend_from_slice(b"0001");
    for option in ["thin-pack", "no-progress", "include-tag", "ofs-delta"] {
        line(&mut question, &format!("{option}\n"));
    }
    wants.iter().for_each(|id| line(&mut question, &format!("want {id}\n")));
    haves.iter().for_each(|id| line(&mut question, &format!("have {id}\n")));
    line(&mut question, "done\n");
    question.extend_from_slice(b"0000");
    question
}

/// Reads the answer to [`question`]: the pack out of the first band of its one section.
///
/// # Errors
/// [`PktError`]; an answer that is not whole is no answer.
pub fn read(bytes: &[u8]) -> Result<Vec<u8>, PktError> {
    let (first, mut rest) = pkt::next(bytes)?;
    match first {
        Packet::Data(data) if data.trim_ascii_end() == b"packfile" => {}
        Packet::Data(data) if data.starts_with(b"ERR ") => return Err(refused(data.get(4..))),
        Packet::Data(_) | Packet::Flush | Packet::Delimiter | Packet::ResponseEnd => return Err(PktError::Malformed),
    }
    let mut pack = Vec::with_capacity(bytes.len());
    loop {
        let (packet, more) = pkt::next(rest)?;
        rest = more;
        match packet {
            Packet::Data([1, data @ ..]) => pack.extend_from_slice(data),
            // Progress.
            Packet::Data([2, ..]) => {}
            Packet::Data([3, reason @ ..]) => return Err(refused(Some(reason))),
            Packet::Flush if matches!(rest, b"" | b"0002") && pack.starts_with(SIGNATURE) => return Ok(pack),
            Packet::Data(_) | Packet::Flush | Packet::Delimiter | Packet::ResponseEnd => {
                return Err(PktError::Malformed);
            }
        }
    }
}

fn refused(reason: Option<&[u8]>) -> PktError {
    PktError::Refused(String::from_utf8_lossy(reason.unwrap_or_default()).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts {
            out.extend_from_slice(format!("{:04x}", part.len() + 4).as_bytes());
            out.extend_from_slice(part);
        }
        out
    }

    #[test]
    fn the_question_is_what_git_asks() {
        let (a, b) = (CommitId::new(&"a".repeat(40)).unwrap(), CommitId::new(&"b".repeat(40)).unwrap());
        let text = String::from_utf8(question(&[&a], &[&b], "refit/1")).unwrap();
        let want = format!(
            "0012command=fetch\n0012agent=refit/1\n0001000ethin-pack\n0010no-progress\n0010include-tag\n\
             000eofs-delta\n0032want {a}\n0032have {b}\n0009done\n0000"
        );
        assert_eq!(text, want);
    }

    #[test]
    fn the_pack_is_taken_out_of_its_band() {
        let mut answer = bytes(&[b"packfile\n", b"\x01PAC", b"\x02counting", b"\x01Kxyz"]);
        assert_eq!(read(&answer), Err(PktError::CutOff));
        answer.extend_from_slice(b"0000");
        assert_eq!(read(&answer), Ok(b"PACKxyz".to_vec()));
        answer.extend_from_slice(b"0002");
        assert_eq!(read(&answer), Ok(b"PACKxyz".to_vec()));
        answer.push(b'x');
        assert_eq!(read(&answer), Err(PktError::Malformed));
    }

    #[test]
    fn what_is_no_pack_is_told() {
        let not = |reason: &str| Err(PktError::Refused(reason.to_owned()));
        assert_eq!(read(&bytes(&[b"ERR upload-pack: not our ref"])), not("upload-pack: not our ref"));
        assert_eq!(read(&bytes(&[b"packfile\n", b"\x01PACK", b"\x03out of memory\n"])), not("out of memory"));
        for bad in
            [&bytes(&[b"acknowledgments\n"])[..], b"0000", b"000dpackfile\n0000", b"000dpackfile\n00050000", b"00"]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(tail: Vec<u8>) {
            let _ = (read(&tail), read(&[b"000dpackfile\n".as_slice(), &tail].concat()));
        }
    }
}
