//! What an update of everything passes by, because the owner said so: what is held back until further notice (by the
//! configuration or by a request), and what is to skip one version. It is about names, whatever their type.
//!
//! A version is the text that the status shows. Skipping ends by itself, once and for all, when another version is offered
//! or the skipped one was installed all the same.
//!
//! Refuses to: keep anything; the engine remembers [`Asked`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::UpdaterName;
use crate::refusal::Refusal;
use crate::request::HoldRequest;

/// All that is held back or skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// By `hold` in the section of an updater; with the section and its place, in words.
    configured: BTreeMap<UpdaterName, String>,
    asked: Asked,
}

/// What was asked for while Refit ran: kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    held: BTreeSet<UpdaterName>,
    skipped: BTreeMap<UpdaterName, String>,
}

/// Who holds an updater back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// `hold` in its section.
    Configuration,
    /// A request.
    Request,
}

/// What an updater offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer<'a> {
    /// Nobody knows: it was not looked at, or the remote could not be asked.
    Unknown,
    /// What is installed is what is offered.
    Nothing,
    /// This version.
    Version(&'a str),
    /// Things that each have a version of their own: the packages of the system.
    Several,
}

/// Why an update of everything passes an updater by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passing {
    /// It is held back.
    Held,
    /// It offers a version that is to be skipped.
    Skipped(String),
}

impl Asked {
    /// As the engine remembers it.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// As it was remembered.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl HeldBy {
    /// The word in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Request => "request",
        }
    }
}

impl Passing {
    /// One sentence for people.
    #[must_use]
    pub fn words(&self, name: &UpdaterName) -> String {
        match self {
            Self::Held => format!("{name} is held back; passed by"),
            Self::Skipped(version) => format!("{name} is to skip version {version}; passed by"),
        }
    }
}

impl Holds {
    /// What the configuration holds back (with where it says so), and what was asked for before.
    #[must_use]
    pub fn new(configured: impl IntoIterator<Item = (UpdaterName, String)>, asked: Asked) -> Self {
        Self { configured: configured.into_iter().collect(), asked }
    }

    /// What has to be kept over a restart.
    #[must_use]
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Who holds it back; the configuration before a request.
    #[must_use]
    pub fn held(&self, name: &UpdaterName) -> Option<HeldBy> {
        if self.configured.contains_key(name) {
            Some(HeldBy::Configuration)
        } else {
            self.asked.held.contains(name).then_some(HeldBy::Request)
        }
    }

    /// The version that it is to skip.
    #[must_use]
    pub fn skipped(&self, name: &UpdaterName) -> Option<&str> {
        self.asked.skipped.get(name).map(String::as_str)
    }

    /// Whether an update of everything passes it by, and why. Where the offer is not known before the plan is made, the
    /// plan's version is asked about again: [`Self::consented`].
    #[must_use]
    pub fn passing(&self, name: &UpdaterName, offer: Offer<'_>) -> Option<Passing> {
        match (self.held(name), self.skipped(name), offer) {
            (Some(_), _, _) => Some(Passing::Held),
            (None, Some(skipped), Offer::Version(offered)) if skipped == offered => {
                Some(Passing::Skipped(skipped.to_owned()))
            }
            (None, _, _) => None,
        }
    }

    /// An update to this version was asked for by name: it must not be a skipped one, unless the caller consents.
    ///
    /// # Errors
    /// [`Refusal::Skipped`], which says how to consent.
    pub fn consented(&self, name: &UpdaterName, version: &str, consent: bool) -> Result<(), Refusal> {
        if !consent && self.skipped(name) == Some(version) {
            return Err(Refusal::Skipped { name: name.clone(), version: version.to_owned() });
        }
        Ok(())
    }

    /// Does what was asked for. Asking again for what is so already is fine.
    ///
    /// # Errors
    /// What the configuration holds back is let go there, and a version is skipped only where it is offered or nothing is.
    pub fn change(
        &mut self,
        name: &UpdaterName,
        asked: &HoldRequest,
        installed: &str,
        offer: Offer<'_>,
    ) -> Result<(), Refusal> {
        match asked {
            HoldRequest::Hold { .. } => {
                self.asked.held.insert(name.clone());
            }
            HoldRequest::Unhold { .. } => {
                if let Some(place) = self.configured.get(name) {
                    return Err(Refusal::HeldByConfiguration { name: name.clone(), place: place.clone() });
                }
                self.asked.held.remove(name);
                self.asked.skipped.remove(name);
            }
            HoldRequest::Skip { version, .. } => {
                let version = skippable(name, version.as_deref(), installed, offer)?;
                self.asked.skipped.insert(name.clone(), version);
            }
        }
        Ok(())
    }

    /// Ends the skipping of a version that is not what is offered any more, or that is installed. True when it ended.
    pub fn lapse(&mut self, name: &UpdaterName, installed: &str, offer: Offer<'_>) -> bool {
        let Some(skipped) = self.skipped(name) else { return false };
        let other = matches!(offer, Offer::Version(offered) if offered != skipped);
        let ends = other || installed == skipped;
        if ends {
            self.asked.skipped.remove(name);
        }
        ends
    }
}

/// The version to skip.
fn skippable(name: &UpdaterName, wished: Option<&str>, installed: &str, offer: Offer<'_>) -> Result<String, Refusal> {
    match (wished, offer) {
        (_, Offer::Several) => Err(Refusal::Unfit(format!(
            "{name} has no version to skip: each of its packages has its own. To keep one package as it is, type: sudo \
             apt-mark hold PACKAGE. To hold all of them back: `refit hold {name}`"
        ))),
        (None, Offer::Version(offered)) => Ok(offered.to_owned()),
        (None, Offer::Unknown | Offer::Nothing) => Err(Refusal::Unfit(format!(
            "No update of {name} is known that could be skipped. Look for one with `refit refresh {name}`, or say which \
             version: `refit skip {name} VERSION`"
        ))),
        (Some(wished), _) if wished == installed => Err(Refusal::Unfit(format!(
            "{name} {wished} is installed already. To keep it, hold {name} back: `refit hold {name}`"
        ))),
        (Some(wished), Offer::Version(offered)) if wished != offered => Err(Refusal::Unfit(format!(
            "{name} offers {offered}, not {wished}. Skip that one with `refit skip {name}`"
        ))),
        (Some(wished), Offer::Version(_) | Offer::Unknown | Offer::Nothing) => Ok(wished.to_owned()),
    }
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
