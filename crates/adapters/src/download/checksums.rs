//! Published checksum files: `HEX  name`, `HEX *name`, `SHA256 (name) = HEX`, and a bare `HEX` in a file of the asset's own.
//! Refuses to: guess. What is not understood is passed over, and a file that says two things is told so.

use thiserror::Error;

use crate::forge::sha256;

/// A checksum file gives two digests for one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("gives two different sha256 for it; tell the project")]
pub struct Contradiction;

/// The SHA-256 that a checksum file gives for a file: 64 hexadecimal digits in lower case, none when it does not speak of
/// it. A name counts with a folder before it, where the bare name is not there. In a file of its own (`own`,
/// `<name>.sha256`) a digest without a name counts too.
///
/// # Errors
/// [`Contradiction`].
pub fn checksum_of(text: &[u8], name: &str, own: bool) -> Result<Option<String>, Contradiction> {
    let text = String::from_utf8_lossy(text);
    let lines = || text.trim_start_matches('\u{feff}').lines().filter_map(line);
    let last = |path: &str| path.rsplit(['/', '\\']).next() == Some(name);
    let by_name = only(lines().filter(|(_, named)| *named == Some(name)))?;
    if by_name.is_some() {
        return Ok(by_name);
    }
    let in_a_folder = only(lines().filter(|(_, named)| named.is_some_and(last)))?;
    if in_a_folder.is_some() || !own {
        return Ok(in_a_folder);
    }
    only(lines().filter(|(_, named)| named.is_none()))
}

/// Whether a checksum file is about one file alone, by its name.
pub(super) fn is_own(file: &str, name: &str) -> bool {
    let ending = file.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| &file[name.len()..]);
    ending.is_some_and(|ending| ending.to_ascii_lowercase().starts_with(".sha256"))
}

fn only<'a>(mut found: impl Iterator<Item = (String, Option<&'a str>)>) -> Result<Option<String>, Contradiction> {
    let Some((first, _)) = found.next() else { return Ok(None) };
    if found.any(|(other, _)| other != first) { Err(Contradiction) } else { Ok(Some(first)) }
}

/// A digest and the name that it belongs to.
fn line(text: &str) -> Option<(String, Option<&str>)> {
    let text = text.trim();
    if let Some(found) = bsd(text) {
        return Some(found);
    }
    let (digits, rest) = (text.get(..64)?, text.get(64..)?);
    let digest = sha256(digits)?;
    if rest.is_empty() {
        return Some((digest, None));
    }
    // Two spaces, or a space and a star; some write one space or a tab.
    let name = rest.strip_prefix([' ', '\t'])?;
    let name = name.strip_prefix([' ', '*', '\t']).unwrap_or(name).trim_start();
    (!name.is_empty()).then_some((digest, Some(name)))
}

/// `SHA256 (name) = HEX`, as the BSDs write it, and `SHA2-256(name)= HEX`, as OpenSSL does.
fn bsd(text: &str) -> Option<(String, Option<&str>)> {
    let rest = text.strip_prefix("SHA256").or_else(|| text.strip_prefix("SHA2-256"))?;
    let (name, digits) = rest.trim_start().strip_prefix('(')?.rsplit_once(')')?;
    let digest = sha256(digits.trim_start().strip_prefix('=')?.trim())?;
    (!name.is_empty()).then_some((digest, Some(name)))
}

#[cfg(test)]
#[path = "checksums_tests.rs"]
mod tests;
