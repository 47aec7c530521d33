//! The heartbeats that arrive of one sender, until it dies.

use super::published;
use crate::random::Random;

/// What happens to the heartbeats. All but the published trace are sent every 100 ms for four
/// hours; a heartbeat takes 20 ms and some jitter, never overtakes another, and one in a thousand is
/// lost. In the end the sender dies right after it has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// Nothing more.
    Calm,
    /// Losses come in bursts (Gilbert 1960, Elliott 1963): of a thousand heartbeats one begins a bad
    /// time of five on average, in which four of five are lost.
    Bursts,
    /// The delay rises to 120 ms and falls again within ten minutes.
    Drift,
    /// The jitter has a heavy tail (Pareto, exponent 2): one heartbeat in 10,000 is late by a
    /// second.
    HeavyTail,
    /// The sender stands still once a minute on average, for up to three seconds, and skips the
    /// heartbeats of that time.
    Pauses,
    /// Ten minutes with pauses alone and two with all of these, by turns.
    Mixed,
    /// As lossy as the trace that Hayashibara and others measured for a week.
    Published,
}

/// The interval of the heartbeats, in microseconds.
const INTERVAL_US: f64 = 100_000.0;
const HEARTBEATS: u64 = 4 * 36_000;
const DELAY_US: f64 = 20_000.0;
const LOSS: f64 = 0.001;

impl TraceKind {
    /// Every kind, in the order of the tables.
    pub const ALL: [TraceKind; 7] = [
        TraceKind::Calm,
        TraceKind::Bursts,
        TraceKind::Drift,
        TraceKind::HeavyTail,
        TraceKind::Pauses,
        TraceKind::Mixed,
        TraceKind::Published,
    ];

    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            TraceKind::Calm => "calm",
            TraceKind::Bursts => "bursts",
            TraceKind::Drift => "drift",
            TraceKind::HeavyTail => "heavy-tail",
            TraceKind::Pauses => "pauses",
            TraceKind::Mixed => "mixed",
            TraceKind::Published => "published",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<TraceKind> {
        TraceKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The interval at which heartbeats are sent, in microseconds.
    pub fn interval_us(self) -> f64 {
        match self {
            TraceKind::Published => published::INTERVAL_US,
            _ => INTERVAL_US,
        }
    }

    /// How many heartbeats are sent.
    pub fn heartbeats(self) -> u64 {
        match self {
            TraceKind::Published => published::HEARTBEATS,
            _ => HEARTBEATS,
        }
    }
}

/// A heartbeat that arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Beat {
    /// The how many-th it is of those that were due, lost ones and skipped ones included.
    pub(super) number: u64,
    /// In microseconds since the beginning.
    pub(super) sent_us: f64,
    pub(super) at_us: f64,
}

/// The heartbeats of a trace that arrive, in order. The last one is sent right before the crash.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    kind: TraceKind,
    random: Random,
    /// The next one that is due.
    number: u64,
    last_us: f64,
    /// Until when the sender stands still.
    paused_us: f64,
    /// How many heartbeats more are lost.
    burst: u64,
    bad: bool,
}

impl Trace {
    pub(super) fn new(kind: TraceKind, seed: u64) -> Trace {
        let random = Random::new(seed, kind.as_str());
        Trace { kind, random, number: 0, last_us: 0.0, paused_us: 0.0, burst: 0, bad: false }
    }

    /// Whether the heartbeat is lost; a fixed number of draws.
    fn is_lost(&mut self, bursts: bool) -> bool {
        let (change, loss, length) = (self.random.unit(), self.random.unit(), self.random.unit());
        if self.kind == TraceKind::Published {
            if self.burst == 0 && change < published::BURST_BEGINS {
                self.burst = published::burst(length);
            }
            let lost = self.burst > 0;
            self.burst = self.burst.saturating_sub(1);
            return lost;
        }
        self.bad = bursts && if self.bad { change >= 0.2 } else { change < 0.001 };
        loss < if self.bad { 0.8 } else { LOSS }
    }

    /// How long the heartbeat is under way, in microseconds; a fixed number of draws.
    fn delay_us(&mut self, sent_us: f64, drifts: bool, heavy: bool) -> f64 {
        // Nearly normal: the mean of four is 2, the deviation the root of a third.
        let about_two: f64 = (0..4).map(|_| self.random.unit()).sum();
        let tail = 1.0 / self.random.unit().max(1e-9).sqrt();
        if self.kind == TraceKind::Published {
            return published::delay_us(sent_us, about_two, tail);
        }
        let minutes = sent_us / 60e6 % 10.0;
        let risen = if drifts { 20_000.0 * minutes.min(10.0 - minutes) } else { 0.0 };
        let jitter = if heavy { 10_000.0 * (tail - 1.0).min(500.0) } else { 0.0 };
        DELAY_US + 2_000.0 * about_two + risen + jitter
    }

