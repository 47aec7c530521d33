//! Quality of service: how soon detectors find a crash, and how often they are wrong, by their
//! thresholds. `headcount sim quality` prints and draws it; `docs/heartbeats.md` tells of it.
//!
//! ```text
//! TraceKind, seed --play--> a Tally for each policy and threshold --pool--> Curve of Points
//! ```
//! There is one sender and one who listens, and no cluster. A trace is made once, all detectors
//! hear it, and each is asked after every heartbeat when it would suspect the silence. That answers
//! for all thresholds at once.

mod measure;
mod policy;
mod published;
mod reference;
mod trace;

pub use measure::{Curve, Point, Tally, play, pool};
pub use policy::Policy;
pub use published::{AT_DETECTION, AT_PHI_3, BURSTS, LOST, Published};
pub use trace::TraceKind;
