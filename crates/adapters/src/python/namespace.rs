//! Shows one program a prepared folder in the place of another: pip writes the final path into what it installs, while
//! the folder in use stays as it is for everybody else.
//!
//! A mount namespace does it, and where Refit is not root a user namespace besides. Only a process with one thread can
//! move into one, so Refit starts itself again as a helper ([`enter`]), which becomes the program.
//! Refuses to: change any mount that others see.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::execvp;
use rustix::process::{getegid, geteuid};
use thiserror::Error;

use crate::command::{Command, Surroundings};
use crate::tree::{self, TreeError};

/// The helper's first argument; people never give it.
pub const WORD: &str = "__under";
/// How the helper ends when it could not become the program.
pub const NOT_ENTERED: u8 = 125;
/// Between the folders and the program.
const END: &str = "--";

/// A folder, and where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The folder.
    pub folder: PathBuf,
    /// The place; it must be there.
    pub at: PathBuf,
}

/// What kept the helper from becoming the program.
#[derive(Debug, Error)]
pub enum NotEntered {
    /// The arguments are not those that Refit gives.
    #[error("{WORD} is for Refit itself")]
    Arguments,
    /// No namespace.
    #[error("this machine gives programs no file system view of their own: {0}")]
    Namespace(Errno),
    /// The namespace has no users.
    #[error("this machine lets nobody be somebody in a namespace: {0}")]
    Users(io::Error),
    /// A folder could not be shown.
    #[error("{folder} cannot be shown as {at}: {why}", folder = .shown.folder.display(), at = .shown.at.display())]
    Mount {
        /// Which.
        shown: Shown,
        /// Why.
        why: io::Error,
    },
    /// It cannot run in this folder.
    #[error("{dir} cannot be worked in: {why}", dir = .dir.display())]
    Folder {
        /// Which.
        dir: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The program could not be started.
    #[error("{program} could not be started: {why}", program = .program.to_string_lossy())]
    Start {
        /// Which.
        program: OsString,
        /// Why.
        why: io::Error,
    },
}

/// Folders shown elsewhere, for programs to be run with.
#[derive(Debug)]
pub struct View<'a> {
    own_program: &'a Path,
    shown: Vec<Shown>,
    _places: Vec<Place>,
}

impl<'a> View<'a> {
    /// Makes the places that are not there, for as long as this lives. `own_program` is Refit's own file.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn new(own_program: &'a Path, shown: Vec<Shown>) -> Result<Self, TreeError> {
        let places: Result<Vec<_>, _> = shown.iter().map(|shown| Place::make(&shown.at)).collect();
        Ok(Self { own_program, shown, _places: places? })
    }

    /// The command that runs a program with these folders shown, in the folder `dir` as it is seen then.
    #[must_use]
    pub fn command(&self, dir: &Path, program: &Path, surroundings: &Surroundings) -> Command {
        let folders = self.shown.iter().flat_map(|shown| [&shown.folder, &shown.at]);
        Command::new(self.own_program, surroundings).arg(WORD).arg(dir).args(folders).arg(END).arg(program)
    }
}