    /// When the sender sends what is due, unless it stands still; a fixed number of draws.
    fn sent_us(&mut self, pauses: bool) -> Option<f64> {
        let (begins, length) = (self.random.unit(), self.random.unit());
        let due = self.number as f64 * self.kind.interval_us();
        if pauses && begins < 1.0 / 600.0 {
            self.paused_us = self.paused_us.max(due + 3e6 * length * length);
        }
        (due >= self.paused_us).then_some(due)
    }
}

impl Iterator for Trace {
    type Item = Beat;

    fn next(&mut self) -> Option<Beat> {
        let last = self.kind.heartbeats().checked_sub(1)?;
        while self.number <= last {
            let number = self.number;
            let due_us = number as f64 * self.kind.interval_us();
            let bad_times = self.kind == TraceKind::Mixed && due_us / 60e6 % 12.0 >= 10.0;
            let is = |kind| self.kind == kind || bad_times;
            let (bursts, drifts, heavy) =
                (is(TraceKind::Bursts), is(TraceKind::Drift), is(TraceKind::HeavyTail));
            let pauses = matches!(self.kind, TraceKind::Pauses | TraceKind::Mixed);
            let sent = self.sent_us(pauses);
            let lost = self.is_lost(bursts);
            let delay = self.delay_us(due_us, drifts, heavy);
            self.number += 1;
            // The last one is there, whatever happens: of it one knows when the sender died.
            let sent = if number == last { Some(due_us) } else { sent.filter(|_| !lost) };
            if let Some(sent_us) = sent {
                self.last_us = (sent_us + delay).ceil().max(self.last_us + 1.0);
                return Some(Beat { number, sent_us, at_us: self.last_us });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(kind: TraceKind) -> Vec<Beat> {
        Trace::new(kind, 1).collect()
    }

    /// How long the silences between arrivals are, in seconds.
    fn silences(kind: TraceKind) -> Vec<f64> {
        let beats = beats(kind);
        beats.windows(2).map(|two| (two[1].at_us - two[0].at_us) / 1e6).collect()
    }

    fn longer(kind: TraceKind, than_s: f64) -> usize {
        silences(kind).iter().filter(|silence| **silence > than_s).count()
    }

    #[test]
    fn arrivals_are_in_order_after_they_were_sent_and_repeat() {
        for kind in TraceKind::ALL.into_iter().filter(|kind| *kind != TraceKind::Published) {
            let all = beats(kind);
            assert!(all.iter().all(|beat| beat.at_us > beat.sent_us), "{kind:?}");
            let ordered =
                |two: &[Beat]| two[0].number < two[1].number && two[0].at_us < two[1].at_us;
            assert!(all.windows(2).all(ordered), "{kind:?}");
            assert_eq!(all.last().map(|beat| beat.number), Some(kind.heartbeats() - 1));
            assert_eq!(all, beats(kind));
            assert_ne!(all, Trace::new(kind, 2).collect::<Vec<Beat>>());
        }
    }

    #[test]
    fn every_kind_has_its_own_trouble() {
        let arrived = |kind| beats(kind).len() as f64 / HEARTBEATS as f64;
        assert!((arrived(TraceKind::Calm) - 0.999).abs() < 0.0005);
        // Of 1,005 heartbeats, 5 are in a bad time; 4 of these are lost and one of the others.
        assert!((arrived(TraceKind::Bursts) - 0.995).abs() < 0.001);
        assert_eq!(longer(TraceKind::Calm, 0.45), 0);
        // Of 144 bursts, one in five loses four in a row, which a silence of 0.5 s tells.
        let bursts = longer(TraceKind::Bursts, 0.45);
        assert!((15..60).contains(&bursts), "{bursts}");
        // With some bad luck a heartbeat is late by a second once in 10,000 times.
        let late = longer(TraceKind::HeavyTail, 1.0);
        assert!((5..40).contains(&late), "{late}");
        // Three of ten pauses of up to 3 s are longer than 1.5 s: of 240 in all.
        let paused = longer(TraceKind::Pauses, 1.5);
        assert!((50..95).contains(&paused), "{paused}");
        let delay = |beat: &Beat| beat.at_us - beat.sent_us;
        let most = beats(TraceKind::Drift).iter().map(delay).fold(0.0, f64::max);
        assert!((115_000.0..132_000.0).contains(&most), "{most}");
        assert!(longer(TraceKind::Mixed, 0.45) > longer(TraceKind::Pauses, 0.45));
    }
}
