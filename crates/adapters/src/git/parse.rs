//! What git prints, as values: status, log, tags, the description of a detached HEAD.
//!
//! Every parser takes bytes and never panics, whatever they are; a file name need not be text.
//! Refuses to: run git, or to guess when a record is cut off.

use refit_model::name::CommitId;
use refit_model::updater::git::CommitBehind;
use thiserror::Error;

/// Git printed something that is not in its documentation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("git {command} answered with something that cannot be read: {record:?}")]
pub struct ParseError {
    /// The subcommand.
    pub command: &'static str,
    /// The beginning of the record.
    pub record: String,
}

/// `git status --porcelain=v2 --branch -z`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// HEAD's commit; none before the first commit, and when the branch's ref cannot be read.
    pub oid: Option<CommitId>,
    /// The branch that is checked out; none for a detached HEAD.
    pub branch: Option<String>,
    /// The branch that it follows, short: `origin/master`.
    pub upstream: Option<String>,
    /// Commits that only HEAD has, and that only the upstream has. None when the upstream's ref is not there.
    pub ahead_behind: Option<(u64, u64)>,
    /// Tracked files that differ somewhere.
    pub changed: Vec<Changed>,
    /// Files and folders (`dir/`) that are not tracked.
    pub untracked: Vec<Vec<u8>>,
}

/// A tracked file that differs between HEAD, index and work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// State in the index and in the work tree, `.` for no difference.
    pub xy: [u8; 2],
    /// `N...`, or `S` with what is different about the submodule.
    pub submodule: [u8; 4],
    /// The path.
    pub path: Vec<u8>,
    /// Not merged.
    pub unmerged: bool,
}

/// One tag, with the commit that it names in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name without `refs/tags/`.
    pub name: String,
    /// The commit.
    pub commit: CommitId,
}

/// The arguments of `git log` whose output [`log`] reads; every field ends with a zero, and so does every record.
pub const LOG_FORMAT: &str = "--format=tformat:%m%H%x00%an%x00%ct%x00%s%x00%b%x00%D%x00";
/// Fields of a log record, with the empty one between two zeros.
const LOG_FIELDS: usize = 7;

/// The arguments of `git for-each-ref` whose output [`tags`] reads.
pub const TAG_FORMAT: &str = "--format=%(if)%(*objecttype)%(then)%(*objecttype) %(*objectname)\
                              %(else)%(objecttype) %(objectname)%(end) %(refname)";

/// Reads `git status --porcelain=v2 --branch -z`.
///
/// # Errors
/// [`ParseError`] with the record that is not of that format.
pub fn status(bytes: &[u8]) -> Result<Status, ParseError> {
    let mut status = Status::default();
    let mut records = bytes.split(|b| *b == 0);
    while let Some(record) = records.next() {
        let bad = || error("status", record);
        match record.split_at_checked(2) {
            None if record.is_empty() => {}
            Some((b"# ", header)) => status.header(&text(header)),
            Some((b"1 ", rest)) => status.changed.push(changed(rest, 6, false).ok_or_else(bad)?),
            Some((b"2 ", rest)) => {
                status.changed.push(changed(rest, 7, false).ok_or_else(bad)?);
                // The path that it had before.
                records.next().ok_or_else(bad)?;
            }
            Some((b"u ", rest)) => status.changed.push(changed(rest, 8, true).ok_or_else(bad)?),
            Some((b"? ", path)) => status.untracked.push(path.to_vec()),
            Some((b"! ", _ignored)) => {}
            Some(_) | None => return Err(bad()),
        }
    }
    Ok(status)
}

impl Status {
    fn header(&mut self, header: &str) {
        match header.split_once(' ') {
            Some(("branch.oid", oid)) => self.oid = CommitId::new(oid).ok(),
            Some(("branch.head", name)) => self.branch = (name != "(detached)").then(|| name.to_owned()),
            Some(("branch.upstream", name)) => self.upstream = Some(name.to_owned()),
            Some(("branch.ab", counts)) => {
                let count = |text: &str, sign| text.strip_prefix(sign)?.parse::<u64>().ok();
                self.ahead_behind =
                    counts.split_once(' ').and_then(|(ahead, behind)| Some((count(ahead, '+')?, count(behind, '-')?)));
            }
            // Headers that later versions of git add.
            Some(_) | None => {}
        }
    }
}

/// `XY sub mH mI …path`: after `XY` and `sub` come `skip` more fields before the path.
fn changed(record: &[u8], skip: usize, unmerged: bool) -> Option<Changed> {
    let mut fields = record.splitn(skip + 2, |b| *b == b' ');
    let xy = fields.next()?.try_into().ok()?;
    let submodule = fields.next()?.try_into().ok()?;
    let path = fields.nth(skip.checked_sub(1)?)?;
    (!path.is_empty()).then(|| Changed { xy, submodule, path: path.to_vec(), unmerged })
}

