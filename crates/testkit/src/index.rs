//! A Python package index on loopback: pages in HTML (PEP 503) and JSON (PEP 691, 700), files, core metadata (PEP 658,
//! 714), yanked releases (PEP 592), a login. It notes what it is asked, and fails on request: see [`Loopback`] and
//! [`Fault`].
//!
//! Everything can be changed while it runs. Its clock is its own: the first file was uploaded on 1 January 2024, and
//! every change of the shelf comes a day after the last. Refuses uploads: a test publishes directly.
//!
//! ```no_run
//! use refit_testkit::index::PackageIndex;
//! use refit_testkit::wheels::Wheel;
//! let index = PackageIndex::start();
//! index.publish(Wheel::new("tool", "1.0").build());
//! index.yank("tool", "1.0", "it ate the bed mesh");
//! assert!(index.url().ends_with("/simple"));
//! ```

mod accept;
mod page;
mod shelf;

pub use crate::loopback::{Asked, CHUNK, Fault, Loopback, Rule, Traffic};

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use crate::loopback::{Answer, Question, lock};
use crate::wheels::{Distribution, normalized};
use shelf::Shelf;

/// The running index. Dereferences to [`Loopback`]: `fault`, `heal`, `down`, `up`, `requests`, `forget`.
#[derive(Debug)]
pub struct PackageIndex {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

/// In which form pages are to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formats {
    /// In both, as the client prefers. 406 when it wants neither.
    Both,
    /// JSON alone. 406 for those who do not take it.
    JsonOnly,
    /// HTML alone, whatever the client asks for, as indexes do that are older than the JSON form.
    HtmlOnly,
}

/// Which hashes pages tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashes {
    /// The right SHA-256.
    Right,
    /// A SHA-256 of something else.
    Wrong,
    /// None.
    Absent,
}

/// Whether a wheel's METADATA can be had by itself, and how that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreMetadata {
    /// It cannot.
    Absent,
    /// By the words of PEP 658: `data-dist-info-metadata` in HTML, `dist-info-metadata` in JSON, over which the pips
    /// from 22.3 to 23.0 stumble.
    Pep658,
    /// As PEP 714 wants it for their sake: `data-core-metadata` beside the older word in HTML, `core-metadata` alone in
    /// JSON.
    Pep714,
}

/// Where the links of a page lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// `http://127.0.0.1:PORT/files/…`.
    Absolute,
    /// `../../files/…`.
    Relative,
}

#[derive(Debug)]
struct State {
    shelf: Shelf,
    formats: Formats,
    hashes: Hashes,
    core_metadata: CoreMetadata,
    links: Links,
    cache_control: String,
    login: Option<(String, String)>,
    /// Set once the server has its port.
    base: String,
}

