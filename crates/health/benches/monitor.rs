//! What a heartbeat costs among many senders, and what a sender takes.
//!
//! ```text
//! cargo bench -p headcount-health --bench monitor -- [senders] [policy]
//! ```
//! Every sender beats once a second of virtual time, one in a thousand of the heartbeats is lost, and
//! events are polled each virtual millisecond. It prints the wall time of a heartbeat and its share of
//! the polling, in the order in which senders came first, as regular ones keep it, and in another
//! one that memory does not like; and of a first heartbeat, which takes memory; and the bytes a sender
//! takes, as the monitor says and as the system counts them. Where others use the machine, they have
//! their share: the quickest virtual second is shown too. Heartbeats come one at a
//! time, or 256 as a driver may have them that reads many datagrams at once.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures wall time")]

use std::time::{Duration, Instant};

use headcount_health::{HeartbeatMonitor, HeartbeatPolicy};
use headcount_state::{MemberId, Time};

const SECONDS: u64 = 6;

fn main() {
    let senders = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000).max(1_000);
    let wanted = std::env::args().find(|arg| ["fixed", "phi", "two-window"].contains(&&**arg));
    let second = Duration::from_secs(1);
    println!("{senders} senders, {SECONDS} heartbeats each in each order");
    for (name, policy) in [
        ("fixed", HeartbeatPolicy::fixed(second)),
        ("phi", HeartbeatPolicy::phi(second)),
        ("two-window", HeartbeatPolicy::two_window(second)),
    ] {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            measure(name, policy, senders);
        }
    }
}

fn measure(name: &str, policy: HeartbeatPolicy, senders: u64) {
    let before = resident();
    let mut monitor = HeartbeatMonitor::new(policy, senders as usize).expect("a monitor");
    let begun = Instant::now();
    for number in 0..senders {
        monitor.record(id(number), due(number, 0, senders)).expect("there is room");
    }
    let first = begun.elapsed();
    let events = monitor.poll_events(Time::from_millis(999)).count();
    assert_eq!(events as u64, senders, "each is told of once");
    let mut second = 0;
    let resident = resident().saturating_sub(before);
    let first = first.as_secs_f64() * 1e9 / senders as f64;
    let said = monitor.heap_bytes() as f64 / senders as f64;
    let counted = resident as f64 / senders as f64;
    println!("{name:12} first heartbeat {first:.0} ns, {said:.1} bytes a sender ({counted:.1})");
    for (order, step) in [("as they came", 1), ("scattered", 7_919)] {
        for batch in [1, 256] {
            let (mut record, mut poll) = (Vec::new(), Vec::new());
            for _ in 0..SECONDS {
                second += 1;
                let (recording, polling) = play(&mut monitor, second, senders, step, batch);
                record.push(recording.as_secs_f64() * 1e9 / senders as f64);
                poll.push(polling.as_secs_f64() * 1e9 / senders as f64);
            }
            let (record, poll) = (shown(record), shown(poll));
            println!("{:12} {order:14} {batch:4} at a time: {record}, polling {poll}", "");
        }
    }
}

/// A second in which all senders beat, and how long it takes to record that, and to poll.
fn play(
    monitor: &mut HeartbeatMonitor,
    second: u64,
    senders: u64,
    step: u64,
    batch: usize,
) -> (Duration, Duration) {
    let (mut recording, mut polling) = (Duration::ZERO, Duration::ZERO);
    for ms in 0..1_000 {
        let now = Time::from_millis(second * 1_000 + ms);
        let all = senders * ms / 1_000..senders * (ms + 1) / 1_000;
        let kept = all
            .map(|number| number * step % senders)
            .filter(|n| !(n + second).is_multiple_of(1_000));
        let beats: Vec<(MemberId, Time)> = kept.map(|number| (id(number), now)).collect();
        let mark = Instant::now();
        if batch == 1 {
            beats.iter().for_each(|(id, now)| monitor.record(*id, *now).expect("it is known"));
        } else {
            beats.chunks(batch).for_each(|beats| assert_eq!(monitor.record_all(beats), 0));
        }
        recording += mark.elapsed();
        let mark = Instant::now();
        assert_eq!(monitor.poll_events(now).count(), 0, "nobody is silent for so long");
        polling += mark.elapsed();
    }
    (recording, polling)
}

fn id(number: u64) -> MemberId {
    MemberId::from_u64(number + 1).expect("not zero")
}

fn due(number: u64, second: u64, senders: u64) -> Time {
    Time::from_micros(second * 1_000_000 + number * 998_000 / senders)
}

fn shown(mut each: Vec<f64>) -> String {
    each.sort_by(f64::total_cmp);
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    format!("{mean:.0} ns (quickest {:.0})", each[0])
}

/// The memory that the process holds, where the system says so.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
