//! Pkt-lines and the answer to protocol v2's `ls-refs` (gitprotocol-common(5), gitprotocol-v2(5)).
//! Refuses to: read from a socket. Takes bytes, and never panics on any.

use refit_model::name::{BranchName, CommitId};
use thiserror::Error;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0000`.
    Flush,
    /// `0001`.
    Delimiter,
    /// `0002`.
    ResponseEnd,
    /// A line's bytes.
    Data(&'a [u8]),
}

/// The bytes are not what the protocol allows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PktError {
    /// A length that is no number, too small, or longer than what is there.
    #[error("the server's answer is not git's protocol")]
    Malformed,
    /// It ended before its flush packet.
    #[error("the server's answer ends in the middle")]
    CutOff,
    /// The server says why not.
    #[error("the server says: {0}")]
    Refused(String),
}

/// A ref of the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// The full name.
    pub name: String,
    /// The object it points to; a tag object for an annotated tag.
    pub id: CommitId,
    /// What an annotated tag is a tag of, when the remote says so.
    pub names: Option<CommitId>,
}

/// Takes one packet off the front.
///
/// # Errors
/// [`PktError::Malformed`], [`PktError::CutOff`].
pub fn next(bytes: &[u8]) -> Result<(Packet<'_>, &[u8]), PktError> {
    let (head, rest) = bytes.split_at_checked(4).ok_or(PktError::CutOff)?;
    let text = std::str::from_utf8(head).map_err(|_| PktError::Malformed)?;
    // `from_str_radix` would take a sign.
    if !head.iter().all(u8::is_ascii_hexdigit) {
        return Err(PktError::Malformed);
    }
    let length = usize::from_str_radix(text, 16).map_err(|_| PktError::Malformed)?;
    match length {
        0 => Ok((Packet::Flush, rest)),
        1 => Ok((Packet::Delimiter, rest)),
        2 => Ok((Packet::ResponseEnd, rest)),
        3 => Err(PktError::Malformed),
        _ => {
            let (data, rest) = rest.split_at_checked(length - 4).ok_or(PktError::CutOff)?;
            Ok((Packet::Data(data), rest))
        }
    }
}

/// The question for one branch and all tags.
#[must_use]
pub fn ls_refs(branch: &BranchName, agent: &str) -> Vec<u8> {
    let mut question = Vec::new();
    line(&mut question, "command=ls-refs\n");
    line(&mut question, &format!("agent={agent}\n"));
    question.extend_from_slice(b"0001");
    line(&mut question, "peel\n");
    line(&mut question, &format!("ref-prefix refs/heads/{}\n", branch.as_str()));
    line(&mut question, "ref-prefix refs/tags/\n");
    question.extend_from_slice(b"0000");
    question
}

/// Adds one line's packet.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}", text.len() + 4).as_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads the answer to [`ls_refs`]: one ref per line up to the flush packet.
///
/// # Errors
/// [`PktError`]; an answer that is not whole is no answer.
pub fn read_refs(mut bytes: &[u8]) -> Result<Vec<RemoteRef>, PktError> {
    let mut refs = Vec::new();
    loop {
        let (packet, rest) = next(bytes)?;
        bytes = rest;
        match packet {
            Packet::Data(data) => refs.push(read_ref(data)?),
            Packet::Flush if bytes.is_empty() || bytes == b"0002" => return Ok(refs),
            Packet::Flush | Packet::Delimiter | Packet::ResponseEnd => return Err(PktError::Malformed),
        }
    }
}

fn read_ref(data: &[u8]) -> Result<RemoteRef, PktError> {
    let text = std::str::from_utf8(data).map_err(|_| PktError::Malformed)?;
    let text = text.trim_end_matches('\n');
    if let Some(reason) = text.strip_prefix("ERR ") {
        return Err(PktError::Refused(reason.to_owned()));
    }
    let mut words = text.split(' ');
    let (id, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let id = CommitId::new(id).map_err(|_| PktError::Malformed)?;
    let names = words.find_map(|word| CommitId::new(word.strip_prefix("peeled:")?).ok());
    if name.starts_with("refs/") && !name.chars().any(char::is_control) {
        Ok(RemoteRef { name: name.to_owned(), id, names })
    } else {
        Err(PktError::Malformed)
    }
}

/// Reads what `git ls-remote` prints: `<id> TAB <name>`, and after an annotated tag what it names (`<name>^{}`).
#[must_use]
pub fn read_ls_remote(printed: &[u8]) -> Vec<RemoteRef> {
    let mut refs: Vec<RemoteRef> = Vec::new();
    for line in String::from_utf8_lossy(printed).lines() {
        let Some((id, name)) = line.split_once('\t') else { continue };
        let Ok(id) = CommitId::new(id) else { continue };
        match (name.strip_suffix("^{}"), refs.last_mut()) {
            (Some(tag), Some(last)) if last.name == tag => last.names = Some(id),
            (Some(_), _) => {}
            (None, _) => refs.push(RemoteRef { name: name.to_owned(), id, names: None }),
        }
    }
    refs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> CommitId {
        CommitId::new(&digit.repeat(40)).unwrap()
    }

    #[test]
    fn the_question_is_what_git_asks() {
        let question = ls_refs(&BranchName::new("master").unwrap(), "refit/1");
        let text = "0014command=ls-refs\n0012agent=refit/1\n00010009peel\n\
                    0021ref-prefix refs/heads/master\n001aref-prefix refs/tags/\n0000";
        assert_eq!(String::from_utf8(question).unwrap(), text);
    }

    #[test]
    fn refs_are_read_to_the_flush() {
        let mut answer = Vec::new();
        line(&mut answer, &format!("{} refs/heads/master\n", id("a")));
        line(&mut answer, &format!("{} refs/tags/v1 peeled:{}\n", id("b"), id("c")));
        assert_eq!(read_refs(&answer), Err(PktError::CutOff));
        answer.extend_from_slice(b"0000");
        let want = [("refs/heads/master", "a", None), ("refs/tags/v1", "b", Some(id("c")))]
            .map(|(name, digit, names)| RemoteRef { name: name.to_owned(), id: id(digit), names });
        assert_eq!(read_refs(&answer), Ok(want.to_vec()));
        answer.push(b'x');
        assert_eq!(read_refs(&answer), Err(PktError::Malformed));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let mut refusal = Vec::new();
        line(&mut refusal, "ERR no such repository\n");
        assert_eq!(read_refs(&refusal), Err(PktError::Refused("no such repository".to_owned())));
        for bad in [&b"zzzz"[..], b"0003", b"+00f0000000000", b"0001", b"0008abcd0000", b"<html>"] {
            assert_eq!(read_refs(bad), Err(PktError::Malformed), "{bad:?}");
        }
        assert_eq!(read_refs(b""), Err(PktError::CutOff));
        assert_eq!(read_refs(b"ffff12"), Err(PktError::CutOff));
    }

    #[test]
    fn git_s_own_listing_is_read() {
        let printed =
            format!("{}\trefs/heads/m\n{}\trefs/tags/v\n{}\trefs/tags/v^{{}}\nwarning\n", id("1"), id("2"), id("3"));
        let read = |name: &str, of: &str, names| RemoteRef { name: name.to_owned(), id: id(of), names };
        let expected = [read("refs/heads/m", "1", None), read("refs/tags/v", "2", Some(id("3")))];
        assert_eq!(read_ls_remote(printed.as_bytes()), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "([0-9a-f]{4}|[a-f0-9]{40} refs/[a-z]{1,4}\n|.)*") {
            let _ = (read_refs(&bytes), read_refs(text.as_bytes()), read_ls_remote(&bytes));
        }
    }
}
