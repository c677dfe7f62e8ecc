//! What the package indexes offer of a project: all of them asked, their answers taken together, and the file chosen that
//! pip would take.
//! Refuses to: forget what was offered when somebody could not be asked.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use refit_model::python::choose::{Choice, IndexFile, Wish, choose};
use refit_model::python::file_name::WheelName;
use refit_model::python::name::ProjectName;
use refit_model::python::specifier::Specifiers;
use refit_model::python::version;
use refit_model::updater::python::{Offer, RemotePackage};
use reqwest::Client;
use ring::digest::{SHA256, digest};

use super::index::{IndexError, Question, Said};
use super::pip_conf::{Index, PipSettings};
use crate::forge::limit;
use crate::python::interpreter::Interpreter;

/// Counted up when another judgement is made of the same answers.
const FORM: u32 = 1;

/// What is asked, and for whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest<'a> {
    pub(super) client: &'a Client,
    pub(super) patience: std::time::Duration,
    pub(super) project: &'a ProjectName,
    pub(super) interpreter: &'a Interpreter,
    pub(super) settings: &'a PipSettings,
    /// All of them, pip's default included.
    pub(super) indexes: &'a [Index],
    /// Pre-releases are wished for.
    pub(super) pre: bool,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// What all indexes together said.
#[derive(Default)]
struct Gathered {
    files: Vec<IndexFile>,
    /// By the page's address.
    validators: BTreeMap<String, String>,
    errors: Vec<IndexError>,
    is_known: bool,
}

