//! The local half of the facts: one `git status`, and the rest from files; further commands for a detached HEAD and
//! where something looks wrong.
//! Refuses to: compare with the remote, or to use a network.

use refit_model::updater::git::{Damage, LocalFacts};

use super::ask::Ask;
use super::hazard::Purpose;
use super::parse::{self, Status};
use super::settings::Settings;
use super::{damage, objects, refs};

/// What was seen, and what the remote half goes on with.
pub(super) struct Local {
    pub(super) facts: LocalFacts,
    pub(super) status: Status,
    pub(super) settings: Settings,
}

impl Local {
    /// What was seen before, where nothing of it changed.
    pub(super) fn known(facts: &LocalFacts) -> Self {
        Self { facts: facts.clone(), status: Status::default(), settings: Settings::default() }
    }
}

/// Looks at a repository. `before` gives what is kept where nothing can be told: the branch of a detached HEAD.
pub(super) async fn look(ask: &mut Ask<'_>, settings: Settings, before: &LocalFacts) -> Local {
    let repo = ask.repo;
    let mut facts = LocalFacts { kind: repo.layout.kind, hazards: repo.scan.hazards.clone(), ..LocalFacts::default() };
    if !repo.layout.has_git() {
        return Local { facts, status: Status::default(), settings };
    }
    if let Err(hazard) = repo.scan.allows(&repo.layout, Purpose::Read) {
        ask.complaints.push(hazard.to_string());
    }
    let status = status(ask).await;
    facts.repo_detected = status.is_some();
    let status = match status {
        Some(status) => status,
        None => from_files(ask),
    };
    facts.head = status.oid.clone();
    facts.detached = status.branch.is_none() && facts.repo_detected;
    branch_and_remote(ask, &mut facts, &status, &settings, before).await;
    let quoted = |path: &[u8]| parse::quoted(path, settings.quotes_unicode());
    facts.dirty = status.changed.iter().any(parse::Changed::is_dirty);
    facts.modified = status.changed.iter().filter(|c| c.is_modified()).map(|c| quoted(&c.path)).collect();
    facts.untracked = status.untracked.iter().map(|path| quoted(path)).collect();
    Local { facts, status, settings }
}

async fn status(ask: &mut Ask<'_>) -> Option<Status> {
    // Renames make no difference to what is shown, and cost a comparison of contents.
    let printed = ask.answer(["status", "--porcelain=v2", "--branch", "-z", "--no-renames"]).await?;
    match parse::status(&printed) {
        Ok(status) => Some(status),
        // Git does not check an index that was cut off, and says whatever comes after its end.
        Err(_) if damage::is_broken_index(&ask.repo.layout, false) => {
            ask.complaints.push("error: index file .git/index is corrupt, it ends too soon".to_owned());
            None
        }
        Err(error) => {
            ask.complaints.push(error.to_string());
            None
        }
    }
}

/// Where git cannot work: what a recovery wants to know is often still readable.
fn from_files(ask: &Ask<'_>) -> Status {
    let layout = &ask.repo.layout;
    let branch = refs::head_branch(layout).and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
    Status { oid: refs::resolve(layout, "HEAD"), branch, ..Status::default() }
}

async fn branch_and_remote(
    ask: &mut Ask<'_>,
    facts: &mut LocalFacts,
    status: &Status,
    settings: &Settings,
    before: &LocalFacts,
) {
    if facts.detached {
        let listed = ask.answer(["branch", "--list", "--no-color"]).await.unwrap_or_default();
        let place = parse::detached_at(&listed).and_then(|name| remote_branch(&name, settings));
        (facts.remote_alias, facts.branch) = match place {
            Some((remote, branch)) => (Some(remote), Some(branch)),
            None => (before.branch.as_deref().and_then(|name| settings.remote_of(name)), before.branch.clone()),
        };
    } else if facts.repo_detected && facts.head.is_none() {
        // No commit yet, or a branch that cannot be read: git says which.
        ask.answer(["branch", "--list", "--no-color"]).await;
    } else {
        facts.branch.clone_from(&status.branch);
        facts.remote_alias = facts.branch.as_deref().and_then(|name| settings.remote_of(name));
    }
    if let Some(alias) = &facts.remote_alias {
        facts.remote_url = settings.url_of(alias);
        if facts.remote_url.is_none() && facts.repo_detected {
            ask.complaints.push(format!("error: No such remote '{alias}'"));
        }
    }
    facts.recovery_url = match facts.remote_alias.as_deref() {
        Some("origin") => facts.remote_url.clone(),
        // Where the remote is not known, Moonraker does not look for another.
        Some(_) if facts.remote_url.is_none() && facts.repo_detected => None,
        None if facts.repo_detected => None,
        Some(_) | None => settings.url_of("origin"),
    };
}

