//! What the paper measured: arXiv 1707.00788v2, tables IV to VII.

/// One row of the paper's results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// What it is called there.
    pub name: &'static str,
    /// Its alpha.
    pub alpha: f64,
    /// False positives as a share of SWIM's, in percent.
    pub false_positives_percent: f64,
    /// False positives a run of the Interval experiment, where the paper gives the sum.
    pub false_positives_per_run: Option<f64>,
    /// The same at healthy nodes.
    pub false_positives_at_healthy_per_run: Option<f64>,
    /// Median of the first detection in the Threshold experiment as a share of SWIM's, in percent.
    pub first_detection_percent: f64,
    /// First detection: median, 99th and 99.9th percentile, in seconds.
    pub first_detection_s: Option<[f64; 3]>,
    /// Full dissemination: the same.
    pub dissemination_s: Option<[f64; 3]>,
}

/// The rows that are reproduced: SWIM, and Lifeguard with beta 6 and three values of alpha.
pub const PUBLISHED: [Published; 4] = [
    Published {
        name: "SWIM",
        alpha: 5.0,
        false_positives_percent: 100.0,
        false_positives_per_run: Some(78.5),
        false_positives_at_healthy_per_run: Some(0.307),
        first_detection_percent: 100.0,
        first_detection_s: Some([12.44, 16.96, 19.40]),
        dissemination_s: Some([12.90, 16.93, 20.17]),
    },
    Published {
        name: "Lifeguard",
        alpha: 5.0,
        false_positives_percent: 1.53,
        false_positives_per_run: Some(1.20),
        false_positives_at_healthy_per_run: Some(0.0058),
        first_detection_percent: 100.1,
        first_detection_s: Some([12.45, 17.90, 21.20]),
        dissemination_s: Some([12.91, 18.05, 21.68]),
    },
    Published {
        name: "Lifeguard",
        alpha: 4.0,
        false_positives_percent: 3.2,
        false_positives_per_run: None,
        false_positives_at_healthy_per_run: None,
        first_detection_percent: 83.1,
        first_detection_s: None,
        dissemination_s: None,
    },
    Published {
        name: "Lifeguard",
        alpha: 2.0,
        false_positives_percent: 24.2,
        false_positives_per_run: None,
        false_positives_at_healthy_per_run: None,
        first_detection_percent: 54.3,
        first_detection_s: None,
        dissemination_s: None,
    },
];
