//! How soon and how often wrong a detector is, by its threshold.

use serde::Serialize;

use super::policy::{Estimator, Line, Policy};
use super::trace::{Beat, Trace, TraceKind};

/// So many heartbeats are learned from before anything counts, as in the papers.
const WARM_UP: u64 = 1_000;

/// What one threshold of one detector came to, over one run or many. Times are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many heartbeats arrived, with a silence after each.
    heartbeats: u64,
    /// How long that was.
    watched_s: f64,
    /// How long after it was sent suspicion begins, if it is the last one: of all.
    detection_s: f64,
    /// The longest of these.
    worst_s: f64,
    /// The same of the one that was the last one, of all runs.
    crash_s: f64,
    runs: u64,
    mistakes: u64,
    /// How long they were.
    mistaken_s: f64,
    /// It was suspected when the next heartbeat came.
    suspect: bool,
}

impl Tally {
    /// A silence after `beat`, which lasts for so long or for ever.
    fn add(&mut self, beat: &Beat, suspected_us: f64, silence_us: Option<f64>) {
        let late_us = suspected_us.max(0.0);
        let detection_s = (late_us + beat.at_us - beat.sent_us) / 1e6;
        self.heartbeats += 1;
        self.detection_s += detection_s;
        self.worst_s = self.worst_s.max(detection_s);
        let Some(silence_us) = silence_us else {
            self.crash_s += detection_s;
            self.runs += 1;
            return;
        };
        self.watched_s += silence_us / 1e6;
        // A heartbeat that comes when the one after it is overdue ends no suspicion.
        let goes_on = self.suspect && suspected_us <= 0.0;
        self.suspect = late_us < silence_us;
        if self.suspect {
            self.mistakes += u64::from(!goes_on);
            self.mistaken_s += (silence_us - late_us) / 1e6;
        }
    }

    /// Adds another run of the same.
    fn join(&mut self, other: &Tally) {
        self.heartbeats += other.heartbeats;
        self.watched_s += other.watched_s;
        self.detection_s += other.detection_s;
        self.worst_s = self.worst_s.max(other.worst_s);
        self.crash_s += other.crash_s;
        self.runs += other.runs;
        self.mistakes += other.mistakes;
        self.mistaken_s += other.mistaken_s;
    }
}

/// What one threshold comes to: the metrics of Chen, Toueg and Aguilera (2002, section 2).
/// Serialized, its fields are those of `headcount sim quality --json`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// What was swept.
    pub threshold: f64,
    /// T_D, the detection time: from a crash to suspicion for good, in seconds. The mean over all
    /// heartbeats that arrive, as if the sender had died right after it sent it: the worst moment.
    pub detection_s: f64,
    /// The longest of these times.
    pub worst_s: f64,
    /// The detection time of the crash at the end, the mean over the runs.
    pub crash_s: f64,
    /// How many suspicions were mistakes: of a sender that lived.
    pub mistakes: u64,
    /// The mistake rate, the inverse of the mistake recurrence time T_MR: mistakes a second.
    pub mistakes_per_s: f64,
    /// T_M, the mean duration of a mistake, in seconds; `None` if there was none.
    pub mistake_s: Option<f64>,
    /// P_A, the query accuracy: at which share of random moments a sender that lives is not
    /// suspected, 0 to 1.
    pub accuracy: f64,
}

/// All thresholds of one detector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The detector: `phi-1000`.
    pub policy: String,
    /// What was swept, with its unit: `phi`, `margin_s`.
    pub swept: &'static str,
    /// It holds whole windows, as in the papers.
    pub reference: bool,
    /// Its thresholds, the strictest first.
    pub points: Vec<Point>,
}

impl Curve {
    /// The point of the laxest threshold whose mean detection time is at most this.
    pub fn within(&self, detection_s: f64) -> Option<&Point> {
        self.points.iter().rev().find(|point| point.detection_s <= detection_s)
    }
}

/// All detectors on one run of a trace: a tally for each policy and threshold.
pub fn play(kind: TraceKind, seed: u64) -> Vec<Vec<Tally>> {
    let judges = Policy::ALL.map(|policy| {
        let units: Vec<f64> =
            policy.thresholds().into_iter().map(|threshold| policy.units(threshold)).collect();
        Judge {
            estimator: policy.estimator(kind.interval_us()),
            tallies: vec![Tally::default(); units.len()],
            units,
        }
    });
    let mut judges = judges.to_vec();
    let mut beats = Trace::new(kind, seed).peekable();
    while let Some(beat) = beats.next() {
        let silence = beats.peek().map(|next| next.at_us - beat.at_us);
        for judge in &mut judges {
            judge.estimator.record(&beat);
            if beat.number >= WARM_UP {
                judge.judge(&beat, silence);
            }
        }
    }
    judges.into_iter().map(|judge| judge.tallies).collect()
}

#[derive(Clone)]
struct Judge {
    estimator: Estimator,
    units: Vec<f64>,
    tallies: Vec<Tally>,
}

impl Judge {
    fn judge(&mut self, beat: &Beat, silence_us: Option<f64>) {
        let Line { begins_us, unit_us } = self.estimator.line(beat);
        for (tally, units) in self.tallies.iter_mut().zip(&self.units) {
            tally.add(beat, begins_us + units * unit_us, silence_us);
        }
    }
}

