//! Clean repositories, current or behind.

use super::State;
use crate::git::Commit;

pub(super) const STATES: &[State] = &[
    State::new("clean", "as cloned, up to date", |lab| {
        lab.clone();
    }),
    State::new("clean-fetched", "up to date, and fetched", |lab| {
        lab.clone().git(&["fetch", "--quiet", "origin"]);
    }),
    State::new("behind-1", "one commit behind", |lab| {
        lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n"), ("new.py", "new\n")], "Change and add");
    }),
    State::new("behind-1-fetched", "one commit behind, and it knows", |lab| {
        let work = lab.clone();
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
        work.git(&["fetch", "--quiet", "origin"]);
    }),
    State::new("behind-35-untagged", "more commits behind than are listed untagged", |lab| {
        lab.clone();
        lab.remote.history(35, "Work");
    }),
    State::new("behind-40-tagged", "40 commits behind, every fifth tagged, alternating in kind", |lab| {
        lab.clone();
        tagged_history(lab, 40, 5);
    }),
    State::new("behind-120-tagged", "120 commits behind, with tags beyond the hundred that are listed", |lab| {
        lab.clone();
        tagged_history(lab, 120, 10);
    }),
    State::new("behind-merge", "behind by a merge of two branches", |lab| {
        lab.clone();
        lab.remote.force("side", "master~1");
        let side = lab.remote.push("side", &Commit::new("On the side").file("side.py", "side\n"));
        lab.remote.commit(&[("app.py", "print('trunk')\n")], "On the trunk");
        lab.remote.push("master", &Commit::new("Merge side").merge(&side).file("side.py", "side\n"));
    }),
    State::new("behind-messages", "behind by commits with odd messages and authors", |lab| {
        lab.clone();
        let messages = [
            Commit::new("Subject with \"quotes\", 'ticks' & <b>markup</b>").body("Body\n\n  indented\n\ttabbed"),
            Commit::new("Umlaute äöü, 漢字 and 🖨").author("Zoë Ünïcode <zoe@example.org>"),
            Commit::new("Terminal \u{1b}[31mred\u{1b}[0m bytes"),
            Commit::new(
                "Separators | ; , \u{1f} \u{2028} and a very long subject that goes on and on and on for a while",
            ),
            Commit::new("Two\nlines of subject"),
        ];
        let numbered = messages.into_iter().enumerate();
        let commits: Vec<Commit> = numbered.map(|(n, c)| c.file("app.py", format!("print({n})\n"))).collect();
        lab.remote.push_all("master", &commits);
    }),
    State::new(
        "behind-everything",
        "behind by deletes, renames, mode and type changes, a file become a folder",
        |lab| {
            lab.clone();
            let change = Commit::new("Change everything")
                .delete("src/part.c")
                .file("src/renamed.c", "int part(void) { return 1; }\n")
                .file("scripts/run.sh", "#!/bin/sh\necho run\n")
                .exec("app.py", "print('two')\n")
                .delete("docs/readme")
                .file("docs/readme/index.md", "# Docs\n")
                .link("config/printer.cfg", "../README.md");
            lab.remote.push("master", &change);
        },
    ),
];

fn tagged_history(lab: &super::StateLab, count: usize, every: usize) {
    let shas = lab.remote.history(count, "Work");
    for (index, sha) in shas.iter().enumerate().skip(every - 1).step_by(every) {
        let name = format!("v0.2.{}", (index + 1) / every);
        if ((index + 1) / every).is_multiple_of(2) {
            lab.remote.tag_at(&name, sha);
        } else {
            let date = lab.world.tick();
            lab.remote.annotate_at(&name, "Release", sha, date);
        }
    }
}
