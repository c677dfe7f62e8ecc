//! The machine is rebooted, or its plug pulled, or Refit dies, in the middle of an update: after the next start the
//! repository is the old version or the new one, all of it.

use std::time::Instant;

use refit_testkit::vm::User;

use crate::printer::{PATIENCE, Printer};

/// What happens in the middle.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// `reboot`: every service is told to end.
    Reboot,
    /// The plug: nothing is told anything.
    Plug,
    /// Refit alone dies, and systemd starts it again.
    Death,
}

/// Each point of an update, with what happens there.
const CUTS: &[(&str, Cut)] = &[
    ("git_fetch.before", Cut::Reboot),
    ("git_fetch.fetched", Cut::Plug),
    ("git_switch.before", Cut::Death),
    ("git_switch.marked", Cut::Reboot),
    ("git_switch.pointed", Cut::Plug),
    ("git_switch.reset", Cut::Plug),
    ("git_switch.reset", Cut::Death),
    ("git_verify.before", Cut::Reboot),
];

#[test]
fn an_update_that_is_cut_is_settled_at_the_next_start() {
    let printer = Printer::with_refit();
    for (number, (point, cut)) in CUTS.iter().enumerate() {
        let start = Instant::now();
        let old = printer.head();
        let new = printer.publish(u32::try_from(number).expect("a few") + 2);
        let last = printer.newest_run()["run"].as_i64().unwrap_or_default();
        printer.order(&format!("{}={point}", if matches!(cut, Cut::Death) { "kill" } else { "stop" }));
        printer.refresh();
        let boot = printer.vm.must(User::Root, &["cat", "/proc/sys/kernel/random/boot_id"]);
        let _asked = printer.begin_update();
        come_down(&printer, *cut);
        let told = format!("{cut:?} at {point}:\n{}", printer.vm.journal("refit"));
        let rebooted = printer.vm.must(User::Root, &["cat", "/proc/sys/kernel/random/boot_id"]) != boot;
        assert_eq!(rebooted, !matches!(cut, Cut::Death), "{told}");
        let complaints = printer.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}\n{told}");
        // What is there is what the journal says, and that is not open any more.
        let run = printer.newest_run();
        let ours = run["run"].as_i64().is_some_and(|number| number > last);
        let side = match run["outcome"].as_str().filter(|_| ours) {
            Some("finished") => "new",
            Some("undone") | None => "old",
            Some(_) => panic!("the update is not settled: {run}; {told}"),
        };
        assert_eq!(printer.head(), if side == "new" { new } else { old }, "the journal says {side}: {run}; {told}");
        println!("{cut:?} at {point}: {side}, {:.1} s", start.elapsed().as_secs_f64());
    }
}

/// Waits until the update is in the middle, and cuts it there.
pub fn come_down(printer: &Printer, cut: Cut) {
    let vm = &printer.vm;
    match cut {
        Cut::Death => {
            vm.wait_until(PATIENCE, "Refit to die and come again", || {
                (vm.property("refit", "NRestarts") != "0").then_some(())
            });
            printer.forget_orders();
        }
        Cut::Reboot | Cut::Plug => {
            let pid = printer.main_pid("refit");
            let state = ["ps", "-o", "state=", "-p", &pid];
            vm.wait_until(PATIENCE, "Refit to halt", || (vm.must(User::Root, &state).trim() == "T").then_some(()));
            printer.forget_orders();
            if matches!(cut, Cut::Reboot) { vm.reboot() } else { vm.pull_plug() }
        }
    }
}
