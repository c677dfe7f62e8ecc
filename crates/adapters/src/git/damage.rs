//! Damage to a repository that a power cut or a full disk leaves behind, named exactly: told from the files alone, and
//! from what git complained about.
//! A network problem never lands here, and neither does what an owner may well have done on purpose (a misspelt
//! configuration, a deleted branch).
//! Refuses to: run git, or to mend anything.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::updater::git::Damage;

use super::layout::{Layout, read_small, trim};
use super::objects::is_empty_or_zeroed;
use super::{config, fingerprint, locks, refs};

/// Seconds after which a lock or a temporary pack that nobody holds is litter.
const FRESH: f64 = 10.0;
/// A SHA-1 in a file.
const HASH: u64 = 20;

/// Looks for damage. `now` is the wall clock in seconds since 1970; `deep` also looks at every loose object.
#[must_use]
pub fn scan(layout: &Layout, now: f64, deep: bool) -> Vec<Damage> {
    if !layout.has_git() {
        return vec![Damage::MissingGitDir];
    }
    let mut found = Vec::new();
    if !layout.common_dir.join("objects").is_dir() {
        let id = refs::resolve(layout, "HEAD").map_or_else(|| "of HEAD".to_owned(), String::from);
        found.push(Damage::MissingObject { id });
    }
    let head_is_fine = read_small(&layout.git_dir.join("HEAD")).is_some_and(|bytes| is_reference(&bytes));
    if !head_is_fine {
        found.push(Damage::BrokenHead);
    }
    if is_broken_config(layout) {
        found.push(Damage::BrokenConfig);
    }
    if is_broken_index(layout, deep) {
        found.push(Damage::BrokenIndex);
    }
    broken_refs(layout, &mut found);
    broken_packs(layout, now, &mut found);
    if broken_commit_graph(&layout.common_dir) {
        found.push(Damage::BrokenCommitGraph);
    }
    let locks: Vec<PathBuf> = locks::find(layout).into_iter().filter(|lock| age(lock, now) > FRESH).collect();
    if !locks.is_empty() && locks::holder(layout).is_none() {
        found.extend(locks.iter().map(|lock| Damage::StaleLock { file: below(layout, lock) }));
    }
    if deep {
        empty_objects(layout, &mut found);
    }
    found
}

/// Something is there that a living git may be writing, or a dead one have left: only time tells which.
#[must_use]
pub fn is_in_flux(layout: &Layout) -> bool {
    let packs = fs::read_dir(layout.common_dir.join("objects/pack")).into_iter().flatten().flatten();
    packs.map(|entry| entry.path()).any(|path| is_temporary(&path)) || !locks::find(layout).is_empty()
}

fn is_temporary(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("tmp_") || name.starts_with(".tmp-")
}

/// What git's own complaints name: `error: object file … is empty`, `fatal: bad object HEAD` …
#[must_use]
pub fn from_complaints(layout: &Layout, complaints: &[String]) -> Vec<Damage> {
    let mut found: Vec<Damage> = Vec::new();
    for line in complaints.iter().flat_map(|text| text.lines()) {
        let damage = if line.contains("in the commit graph file but not in the object database") {
            Some(Damage::BrokenCommitGraph)
        } else if line.contains("index file") || line.contains("bad signature") && line.contains("index") {
            Some(Damage::BrokenIndex)
        } else {
            named_object(layout, line)
        };
        if let Some(damage) = damage.filter(|damage| !found.contains(damage)) {
            found.push(damage);
        }
    }
    found
}

/// A line of git that says so holds the word (CONTRACT §3.2).
#[must_use]
pub fn says_corrupt(complaints: &[String]) -> bool {
    complaints
        .iter()
        .flat_map(|text| text.lines())
        .any(|line| (line.starts_with("fatal:") || line.starts_with("error:")) && line.contains("corrupt"))
}

