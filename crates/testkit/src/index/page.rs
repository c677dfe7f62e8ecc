//! Pages and files, as they go out.

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::accept::{self, Form};
use super::shelf::{File, Project};
use super::{CoreMetadata, Hashes, Links, State};
use crate::loopback::{Answer, Question, encoded};
use crate::releases::sha256_hex;
use crate::wheels::normalized;

/// The proper answer.
pub(super) fn answer(question: &Question, state: &State) -> Answer {
    if !state.lets_in(question) {
        return State::challenge();
    }
    let path: Vec<&str> = question.path.iter().map(String::as_str).collect();
    match path[..] {
        ["simple"] if !question.is_folder => Answer::redirect(301, "/simple/"),
        ["simple"] => list(question, state),
        ["simple", name] if name != normalized(name) || !question.is_folder => {
            Answer::redirect(301, &format!("/simple/{}/", encoded(&normalized(name))))
        }
        ["simple", name] => match state.shelf.project(name) {
            Some(project) => page(question, state, name, project),
            None => missing(),
        },
        ["files", folder, name] => file(question, state, folder, name),
        _ => missing(),
    }
}

fn missing() -> Answer {
    Answer::new(404, "404 Not Found").with("Content-Type", "text/plain; charset=utf-8")
}

/// Every project.
fn list(question: &Question, state: &State) -> Answer {
    formed(question, state, |form| match form {
        Form::Json => {
            let projects: Vec<Value> = state.shelf.names().map(|name| json!({ "name": name })).collect();
            json!({ "meta": { "api-version": "1.1" }, "projects": projects }).to_string()
        }
        Form::Html(_) => {
            let link = |name: &str| format!("<a href=\"/simple/{name}/\">{name}</a><br/>\n");
            html("Simple index", &state.shelf.names().map(link).collect::<String>())
        }
    })
}

/// One project, with 304 for those who have it already.
fn page(question: &Question, state: &State, name: &str, project: &Project) -> Answer {
    let mut answer = formed(question, state, |form| match form {
        Form::Json => json!({
            "meta": { "api-version": "1.1" },
            "name": name,
            "versions": project.versions(),
            "files": project.files.iter().map(|file| listed(file, state)).collect::<Vec<_>>(),
        })
        .to_string(),
        Form::Html(_) => {
            let links: String = project.files.iter().map(|file| link(file, state)).collect();
            html(&format!("Links for {name}"), &links)
        }
    });
    if answer.status != 200 {
        return answer;
    }
    let salt: &[u8] = if question.other_etags { b"other" } else { b"" };
    let etag = format!("\"{}\"", &sha256_hex(&[&answer.body[..], salt].concat())[..32]);
    let since = question.header("if-modified-since").filter(|_| question.header("if-none-match").is_none());
    if question.has(&etag) || since == Some(&project.http_date()) {
        answer.status = 304;
        answer.body = Bytes::new();
    }
    answer.with("ETag", etag).with("Last-Modified", project.http_date())
}

/// A page in the form that the client wants, with what all pages have.
fn formed(question: &Question, state: &State, body: impl FnOnce(Form) -> String) -> Answer {
    let Some(form) = accept::form(question.header("accept"), state.formats) else {
        return Answer::new(406, "406 Not Acceptable").with("Content-Type", "text/plain; charset=utf-8");
    };
    let kind = match form {
        Form::Json => accept::JSON.to_owned(),
        Form::Html(kind) => format!("{kind}; charset=utf-8"),
    };
    let answer = Answer::new(200, body(form)).with("Content-Type", kind).with("Vary", "Accept");
    if state.cache_control.is_empty() { answer } else { answer.with("Cache-Control", state.cache_control.as_str()) }
}

