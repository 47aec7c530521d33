use std::time::Duration;

use crate::proto;

/// How the members of a cluster watch each other: the same at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameters {
    /// Which change of them in the running cluster it was: 0 for none, and larger for later ones.
    pub epoch: u32,
    /// The detector, by its number in the protocol; a receiver may not know it.
    pub detector: u32,
    /// How long a member may be silent. Whole milliseconds on the wire, at most 2^32 - 1.
    pub detection_time: Duration,
    /// The protocol period. Whole milliseconds on the wire, at most 2^32 - 1.
    pub period: Duration,
}

impl Parameters {
    pub(crate) fn from_proto(parameters: proto::Parameters) -> Parameters {
        let proto::Parameters { epoch, detector, detection_time_ms, period_ms } = parameters;
        Parameters {
            epoch,
            detector,
            detection_time: Duration::from_millis(detection_time_ms.into()),
            period: Duration::from_millis(period_ms.into()),
        }
    }
}