impl PackageIndex {
    /// Serves nothing yet, on a free port of 127.0.0.1: both formats, right hashes, core metadata as PEP 714 has it,
    /// absolute links, `Cache-Control: max-age=600, public`, no login.
    ///
    /// # Panics
    /// When loopback gives no port or no thread can be started.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            shelf: Shelf::default(),
            formats: Formats::Both,
            hashes: Hashes::Right,
            core_metadata: CoreMetadata::Pep714,
            links: Links::Absolute,
            cache_control: "max-age=600, public".to_owned(),
            login: None,
            base: String::new(),
        }));
        let served = Arc::clone(&state);
        let server = Loopback::start(move |question| page::answer(question, &lock(&served)));
        lock(&state).base = server.base();
        Self { server, state }
    }

    /// `http://127.0.0.1:PORT/simple`, as `--index-url` takes it.
    pub fn url(&self) -> String {
        format!("{}/simple", self.base())
    }

    /// The same with the login in it, when one is required.
    pub fn url_with_login(&self) -> String {
        match &lock(&self.state).login {
            Some((user, password)) => self.url().replacen("://", &format!("://{user}:{password}@"), 1),
            None => self.url(),
        }
    }

    /// The page of a project, with the slash at its end.
    pub fn page_url(&self, name: &str) -> String {
        format!("{}/{}/", self.url(), normalized(name))
    }

    /// A pip.conf that names this index, and others as extra ones.
    pub fn pip_conf(&self, extra: &[&PackageIndex]) -> String {
        let mut text = format!("[global]\nindex-url = {}\n", self.url_with_login());
        if !extra.is_empty() {
            text.push_str("extra-index-url =\n");
            text.extend(extra.iter().map(|other| format!("    {}\n", other.url_with_login())));
        }
        text
    }

    /// Publishes a file. One of the same name is replaced.
    pub fn publish(&self, file: Distribution) {
        lock(&self.state).shelf.publish(file);
    }

    /// Yanks every file of a version. An empty reason is told as none.
    ///
    /// # Panics
    /// When there is no such version.
    pub fn yank(&self, name: &str, version: &str, reason: &str) {
        lock(&self.state).shelf.yank(name, version, Some(reason));
    }

    /// Takes a yank back.
    ///
    /// # Panics
    /// When there is no such version.
    pub fn unyank(&self, name: &str, version: &str) {
        lock(&self.state).shelf.yank(name, version, None);
    }

    /// Takes every file of a version away; the project stays. False when there is none.
    pub fn remove(&self, name: &str, version: &str) -> bool {
        lock(&self.state).shelf.remove(name, version)
    }

    /// Takes a project away: its page is 404. False when there is none.
    pub fn remove_project(&self, name: &str) -> bool {
        lock(&self.state).shelf.remove_project(name)
    }

    /// The forms pages are to be had in.
    pub fn formats(&self, formats: Formats) {
        lock(&self.state).formats = formats;
    }

    /// The hashes pages tell.
    pub fn hashes(&self, hashes: Hashes) {
        lock(&self.state).hashes = hashes;
    }

    /// Whether METADATA is to be had by itself.
    pub fn core_metadata(&self, told: CoreMetadata) {
        lock(&self.state).core_metadata = told;
    }

    /// Where the links of pages lead.
    pub fn links(&self, links: Links) {
        lock(&self.state).links = links;
    }

    /// The header `Cache-Control` of pages.
    pub fn cache_control(&self, value: &str) {
        value.clone_into(&mut lock(&self.state).cache_control);
    }

    /// From now on everything wants this login (basic authentication), and is answered with 401 without it.
    pub fn require_login(&self, user: &str, password: &str) {
        lock(&self.state).login = Some((user.to_owned(), password.to_owned()));
    }

    /// Wants no login any more.
    pub fn open(&self) {
        lock(&self.state).login = None;
    }

    /// The requests for the page of a project, with or without the slash at its end.
    pub fn pages_of(&self, name: &str) -> Vec<Asked> {
        let page = format!("/simple/{}", normalized(name));
        let is_it = |asked: &Asked| asked.path.trim_end_matches('/').eq_ignore_ascii_case(&page);
        self.requests().into_iter().filter(is_it).collect()
    }

    /// The requests for files of this name, or for the METADATA of it when `.metadata` stands after the name.
    pub fn downloads_of(&self, file_name: &str) -> Vec<Asked> {
        let is_it = |asked: &Asked| asked.path.starts_with("/files/") && asked.path.ends_with(&format!("/{file_name}"));
        self.requests().into_iter().filter(is_it).collect()
    }
}

impl Deref for PackageIndex {
    type Target = Loopback;

    fn deref(&self) -> &Loopback {
        &self.server
    }
}

impl State {
    /// Whether the question has the login that is required.
    fn lets_in(&self, question: &Question) -> bool {
        let Some((user, password)) = &self.login else { return true };
        let wanted = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        question.token(&["basic"]) == Some(&wanted)
    }

    /// 401 with the challenge that makes clients look for a login.
    fn challenge() -> Answer {
        Answer::new(401, "Unauthorized").with("WWW-Authenticate", "Basic realm=\"packages\"")
    }
}

#[cfg(test)]
mod tests;