/// A file as JSON pages list it.
fn listed(file: &File, state: &State) -> Value {
    let told = &file.distribution;
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("filename", told.file_name.as_str().into());
    put("url", address(file, state).into());
    put("hashes", hash(file, state).map_or(json!({}), |hash| json!({ "sha256": hash })));
    put("requires-python", told.requires_python.clone().into());
    put("size", told.bytes.len().into());
    put("upload-time", file.upload_time().into());
    put(
        "yanked",
        match file.yanked.as_deref() {
            None => false.into(),
            Some("") => true.into(),
            Some(reason) => reason.into(),
        },
    );
    let metadata = metadata_hash(file, state).map_or(Value::Bool(false), |hash| json!({ "sha256": hash }));
    match state.core_metadata {
        CoreMetadata::Absent => {}
        CoreMetadata::Pep658 => {
            put("dist-info-metadata", metadata);
        }
        CoreMetadata::Pep714 => {
            put("core-metadata", metadata);
        }
    }
    Value::Object(entry)
}

/// A file as HTML pages list it.
fn link(file: &File, state: &State) -> String {
    let told = &file.distribution;
    let fragment = hash(file, state).map(|hash| format!("#sha256={hash}")).unwrap_or_default();
    let mut tag = format!("<a href=\"{}{fragment}\"", address(file, state));
    if let Some(specifier) = &told.requires_python {
        tag.push_str(&format!(" data-requires-python=\"{}\"", escaped(specifier)));
    }
    if let Some(reason) = &file.yanked {
        tag.push_str(&format!(" data-yanked=\"{}\"", escaped(reason)));
    }
    if let Some(hash) = metadata_hash(file, state) {
        tag.push_str(&format!(" data-dist-info-metadata=\"sha256={hash}\""));
        if state.core_metadata == CoreMetadata::Pep714 {
            tag.push_str(&format!(" data-core-metadata=\"sha256={hash}\""));
        }
    }
    format!("{tag}>{}</a><br/>\n", escaped(&told.file_name))
}

fn address(file: &File, state: &State) -> String {
    let start = match state.links {
        Links::Absolute => state.base.as_str(),
        Links::Relative => "../..",
    };
    format!("{start}/files/{}/{}", file.folder(), encoded(&file.distribution.file_name))
}

fn hash(file: &File, state: &State) -> Option<String> {
    match state.hashes {
        Hashes::Right => Some(file.sha256.clone()),
        Hashes::Wrong => Some(sha256_hex(file.sha256.as_bytes())),
        Hashes::Absent => None,
    }
}

/// The SHA-256 of a wheel's METADATA, when it can be had by itself.
fn metadata_hash(file: &File, state: &State) -> Option<String> {
    let metadata = file.distribution.metadata.as_ref().filter(|_| state.core_metadata != CoreMetadata::Absent)?;
    Some(sha256_hex(metadata.as_bytes()))
}

/// A file, or the METADATA of a wheel.
fn file(question: &Question, state: &State, folder: &str, name: &str) -> Answer {
    let found = state.shelf.file(folder, name);
    let (body, kind, etag) = match (found, name.strip_suffix(".metadata")) {
        (Some(file), _) => {
            (Bytes::from_owner(std::sync::Arc::clone(&file.content)), "application/octet-stream", file.sha256.clone())
        }
        (None, Some(wheel)) => {
            let told = state.shelf.file(folder, wheel).filter(|_| state.core_metadata != CoreMetadata::Absent);
            let Some(metadata) = told.and_then(|file| file.distribution.metadata.clone()) else { return missing() };
            let etag = sha256_hex(metadata.as_bytes());
            (metadata.into(), "text/plain; charset=utf-8", etag)
        }
        (None, None) => return missing(),
    };
    let etag = format!("\"{etag}\"");
    let has = question.has(&etag);
    let mut answer = if has { Answer::new(304, "") } else { Answer::new(200, body) };
    answer.asset = Some(format!("{folder}/{name}"));
    answer.with("Content-Type", kind).with("ETag", etag).with("Cache-Control", "max-age=365000000, immutable, public")
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.1\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
