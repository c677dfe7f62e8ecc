//! Verdicts on a repository after something happened to it, by the real git and by what lies about in `.git`.

use std::fs;
use std::path::{Path, PathBuf};

use super::Work;

impl Work {
    /// Lock files below `.git`, which a killed git leaves and every later one stumbles over. Relative to `.git`.
    pub fn locks(&self) -> Vec<PathBuf> {
        self.in_git(&|path, _| path.extension().is_some_and(|extension| extension == "lock"))
    }

    /// Half-written packs and objects below `.git`. Relative to `.git`.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        self.in_git(&|path, _| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tmp_")))
    }

    /// Files of no bytes among the objects, refs, HEAD, index and configuration: what a power cut leaves of files that
    /// were never synced. Relative to `.git`.
    pub fn empty_files(&self) -> Vec<PathBuf> {
        let counts = ["objects", "refs", "HEAD", "index", "config", "packed-refs", "ORIG_HEAD", "shallow"];
        self.in_git(&|path, length| length == 0 && counts.iter().any(|name| path.starts_with(name)))
    }

    /// What `git fsck` complains about, a line each; empty for a sound repository. Dangling objects are no complaint.
    pub fn fsck(&self) -> Vec<String> {
        let ran = self.try_git(&["fsck", "--full", "--no-dangling", "--no-progress"]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let lines = said.lines().filter(|line| !line.starts_with("notice: "));
        let mut complaints: Vec<String> = lines.map(str::to_owned).collect();
        if !ran.ok() && complaints.is_empty() {
            complaints.push(format!("git fsck ended with {:?}", ran.code));
        }
        complaints
    }

    /// What is wrong with it, after a recovery that promised that nothing would be: complaints of fsck, locks, leftovers,
    /// empty files.
    pub fn blemishes(&self) -> Vec<String> {
        let mut blemishes = self.fsck();
        for (what, files) in [("lock", self.locks()), ("leftover", self.leftovers()), ("empty", self.empty_files())] {
            blemishes.extend(files.iter().map(|file| format!("{what}: {}", file.display())));
        }
        blemishes
    }

    fn in_git(&self, fits: &dyn Fn(&Path, u64) -> bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        gather(&self.dot_git(""), Path::new(""), fits, &mut found);
        found.sort();
        found
    }
}

fn gather(folder: &Path, below: &Path, fits: &dyn Fn(&Path, u64) -> bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = below.join(entry.file_name());
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => gather(&entry.path(), &path, fits, found),
            Ok(meta) if fits(&path, meta.len()) => found.push(path),
            _ => {}
        }
    }
}