/// `origin/master` or `refs/remotes/origin/master`, when there is such a remote; names may hold slashes.
fn remote_branch(name: &str, settings: &Settings) -> Option<(String, String)> {
    let name = name.strip_prefix("refs/remotes/").or(name.strip_prefix("remotes/")).unwrap_or(name);
    let branch_at = |remote: &str| Some(name.strip_prefix(remote)?.strip_prefix('/')?.to_owned());
    settings
        .remotes()
        .filter_map(|remote| Some((remote.to_owned(), branch_at(remote)?)))
        .max_by_key(|(remote, _)| remote.len())
}

/// Git complained of objects that it could not read, though it knows the repository. A partial clone's may be elsewhere.
pub(super) fn names_lost_objects(ask: &Ask<'_>, local: &Local) -> bool {
    !local.settings.is_partial()
        && damage::from_complaints(&ask.repo.layout, &ask.complaints)
            .iter()
            .any(|damage| matches!(damage, Damage::EmptyObject { .. } | Damage::MissingObject { .. }))
}

/// HEAD's commit is gone, which a commit-graph hides from git.
pub(super) fn has_lost_head(ask: &Ask<'_>, local: &Local) -> bool {
    local.facts.head.as_ref().is_some_and(|head| !objects::is_here(&ask.repo.layout, head))
}

/// What is broken: from the files, from what git complained about and, where something looks wrong or the machine was
/// booted since, from the objects that HEAD needs.
pub(super) async fn damage(ask: &Ask<'_>, local: &Local, now: f64, deep: bool) -> Vec<Damage> {
    let layout = ask.repo.layout.clone();
    let scanned = tokio::task::spawn_blocking(move || damage::scan(&layout, now, deep)).await;
    let mut found = scanned.unwrap_or_default();
    let mut more = damage::from_complaints(&ask.repo.layout, &ask.complaints);
    if deep && local.facts.repo_detected && damage::has_commit_graph(&ask.repo.layout) {
        let verified = ask.probe(["commit-graph", "verify", "--no-progress"]).await;
        if verified.is_some_and(|outcome| outcome.code() == Some(1)) {
            more.push(Damage::BrokenCommitGraph);
            // What it names may be gone from HEAD's history, or from a branch that was given up.
            more.extend(missing_objects(ask, local, &["rev-list", "--count"]).await);
        }
    }
    if deep && !local.settings.is_partial() {
        more.extend(missing_objects(ask, local, &["rev-list", "--objects", "--no-walk", "--missing=print"]).await);
    }
    for damage in more {
        let file_is_named = matches!(&damage, Damage::MissingObject { id } if has_file(&found, id));
        if !file_is_named && !found.contains(&damage) {
            found.push(damage);
        }
    }
    found
}

/// What this way of going through HEAD's objects trips over. The commit-graph would hide that a commit is gone.
async fn missing_objects(ask: &Ask<'_>, local: &Local, way: &[&str]) -> Vec<Damage> {
    let Some(head) = &local.facts.head else { return Vec::new() };
    let args = ["-c", "core.commitGraph=false"].iter().chain(way).copied().chain([head.as_str()]);
    let Some(outcome) = ask.probe(args).await else { return Vec::new() };
    let printed = String::from_utf8_lossy(&outcome.stdout);
    let missing = printed.lines().filter_map(|line| line.strip_prefix('?'));
    // A lost folder would fill the page.
    let mut found: Vec<Damage> = missing.take(20).map(|id| Damage::MissingObject { id: id.to_owned() }).collect();
    if !outcome.success() {
        found.extend(damage::from_complaints(&ask.repo.layout, &[outcome.stderr_text()]));
    }
    found
}

/// The object is already named by its empty file.
fn has_file(found: &[Damage], id: &str) -> bool {
    found.iter().any(|damage| match damage {
        Damage::EmptyObject { file } => file.replace('/', "").ends_with(id),
        Damage::MissingObject { .. }
        | Damage::MissingGitDir
        | Damage::BrokenIndex
        | Damage::BrokenConfig
        | Damage::BrokenHead
        | Damage::BrokenRef { .. }
        | Damage::BrokenPack { .. }
        | Damage::BrokenCommitGraph
        | Damage::StaleLock { .. } => false,
    })
}
