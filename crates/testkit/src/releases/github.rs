//! GitHub's REST API for releases and the newest commit of a branch, its download pages, and the storage behind them.
//!
//! Shapes and texts: <https://docs.github.com/en/rest/releases/releases> and
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>. Refuses: writing, private
//! repositories. Download counts stay 0, so that a release's entity tag does not change by downloading it.

use serde_json::{Value, json};

use super::bytes;
use super::limit::Asker;
use super::page::Page;
use super::release::Asset;
use super::shelf::{Published, Repo};
use super::{Origins, State, sha256_hex};
use crate::loopback::{Answer, Question, encoded};

/// Answers a question to the API. `path` is what comes after the API's base.
pub(super) fn api(question: &Question, path: &[&str], state: &mut State, at: &Origins) -> Answer {
    if question.header("user-agent").is_none_or(str::is_empty) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header \
                    (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).\r\n";
        return Answer::new(403, text).with("Content-Type", "text/plain; charset=utf-8");
    }
    let asker = state.limits.asker(question.token(&["bearer", "token"]));
    let limit = state.limits.of(&asker);
    if limit.remaining == 0 {
        let headers = limit.headers();
        return finish(exhausted(&asker), &headers, &asker);
    }
    let answer = match asker {
        Asker::Stranger => refusal(401, "Bad credentials"),
        Asker::Anonymous | Asker::Known(_) => resource(question, path, state, at).tagged(question),
    };
    let limit = state.limits.of(&asker);
    if answer.status != 304 || !matches!(asker, Asker::Known(_)) {
        limit.remaining -= 1;
    }
    let headers = limit.headers();
    finish(answer, &headers, &asker)
}

fn exhausted(asker: &Asker) -> Answer {
    let text = match asker {
        Asker::Known(_) => {
            "API rate limit exceeded for user ID 583231. If you reach out to GitHub Support for help, please include the \
             request ID 0A0A:1B1B:2C2C."
        }
        Asker::Anonymous | Asker::Stranger => {
            "API rate limit exceeded for 203.0.113.7. (But here's the good news: Authenticated requests get a higher rate \
             limit. Check out the documentation for more details.)"
        }
    };
    let url = "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting";
    Answer::json(403, &json!({ "message": text, "documentation_url": url }))
}

