//! What rows are called.

use super::{Kind, Measurement};
use crate::calibration::NODES;

impl Measurement {
    /// The row of this name, of any size: `crash-2-of-50`, `kill-20`, `first-probe-50-loss-10`,
    /// `pause-2s`, `gray-in-3-of-30`, `loss-10-50`, `cut-4-8`. `None` if it is the name of none.
    pub fn named(name: &str) -> Option<Measurement> {
        let words: Vec<&str> = name.split('-').collect();
        let (kind, nodes) = match words.as_slice() {
            ["crash", victims, "of", nodes] => (Kind::Crash(number(victims)?), number(nodes)?),
            ["kill", nodes] => (Kind::Kill, number(nodes)?),
            ["first", "probe", nodes] => (Kind::FirstProbe(0), number(nodes)?),
            ["first", "probe", nodes, "loss", percent] => {
                (Kind::FirstProbe(percent.parse().ok()?), number(nodes)?)
            }
            ["pause", lasts] => (Kind::Pause(milliseconds(lasts)?), FIFTY),
            ["freeze", victims, "of", nodes] => (Kind::Freeze(number(victims)?), number(nodes)?),
            ["gray", "in", victims, "of", nodes] => {
                (Kind::GrayIn(number(victims)?), number(nodes)?)
            }
            ["gray", "out", victims, "of", nodes] => {
                (Kind::GrayOut(number(victims)?), number(nodes)?)
            }
            ["flip", "flop", victims, "of", nodes] => {
                (Kind::FlipFlop(number(victims)?), number(nodes)?)
            }
            ["toggle", lasts] => (Kind::Toggle(milliseconds(lasts)?), FIFTY),
            ["deaf", "1", "of", nodes] => (Kind::Deaf, number(nodes)?),
            ["loss", percent, nodes] => (Kind::Loss(percent.parse().ok()?), number(nodes)?),
            ["cut", side, other] => {
                let (side, other) = (number(side)?, number(other)?);
                (Kind::Cut(side), side.checked_add(other)?)
            }
            ["flapping", "cut"] => (Kind::FlappingCut, 20),
            ["one", "sided", "half"] => (Kind::OneSidedHalf, FIFTY),
            ["interval"] => (Kind::Interval, NODES),
            ["threshold"] => (Kind::Threshold, NODES),
            _ => return None,
        };
        let named = Measurement { kind, nodes };
        (named.name() == name && named.is_possible()).then_some(named)
    }

    /// What it is called: its kind and what else it depends on.
    pub fn name(&self) -> String {
        let (kind, nodes) = (self.kind.as_str(), self.nodes);
        match self.kind {
            Kind::Crash(victims)
            | Kind::Freeze(victims)
            | Kind::GrayIn(victims)
            | Kind::GrayOut(victims)
            | Kind::FlipFlop(victims) => format!("{kind}-{victims}-of-{nodes}"),
            Kind::Deaf => format!("{kind}-1-of-{nodes}"),
            Kind::Kill | Kind::FirstProbe(0) => format!("{kind}-{nodes}"),
            Kind::FirstProbe(percent) => format!("{kind}-{nodes}-loss-{percent}"),
            Kind::Pause(ms) | Kind::Toggle(ms) => format!("{kind}-{}s", ms as f64 / 1_000.0),
            Kind::Loss(percent) => format!("{kind}-{percent}-{nodes}"),
            Kind::Cut(side) => format!("{kind}-{side}-{}", nodes - side),
            Kind::FlappingCut | Kind::OneSidedHalf | Kind::Interval | Kind::Threshold => {
                kind.to_owned()
            }
        }
    }

    fn is_possible(&self) -> bool {
        let some = 1..self.nodes;
        (3..=1_000_000).contains(&self.nodes)
            && match self.kind {
                Kind::Crash(victims)
                | Kind::Freeze(victims)
                | Kind::GrayIn(victims)
                | Kind::GrayOut(victims)
                | Kind::FlipFlop(victims) => some.contains(&victims),
                Kind::FirstProbe(percent) | Kind::Loss(percent) => percent < 100,
                Kind::Pause(ms) | Kind::Toggle(ms) => (1..=60_000).contains(&ms),
                Kind::Cut(side) => some.contains(&side),
                _ => true,
            }
    }
}

/// The nodes of rows whose names do not say how many there are.
const FIFTY: usize = 50;

fn number(word: &str) -> Option<usize> {
    word.parse().ok()
}

/// `3.5s` in milliseconds.
fn milliseconds(word: &str) -> Option<u64> {
    let seconds: f64 = word.strip_suffix('s')?.parse().ok()?;
    (0.001..=60.0).contains(&seconds).then(|| (seconds * 1_000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::measurements;

    #[test]
    fn every_row_has_a_name_of_its_own_by_which_it_is_found() {
        let all = measurements(true);
        for one in &all {
            assert_eq!(Measurement::named(&one.name()), Some(*one), "{}", one.name());
            assert_eq!(all.iter().filter(|other| other.name() == one.name()).count(), 1);
        }
        let names = all.iter().map(Measurement::name).collect::<Vec<_>>();
        for name in ["crash-100-of-1000", "first-probe-128-loss-5", "pause-3.5s", "cut-2-18"] {
            assert!(names.iter().any(|held| held == name), "{name}");
        }
    }

    #[test]
    fn nonsense_has_no_name() {
        for bad in ["crash", "crash-1", "crash-8-of-8", "kill-02", "loss-100-20", "pause-0s"] {
            assert_eq!(Measurement::named(bad), None, "{bad}");
        }
        for bad in ["cut-0-5", "toggle-5", "interval-128", "first-probe-50-loss-0"] {
            assert_eq!(Measurement::named(bad), None, "{bad}");
        }
    }
}
