//! A bare repository as a project's server would hold it: history is written to it directly, and its owner may do
//! everything that an owner does, force pushes included.

use std::path::{Path, PathBuf};

use super::commit::import;
use super::{Commit, GitWorld, Ran, Work};

/// A bare repository below [`GitWorld::remotes`].
#[derive(Clone, Debug)]
pub struct Remote {
    world: GitWorld,
    name: String,
    path: PathBuf,
}

impl Remote {
    pub(super) fn create(world: &GitWorld, name: &str) -> Self {
        let path = world.remotes().join(format!("{name}.git"));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("cannot make the remote {path:?}: {e}"));
        world.git(&path, &["init", "--quiet", "--bare", "--template=", "."]);
        // Partial clones and pins ask for any object.
        let config = path.join("config");
        let mut text = std::fs::read_to_string(&config).expect("a new repository has a configuration");
        text.push_str("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n");
        std::fs::write(&config, text).expect("a new repository's configuration can be written");
        Self { world: world.clone(), name: name.to_owned(), path }
    }

    /// The world it lives in.
    pub fn world(&self) -> &GitWorld {
        &self.world
    }

    /// Its name, `lab/klipper`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `file://…`, for a clone without a server. (A bare path would share object files with the clone.)
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Its place below a server's root: `lab/klipper.git`.
    pub fn route(&self) -> String {
        format!("{}.git", self.name)
    }

    /// Commits plain files on `master`. The new sha.
    pub fn commit(&self, files: &[(&str, &str)], subject: &str) -> String {
        let commit = files.iter().fold(Commit::new(subject), |c, (path, content)| c.file(path, content));
        self.push("master", &commit)
    }

    /// Commits on a branch, which begins there when it is new. The new sha.
    pub fn push(&self, branch: &str, commit: &Commit) -> String {
        self.push_all(branch, std::slice::from_ref(commit)).remove(0)
    }

    /// Commits any number of commits in one go. Their shas, oldest first.
    pub fn push_all(&self, branch: &str, commits: &[Commit]) -> Vec<String> {
        let tip = self.try_git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]);
        let tip = tip.ok().then(|| tip.stdout.trim().to_owned());
        import(&self.world, self, branch, tip.as_deref(), commits)
    }

    /// `count` commits on `master` that each rewrite `counter.txt`, with the subjects `<subject> 1` and so on. Their shas,
    /// oldest first.
    pub fn history(&self, count: usize, subject: &str) -> Vec<String> {
        let commits: Vec<Commit> = (1..=count)
            .map(|n| Commit::new(&format!("{subject} {n}")).file("counter.txt", format!("{subject} {n}\n")))
            .collect();
        self.push_all("master", &commits)
    }

    /// A lightweight tag at the tip of `master`; its date is the commit's.
    pub fn tag(&self, name: &str) {
        self.tag_at(name, "master");
    }

    /// A lightweight tag at a revision. Moves it when it exists.
    pub fn tag_at(&self, name: &str, revision: &str) {
        self.git(&["update-ref", &format!("refs/tags/{name}"), &format!("{}^{{commit}}", self.rev(revision))]);
    }

    /// Lightweight tags in one process.
    pub fn tag_many<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut words = vec!["fetch".to_owned(), "--quiet".to_owned(), ".".to_owned()];
        words.extend(tags.into_iter().map(|(name, sha)| format!("{sha}:refs/tags/{name}")));
        self.world.git(&self.path, &words);
    }

    /// An annotated tag at the tip of `master`, dated at the world's next minute.
    pub fn annotate(&self, name: &str, message: &str) {
        let date = self.world.tick();
        self.annotate_at(name, message, "master", date);
    }

    /// An annotated tag at a revision with its own creation date, seconds since 1970. Moves it when it exists.
    pub fn annotate_at(&self, name: &str, message: &str, revision: &str, date: i64) {
        let args = ["tag", "--force", "--annotate", "-m", message, "--", name, revision];
        let mut command = self.world.command(&self.path, &args);
        command.env("GIT_COMMITTER_DATE", format!("@{date} +0000"));
        let ran = super::ran(command);
        assert!(ran.ok(), "cannot tag {name}: {}", ran.stderr);
    }

    /// Removes a tag.
    pub fn delete_tag(&self, name: &str) {
        self.git(&["update-ref", "-d", &format!("refs/tags/{name}")]);
    }

    /// Makes a branch at a revision, or forces it there: a force push when others had it elsewhere.
    pub fn force(&self, branch: &str, revision: &str) {
        let sha = self.rev(revision);
        self.git(&["update-ref", &format!("refs/heads/{branch}"), &sha]);
    }

    /// Removes a branch.
    pub fn delete_branch(&self, branch: &str) {
        self.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }

    /// Takes the last `count` commits off `master`. The sha it is at now.
    pub fn rewind(&self, count: usize) -> String {
        self.force("master", &format!("master~{count}"));
        self.rev("master")
    }

    /// Makes `branch` what a clone checks out.
    pub fn set_head(&self, branch: &str) {
        self.git(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
    }

    /// The full sha of a revision.
    pub fn rev(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])
    }

    /// Clones it without a server.
    pub fn clone_to(&self, path: impl AsRef<Path>) -> Work {
        self.clone_with(&self.url(), path, &[])
    }

    /// Clones it from `url` with further options of `git clone`.
    pub fn clone_with(&self, url: &str, path: impl AsRef<Path>, options: &[&str]) -> Work {
        Work::clone(&self.world, url, path.as_ref(), options)
    }

    /// Runs git in it. See [`GitWorld::git`].
    pub fn git(&self, args: &[&str]) -> String {
        self.world.git(&self.path, args)
    }

    /// Runs git in it. See [`GitWorld::try_git`].
    pub fn try_git(&self, args: &[&str]) -> Ran {
        self.world.try_git(&self.path, args)
    }
}