fn finish(mut answer: Answer, limit: &[(&'static str, String)], asker: &Asker) -> Answer {
    let whose = if matches!(asker, Asker::Known(_)) { "private" } else { "public" };
    answer.headers.extend(limit.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    answer
        .with("Cache-Control", format!("{whose}, max-age=60, s-maxage=60"))
        .with("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With")
        .with("X-GitHub-Media-Type", "github.v3; format=json")
}

fn refusal(status: u16, message: &str) -> Answer {
    let url = "https://docs.github.com/rest/releases/releases";
    Answer::json(status, &json!({ "message": message, "documentation_url": url, "status": status.to_string() }))
}

fn resource(question: &Question, path: &[&str], state: &State, at: &Origins) -> Answer {
    let (repo, rest) = match path {
        ["repos", owner, name, rest @ ..] => match state.shelf.repo(owner, name) {
            Some(repo) => (repo, rest),
            None => return elsewhere(state, owner, name, rest, at),
        },
        ["repositories", id, rest @ ..] => match state.shelf.repo_by_id(id) {
            Some(repo) => (repo, rest),
            None => return refusal(404, "Not Found"),
        },
        _ => return refusal(404, "Not Found"),
    };
    let one = |found: Option<&Published>| {
        found.map_or_else(|| refusal(404, "Not Found"), |found| Answer::json(200, &release(repo, found, at)))
    };
    match rest {
        ["releases"] => {
            let page = Page::of(repo.public(), question, "per_page", 30, 100);
            let list: Vec<Value> = page.items.iter().map(|known| release(repo, known, at)).collect();
            let url = format!("{}/repositories/{}/releases", at.api, repo.id);
            page.linked(Answer::json(200, &json!(list)), &url, "per_page")
        }
        ["commits"] => match (repo.newest_commit(question.query("sha").as_deref()), question.query("sha")) {
            (Some(sha), _) => Answer::json(200, &json!([commit(repo, sha, at)])),
            (None, Some(_)) => refusal(404, "Not Found"),
            (None, None) => refusal(409, "Git Repository is empty."),
        },
        ["releases", "latest"] => one(repo.latest()),
        ["releases", "tags", tag @ ..] => one(repo.tagged(&tag.join("/"))),
        ["releases", "assets", id] => match id.parse().ok().and_then(|id| repo.asset(id)) {
            Some((known, file)) if question.header("accept").is_some_and(|a| a.contains("octet-stream")) => {
                Answer::redirect(302, &signed(repo, known, file, state, at))
            }
            Some((known, file)) => {
                let id = id.parse().unwrap_or_default();
                Answer::json(200, &asset(repo, known, id, file, at))
            }
            None => refusal(404, "Not Found"),
        },
        [id] | ["releases", id] => one(repo.public().into_iter().find(|known| known.id.to_string() == *id)),
        _ => refusal(404, "Not Found"),
    }
}

/// A repository that is not here: it may have moved.
fn elsewhere(state: &State, owner: &str, name: &str, rest: &[&str], at: &Origins) -> Answer {
    let Some(repo) = state.shelf.moved(owner, name) else {
        return refusal(404, "Not Found");
    };
    let url = format!("{}/repositories/{}/{}", at.api, repo.id, rest.join("/"));
    let body = json!({
        "message": "Moved Permanently",
        "url": url,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    Answer::json(301, &body).with("Location", url)
}

fn release(repo: &Repo, known: &Published, at: &Origins) -> Value {
    let (api, web) = (format!("{}/repos/{}/{}", at.api, repo.owner, repo.name), page(repo, at));
    let told = &known.release;
    let files: Vec<Value> = known.assets().map(|(id, file)| asset(repo, known, id, file, at)).collect();
    json!({
        "url": format!("{api}/releases/{}", known.id),
        "assets_url": format!("{api}/releases/{}/assets", known.id),
        "upload_url": format!("{api}/releases/{}/assets{{?name,label}}", known.id),
        "html_url": format!("{web}/releases/tag/{}", encoded(&told.tag)),
        "id": known.id,
        "author": author(repo, at),
        "node_id": format!("RE_{}", known.id),
        "tag_name": told.tag,
        "target_commitish": "main",
        "name": told.name,
        "draft": told.draft,
        "immutable": false,
        "prerelease": told.prerelease,
        "created_at": known.time(),
        "updated_at": known.time(),
        "published_at": known.time(),
        "assets": files,
        "tarball_url": format!("{api}/tarball/{}", encoded(&told.tag)),
        "zipball_url": format!("{api}/zipball/{}", encoded(&told.tag)),
        "body": told.body,
    })
}

/// Of a list of commits.
fn commit(repo: &Repo, sha: &str, at: &Origins) -> Value {
    let url = format!("{}/repos/{}/{}/commits/{sha}", at.api, repo.owner, repo.name);
    let by = json!({ "name": repo.owner, "email": "lab@example.com", "date": "2026-01-01T00:00:00Z" });
    json!({
        "sha": sha,
        "node_id": format!("C_{sha}"),
        "commit": { "author": by, "committer": by, "message": "a change", "comment_count": 0 },
        "url": url,
        "html_url": format!("{}/commit/{sha}", page(repo, at)),
        "author": author(repo, at),
        "committer": author(repo, at),
        "parents": [],
    })
}

fn asset(repo: &Repo, known: &Published, id: u64, file: &Asset, at: &Origins) -> Value {
    let tag = encoded(&known.release.tag);
    json!({
        "url": format!("{}/repos/{}/{}/releases/assets/{id}", at.api, repo.owner, repo.name),
        "id": id,
        "node_id": format!("RA_{id}"),
        "name": file.name,
        "label": "",
        "uploader": author(repo, at),
        "content_type": file.content_type,
        "state": "uploaded",
        "size": file.bytes.len(),
        "digest": file.told_digest(),
        "download_count": 0,
        "created_at": known.time(),
        "updated_at": known.time(),
        "browser_download_url": format!("{}/releases/download/{tag}/{}", page(repo, at), encoded(&file.name)),
    })
}

fn author(repo: &Repo, at: &Origins) -> Value {
    json!({
        "login": repo.owner,
        "id": repo.id,
        "url": format!("{}/users/{}", at.api, repo.owner),
        "html_url": format!("{}/{}", at.web, repo.owner),
        "type": "Organization",
        "site_admin": false,
    })
}

fn page(repo: &Repo, at: &Origins) -> String {
    format!("{}/{}/{}", at.web, repo.owner, repo.name)
}

/// Answers a question to the pages: downloads are somewhere else, under a link that is good for a while.
pub(super) fn web(path: &[&str], state: &State, at: &Origins) -> Answer {
    let [owner, name, "releases", "download", tag @ .., file] = path else {
        return match path {
            [owner, name, ..] if state.shelf.repo(owner, name).is_some() => Answer::new(200, "a page"),
            _ => Answer::new(404, "Not Found"),
        };
    };
    let tag = tag.join("/");
    let Some(repo) = state.shelf.repo(owner, name) else {
        return match state.shelf.moved(owner, name) {
            Some(repo) => {
                let rest = format!("{}/releases/download/{}/{}", page(repo, at), encoded(&tag), encoded(file));
                Answer::redirect(301, &rest)
            }
            None => Answer::new(404, "Not Found"),
        };
    };
    let found = repo.tagged(&tag).and_then(|known| Some((known, known.release.find(file)?)));
    found.map_or_else(
        || Answer::new(404, "Not Found"),
        |(known, file)| Answer::redirect(302, &signed(repo, known, file, state, at)),
    )
}

fn signed(repo: &Repo, known: &Published, file: &Asset, state: &State, at: &Origins) -> String {
    let place = format!("{}/{}/{}", repo.id, known.id, encoded(&file.name));
    let signature = signature(&place, state);
    format!("{}/assets-host/{place}?sp=r&sv=2018-11-09&sr=b&sig={signature}", at.assets)
}

fn signature(place: &str, state: &State) -> String {
    sha256_hex(format!("{place} {}", state.links).as_bytes())[..32].to_owned()
}

/// Answers a question to the storage. Refuses links that are not signed or are no longer good.
pub(super) fn storage(question: &Question, path: &[&str], state: &State) -> Answer {
    let found = match path {
        ["assets-host", repo, release, file] => state.shelf.repo_by_id(repo).and_then(|repo| {
            let known = repo.public().into_iter().find(|known| known.id.to_string() == *release)?;
            Some((repo, known, known.release.find(file)?))
        }),
        _ => None,
    };
    let Some((repo, known, file)) = found else {
        return Answer::new(404, "<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code></Error>");
    };
    let place = format!("{}/{}/{}", repo.id, known.id, encoded(&file.name));
    if question.query("sig") != Some(signature(&place, state)) {
        return Answer::new(403, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>")
            .with("Content-Type", "application/xml");
    }
    bytes::file(question, known, file, format!("{}/{}/{}/{}", repo.owner, repo.name, known.release.tag, file.name))
}
