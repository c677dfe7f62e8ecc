//! Points at which a test can have this process killed or halted, so that every cut of a step can be tried.
//!
//! The orders come from the binary, in builds for tests only: without debug assertions and without the feature
//! `fault-injection` every point is nothing at all.
//! Refuses to: read the environment, or to do anything at a point but die, halt, or note that it was there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
#[cfg(any(debug_assertions, feature = "fault-injection"))]
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;

/// Every point there is, in the order of a plan. `<step>.before` and `<step>.after` stand around a step's act and
/// `<undo>.before` and `<undo>.after` around an undo's; the others lie inside.
pub const POINTS: &[&str] = &[
    "journal.begin.before",
    "journal.begin.after",
    "journal.append.before",
    "journal.append.after",
    "check_printer.before",
    "check_printer.after",
    "git_heal.before",
    "git_heal.moved",
    "git_heal.rebuilt",
    "git_heal.after",
    "git_fetch.before",
    "git_fetch.fetched",
    "git_fetch.rooted",
    "git_fetch.after",
    "git_keep_aside.before",
    "git_keep_aside.copied",
    "git_keep_aside.listed",
    "git_keep_aside.after",
    "git_switch.before",
    "git_switch.marked",
    "git_switch.pointed",
    "git_switch.reset",
    "git_switch.synced",
    "git_switch.after",
    "git_verify.before",
    "git_verify.after",
    "git_clone.before",
    "git_clone.cloned",
    "git_clone.after",
    "git_carry_over.before",
    "git_carry_over.after",
    "folder_exchange.before",
    "folder_exchange.exchanged",
    "folder_exchange.moved",
    "folder_exchange.after",
    "release_learn.before",
    "release_learn.unpacked",
    "release_learn.after",
    "release_download.before",
    "release_download.fetched",
    "release_download.after",
    "release_unpack.before",
    "release_unpack.unpacked",
    "release_unpack.shared",
    "release_unpack.after",
    "release_stage_kept.before",
    "release_stage_kept.after",
    "release_probe.before",
    "release_probe.after",
    "release_carry_over.before",
    "release_carry_over.copied",
    "release_carry_over.kept",
    "release_carry_over.after",
    "release_exchange.before",
    "release_exchange.after",
    "release_verify.before",
    "release_verify.after",
    "release_prune.before",
    "release_prune.listed",
    "release_prune.leaving",
    "release_prune.after",
    "environment_stage.before",
    "environment_stage.copied",
    "environment_stage.after",
    "environment_install.before",
    "environment_install.installed",
    "environment_install.after",
    "environment_check.before",
    "environment_check.fitting",
    "environment_check.after",
    "environment_exchange.before",
    "environment_exchange.after",
    "environment_keep_snapshot.before",
    "environment_keep_snapshot.after",
    "environment_prune.before",
    "environment_prune.leaving",
    "environment_prune.after",
    "packages_fetch.before",
    "packages_fetch.after",
    "packages_install.before",
    "packages_install.installed",
    "packages_install.after",
    "node_stage.before",
    "node_stage.installed",
    "node_stage.after",
    "node_exchange.before",
    "node_exchange.after",
    "node_prune.before",
    "node_prune.after",
    "health_record.before",
    "health_record.after",
    "service_observe.before",
    "service_observe.after",
    "service_restart.before",
    "service_restart.restarted",
    "service_restart.after",
    "service_postpone.before",
    "service_postpone.after",
    "health_check.before",
    "health_check.seen",
    "health_check.after",
    "system_mend.before",
    "system_mend.after",
    "system_download.before",
    "system_download.after",
    "system_install.before",
    "system_install.installed",
    "system_install.after",
    "system_settle.before",
    "system_settle.after",
    "packages_remove_added.before",
    "packages_remove_added.after",
    "services_restart_again.before",
    "services_restart_again.after",
    "release_exchange_back.before",
    "release_exchange_back.after",
    "git_switch_back.before",
    "git_switch_back.forward",
    "git_switch_back.pointed",
    "git_switch_back.reset",
    "git_switch_back.after",
    "git_put_back.before",
    "git_put_back.copied",
    "git_put_back.after",
    "environment_put_back.before",
    "environment_put_back.after",
    "delete_stage.before",
    "delete_stage.after",
    "folder_exchange_back.before",
    "folder_exchange_back.after",
    "health_again.before",
    "health_again.after",
];

