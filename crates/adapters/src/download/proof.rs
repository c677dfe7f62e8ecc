//! What a download must show, gathered before its first byte.
//! Refuses to: go on with less than the owner asked for.

use minisign_verify::{PublicKey, Signature};
use refit_model::updater::release::{Asset, Verify};

use super::checksums::{checksum_of, is_own};
use super::{DownloadError, Wanted, address};
use crate::forge::{Forges, sha256};

/// Bytes of the longest checksum file.
const LONGEST_CHECKSUMS: usize = 1024 * 1024;
/// Bytes of the longest signature; they have about 300.
const LONGEST_SIGNATURE: usize = 16 * 1024;

/// A digest, and who says so.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) hex: String,
    /// `the release server`, or the name of a file.
    pub(super) from: String,
}

/// A signature, and whose it must be.
pub(super) struct Signed {
    pub(super) key: PublicKey,
    pub(super) signature: Signature,
}

/// Everything that is checked beside the size.
pub(super) struct Proof {
    pub(super) digest: Option<Digest>,
    pub(super) signed: Option<Signed>,
}

impl Proof {
    pub(super) async fn gather(forges: &Forges, wanted: &Wanted<'_>) -> Result<Self, DownloadError> {
        match wanted.verify {
            Verify::SizeOnly => Ok(Self { digest: None, signed: None }),
            Verify::WhatThereIs => Ok(Self { digest: digest(forges, wanted).await?, signed: None }),
            Verify::Digest => match digest(forges, wanted).await? {
                Some(digest) => Ok(Self { digest: Some(digest), signed: None }),
                None => Err(unwanted(
                    wanted.asset,
                    "its section says 'verify: digest', but neither the release server nor a checksum file of the \
                     release tells its sha256; take that line out to accept what there is",
                )),
            },
            Verify::Minisign { key } => {
                let signed = Some(signed(forges, wanted, key).await?);
                Ok(Self { digest: digest(forges, wanted).await?, signed })
            }
        }
    }

    /// More than the size is checked.
    pub(super) fn is_strong(&self) -> bool {
        self.digest.is_some() || self.signed.is_some()
    }

    /// How it was verified.
    pub(super) fn words(&self) -> String {
        match (&self.signed, &self.digest) {
            (Some(_), _) => "minisign signature".to_owned(),
            (None, Some(digest)) => format!("sha256 as {} gives it", digest.from),
            (None, None) => "size only".to_owned(),
        }
    }
}

async fn digest(forges: &Forges, wanted: &Wanted<'_>) -> Result<Option<Digest>, DownloadError> {
    let name = &wanted.asset.name;
    if let Some(hex) = wanted.asset.sha256.as_deref().and_then(sha256) {
        return Ok(Some(Digest { hex, from: "the release server".to_owned() }));
    }
    for file in wanted.checksums {
        let text = small(forges, wanted, file, LONGEST_CHECKSUMS).await?;
        let found = checksum_of(&text, name, is_own(&file.name, name))
            .map_err(|error| unwanted(wanted.asset, &format!("{} {error}", file.name)))?;
        if let Some(hex) = found {
            return Ok(Some(Digest { hex, from: file.name.clone() }));
        }
    }
    Ok(None)
}

async fn signed(forges: &Forges, wanted: &Wanted<'_>, key: &str) -> Result<Signed, DownloadError> {
    let key = PublicKey::from_base64(key.trim()).map_err(|_| {
        unwanted(wanted.asset, "the key in 'verify: minisign' is none; it is the second line of a minisign.pub")
    })?;
    let Some(file) = wanted.signature else {
        return Err(unwanted(
            wanted.asset,
            "the release has no minisign signature of it, and its section asks for one",
        ));
    };
    let text = small(forges, wanted, file, LONGEST_SIGNATURE).await?;
    let signature = std::str::from_utf8(&text).ok().and_then(|text| Signature::decode(text).ok());
    let signature = signature
        .ok_or_else(|| unwanted(wanted.asset, &format!("{} is no minisign signature; tell the project", file.name)))?;
    // Signatures of the old kind cannot be checked without the whole file in memory.
    match key.verify_stream(&signature) {
        Ok(_) => {}
        Err(minisign_verify::Error::UnsupportedLegacyMode) => {
            let why =
                format!("{} is a signature of an old kind; ask the project to sign with a current minisign", file.name);
            return Err(unwanted(wanted.asset, &why));
        }
        Err(_) => {
            let why = format!("{} was not made with the configured key", file.name);
            return Err(unwanted(wanted.asset, &why));
        }
    }
    Ok(Signed { key, signature })
}

async fn small(forges: &Forges, wanted: &Wanted<'_>, file: &Asset, longest: usize) -> Result<Vec<u8>, DownloadError> {
    let url = address(wanted.source, file)?;
    let got = forges.small(wanted.source, &url, longest).await;
    got.map_err(|source| DownloadError::Forge { name: file.name.clone(), source })
}

fn unwanted(asset: &Asset, why: &str) -> DownloadError {
    DownloadError::Unwanted { name: asset.name.clone(), why: why.to_owned() }
}
