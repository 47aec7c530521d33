//! Many runs together.

use crate::calibration::Trial;

/// What the runs of one experiment, tuning and model showed together.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// How many runs.
    pub runs: u64,
    /// False positives of all runs.
    pub false_positives: u64,
    /// Those told to healthy nodes.
    pub false_positives_at_healthy: u64,
    /// Messages sent in all runs.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Virtual seconds of all runs.
    pub virtual_s: f64,
    first_suspicion_s: Vec<f64>,
    first_detection_s: Vec<f64>,
    dissemination_s: Vec<f64>,
}

/// The quantiles that the paper gives, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// How many samples there are.
    pub samples: usize,
    /// Half of them are at most this.
    pub median: f64,
    /// 99 % are.
    pub p99: f64,
    /// 99.9 % are.
    pub p999: f64,
}

impl Quantiles {
    /// Of these samples, by nearest rank; `None` of none.
    fn of(samples: &[f64]) -> Option<Quantiles> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.max(1) - 1).copied()
        };
        let (median, p99, p999) = (at(0.5)?, at(0.99)?, at(0.999)?);
        Some(Quantiles { samples: sorted.len(), median, p99, p999 })
    }
}

impl Pool {
    /// Takes in one run.
    pub fn add(&mut self, trial: &Trial) {
        self.runs += 1;
        self.false_positives += trial.false_positives;
        self.false_positives_at_healthy += trial.false_positives_at_healthy;
        self.messages += trial.messages;
        self.bytes += trial.bytes;
        self.virtual_s += trial.virtual_s;
        self.first_suspicion_s.extend(&trial.first_suspicion_s);
        self.first_detection_s.extend(&trial.first_detection_s);
        self.dissemination_s.extend(&trial.dissemination_s);
    }

    /// False positives a run.
    pub fn false_positives_per_run(&self) -> f64 {
        self.false_positives as f64 / self.runs.max(1) as f64
    }

    /// False positives at healthy nodes, a run.
    pub fn false_positives_at_healthy_per_run(&self) -> f64 {
        self.false_positives_at_healthy as f64 / self.runs.max(1) as f64
    }

    /// From the standstill to the first failure told to a healthy node.
    pub fn first_detection(&self) -> Option<Quantiles> {
        Quantiles::of(&self.first_detection_s)
    }

    /// From the standstill until all healthy nodes know.
    pub fn dissemination(&self) -> Option<Quantiles> {
        Quantiles::of(&self.dissemination_s)
    }

    /// How long after the standstill the first ping went to a node that stood still, in periods of
    /// one second: on average, and counted in whole periods as SWIM does (section 3.2). With the
    /// `swim` detector a suspicion follows its ping after exactly one period.
    pub fn first_probe(&self) -> Option<(f64, f64)> {
        let probes = self.first_suspicion_s.iter().map(|suspected| suspected - 1.0);
        let count = self.first_suspicion_s.len() as f64;
        let (wait, whole) =
            probes.fold((0.0, 0.0), |(wait, whole), probe| (wait + probe, whole + probe.ceil()));
        (count > 0.0).then(|| (wait / count, whole / count))
    }

    /// Messages per node and second.
    pub fn messages_per_node_s(&self, nodes: usize) -> f64 {
        self.messages as f64 / (self.virtual_s * nodes as f64)
    }

    /// Bytes per node and second.
    pub fn bytes_per_node_s(&self, nodes: usize) -> f64 {
        self.bytes as f64 / (self.virtual_s * nodes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_by_nearest_rank() {
        let samples: Vec<f64> = (1..=1_000).rev().map(f64::from).collect();
        let found = Quantiles::of(&samples);
        let expected = Quantiles { samples: 1_000, median: 500.0, p99: 990.0, p999: 999.0 };
        assert_eq!(found, Some(expected));
        assert_eq!(Quantiles::of(&[]), None);
    }

    #[test]
    fn runs_add_up() {
        let trial = |fp, suspected: &[f64]| Trial {
            false_positives: fp,
            first_suspicion_s: suspected.to_vec(),
            messages: 10,
            virtual_s: 2.0,
            ..Trial::default()
        };
        let mut pool = Pool::default();
        pool.add(&trial(3, &[1.5, 2.25]));
        pool.add(&trial(4, &[1.75]));
        assert_eq!(pool.false_positives_per_run(), 3.5);
        assert_eq!(pool.first_probe(), Some((2.5 / 3.0, 4.0 / 3.0)));
        assert_eq!(pool.messages_per_node_s(5), 1.0);
    }
}
