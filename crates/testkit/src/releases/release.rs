//! What is published: a release and its files, as values that a test puts together.
//!
//! Refuses nothing: names, digests and contents may be as wrong as the test wants them.

use std::fmt::Write as _;
use std::sync::Arc;

use super::minisign::Signer;
use super::sha256_hex;

/// A release as its project publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The git tag, `v1.2.0`.
    pub tag: String,
    /// The title. None is null on GitHub, empty on Forgejo and the tag on GitLab.
    pub name: Option<String>,
    /// The notes, in Markdown.
    pub body: String,
    /// Whether GitHub and Forgejo call it a pre-release; GitLab knows none.
    pub prerelease: bool,
    /// Whether it is not published yet: nobody without a token of the project sees it.
    pub draft: bool,
    /// Whether GitLab says that its day is still to come.
    pub upcoming: bool,
    /// RFC 3339 in UTC. None: a day after the release that was published before it.
    pub published_at: Option<String>,
    /// The files, in the order of the API.
    pub assets: Vec<Asset>,
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The file's name.
    pub name: String,
    /// What is in it.
    pub bytes: Arc<[u8]>,
    /// Its media type as the one who uploaded it told.
    pub content_type: String,
    /// What the API says of its hash.
    pub digest: Digest,
}

/// What GitHub's API says of an asset's SHA-256. Forgejo and GitLab say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digest {
    /// The truth.
    #[default]
    Real,
    /// `null`, as for files uploaded before June 2025.
    Absent,
    /// The hash of something else.
    Lie,
}

impl Release {
    /// A release with this tag, which is its title too, and no files.
    pub fn new(tag: &str) -> Self {
        Self {
            tag: tag.to_owned(),
            name: Some(tag.to_owned()),
            body: String::new(),
            prerelease: false,
            draft: false,
            upcoming: false,
            published_at: None,
            assets: Vec::new(),
        }
    }

    /// With this title.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Without a title.
    #[must_use]
    pub fn nameless(mut self) -> Self {
        self.name = None;
        self
    }

    /// With these notes.
    #[must_use]
    pub fn notes(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// As a pre-release.
    #[must_use]
    pub fn prerelease(mut self) -> Self {
        self.prerelease = true;
        self
    }

    /// As a draft.
    #[must_use]
    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    /// As GitLab's upcoming release.
    #[must_use]
    pub fn upcoming(mut self) -> Self {
        self.upcoming = true;
        self
    }

    /// Published at this instant, `2026-03-01T12:00:00Z`.
    #[must_use]
    pub fn at(mut self, published_at: &str) -> Self {
        self.published_at = Some(published_at.to_owned());
        self
    }

    /// With one more file.
    #[must_use]
    pub fn asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }

    /// With one more file of this name and content, honestly described.
    #[must_use]
    pub fn file(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.asset(Asset::new(name, bytes))
    }

    /// With one more file that holds the SHA-256 of every file so far, as `sha256sum` writes them.
    #[must_use]
    pub fn with_checksums(self, name: &str) -> Self {
        let mut sums = String::new();
        for asset in &self.assets {
            // Writing to a string cannot fail.
            let _ = writeln!(sums, "{}  {}", sha256_hex(&asset.bytes), asset.name);
        }
        self.asset(Asset::new(name, sums).content_type("text/plain"))
    }

    /// With a minisign signature `NAME.minisig` beside every file so far.
    #[must_use]
    pub fn signed(mut self, signer: &Signer) -> Self {
        let sign = |asset: &Asset| {
            Asset::new(&format!("{}.minisig", asset.name), signer.sign(&asset.bytes, &asset.name))
                .content_type("text/plain")
        };
        let signatures: Vec<Asset> = self.assets.iter().map(sign).collect();
        self.assets.extend(signatures);
        self
    }

    /// The file of this name.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
}

impl Asset {
    /// A file whose media type follows from its name, with its real digest.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let content_type = if name.ends_with(".zip") { "application/zip" } else { "application/octet-stream" };
        Self {
            name: name.to_owned(),
            bytes: bytes.into().into(),
            content_type: content_type.to_owned(),
            digest: Digest::Real,
        }
    }

    /// With this media type.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = content_type.to_owned();
        self
    }

    /// With this said of its hash.
    #[must_use]
    pub fn digest(mut self, digest: Digest) -> Self {
        self.digest = digest;
        self
    }

    /// `sha256:…` as GitHub's API gives it, or none.
    pub(super) fn told_digest(&self) -> Option<String> {
        match self.digest {
            Digest::Real => Some(format!("sha256:{}", sha256_hex(&self.bytes))),
            Digest::Absent => None,
            Digest::Lie => Some(format!("sha256:{}", sha256_hex(&[b"not ", &self.bytes[..]].concat()))),
        }
    }
}
