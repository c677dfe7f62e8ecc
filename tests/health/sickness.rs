//! Each kind of sickness: an update that causes it is undone, again and again.

use serde_json::json;

use crate::world::World;

/// What is sick about a version, and what the message says of it.
const KINDS: [(&str, &str); 9] = [
    ("exits 0", "the service app"),
    ("crashes 0.6", "the service app"),
    (
        "klipper-error 0",
        "after the restart Klipper reported 'mcu 'mcu': Protocol error Update the firmware.' (it was ready before)",
    ),
    (
        "klipper-shutdown 0",
        "after the restart Klipper reported 'Lost communication with MCU 'mcu'' (it was ready before)",
    ),
    ("moonraker-component 0", "Moonraker could not load spoolman (it could before)"),
    ("url 0", "fails: it answered 500, not 200 (it passed before)"),
    ("command 0", "fails: the camera does not answer (exit code 1) (it passed before)"),
    ("unit 0", "the check 'unit helper' fails: it does not run (failed, exit-code) (it passed before)"),
    ("none 0", ""),
];

/// Those that are waited for, since it may still come.
const SILENT: [(&str, &str); 2] = [
    ("moonraker-gone 0", "Moonraker does not answer any more"),
    ("klipper-silent 0", "Klipper did not answer on its socket after the restart (it was ready before)"),
];

fn rounds() -> u32 {
    std::env::var("REFIT_HEALTH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Updates to a version that is sick, and looks at what is there then.
fn suffer(world: &World, well: &str, number: u32, sick: &str, words: &str) {
    world.publish(number, sick);
    let told = world.update("app").unwrap_or_else(|| panic!("{sick}: the update went through\n{}", world.log()));
    let run = world.newest_run("app");
    let what = format!("{sick}: {told}\n{run}\n{}", world.log());
    assert!(told.contains(words), "{what}");
    assert_eq!((run["outcome"].as_str(), run["error"].as_str()), (Some("undone"), Some(told.as_str())), "{what}");
    assert_eq!(world.installed(), well, "{what}");
    let everything = ["app", "helper", "klipper", "moonraker"];
    assert_eq!(world.running(), everything.map(|unit| (unit.to_owned(), well.to_owned())), "{what}");
    // What dies while it is being restarted is seen by the restart itself.
    if !sick.starts_with("exits") && !told.contains("does not run after its restart") {
        assert!(told.starts_with("app's update was taken back: "), "{what}");
        assert!(
            told.contains("is in use again and Klipper is ready, Moonraker answers and the 3 declared checks pass"),
            "{what}"
        );
    }
}

#[test]
fn an_update_that_makes_something_sick_is_undone_and_a_well_one_stays() {
    let world = World::new();
    let (mut number, mut well) = (1, "1".to_owned());
    for round in 1..=rounds() {
        for (sick, words) in &KINDS {
            number += 1;
            if *sick == "none 0" {
                world.publish(number, sick);
                assert_eq!(world.update("app"), None, "{}", world.log());
                well = number.to_string();
                assert_eq!(world.installed(), well);
                assert!(world.running().iter().all(|(_, runs)| *runs == well), "{:?}", world.running());
            } else {
                suffer(&world, &well, number, sick, words);
            }
        }
        println!("round {round}: {} kinds of sickness, all undone", KINDS.len() - 1);
    }
}

#[test]
fn who_does_not_answer_any_more_is_waited_for_and_then_the_update_is_undone() {
    let world = World::new();
    let mut number = 1;
    for _round in 0..rounds() {
        for (sick, words) in &SILENT {
            number += 1;
            suffer(&world, "1", number, sick, words);
        }
    }
}

#[test]
fn a_new_warning_of_moonraker_is_told_and_nothing_is_undone() {
    let world = World::new();
    world.publish(2, "moonraker-warning 0");
    assert_eq!(world.update("app"), None, "{}", world.log());
    assert_eq!(world.installed(), "2");
    let run = world.newest_run("app").to_string();
    assert!(run.contains("Moonraker answers, and warns of more than before: 'it is odd'"), "{run}");
}

/// What was sick before is no reason to take an update back, nor is what somebody asked to go back to.
#[test]
fn a_sick_printer_may_be_updated_and_a_rollback_to_a_sick_version_stays() {
    let world = World::new();
    // Sick from now on, with nobody's update: what runs is what the owner changed and restarted by hand.
    let sick = world.path("software/app/sick.txt");
    let restart = |unit: &str| world.restart(unit);
    std::fs::write(&sick, "klipper-error 0\n").expect("a change");
    restart("klipper");
    std::fs::write(&sick, "none 0\n").expect("a change");
    world.publish(2, "klipper-error 0");
    assert_eq!(world.update("app"), None, "{}", world.log());
    let run = world.newest_run("app");
    for told in
        ["not well before the change: Klipper was not ready", "Git Repo app: Klipper was not ready before either"]
    {
        assert!(run.to_string().contains(told), "{told}: {run}");
    }
    assert_eq!(world.installed(), "2");
    // The next one is well, and going back to the one that is not is told and not undone.
    world.publish(3, "none 0");
    assert_eq!(world.update("app"), None, "{}", world.log());
    let told = world.ask("machine.update.rollback", json!({"name": "app"}));
    assert_eq!(told["result"], "ok", "{told}\n{}", world.log());
    assert_eq!(world.installed(), "2");
    let run = world.newest_run("app");
    assert_eq!(run["outcome"], "finished", "{run}");
    assert!(run.to_string().contains("it is not well: after the restart Klipper reported"), "{run}");
}
