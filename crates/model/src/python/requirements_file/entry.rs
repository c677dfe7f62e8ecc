//! What a line asks for, told from its text alone.
//! Refuses to: look whether a path exists, which pip does; what looks like a path is one.

use std::collections::BTreeSet;

use super::Entry;
use crate::python::direct::DirectReference;
use crate::python::file_name::is_archive;
use crate::python::marker::Marker;
use crate::python::name::ProjectName;
use crate::python::requirement::{Requirement, Wanted};

/// A line without its options.
pub(super) fn of_requirement(text: &str, hashes: Vec<String>) -> Entry {
    let not_understood = || Entry::NotUnderstood { text: text.to_owned() };
    let separator = if DirectReference::parse(text).is_some() { "; " } else { ";" };
    let (what, marker) = match text.split_once(separator) {
        Some((what, marker)) if marker.trim().is_empty() => (what.trim(), Some(None)),
        Some((what, marker)) => (what.trim(), Marker::parse(marker).map(Some)),
        None => (text, Some(None)),
    };
    let Some(marker) = marker else { return not_understood() };
    if let Some(source) = DirectReference::parse(what) {
        return Entry::Direct { source, marker, hashes };
    }
    let (path, extras) = without_extras(what);
    let is_reference = what.split_once('@').is_some_and(|(before, _)| !looks_like_path(before));
    if is_archive(path) && !is_reference {
        return Entry::Local { path: path.to_owned(), extras, marker };
    }
    if let Ok(requirement) = text.trim_end_matches([';', ' ']).parse() {
        return Entry::Named { requirement, hashes };
    }
    if looks_like_path(path) && !is_reference {
        return Entry::Local { path: path.to_owned(), extras, marker };
    }
    not_understood()
}

/// What follows `-e`.
pub(super) fn of_editable(text: &str) -> Entry {
    let target = text.to_owned();
    if let Ok(Requirement { name, extras, source: Wanted::Url(url), marker: None }) = text.parse() {
        return Entry::Editable { target, source: DirectReference::parse(&url), name: Some(name), extras };
    }
    if let Some(source) = DirectReference::parse(text) {
        let (name, extras) = (source.name.clone(), source.extras.clone());
        return Entry::Editable { target, source: Some(source), name, extras };
    }
    if text.contains([';', ':', '@']) {
        return Entry::NotUnderstood { text: format!("-e {text}") };
    }
    let (path, extras) = without_extras(text);
    Entry::Editable { target: path.to_owned(), source: None, name: None, extras }
}

fn looks_like_path(text: &str) -> bool {
    text.contains('/') || text.starts_with('.')
}

/// `./path[extra]`.
fn without_extras(text: &str) -> (&str, BTreeSet<ProjectName>) {
    let split = text.strip_suffix(']').and_then(|text| text.rsplit_once('['));
    let extras =
        split.and_then(|(_, extras)| extras.split(',').map(|extra| ProjectName::new(extra.trim()).ok()).collect());
    match (split, extras) {
        (Some((path, _)), Some(extras)) if !path.is_empty() => (path, extras),
        (Some(_) | None, Some(_) | None) => (text, BTreeSet::new()),
    }
}