/// The curves of all detectors over many runs of one trace.
pub fn pool(runs: &[Vec<Vec<Tally>>]) -> Vec<Curve> {
    let curve = |(number, policy): (usize, &Policy)| {
        let thresholds = policy.thresholds();
        let mut tallies = vec![Tally::default(); thresholds.len()];
        for tally in runs.iter().filter_map(|run| run.get(number)) {
            tallies.iter_mut().zip(tally).for_each(|(all, one)| all.join(one));
        }
        Curve {
            policy: policy.name(),
            swept: policy.swept(),
            reference: policy.is_reference(),
            points: thresholds.into_iter().zip(&tallies).map(point).collect(),
        }
    };
    Policy::ALL.iter().enumerate().map(curve).collect()
}

fn point((threshold, tally): (f64, &Tally)) -> Point {
    let watched_s = tally.watched_s.max(f64::MIN_POSITIVE);
    let mistakes = tally.mistakes as f64;
    Point {
        threshold,
        detection_s: tally.detection_s / (tally.heartbeats as f64).max(1.0),
        worst_s: tally.worst_s,
        crash_s: tally.crash_s / (tally.runs as f64).max(1.0),
        mistakes: tally.mistakes,
        mistakes_per_s: mistakes / watched_s,
        mistake_s: (tally.mistakes > 0).then(|| tally.mistaken_s / mistakes),
        accuracy: 1.0 - tally.mistaken_s / watched_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(kind: TraceKind) -> Vec<Curve> {
        pool(&[play(kind, 1)])
    }

    fn named<'a>(curves: &'a [Curve], name: &str) -> &'a Curve {
        curves.iter().find(|curve| curve.policy == name).expect("it is measured")
    }

    #[test]
    fn a_tally_counts_what_chen_counts() {
        // Sent at 0 and here at 20 ms; suspected 0.5 s later. The next is here after 0.3, 0.5, 0.9 s,
        // and then nothing more.
        let beat = Beat { number: 0, sent_us: 0.0, at_us: 20_000.0 };
        let mut tally = Tally::default();
        for silence in [Some(300_000.0), Some(500_000.0), Some(900_000.0), None] {
            tally.add(&beat, 500_000.0, silence);
        }
        let found = point((0.5, &tally));
        assert!((found.detection_s - 0.52).abs() < 1e-9 && (found.crash_s - 0.52).abs() < 1e-9);
        assert_eq!((found.mistakes, found.worst_s), (1, 0.52));
        assert!((found.mistakes_per_s - 1.0 / 1.7).abs() < 1e-9);
        assert!(found.mistake_s.is_some_and(|mistake| (mistake - 0.4).abs() < 1e-9));
        assert!((found.accuracy - (1.0 - 0.4 / 1.7)).abs() < 1e-9);
    }

    #[test]
    fn a_heartbeat_that_comes_too_late_to_end_a_suspicion_begins_none() {
        let beat = Beat { number: 0, sent_us: 0.0, at_us: 20_000.0 };
        let mut tally = Tally::default();
        // Suspected after 0.1 s, and all along in the two silences after.
        for (suspected, silence) in [(1e5, 2e5), (-1e5, 3e5), (0.0, 1e5), (1e5, 1e5), (-1.0, 2e5)] {
            tally.add(&beat, suspected, Some(silence));
        }
        assert_eq!(tally.mistakes, 2);
        assert!((tally.mistaken_s - (0.1 + 0.3 + 0.1 + 0.2)).abs() < 1e-9);
    }

    /// Whoever suspects by T after every heartbeat was sent suspects in every silence in which the bound
    /// at T does; if every heartbeat ends a suspicion, each is a mistake of its own.
    #[test]
    fn nobody_who_always_keeps_a_detection_time_makes_fewer_mistakes_than_the_bound() {
        for kind in [TraceKind::Mixed, TraceKind::HeavyTail, TraceKind::Pauses] {
            let curves = curves(kind);
            let bound = named(&curves, "bound");
            let mut compared = 0;
            let ours = curves.iter().filter(|curve| !curve.reference);
            for point in ours.flat_map(|curve| &curve.points) {
                // The next larger time of the bound's grid has the fewest mistakes yet.
                let least = bound.points.iter().find(|least| least.threshold >= point.worst_s);
                if let Some(least) = least {
                    compared += 1;
                    assert!(least.mistakes <= point.mistakes, "{kind:?} {point:?} {least:?}");
                }
            }
            assert!(compared > 200, "{compared}");
        }
    }

    #[test]
    fn laxer_thresholds_take_longer_and_make_fewer_mistakes() {
        for curve in curves(TraceKind::Mixed) {
            for two in curve.points.windows(2) {
                assert!(two[0].detection_s <= two[1].detection_s, "{} {two:?}", curve.policy);
                assert!(two[0].mistakes >= two[1].mistakes, "{} {two:?}", curve.policy);
                assert!(two[0].accuracy <= two[1].accuracy, "{} {two:?}", curve.policy);
            }
            let first = curve.points.first().expect("a point");
            assert!(first.mistakes > 0, "{}", curve.policy);
        }
    }

    #[test]
    fn streaming_estimators_are_about_as_good_as_whole_windows() {
        for kind in [TraceKind::Drift, TraceKind::Mixed] {
            let curves = curves(kind);
            for (ours, whole) in [
                ("two-window", "two-window-window"),
                ("chen-1000", "chen-window-1000"),
                ("phi-1000", "phi-window-1000"),
            ] {
                let (ours, whole) = (named(&curves, ours), named(&curves, whole));
                for detection_s in [0.3, 0.5, 1.0] {
                    let mistakes = |curve: &Curve| curve.within(detection_s).map(|p| p.mistakes);
                    let (Some(ours), Some(whole)) = (mistakes(ours), mistakes(whole)) else {
                        continue;
                    };
                    let room = 20 + whole / 2;
                    assert!(ours < whole + room, "{kind:?} {detection_s}: {ours} {whole}");
                }
            }
        }
    }
}
