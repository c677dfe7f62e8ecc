//! The table of protocol questions, asked of a server with a scripted engine. The same table is asked of the real
//! Moonraker beside Refit by the workspace's own tests, so what it says of Moonraker is not taken on trust.

mod questions;
mod scripted;

use std::collections::BTreeSet;

#[test]
fn every_question_is_answered_as_the_table_says() {
    let server = scripted::start();
    let mut wrong = Vec::new();
    for question in questions::all() {
        let expected = question.expected_of_refit();
        for (door, answer) in questions::ask(&server.doors, &question, expected) {
            if answer != expected {
                wrong.push(format!("{} ({door})\n  expected {expected}\n  answered {answer}", question.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // No misread body or argument asked for everything.
    assert!(!server.requests().contains(&refit_model::request::Request::Full));
}

#[test]
fn the_table_is_large_and_its_names_are_unique() {
    let all = questions::all();
    let doors = |question: &questions::Question| match question.asked {
        questions::Asked::Texts(doors, _) => doors.len(),
        _ => 1,
    };
    assert!(all.len() >= 80, "{} questions", all.len());
    assert!(all.iter().map(doors).sum::<usize>() >= 300);
    let asked: BTreeSet<_> = all.iter().map(|q| format!("{} {:?}", q.name, q.asked)).collect();
    assert_eq!(asked.len(), all.len());
}
