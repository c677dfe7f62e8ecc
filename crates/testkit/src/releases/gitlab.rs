//! GitLab's API for releases: files are links, pre-releases and drafts do not exist.
//! Shapes: <https://docs.gitlab.com/api/releases/>. Refuses: writing, private projects.

use serde_json::{Value, json};

use super::page::Page;
use super::shelf::{Published, Repo};
use super::{Origins, State, bytes};
use crate::loopback::{Answer, Question, encoded};

/// Answers a question to a GitLab.
pub(super) fn answer(question: &Question, path: &[&str], state: &State, at: &Origins) -> Answer {
    let token = question.header("private-token").or_else(|| question.token(&["bearer"]));
    if token.is_some_and(|token| !state.limits.tokens.contains_key(token)) {
        return Answer::message(401, "401 Unauthorized");
    }
    match path {
        ["api", "v4", "projects", project, rest @ ..] => {
            let (owner, name) = project.rsplit_once('/').unwrap_or_default();
            match state.shelf.repo(owner, name).or_else(|| state.shelf.repo_by_id(project)) {
                Some(repo) => api(question, repo, rest, at),
                None => Answer::message(404, "404 Project Not Found"),
            }
        }
        [owner @ .., name, "-", "releases", tag, "downloads", file] => {
            let repo = state.shelf.repo(&owner.join("/"), name);
            let there = repo.filter(|repo| repo.tagged(tag).is_some_and(|known| known.release.find(file).is_some()));
            there.map_or_else(not_found, |repo| Answer::redirect(302, &package(repo, tag, file, at)))
        }
        _ => not_found(),
    }
}

fn api(question: &Question, repo: &Repo, rest: &[&str], at: &Origins) -> Answer {
    match rest {
        ["releases"] => {
            let page = Page::of(repo.public(), question, "per_page", 20, 100);
            let list: Vec<Value> = page.items.iter().map(|known| release(repo, known, at)).collect();
            let answer = page.counted(Answer::json(200, &json!(list)));
            page.linked(answer, &format!("{}/releases", base(repo, at)), "per_page").tagged(question)
        }
        ["releases", "permalink", "latest"] => {
            let latest = repo.public().into_iter().find(|known| !known.release.upcoming);
            let url = |known: &Published| format!("{}/releases/{}", base(repo, at), encoded(&known.release.tag));
            latest.map_or_else(not_found, |known| Answer::redirect(302, &url(known)))
        }
        ["releases", tag] => repo.tagged(tag).map_or_else(not_found, |known| {
            let answer = Answer::json(200, &release(repo, known, at));
            answer.tagged(question)
        }),
        ["packages", "generic", _, tag, file] => {
            let found = repo.tagged(tag).and_then(|known| Some((known, known.release.find(file)?)));
            let place = [&repo.owner[..], &repo.name, tag, file].join("/");
            found.map_or_else(not_found, |(known, asset)| bytes::file(question, known, asset, place))
        }
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    Answer::message(404, "404 Not Found")
}

fn base(repo: &Repo, at: &Origins) -> String {
    format!("{}/api/v4/projects/{}", at.gitlab, repo.id)
}

fn package(repo: &Repo, tag: &str, file: &str, at: &Origins) -> String {
    format!("{}/packages/generic/{}/{}/{}", base(repo, at), repo.name, encoded(tag), encoded(file))
}

fn release(repo: &Repo, known: &Published, at: &Origins) -> Value {
    let web = format!("{}/{}/{}", at.gitlab, repo.owner, repo.name);
    let told = &known.release;
    let tag = encoded(&told.tag);
    let time = known.time().replace('Z', ".000Z");
    let link = |(id, file): (u64, &super::Asset)| {
        json!({
            "id": id,
            "name": file.name,
            "url": package(repo, &told.tag, &file.name, at),
            "direct_asset_url": format!("{web}/-/releases/{tag}/downloads/{}", encoded(&file.name)),
            "link_type": "package",
        })
    };
    let source = |format: &str| {
        let url = format!("{web}/-/archive/{tag}/{}-{tag}.{format}", repo.name);
        json!({ "format": format, "url": url })
    };
    let sources = ["zip", "tar.gz", "tar.bz2", "tar"].map(source);
    json!({
        "name": told.name.as_ref().unwrap_or(&told.tag),
        "tag_name": told.tag,
        "description": told.body,
        "created_at": time,
        "released_at": time,
        "upcoming_release": told.upcoming,
        "author": { "id": repo.id, "username": repo.owner },
        "assets": {
            "count": told.assets.len() + 4,
            "sources": sources,
            "links": known.assets().map(link).collect::<Vec<_>>(),
        },
        "_links": { "self": format!("{web}/-/releases/{tag}") },
    })
}
