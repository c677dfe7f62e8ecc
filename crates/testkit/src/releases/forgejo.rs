//! The API of Forgejo and Gitea for releases, thinner than GitHub's: no hashes, no entity tags, no limit, and files
//! without a detour. Shapes: <https://codeberg.org/api/swagger>. Refuses: writing, private repositories.

use serde_json::{Value, json};

use super::page::Page;
use super::shelf::{Published, Repo};
use super::{Origins, State, bytes};
use crate::loopback::{Answer, Question, encoded};

/// Answers a question to a Forgejo.
pub(super) fn answer(question: &Question, path: &[&str], state: &State, at: &Origins) -> Answer {
    if question.token(&["token", "bearer"]).is_some_and(|token| !state.limits.tokens.contains_key(token)) {
        return told(401, "invalid username, password or token", at);
    }
    match path {
        ["api", "v1", "repos", owner, name, rest @ ..] => match state.shelf.repo(owner, name) {
            Some(repo) => api(question, repo, rest, at),
            None => not_found(at),
        },
        [owner, name, "releases", "download", tag @ .., file] => {
            let repo = state.shelf.repo(owner, name);
            let found = repo.and_then(|repo| repo.tagged(&tag.join("/")));
            let found = found.and_then(|known| Some((known, known.release.find(file)?)));
            found.map_or_else(
                || not_found(at),
                |(known, asset)| bytes::file(question, known, asset, [*owner, name, &tag.join("/"), file].join("/")),
            )
        }
        _ => not_found(at),
    }
}

fn api(question: &Question, repo: &Repo, rest: &[&str], at: &Origins) -> Answer {
    let one = |found: Option<&Published>| {
        found.map_or_else(|| not_found(at), |found| Answer::json(200, &release(repo, found, at)))
    };
    match rest {
        ["releases"] => {
            let page = Page::of(repo.public(), question, "limit", 30, 50);
            let list: Vec<Value> = page.items.iter().map(|known| release(repo, known, at)).collect();
            let answer = Answer::json(200, &json!(list)).with("X-Total-Count", page.total().to_string());
            page.linked(answer, &format!("{}/releases", base(repo, at)), "limit")
        }
        ["releases", "latest"] => one(repo.latest()),
        ["releases", "tags", tag @ ..] => one(repo.tagged(&tag.join("/"))),
        ["releases", id] => one(repo.public().into_iter().find(|known| known.id.to_string() == *id)),
        _ => not_found(at),
    }
}

fn told(status: u16, message: &str, at: &Origins) -> Answer {
    Answer::json(status, &json!({ "message": message, "url": format!("{}/api/swagger", at.forgejo) }))
}

fn not_found(at: &Origins) -> Answer {
    told(404, "The target couldn't be found.", at)
}

fn base(repo: &Repo, at: &Origins) -> String {
    format!("{}/api/v1/repos/{}/{}", at.forgejo, repo.owner, repo.name)
}

fn release(repo: &Repo, known: &Published, at: &Origins) -> Value {
    let (api, web) = (base(repo, at), format!("{}/{}/{}", at.forgejo, repo.owner, repo.name));
    let told = &known.release;
    let tag = encoded(&told.tag);
    let file = |(id, file): (u64, &super::Asset)| {
        json!({
            "id": id,
            "name": file.name,
            "size": file.bytes.len(),
            "download_count": 0,
            "created_at": known.time(),
            "uuid": format!("00000000-0000-4000-8000-{id:012}"),
            "browser_download_url": format!("{web}/releases/download/{tag}/{}", encoded(&file.name)),
            "type": "attachment",
        })
    };
    json!({
        "id": known.id,
        "tag_name": told.tag,
        "target_commitish": "main",
        "name": told.name.clone().unwrap_or_default(),
        "body": told.body,
        "url": format!("{api}/releases/{}", known.id),
        "html_url": format!("{web}/releases/tag/{tag}"),
        "tarball_url": format!("{web}/archive/{tag}.tar.gz"),
        "zipball_url": format!("{web}/archive/{tag}.zip"),
        "hide_archive_links": false,
        "upload_url": format!("{api}/releases/{}/assets", known.id),
        "draft": told.draft,
        "prerelease": told.prerelease,
        "created_at": known.time(),
        "published_at": known.time(),
        "author": { "id": repo.id, "login": repo.owner },
        "assets": known.assets().map(file).collect::<Vec<_>>(),
        "archive_download_count": { "zip": 0, "tar_gz": 0 },
    })
}
