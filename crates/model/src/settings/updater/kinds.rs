//! The options that only one type of updater has.
//!
//! Refuses at this door whatever could become an option of git or a path out of its folder later on.

use std::path::{Component, Path};

use super::read::{Around, Type, services};
use super::{
    CommonSettings, Dependencies, GitSettings, PythonSettings, ReleaseSettings, UpdaterKind, dependencies, read,
};
use crate::name::BranchName;
use crate::settings::forge;
use crate::settings::problem::Severity;
use crate::settings::refit::Protocol;
use crate::settings::section::{Fault, Findings, Reader};
use crate::settings::update_manager;
use crate::updater::release::Verify;

/// Reads what the type has, and the services into `common`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
    kind: Type,
    common: &mut CommonSettings,
) -> Result<UpdaterKind, Fault> {
    match kind {
        Type::Git => git(reader, findings, around, common).map(UpdaterKind::Git),
        Type::Python => python(reader, findings, around, common).map(UpdaterKind::Python),
        Type::Web => {
            let path = dependencies::path(reader, around)?;
            release(reader, around, &path, Dependencies::default(), kind).map(UpdaterKind::Web)
        }
        Type::Zip => {
            let path = dependencies::path(reader, around)?;
            let dependencies = dependencies::all(reader, around, &path)?;
            services(reader, findings, around, common)?;
            release(reader, around, &path, dependencies, kind).map(UpdaterKind::Zip)
        }
        Type::Executable => {
            let path = dependencies::path(reader, around)?;
            let system_dependencies = dependencies::listed(reader, around, &path, "system_dependencies")?;
            services(reader, findings, around, common)?;
            let dependencies = Dependencies { system_dependencies, ..Dependencies::default() };
            release(reader, around, &path, dependencies, kind).map(UpdaterKind::Executable)
        }
    }
}

fn git(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
    common: &mut CommonSettings,
) -> Result<GitSettings, Fault> {
    let path = dependencies::path(reader, around)?;
    let dependencies = dependencies::all(reader, around, &path)?;
    services(reader, findings, around, common)?;
    let origin = reader.required("origin")?;
    let origin = url(reader, around, "origin", origin)?;
    let moved_origin = match reader.text("moved_origin").filter(|text| !text.is_empty()) {
        Some(text) => Some(url(reader, around, "moved_origin", text)?),
        None => None,
    };
    let primary_branch = branch(reader)?.unwrap_or_else(|| "master".to_owned());
    let pinned_commit = update_manager::pinned_commit(reader)?;
    if let Some(pin) = pinned_commit.as_deref().filter(|pin| !pin.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("'{pin}' is not the id of a commit, which has only the digits 0-9 and a-f");
        findings.note(reader.problem(Some("pinned_commit"), Severity::Warning, message));
    }
    Ok(GitSettings { path, origin, moved_origin, primary_branch, pinned_commit, dependencies })
}

/// A URL with `.git` at its end, of a protocol that may be used.
fn url(reader: &Reader<'_>, around: &Around<'_>, option: &str, text: &str) -> Result<String, Fault> {
    let label = reader.label();
    if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        let message = format!("[{label}]: Value for option '{option}' is not the address of a repository");
        return Err(
            Fault::new(option, message).with_remedy("write an address such as https://github.com/OWNER/NAME.git")
        );
    }
    match Protocol::of(text) {
        // A file is allowed by being configured.
        Some(Protocol::File) => {}
        Some(protocol) if around.refit.allow_protocols.contains(&protocol) => {}
        Some(protocol) => {
            let word = protocol.as_str();
            let message = format!("[{label}]: The protocol '{word}' of option '{option}' is not allowed");
            let remedy = format!("add '{word}' to 'allow_protocols' in [refit], or use https");
            return Err(Fault::new(option, message).with_remedy(remedy));
        }
        None => {
            let message =
                format!("[{label}]: The transport of option '{option}' is never used, since it can run commands");
            return Err(Fault::new(option, message).with_remedy("use an https address"));
        }
    }
    Ok(if text.ends_with(".git") { text.to_owned() } else { format!("{text}.git") })
}

fn branch(reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    let Some(text) = reader.text("primary_branch").filter(|text| !text.is_empty()) else { return Ok(None) };
    let refuse = |why: crate::name::NameError| {
        Fault::new("primary_branch", format!("[{}]: Option 'primary_branch': {why}", reader.label()))
    };
    BranchName::new(text).map(|branch| Some(branch.as_str().to_owned())).map_err(refuse)
}