/// Orders that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadOrders {
    /// The name is not in [`POINTS`].
    #[error("there is no point '{0}' to be killed at")]
    NoSuchPoint(String),
    /// Neither a point nor one of the words of [`FaultPlan::parse`].
    #[error(
        "'{0}' is no order; the orders are <point>, kill=<point>, stop=<point>, note=<file>, boot=<id>, patience=<ms>, \
         settling=<ms> and systemd=<folder>"
    )]
    NoSuchOrder(String),
}

/// What is to happen at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Dies as in a power cut: no destructor, no flush.
    Kill,
    /// Stands still until it is told to go on (SIGCONT), while the test changes the world.
    Stop,
}

/// Where this process is to be killed or halted.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    orders: Option<Arc<Orders>>,
}

#[derive(Debug, Default)]
struct Orders {
    fates: Vec<Destiny>,
    note: Option<PathBuf>,
    boot_id: Option<String>,
    patience: Option<Duration>,
    settling: Option<Duration>,
    systemd: Option<PathBuf>,
}

#[derive(Debug)]
#[cfg_attr(
    not(any(debug_assertions, feature = "fault-injection")),
    expect(
        dead_code,
        reason = "orders are read in every build, so that a wrong one is told, and followed in builds for tests"
    )
)]
struct Destiny {
    fate: Fate,
    point: &'static str,
    /// How many more times the point is passed unharmed.
    spared: AtomicU32,
}

impl FaultPlan {
    /// Nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Killed at a point, the first time it is reached.
    ///
    /// # Errors
    /// [`BadOrders`].
    pub fn kill_at(point: &str) -> Result<Self, BadOrders> {
        Self::parse(point)
    }

    /// Orders separated by commas: `kill=<point>` (or the bare point), `stop=<point>`, either with `*<n>` for the nth time
    /// that the point is reached; `note=<file>` appends the name of each point that is reached; `boot=<id>` is the boot
    /// that the machine pretends to be in; `patience=<ms>` is how long a release server may be silent, and how
    /// long what is asked for its health may take until it is well; `settling=<ms>` is how
    /// long a restarted service has to run before it is believed to run; `systemd=<folder>` is what tells by being there that
    /// systemd runs the machine.
    ///
    /// # Errors
    /// [`BadOrders`].
    pub fn parse(text: &str) -> Result<Self, BadOrders> {
        let mut orders = Orders::default();
        for order in text.split(',').map(str::trim).filter(|order| !order.is_empty()) {
            match order.split_once('=') {
                Some(("note", file)) => orders.note = Some(PathBuf::from(file)),
                Some(("boot", id)) => orders.boot_id = Some(id.to_owned()),
                Some((kind @ ("patience" | "settling"), ms)) => {
                    let ms = ms.parse().map_err(|_| BadOrders::NoSuchOrder(order.to_owned()))?;
                    let time = if kind == "patience" { &mut orders.patience } else { &mut orders.settling };
                    *time = Some(Duration::from_millis(ms));
                }
                Some(("systemd", folder)) => orders.systemd = Some(PathBuf::from(folder)),
                Some(("kill", point)) => orders.send(Fate::Kill, point)?,
                Some(("stop", point)) => orders.send(Fate::Stop, point)?,
                None => orders.send(Fate::Kill, order)?,
                Some(_) => return Err(BadOrders::NoSuchOrder(order.to_owned())),
            }
        }
        Ok(Self { orders: Some(Arc::new(orders)) })
    }

    /// The boot that the machine pretends to be in; none for the true one.
    #[must_use]
    pub fn boot_id(&self) -> Option<&str> {
        self.orders.as_ref()?.boot_id.as_deref()
    }