/// The object that a complaint names: its file when that is there and empty or zeroed, else as missing.
fn named_object(layout: &Layout, line: &str) -> Option<Damage> {
    const WORDS: [&str; 10] = [
        "bad object",
        "unable to read",
        "missing blob",
        "missing tree",
        "missing commit",
        "is empty",
        "is corrupt",
        "ould not read",
        "could not parse",
        "invalid object",
    ];
    if !WORDS.iter().any(|word| line.contains(word)) {
        return None;
    }
    let id = line
        .replace('/', "")
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 40)
        .map(str::to_owned)
        .or_else(|| line.contains("HEAD").then(|| refs::resolve(layout, "HEAD").map(String::from))?)?;
    let (folder, name) = id.split_at_checked(2)?;
    let file = layout.common_dir.join("objects").join(folder).join(name);
    if is_empty_or_zeroed(&file) {
        Some(Damage::EmptyObject { file: below(layout, &file) })
    } else {
        Some(Damage::MissingObject { id })
    }
}

fn is_broken_config(layout: &Layout) -> bool {
    let Some(bytes) = read_small(&layout.common_dir.join("config")) else { return true };
    let has_remotes = || layout.common_dir.join("refs/remotes").is_dir();
    // Git ends its file with a line end, and names the remote of what was fetched. Without both, the rest was lost.
    let lost_its_end = || match config::parse(&bytes) {
        Ok(entries) => has_remotes() && !entries.iter().any(|e| e.section == "branch" || e.name == "fetch"),
        Err(_) => true,
    };
    bytes.is_empty() || bytes.contains(&0) || (bytes.last() != Some(&b'\n') && lost_its_end())
}

/// An id or `ref: …`; anything else was not written by git.
fn is_reference(bytes: &[u8]) -> bool {
    let text = trim(bytes);
    let is_id = matches!(text.len(), 40 | 64) && text.iter().all(u8::is_ascii_hexdigit);
    is_id || text.strip_prefix(b"ref:").is_some_and(|name| trim(name).starts_with(b"refs/"))
}

/// Also missing, though there are commits: a checkout writes it before anything else. `deep` also looks at its
/// checksum.
pub(super) fn is_broken_index(layout: &Layout, deep: bool) -> bool {
    if !has_sha1(layout) {
        return false;
    }
    let path = layout.git_dir.join("index");
    let Ok(mut file) = File::open(&path) else { return refs::resolve(layout, "HEAD").is_some() };
    let Ok(size) = file.metadata().map(|seen| seen.len()) else { return true };
    let mut signature = [0; 4];
    let begins = file.read_exact(&mut signature).is_ok() && &signature == b"DIRC";
    // `index.skipHash` leaves zeros in place of the checksum; a lost block is longer than that.
    let no_checksum = ends_in_zeros(&mut file, HASH as i64);
    !begins || size < 12 + HASH || ends_in_zeros(&mut file, 64) || !fingerprint::can_read(&path, deep && !no_checksum)
}

/// Files of a repository with longer hashes end otherwise; git itself must tell there.
fn has_sha1(layout: &Layout) -> bool {
    let entries = read_small(&layout.common_dir.join("config")).and_then(|bytes| config::parse(&bytes).ok());
    let format =
        entries.as_deref().unwrap_or_default().iter().rfind(|e| e.section == "extensions" && e.name == "objectformat");
    format.is_none_or(|entry| entry.text() == "sha1")
}

fn ends_in_zeros(file: &mut File, bytes: i64) -> bool {
    let mut end = Vec::new();
    let read = file.seek(SeekFrom::End(-bytes)).and_then(|_| file.read_to_end(&mut end));
    read.is_ok() && end.iter().all(|b| *b == 0)
}