/// Why it does not work here, in words for people; none when it does. Tries it below `room`.
pub async fn probe(own_program: &Path, room: &Path, surroundings: &Surroundings) -> Option<String> {
    let shown = Shown { folder: room.join("folder"), at: room.join("place") };
    let made = fs::create_dir_all(&shown.folder).map_err(TreeError::io("made", room));
    let view = match made.and_then(|()| View::new(own_program, vec![shown])) {
        Ok(view) => view,
        Err(error) => return Some(error.to_string()),
    };
    let run = view.command(Path::new("/"), Path::new("true"), surroundings).run().await;
    drop(view);
    // Empty, and made anew the next time.
    let _stays = fs::remove_dir_all(room);
    match run {
        Ok(outcome) if outcome.success() => None,
        Ok(outcome) => Some(outcome.stderr_text().trim_start_matches("refit: ").to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Why it does not work here, in words for people; none when it does. Writes nothing: a folder is shown as itself.
pub async fn is_denied(own_program: &Path, surroundings: &Surroundings) -> Option<String> {
    let usual = PathBuf::from("/usr");
    let view = View::new(own_program, vec![Shown { folder: usual.clone(), at: usual }]).ok()?;
    match view.command(Path::new("/"), Path::new("true"), surroundings).run().await {
        Ok(outcome) if outcome.success() => None,
        Ok(outcome) => Some(outcome.stderr_text().trim_start_matches("refit: ").to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// A place where folders are shown, made when it is not there and taken away again when it was: it is empty outside.
#[derive(Debug)]
pub struct Place(Option<PathBuf>);

impl Place {
    /// Makes the place.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn make(at: &Path) -> Result<Self, TreeError> {
        if at.is_dir() {
            return Ok(Self(None));
        }
        tree::make_parent(at)?;
        fs::create_dir(at).map_err(TreeError::io("made", at))?;
        Ok(Self(Some(at.to_owned())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(at) = &self.0 {
            // What somebody put there meanwhile stays.
            let _not_empty = fs::remove_dir(at);
        }
    }
}

/// Becomes the program. The arguments are those that [`View::command`] gives after [`WORD`]: the folder to run in, pairs of a
/// folder and its place, `--`, the program and its arguments. Comes back only with what went wrong. This process must have one thread.
pub fn enter(arguments: impl Iterator<Item = OsString>) -> NotEntered {
    let Some(Orders { dir, shown, program }) = parse(arguments) else { return NotEntered::Arguments };
    if let Err(failure) = unshared() {
        return failure;
    }
    // All are opened before the first is shown: one place may hold the next folder.
    let mut opened = Vec::new();
    for shown in shown {
        match fs::File::open(&shown.folder) {
            Ok(folder) => opened.push((folder, shown)),
            Err(why) => return NotEntered::Mount { shown, why },
        }
    }
    for (folder, shown) in opened {
        if let Err(why) = show(&folder, &shown.at) {
            return NotEntered::Mount { shown, why };
        }
    }
    // Only now: the same name led to another folder before.
    if let Err(why) = std::env::set_current_dir(&dir) {
        return NotEntered::Folder { dir, why };
    }
    become_it(&program)
}

/// What [`View::command`] wrote.
#[derive(Debug, PartialEq, Eq)]
struct Orders {
    dir: PathBuf,
    shown: Vec<Shown>,
    program: Vec<OsString>,
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Orders> {
    let dir = PathBuf::from(arguments.next()?);
    let mut shown = Vec::new();
    loop {
        let folder = arguments.next()?;
        if folder == END {
            break;
        }
        shown.push(Shown { folder: folder.into(), at: arguments.next()?.into() });
    }
    let program: Vec<_> = arguments.collect();
    (!program.is_empty()).then_some(Orders { dir, shown, program })
}

/// Into a namespace whose mounts nobody else sees. Root needs no other users; a root without rights, as in a container,
/// is treated like everybody.
fn unshared() -> Result<(), NotEntered> {
    let (user, group) = (geteuid(), getegid());
    let as_root = user.is_root() && unshare(CloneFlags::CLONE_NEWNS).is_ok();
    if !as_root {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(NotEntered::Namespace)?;
        // Everybody stays who they are; user_namespaces(7) asks for this order.
        let (user, group) = (user.as_raw(), group.as_raw());
        let maps = fs::write("/proc/self/setgroups", "deny")
            .and_then(|()| fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
            .and_then(|()| fs::write("/proc/self/gid_map", format!("{group} {group} 1")));
        maps.map_err(NotEntered::Users)?;
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(NotEntered::Namespace)
}

/// A security module may let the call pass and do nothing; the folder itself says whether it is shown.
fn show(folder: &fs::File, at: &Path) -> io::Result<()> {
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    let opened = format!("/proc/self/fd/{}", folder.as_raw_fd());
    mount(Some(opened.as_str()), at, None::<&str>, bind, None::<&str>)?;
    let (is, seen) = (folder.metadata()?, fs::metadata(at)?);
    if is.ino() == seen.ino() { Ok(()) } else { Err(io::Error::other("the mount had no effect")) }
}

fn become_it(program: &[OsString]) -> NotEntered {
    let words: Result<Vec<_>, _> = program.iter().map(|word| CString::new(word.as_bytes())).collect();
    let failed = |why| NotEntered::Start { program: program.first().cloned().unwrap_or_default(), why };
    match words {
        Ok(words) => match words.first().map(|name| execvp(name, &words)) {
            Some(Err(errno)) => failed(errno.into()),
            // Without a program there were no words; a program that was started does not come back.
            Some(Ok(_)) | None => NotEntered::Arguments,
        },
        Err(nul) => failed(nul.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> impl Iterator<Item = OsString> {
        text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn arguments_are_pairs_and_then_a_program() {
        let orders = parse(words("/e /a /b /c /d -- pip -- x")).unwrap();
        let shown = [("/a", "/b"), ("/c", "/d")].map(|(folder, at)| Shown { folder: folder.into(), at: at.into() });
        let want = Orders { dir: "/e".into(), shown: shown.to_vec(), program: words("pip -- x").collect() };
        assert_eq!(orders, want);
        for wrong in ["", "/a", "/e /a /b", "/e /a --", "/e /a /b --", "/e --"] {
            assert!(parse(words(wrong)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_place_that_was_made_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("a/new"), dir.path().to_owned());
        drop((Place::make(&new).unwrap(), Place::make(&old).unwrap()));
        assert!(!new.exists() && old.exists());
    }
}