fn release(
    reader: &mut Reader<'_>,
    around: &Around<'_>,
    path: &Path,
    dependencies: Dependencies,
    kind: Type,
) -> Result<ReleaseSettings, Fault> {
    let repo = reader.required("repo")?;
    let source = forge::source(repo, reader.label(), &around.refit.forges, &around.refit.github_api_url)?;
    let is_executable = kind == Type::Executable;
    let persistent_files = if is_executable { Vec::new() } else { persistent_files(reader)? };
    let verify = verify(reader)?;
    let probe = if is_executable { reader.text("probe") } else { None };
    let probe = probe.unwrap_or("--version").split_whitespace().map(str::to_owned).collect();
    Ok(ReleaseSettings { path: path.to_owned(), source, verify, probe, persistent_files, dependencies })
}

/// `verify: digest`, `minisign KEY` or `none`.
fn verify(reader: &mut Reader<'_>) -> Result<Verify, Fault> {
    const OPTION: &str = "verify";
    let Some(text) = reader.text(OPTION) else { return Ok(Verify::WhatThereIs) };
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("digest"), None, None) => Ok(Verify::Digest),
        (Some("none"), None, None) => Ok(Verify::SizeOnly),
        // 42 bytes: two letters for the algorithm, eight of a number, 32 of the key.
        (Some("minisign"), Some(key), None) if key.len() == 56 && key.chars().all(is_base64) => {
            Ok(Verify::Minisign { key: key.to_owned() })
        }
        _ => {
            let message = format!("[{}]: Value for option '{OPTION}' is not understood: {text}", reader.label());
            let remedy = "write 'verify: digest', 'verify: none', or 'verify: minisign KEY' with the second line of \
                          the project's minisign.pub";
            Err(Fault::new(OPTION, message).with_remedy(remedy))
        }
    }
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Paths below the updater's folder, `.` and trailing `/` removed.
fn persistent_files(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    const OPTION: &str = "persistent_files";
    let mut files = Vec::new();
    for line in reader.lines(OPTION) {
        let inside = Path::new(&line).components().filter(|part| *part != Component::CurDir);
        let parts: Option<Vec<&str>> = inside
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
            })
            .collect();
        let refuse =
            |name: &str, why: &str| Fault::new(OPTION, format!("Invalid value for option '{OPTION}': '{name}' {why}"));
        let Some(path) = parts.map(|parts| parts.join("/")).filter(|path| !path.is_empty()) else {
            return Err(refuse(&line, "is not a path inside the updater's folder."));
        };
        if matches!(path.as_str(), ".version" | "release_info.json") {
            return Err(refuse(&path, "can not be persistent."));
        }
        files.push(path);
    }
    Ok(files)
}

fn python(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
    common: &mut CommonSettings,
) -> Result<PythonSettings, Fault> {
    let Some(python) = dependencies::python(reader, around, None)? else {
        let label = reader.label();
        let message = format!("[{label}]: Option 'virtualenv' must specify a valid the path to a Python virtualenv");
        return Err(Fault::new("virtualenv", message));
    };
    services(reader, findings, around, common)?;
    let primary_branch = branch(reader)?;
    let name = reader.text("project_name").unwrap_or_else(|| read::name_of(&reader.section().name));
    let (project, extras) = project(name).ok_or_else(|| {
        let bare = name.split('[').next().unwrap_or(name);
        let message = format!("Failed to find distribution info for project {bare}");
        Fault::new("project_name", message).with_remedy("write the name of the package, as in 'pip list'")
    })?;
    let dependencies = Dependencies::default();
    Ok(PythonSettings { project_name: project, extras, primary_branch, python, dependencies })
}

/// `name[extra,extra]`: names of letters, digits and inner `-`, `_`, `.` (PEP 508).
fn project(text: &str) -> Option<(String, Vec<String>)> {
    let (name, extras) = match text.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')?),
        None => (text, ""),
    };
    let extras: Vec<&str> = extras.split(',').map(str::trim).filter(|extra| !extra.is_empty()).collect();
    let all = std::iter::once(name).chain(extras.iter().copied());
    all.clone().all(is_package).then(|| (name.to_owned(), extras.iter().map(|extra| (*extra).to_owned()).collect()))
}

fn is_package(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.chars().next())
        && edge(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
