//! Work trees that someone touched.

use super::State;

pub(super) const STATES: &[State] = &[
    State::new("dirty-modified", "a tracked file modified", |lab| {
        lab.clone().write("app.py", "print('mine')\n");
    }),
    State::new("dirty-modified-two", "two tracked files modified, one in a folder", |lab| {
        let work = lab.clone();
        work.write("app.py", "print('mine')\n");
        work.write("src/main.py", "mine\n");
    }),
    State::new("dirty-staged", "a modification staged", |lab| {
        let work = lab.clone();
        work.write("app.py", "print('mine')\n");
        work.git(&["add", "app.py"]);
    }),
    State::new("dirty-staged-modified", "staged and then modified again (MM)", |lab| {
        let work = lab.clone();
        work.write("app.py", "print('mine')\n");
        work.git(&["add", "app.py"]);
        work.write("app.py", "print('mine again')\n");
    }),
    State::new("dirty-added", "a new file staged (A)", |lab| {
        let work = lab.clone();
        work.write("added.py", "added\n");
        work.git(&["add", "added.py"]);
    }),
    State::new("dirty-intent-to-add", "a new file announced, not staged (add -N)", |lab| {
        let work = lab.clone();
        work.write("added.py", "added\n");
        work.git(&["add", "-N", "added.py"]);
    }),
    State::new("dirty-deleted", "a tracked file deleted", |lab| {
        lab.clone().remove("src/part.c");
    }),
    State::new("dirty-staged-deleted", "a deletion staged (D)", |lab| {
        lab.clone().git(&["rm", "--quiet", "src/part.c"]);
    }),
    State::new("dirty-renamed", "a rename staged (R)", |lab| {
        lab.clone().git(&["mv", "src/part.c", "src/piece.c"]);
    }),
    State::new("dirty-mode", "a file made executable", |lab| {
        lab.clone().set_executable("app.py", true);
    }),
    State::new("dirty-mode-ignored", "a file made executable where core.fileMode is off", |lab| {
        let work = lab.clone();
        work.git(&["config", "core.fileMode", "false"]);
        work.set_executable("app.py", true);
    }),
    State::new("dirty-typechange", "a file replaced by a symbolic link", |lab| {
        lab.clone().link("app.py", "README.md");
    }),
    State::new("dirty-file-now-folder", "a file replaced by a folder", |lab| {
        let work = lab.clone();
        work.remove("app.py");
        work.write("app.py/inner.py", "inner\n");
    }),
    State::new("dirty-emptied", "every tracked file deleted", |lab| {
        let work = lab.clone();
        for path in ["README.md", ".gitignore", "app.py", "src", "scripts", "config", "docs"] {
            work.remove(path);
        }
    }),
    State::new("dirty-behind", "modified and behind, in the same file", |lab| {
        lab.clone().write("app.py", "print('mine')\n");
        lab.remote.commit(&[("app.py", "print('theirs')\n")], "Change");
    }),
    State::new("dirty-hidden", "modified, and hidden from git by skip-worktree", |lab| {
        let work = lab.clone();
        work.git(&["update-index", "--skip-worktree", "app.py"]);
        work.write("app.py", "print('mine')\n");
    }),
    State::new("touched", "rewritten with the same content: only the times differ", |lab| {
        let work = lab.clone();
        let same = work.read("app.py");
        work.write("app.py", same);
    }),
    State::new("stashed", "modifications put in the stash", |lab| {
        let work = lab.clone();
        work.write("app.py", "print('mine')\n");
        work.git(&["stash", "--quiet"]);
    }),
    State::new("untracked-py", "an untracked Python file", |lab| {
        lab.clone().write("extra.py", "extra\n");
    }),
    State::new("untracked-c", "untracked C and C++ files", |lab| {
        let work = lab.clone();
        work.write("src/extra.c", "extra\n");
        work.write("src/extra.cpp", "extra\n");
    }),
    State::new("untracked-folder", "an untracked folder with a Python file in it", |lab| {
        lab.clone().write("extras/extra.py", "extra\n");
    }),
    State::new("untracked-others", "untracked files that are no source", |lab| {
        let work = lab.clone();
        work.write("notes.txt", "notes\n");
        work.write("config/mine.cfg", "mine\n");
    }),
    State::new("untracked-in-the-way", "an untracked file where the next version has one", |lab| {
        lab.clone().write("new.py", "mine\n");
        lab.remote.commit(&[("new.py", "theirs\n")], "Add a file");
    }),
    State::new("untracked-folder-in-the-way", "an untracked folder where the next version has a file", |lab| {
        lab.clone().write("new/mine.txt", "mine\n");
        lab.remote.commit(&[("new", "theirs\n")], "Add a file");
    }),
    State::new("ignored-files", "files that .gitignore names", |lab| {
        let work = lab.clone();
        work.write("app.pyc", "compiled\n");
        work.write("build/out.py", "built\n");
    }),
    State::new("ignored-by-exclude", "an untracked source file that .git/info/exclude names", |lab| {
        let work = lab.clone();
        work.write(".git/info/exclude", "extra.py\n");
        work.write("extra.py", "extra\n");
    }),
];
