//! Gets all bytes: one attempt after the other, as long as they bring something new.
//! Refuses to: give up while bytes arrive, or to hammer a server that sends none.

use std::time::Duration;

use refit_model::updater::release::{Asset, Source};

use super::attempt::{Ended, attempt};
use super::part::Part;
use super::progress::Meter;
use super::{DownloadError, blocking};
use crate::forge::Forges;

/// Attempts in a row that bring nothing.
const IN_VAIN: u32 = 5;
/// The longest pause between two.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is fetched, from where, by whom.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) forges: &'a Forges,
    pub(super) source: &'a Source,
    pub(super) asset: &'a Asset,
}

/// Fetches until the part is whole.
pub(super) async fn transfer(order: &Order<'_>, part: Part, mut meter: Meter<'_>) -> Result<Part, DownloadError> {
    // Somebody may be waiting: a server that is gone is said to be so within a quarter of a minute.
    let first_pause = order.forges.patience() / 60;
    let (mut part, mut pause, mut vain) = (part, first_pause, 0);
    // The furthest it ever came: a server that cannot resume and always breaks off brings nothing new.
    let mut furthest = part.len();
    loop {
        if part.len() > whole(order, &part).unwrap_or(u64::MAX) {
            part = anew(part).await?;
        }
        if whole(order, &part) == Some(part.len()) {
            return Ok(part);
        }
        let why = match attempt(order, part, &mut meter).await? {
            (whole, Ended::Whole) => return Ok(whole),
            (rest, Ended::Broken(why)) => {
                part = rest;
                why
            }
        };
        tracing::debug!(name = order.asset.name, have = part.len(), why, "a download broke off");
        if part.len() > furthest {
            (furthest, pause, vain) = (part.len(), first_pause, 0);
        } else {
            vain += 1;
        }
        if vain >= IN_VAIN {
            return Err(DownloadError::Broken { name: order.asset.name.clone(), times: vain, why });
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Bytes of the whole, as the forge or the server of the file tells.
pub(super) fn whole(order: &Order<'_>, part: &Part) -> Option<u64> {
    order.asset.size.or(part.origin.total)
}

/// The part without its bytes.
pub(super) async fn anew(mut part: Part) -> Result<Part, DownloadError> {
    let folder = part.folder.clone();
    blocking(&folder, move || {
        part.begin(super::part::Origin::default())?;
        Ok(part)
    })
    .await
}