    /// How long a release server may be silent, and what is asked for its health may take; none for the usual times.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.orders.as_ref()?.patience
    }

    /// How long a restarted service has to run before it is believed to run; none for the usual time.
    #[must_use]
    pub fn settling(&self) -> Option<Duration> {
        self.orders.as_ref()?.settling
    }

    /// What tells by being there that systemd runs the machine; none for the true one.
    #[must_use]
    pub fn systemd(&self) -> Option<&Path> {
        self.orders.as_ref()?.systemd.as_deref()
    }

    /// Says that a point is reached. Dies or halts there when the orders say so.
    pub fn reach(&self, point: &str) {
        #[cfg(any(debug_assertions, feature = "fault-injection"))]
        {
            debug_assert!(POINTS.contains(&point), "the point {point} is not in the list");
            if let Some(orders) = &self.orders {
                orders.reach(point);
            }
        }
        #[cfg(not(any(debug_assertions, feature = "fault-injection")))]
        let _ = point;
    }
}

impl Orders {
    fn send(&mut self, fate: Fate, target: &str) -> Result<(), BadOrders> {
        let unknown = || BadOrders::NoSuchPoint(target.to_owned());
        let (point, nth) = match target.split_once('*') {
            Some((point, nth)) => (point, nth.parse::<u32>().map_err(|_| unknown())?),
            None => (target, 1),
        };
        let known = POINTS.iter().find(|known| **known == point).ok_or_else(unknown)?;
        self.fates.push(Destiny { fate, point: known, spared: AtomicU32::new(nth.saturating_sub(1)) });
        Ok(())
    }

    #[cfg(any(debug_assertions, feature = "fault-injection"))]
    fn reach(&self, point: &str) {
        use rustix::process::{Signal, getpid, kill_process};

        if let Some(file) = &self.note {
            let opened = std::fs::File::options().create(true).append(true).open(file);
            let _unnoted =
                opened.and_then(|mut file| std::io::Write::write_all(&mut file, format!("{point}\n").as_bytes()));
        }
        for destiny in self.fates.iter().filter(|destiny| destiny.point == point) {
            let spared = destiny.spared.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            match (destiny.fate, spared) {
                (_, Ok(_)) => {}
                // A signal to oneself that kills is delivered before this returns.
                (Fate::Kill, Err(_)) => {
                    let _dead = kill_process(getpid(), Signal::KILL);
                }
                (Fate::Stop, Err(_)) => {
                    // Only once; afterwards the point is passed unharmed.
                    destiny.spared.store(u32::MAX, Ordering::SeqCst);
                    let _halted = kill_process(getpid(), Signal::STOP);
                    // Another thread may take the signal, a moment later than this one would.
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_one_name_each() {
        let mut sorted = POINTS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), POINTS.len());
        assert!(FaultPlan::kill_at("git_switch.reset").is_ok());
        assert_eq!(FaultPlan::kill_at("x").unwrap_err(), BadOrders::NoSuchPoint("x".to_owned()));
        FaultPlan::none().reach("git_switch.reset");
    }

    #[test]
    fn orders_are_followed_and_nonsense_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("reached");
        let orders = format!(
            "boot=another, note={}, patience=50, settling=70, systemd=/s, kill=git_switch.reset*3",
            file.display()
        );
        let plan = FaultPlan::parse(&format!("{orders}, stop=git_switch.after*2")).expect("orders");
        assert_eq!(plan.boot_id(), Some("another"));
        assert_eq!(plan.patience(), Some(Duration::from_millis(50)));
        assert_eq!(plan.settling(), Some(Duration::from_millis(70)));
        assert_eq!(plan.systemd(), Some(Path::new("/s")));
        plan.reach("git_switch.reset");
        plan.clone().reach("git_switch.reset");
        plan.reach("git_switch.synced");
        let noted = std::fs::read_to_string(&file).expect("points");
        assert_eq!(noted, "git_switch.reset\ngit_switch.reset\ngit_switch.synced\n");
        assert_eq!(FaultPlan::none().boot_id(), None);
        for nonsense in ["stop=x", "kill=git_switch.reset*often", "dance=now", "patience=much"] {
            assert!(FaultPlan::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}