impl Changed {
    /// Whether `git describe --dirty` minds: it does not look into submodules for files that are not tracked.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !(self.xy == *b".M" && self.submodule == *b"S..U")
    }

    /// The status code is exactly `M` in one place and nothing in the other.
    #[must_use]
    pub fn is_modified(&self) -> bool {
        !self.unmerged && matches!(&self.xy, b".M" | b"M.")
    }
}

/// One record of [`log`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The commit, without its tag.
    pub commit: CommitBehind,
    /// Some tag names it.
    pub tagged: bool,
    /// Of a range with two sides (`A...B`), the left one has it.
    pub left: bool,
}

/// Reads `git log -z` in [`LOG_FORMAT`].
///
/// # Errors
/// [`ParseError`] with the record that is not of that format.
pub fn log(bytes: &[u8]) -> Result<Vec<Logged>, ParseError> {
    let Some(bytes) = bytes.strip_suffix(b"\0").filter(|bytes| !bytes.is_empty()) else { return Ok(Vec::new()) };
    let fields: Vec<&[u8]> = bytes.split(|b| *b == 0).collect();
    fields.chunks(LOG_FIELDS).map(|record| logged(record).ok_or_else(|| error("log", &record.join(&b' ')))).collect()
}

fn logged(record: &[&[u8]]) -> Option<Logged> {
    let [sha, author, date, subject, body, refs, rest @ ..] = record else { return None };
    let left = sha.starts_with(b"<");
    let sha = sha.strip_prefix(b"<").or(sha.strip_prefix(b">")).unwrap_or(sha);
    let commit = CommitBehind {
        sha: CommitId::new(std::str::from_utf8(sha).ok()?).ok()?.as_str().to_owned(),
        author: text(author),
        date: std::str::from_utf8(date).ok()?.parse().ok()?,
        subject: text(subject),
        message: text(body).trim_matches(is_python_space).to_owned(),
        tag: None,
    };
    let complete = matches!(rest, [] | [b""]);
    complete.then_some(Logged { commit, tagged: !refs.is_empty(), left })
}

/// What Python's `strip` takes away; Unicode does not count the separators among its blanks.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Reads `git for-each-ref` in [`TAG_FORMAT`], in its order; tags of anything but commits are left out.
#[must_use]
pub fn tags(bytes: &[u8]) -> Vec<Tag> {
    bytes.split(|b| *b == b'\n').filter_map(|line| tag(&text(line))).collect()
}

fn tag(line: &str) -> Option<Tag> {
    let mut words = line.splitn(3, ' ');
    let (kind, sha, name) = (words.next()?, words.next()?, words.next()?);
    let name = name.strip_prefix("refs/tags/").filter(|name| !name.is_empty())?.to_owned();
    (kind == "commit").then_some(Tag { name, commit: CommitId::new(sha).ok()? })
}

/// The name that `git branch --list` gives for a detached HEAD: `origin/master` of
/// `* (HEAD detached at origin/master)`. None when it names nothing (`(no branch, rebasing x)`).
#[must_use]
pub fn detached_at(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"* "))?;
    let line = text(line);
    let inside = line.trim().strip_prefix("(HEAD detached ")?.strip_suffix(')')?;
    let name = inside.strip_prefix("at ").or(inside.strip_prefix("from "))?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Two numbers with a tab between, of `git rev-list --left-right --count A...B`.
#[must_use]
pub fn left_right(bytes: &[u8]) -> Option<(u64, u64)> {
    let (left, right) = std::str::from_utf8(bytes).ok()?.trim().split_once('\t')?;
    Some((left.parse().ok()?, right.parse().ok()?))
}

/// A number, of `git rev-list --count`.
#[must_use]
pub fn count(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// A path as git prints it without `-z`: in quotes with C escapes when it holds anything unusual (git-config(1),
/// core.quotePath), and also for blanks, as `git status --porcelain` does.
#[must_use]
pub fn quoted(path: &[u8], quote_unicode: bool) -> String {
    let odd = |b: &u8| *b < 0x20 || matches!(*b, b'"' | b'\\' | 0x7f) || (quote_unicode && *b >= 0x80);
    if !path.iter().any(|b| odd(b) || *b == b' ') {
        return text(path);
    }
    let mut shown = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => shown.extend([b'\\', *byte]),
            7..=13 => shown.extend([b'\\', *b"abtnvfr".get(usize::from(*byte - 7)).unwrap_or(&b'?')]),
            byte if odd(byte) => {
                shown.extend([b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
            }
            byte => shown.push(*byte),
        }
    }
    shown.push(b'"');
    text(&shown)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn error(command: &'static str, record: &[u8]) -> ParseError {
    ParseError { command, record: text(record.get(..80).unwrap_or(record)) }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