fn broken_refs(layout: &Layout, found: &mut Vec<Damage>) {
    let packed = layout.common_dir.join("packed-refs");
    if let Ok(bytes) = fs::read(&packed)
        && (bytes.is_empty() || bytes.contains(&0) || bytes.last() != Some(&b'\n'))
    {
        found.push(Damage::BrokenRef { file: "packed-refs".to_owned() });
    }
    let mut loose = Vec::new();
    files_below(&layout.common_dir.join("refs"), &mut loose);
    for file in loose.iter().filter(|file| file.extension().is_none_or(|end| end != "lock")) {
        if read_small(file).is_none_or(|bytes| !is_reference(&bytes)) {
            found.push(Damage::BrokenRef { file: below(layout, file) });
        }
    }
    // "No commits yet", but the branch's own log knows better.
    if let Some(branch) = refs::head_branch(layout)
        && !layout.common_dir.join(&branch).exists()
        && refs::resolve(layout, &branch).is_none()
        && !found.iter().any(|damage| matches!(damage, Damage::BrokenRef { file } if file == "packed-refs"))
        && fs::metadata(layout.common_dir.join("logs").join(&branch)).is_ok_and(|log| log.len() > 0)
    {
        found.push(Damage::BrokenRef { file: branch });
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

fn broken_packs(layout: &Layout, now: f64, found: &mut Vec<Damage>) {
    let folder = layout.common_dir.join("objects/pack");
    let has_sha1 = has_sha1(layout);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort_unstable();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let broken = match file.extension().and_then(|end| end.to_str()) {
            _ if is_temporary(file) => age(file, now) > FRESH,
            Some("pack") => has_sha1 && !is_whole_pack(file),
            Some("idx") => !file.with_extension("pack").exists(),
            Some(_) | None => false,
        };
        if broken {
            found.push(Damage::BrokenPack { file: format!("objects/pack/{name}") });
        }
    }
}

/// The index of a pack ends with the pack's checksum and its own; the pack ends with its checksum. Both are written
/// last, so that a cut-off or zeroed end shows.
fn is_whole_pack(pack: &Path) -> bool {
    let read = || -> std::io::Result<bool> {
        let (mut pack, mut index) = (File::open(pack)?, File::open(pack.with_extension("idx"))?);
        let mut magic = [0; 4];
        pack.read_exact(&mut magic)?;
        let mut ends = [[0; HASH as usize]; 2];
        pack.seek(SeekFrom::End(-(HASH as i64)))?;
        pack.read_exact(&mut ends[0])?;
        index.seek(SeekFrom::End(-2 * HASH as i64))?;
        index.read_exact(&mut ends[1])?;
        Ok(&magic == b"PACK" && ends[0] == ends[1] && ends[0] != [0; HASH as usize])
    };
    read().unwrap_or(false)
}

/// There is a commit-graph, which can be asked whether it is right.
#[must_use]
pub fn has_commit_graph(layout: &Layout) -> bool {
    let info = layout.common_dir.join("objects/info");
    info.join("commit-graph").exists() || info.join("commit-graphs").exists()
}

fn broken_commit_graph(common_dir: &Path) -> bool {
    let info = common_dir.join("objects/info");
    let mut graphs = vec![info.join("commit-graph")];
    files_below(&info.join("commit-graphs"), &mut graphs);
    graphs.iter().filter(|file| file.extension().is_none_or(|end| end == "graph")).any(|file| {
        let Ok(mut graph) = File::open(file) else { return false };
        let mut magic = [0; 4];
        // The chain's own list of names is a text.
        let is_list = file.file_name().is_some_and(|name| name == "commit-graph-chain");
        !is_list && (graph.read_exact(&mut magic).is_err() || &magic != b"CGPH" || ends_in_zeros(&mut graph, 20))
    })
}

fn empty_objects(layout: &Layout, found: &mut Vec<Damage>) {
    let mut folders: Vec<PathBuf> = fs::read_dir(layout.common_dir.join("objects"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().len() == 2)
        .map(|entry| entry.path())
        .collect();
    folders.sort_unstable();
    for file in folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()) {
        let path = file.path();
        let damage = Damage::EmptyObject { file: below(layout, &path) };
        if file.file_name().len() == 38 && is_empty_or_zeroed(&path) && !found.contains(&damage) {
            found.push(damage);
        }
    }
}

fn age(file: &Path, now: f64) -> f64 {
    // Seconds fit into a float.
    #[allow(clippy::cast_precision_loss)]
    fs::symlink_metadata(file).map_or(0.0, |seen| now - seen.mtime() as f64)
}

/// The path below `.git`, as people know it.
fn below(layout: &Layout, file: &Path) -> String {
    let dirs = [&layout.git_dir, &layout.common_dir];
    let short = dirs.iter().find_map(|dir| file.strip_prefix(dir).ok()).unwrap_or(file);
    short.to_string_lossy().into_owned()
}