impl Newest<'_> {
    /// Asks, and tells what is offered. Never fails: what went wrong is in `error`.
    pub(super) async fn look(&self, before: &RemotePackage) -> RemotePackage {
        let mut known = before.clone();
        if limit::in_force(known.not_before, self.now) {
            known.error.get_or_insert_with(|| "the package index asked for a pause".to_owned());
            return known;
        }
        known.not_before = None;
        let judged_for = self.judged_for();
        let may_be_same = known.judged_for == judged_for && known.error.is_none();
        let validators = if may_be_same { std::mem::take(&mut known.etags) } else { BTreeMap::new() };
        let all: Vec<_> = self.indexes.iter().collect();
        let said = self.ask(&all, &validators).await;
        if said.iter().all(|(_, said)| matches!(said, Ok(Said::Same))) && !said.is_empty() {
            known.etags = validators;
            known.last_good = Some(self.now);
            return known;
        }
        let gathered = self.whole(said).await;
        self.judge(gathered, &mut known);
        if known.error.is_none() {
            known.judged_for = judged_for;
        }
        known
    }

    async fn ask<'i>(
        &self,
        indexes: &[&'i Index],
        validators: &BTreeMap<String, String>,
    ) -> Vec<(&'i Index, Result<Said, IndexError>)> {
        let asked = indexes.iter().map(|index| async {
            let known = validators.get(index.page(self.project).as_str()).map(String::as_str);
            let question = Question {
                client: self.client,
                patience: self.patience,
                index,
                project: self.project,
                known: known.filter(|known| !known.is_empty()),
                now: self.now,
            };
            (*index, question.ask().await)
        });
        join_all(asked).await
    }

    /// Asks again whoever said that nothing changed, since the others did change.
    async fn whole(&self, said: Vec<(&Index, Result<Said, IndexError>)>) -> Gathered {
        let mut gathered = Gathered::default();
        for (index, said) in said {
            let said = match said {
                Ok(Said::Same) => self.ask(&[index], &BTreeMap::new()).await.into_iter().next().map(|(_, said)| said),
                Ok(Said::Unknown | Said::Files { .. }) | Err(_) => Some(said),
            };
            match said {
                Some(Ok(Said::Files { files, validator })) => {
                    gathered.is_known = true;
                    gathered.files.extend(files);
                    gathered.validators.insert(index.page(self.project).into(), validator);
                }
                Some(Ok(Said::Unknown | Said::Same)) | None => {}
                Some(Err(error)) => gathered.errors.push(error),
            }
        }
        gathered
    }

    fn judge(&self, gathered: Gathered, known: &mut RemotePackage) {
        let Gathered { files, validators, errors, is_known } = gathered;
        let Choice { chosen, newest_any } = self.choose(&files);
        let offer = chosen.map(|chosen| Offer {
            version: spelled(chosen.file, self.project).unwrap_or_else(|| chosen.version.to_string()),
            commit: None,
            tag: None,
            file: Some(chosen.file.filename.clone()),
            bytes: chosen.file.size,
            builds: chosen.builds,
        });
        known.etags.clear();
        known.judged_for.clear();
        if let Some(error) = told(&errors) {
            known.not_before = errors.iter().filter_map(pause).max();
            known.error = Some(error);
            // The others may have something newer all the same.
            if let Some(offer) = offer.filter(|offer| is_newer(offer, known.offer.as_ref())) {
                known.offer = Some(offer);
            }
            return;
        }
        known.last_good = Some(self.now);
        if !is_known {
            let hosts: Vec<_> = self.indexes.iter().filter_map(|index| index.url.host_str()).collect();
            let (hosts, project) = (hosts.join(", "), self.project);
            known.error =
                Some(format!("{hosts}: no project is called {project} there; is the option project_name right?"));
            return;
        }
        known.error = None;
        known.etags = validators;
        known.offer = offer;
        known.passed_by = newest_any.map(|passed| passed.to_string());
    }

    fn choose<'f>(&self, files: &'f [IndexFile]) -> Choice<'f> {
        let wish = Wish {
            project: self.project,
            specifiers: &Specifiers::default(),
            pre: self.pre,
            python_full_version: &self.interpreter.markers.python_full_version,
            tags: &self.interpreter.tags,
            binaries: self.settings.binaries,
            sources: self.settings.sources,
            prefer_binary: self.settings.prefer_binary,
        };
        choose(&wish, files)
    }

    /// Everything that the judgement depends on beside the answers.
    fn judged_for(&self) -> String {
        let PipSettings { binaries, sources, prefer_binary, .. } = self.settings;
        let pages: Vec<_> = self.indexes.iter().map(|index| index.page(self.project).to_string()).collect();
        let python = &self.interpreter.markers.python_full_version;
        let tags = self.interpreter.tags.join(" ");
        let text = format!("{FORM} {} {binaries} {sources} {prefer_binary} {python}\n{pages:?}\n{tags}", self.pre);
        data_encoding::HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
    }
}

fn told(errors: &[IndexError]) -> Option<String> {
    let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn pause(error: &IndexError) -> Option<i64> {
    match error {
        IndexError::Limited { until, .. } => Some(*until),
        IndexError::Unreachable(_) | IndexError::Refused(_) | IndexError::NotUnderstood { .. } => None,
    }
}

fn is_newer(offer: &Offer, known: Option<&Offer>) -> bool {
    let Some(known) = known else { return true };
    match (version::parse(&offer.version), version::parse(&known.version)) {
        (Some(offered), Some(known)) => offered > known,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// The version as the file's name spells it, which is how the metadata spell it too, where the builder did not normalise.
fn spelled(file: &IndexFile, project: &ProjectName) -> Option<String> {
    let name = file.filename.as_str();
    if WheelName::parse(name).is_some() {
        return name.split('-').nth(1).map(|version| version.replace('_', "-"));
    }
    let stem =
        [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar", ".tbz", ".tar.lzma", ".tar.lz", ".tlz", ".txz"]
            .iter()
            .find_map(|ending| name.strip_suffix(ending))?;
    let mut cuts = stem.match_indices('-').filter_map(|(at, _)| stem.split_at_checked(at));
    let (_, version) = cuts.find(|(title, _)| ProjectName::new(title).is_ok_and(|title| title == *project))?;
    version.strip_prefix('-').filter(|text| version::parse(text).is_some()).map(str::to_owned)
}
