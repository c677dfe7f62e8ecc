//! `notify_proc_stat_update`, once a second while somebody listens: Mainsail closes its connection after ten seconds
//! without a data message (CONTRACT §5.1). The numbers are the kernel's, read from `/proc`.
//! Refuses to: read anything while nobody listens.

use std::sync::Arc;
use std::time::Duration;

use refit_model::event::Audience;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Shared;
use crate::wire::notification;

/// Ticks per second in `/proc/*/stat`: USER_HZ, which the kernel keeps at 100 for programs on every architecture that
/// Refit runs on.
const USER_HZ: f64 = 100.0;

#[derive(Serialize)]
struct Update {
    moonraker_stats: Own,
    cpu_temp: Option<f64>,
    network: Map<String, Value>,
    system_cpu_usage: Map<String, Value>,
    system_memory: Memory,
    websocket_connections: usize,
}

#[derive(Serialize)]
struct Own {
    time: f64,
    cpu_usage: f64,
    memory: u64,
    mem_units: &'static str,
}

#[derive(Serialize, Default)]
struct Memory {
    total: u64,
    available: u64,
    used: u64,
}

/// What the next reading is compared with.
#[derive(Default)]
struct Sample {
    own_ticks: f64,
    /// Name, busy ticks, all ticks.
    cpus: Vec<(String, f64, f64)>,
    /// Name, bytes both ways.
    traffic: Vec<(String, f64)>,
}

/// Sends the update each second.
pub(crate) async fn every_second(shared: Arc<Shared>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<(Instant, Sample)> = None;
    loop {
        ticks.tick().await;
        if !shared.hub.has_listeners() {
            before = None;
            continue;
        }
        let now = Instant::now();
        let (since, earlier) = before.take().unwrap_or((now, Sample::default()));
        let (update, sample) = read(&shared, &earlier, (now - since).as_secs_f64());
        before = Some((now, sample));
        shared.hub.tell(Audience::Everybody, &notification("notify_proc_stat_update", Some(&update)).into());
    }
}

fn read(shared: &Shared, before: &Sample, seconds: f64) -> (Update, Sample) {
    let own_ticks = own_ticks(&file("/proc/self/stat")).unwrap_or(0.0);
    let per_second = |now: f64, earlier: f64| if seconds > 0.0 { rounded((now - earlier) / seconds) } else { 0.0 };
    let cpus = cpus(&file("/proc/stat"));
    let (network, traffic) = network(&file("/proc/net/dev"), &before.traffic, seconds);
    let update = Update {
        moonraker_stats: Own {
            time: shared.clock.now(),
            cpu_usage: per_second(own_ticks * 100.0 / USER_HZ, before.own_ticks * 100.0 / USER_HZ),
            memory: kilobytes(&file("/proc/self/status"), "VmRSS:").unwrap_or(0),
            mem_units: "kB",
        },
        // Millidegrees; absent on machines without a sensor.
        cpu_temp: file("/sys/class/thermal/thermal_zone0/temp").trim().parse::<f64>().ok().map(|t| rounded(t / 1000.0)),
        network,
        system_cpu_usage: usage(&cpus, &before.cpus),
        system_memory: memory(&file("/proc/meminfo")),
        websocket_connections: shared.hub.count(),
    };
    (update, Sample { own_ticks, cpus, traffic })
}

/// A small file of the kernel; empty when it is not there. These never wait for a disk.
fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// User and system ticks: fields 14 and 15 of proc(5), counted behind the name, which may hold blanks.
fn own_ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn cpus(stat: &str) -> Vec<(String, f64, f64)> {
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().filter(|name| name.starts_with("cpu"))?;
        let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
        // Guest time, from the ninth field on, is part of user time already.
        let all: f64 = ticks.iter().take(8).sum();
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        Some((name.to_owned(), all - idle, all))
    };
    stat.lines().map_while(line).collect()
}

