//! What `headcount local` shows, in order.

use std::str::FromStr;

/// One step of the show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// All nodes start and find each other.
    Converge,
    /// The last node dies without a word.
    Kill,
    /// It starts again under its name, at another port.
    Restart,
    /// Another node says goodbye.
    Leave,
}

/// The steps chosen: always `converge` first, each once, in the order above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    const NAMES: [(Step, &'static str); 4] = [
        (Step::Converge, "converge"),
        (Step::Kill, "kill"),
        (Step::Restart, "restart"),
        (Step::Leave, "leave"),
    ];

    /// The steps in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Step> {
        self.0.iter().copied()
    }

    /// The fewest nodes with which every step has somebody who sees it.
    pub(crate) fn nodes_min(&self) -> usize {
        let gone = usize::from(self.0.contains(&Step::Kill) && !self.0.contains(&Step::Restart));
        let leaves = usize::from(self.0.contains(&Step::Leave));
        let killed = usize::from(self.0.contains(&Step::Kill));
        1 + killed.max(gone + leaves)
    }
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Steps, String> {
        let mut steps = Vec::new();
        for name in text.split(',').map(str::trim) {
            let known = Steps::NAMES.iter().find(|(_, known)| *known == name);
            let Some((step, _)) = known else {
                return Err(format!("{name:?} is no step; use converge, kill, restart or leave"));
            };
            steps.push(*step);
        }
        let in_order = steps.windows(2).all(|pair| pair[0] < pair[1]);
        if steps.first() != Some(&Step::Converge) || !in_order {
            let order = "begin with converge, and keep the order converge,kill,restart,leave";
            return Err(order.to_owned());
        }
        if steps.contains(&Step::Restart) && !steps.contains(&Step::Kill) {
            return Err("restart needs somebody killed; write converge,kill,restart".to_owned());
        }
        Ok(Steps(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_in_their_order() {
        let all: Steps = "converge, kill,restart,leave".parse().expect("valid");
        assert_eq!(all.iter().count(), 4);
        for bad in
            ["", "kill", "converge,restart", "converge,leave,kill", "converge,converge", "fly"]
        {
            assert!(bad.parse::<Steps>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_step_needs_a_witness() {
        for (steps, least) in [
            ("converge", 1),
            ("converge,kill", 2),
            ("converge,leave", 2),
            ("converge,kill,restart,leave", 2),
            ("converge,kill,leave", 3),
        ] {
            assert_eq!(steps.parse::<Steps>().map(|s| s.nodes_min()), Ok(least), "{steps}");
        }
    }
}