fn usage(now: &[(String, f64, f64)], before: &[(String, f64, f64)]) -> Map<String, Value> {
    let percent = |(name, busy, all): &(String, f64, f64)| {
        let earlier = before.iter().find(|(earlier, _, _)| earlier == name);
        let (busy, all) = earlier.map_or((0.0, 0.0), |(_, b, a)| (busy - b, all - a));
        (name.clone(), json!(if all > 0.0 { rounded(busy * 100.0 / all) } else { 0.0 }))
    };
    now.iter().map(percent).collect()
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()?.parse().ok()
}

fn memory(meminfo: &str) -> Memory {
    let total = kilobytes(meminfo, "MemTotal:").unwrap_or(0);
    let available = kilobytes(meminfo, "MemAvailable:").unwrap_or(0);
    Memory { total, available, used: total.saturating_sub(available) }
}

fn network(dev: &str, before: &[(String, f64)], seconds: f64) -> (Map<String, Value>, Vec<(String, f64)>) {
    let (mut shown, mut traffic) = (Map::new(), Vec::new());
    for line in dev.lines().skip(2) {
        let Some((name, counts)) = line.split_once(':') else { continue };
        let counts: Vec<u64> = counts.split_ascii_whitespace().filter_map(|count| count.parse().ok()).collect();
        let [rx_bytes, rx_packets, rx_errs, rx_drop, _, _, _, _, tx_bytes, tx_packets, tx_errs, tx_drop, ..] =
            counts[..]
        else {
            continue;
        };
        let name = name.trim().to_owned();
        #[expect(clippy::cast_precision_loss, reason = "a rate; the last bits of a byte counter do not show in it")]
        let bytes = (rx_bytes + tx_bytes) as f64;
        let earlier = before.iter().find(|(earlier, _)| *earlier == name).map_or(bytes, |(_, bytes)| *bytes);
        let bandwidth = if seconds > 0.0 { rounded((bytes - earlier) / seconds) } else { 0.0 };
        shown.insert(
            name.clone(),
            json!({
                "rx_bytes": rx_bytes, "tx_bytes": tx_bytes, "rx_packets": rx_packets, "tx_packets": tx_packets,
                "rx_errs": rx_errs, "tx_errs": tx_errs, "rx_drop": rx_drop, "tx_drop": tx_drop,
                "bandwidth": bandwidth,
            }),
        );
        traffic.push((name, bytes));
    }
    (shown, traffic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(own_ticks("1 (a b) c) S 1 1 1 0 -1 4 5 6 7 8 120 30 0 0 20"), Some(150.0));
        let now = cpus("cpu  30 0 10 50 10 0 0 0 0 0\ncpu0 30 0 10 50 10 0 0 0 0 0\nintr 5\n");
        let before = cpus("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
        assert_eq!(Value::Object(usage(&now, &before)), json!({ "cpu": 40.0, "cpu0": 40.0 }));
        let memory = memory("MemTotal:  100 kB\nMemAvailable:  60 kB\n");
        assert_eq!((memory.total, memory.available, memory.used), (100, 60, 40));
        let dev = "Inter\n face\n  lo: 100 2 0 1 0 0 0 0 50 3 0 0 0 0 0 0\n";
        let (shown, traffic) = network(dev, &[("lo".to_owned(), 50.0)], 2.0);
        assert_eq!(traffic, [("lo".to_owned(), 150.0)]);
        assert_eq!(
            Value::Object(shown),
            json!({ "lo": { "rx_bytes": 100, "tx_bytes": 50, "rx_packets": 2, "tx_packets": 3, "rx_errs": 0,
                "tx_errs": 0, "rx_drop": 1, "tx_drop": 0, "bandwidth": 50.0 } })
        );
    }

    #[test]
    fn tables_that_are_not_there_are_no_numbers() {
        assert_eq!(own_ticks(""), None);
        assert!(cpus("").is_empty());
        assert_eq!(memory("").used, 0);
        assert!(network("", &[], 1.0).0.is_empty());
    }
}
