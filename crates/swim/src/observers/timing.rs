//! Every constant of the detector, and what follows from the detection time.

use std::time::Duration;

use crate::config::Config;

/// K: how many watch each member. With 4, a loss of 30 % still fails healthy members; from 3 to 10
/// nothing else changes.
pub(crate) const OBSERVERS: usize = 8;

/// Where members in doubt are passed over, the ring is searched so far. Who is further away is no
/// observer of a member.
pub(crate) const REACH: usize = 32;

/// So many observers are asked first; mostly one of them vouches, and the others are spared.
pub(crate) const ASKED_FIRST: usize = 3;

/// Where no observer answers, so many of those heard last are asked instead.
pub(crate) const DEPUTIES: usize = 3;

/// Where one vouches and so many confirm, the link is measured.
pub(crate) const CONFIRMED_FOR_CONTEST: usize = 2;

/// A refusal counts only after so many datagrams in a row went unanswered.
pub(crate) const FAILED_DATAGRAMS: u8 = 2;

/// Beyond this share of lost pings to others, a lost ping says little: it is sent once more.
pub(crate) const LOSS_DOUBTFUL: f64 = 0.1;

/// Streams that are opened to new subjects in one period, to learn whether they can be.
pub(crate) const GREETINGS: usize = 2;

/// Every so many rounds of comparing tables, the partner is pinged instead: whom nobody else
/// watches is found so.
pub(crate) const COVER_EVERY: u32 = 4;

/// Durations that follow from the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) period: Duration,
    /// A member of which no observer has had word for so long is failed.
    pub(crate) detection_time: Duration,
}

impl Timing {
    pub(crate) fn of(config: &Config) -> Timing {
        Timing { period: config.period, detection_time: config.detection_time }
    }

    /// The shortest time a ping is given: 200 ms of 5 s, and never more than the longest.
    pub(crate) fn floor(&self) -> Duration {
        (self.detection_time / 25).min(self.ceiling())
    }

    /// The longest time a ping is given, unless the link's own round trip is a third of it or more:
    /// the next slot's ping is not to overtake it.
    pub(crate) fn ceiling(&self) -> Duration {
        self.period * 3 / 5
    }

    /// Who has heard nothing for so long asks for a sign: a little more than a period, in which it
    /// is pinged itself.
    pub(crate) fn silence(&self) -> Duration {
        self.period * 11 / 10
    }

    /// Who has heard nothing for so long accuses nobody.
    pub(crate) fn gate(&self) -> Duration {
        self.period * 8 / 5
    }

    /// An own timer that is late by more has stood still, and what it waited for may have come and
    /// gone.
    pub(crate) fn late(&self) -> Duration {
        self.period * 3 / 5
    }

    /// How long a node that stood still, or heard nobody, accuses nobody.
    pub(crate) fn quarantine(&self) -> Duration {
        self.period
    }

    /// How long a stream may take to be refused: 20 ms of 5 s. One that is slower is late, not lost:
    /// the next round will know.
    pub(crate) fn refusal(&self) -> Duration {
        self.detection_time / 250
    }

    /// What an asked observer needs besides its ping: 50 ms of 5 s.
    pub(crate) fn margin(&self) -> Duration {
        self.detection_time / 100
    }

    /// A suspicion stays private, and its subject is not asked about again, for so long.
    pub(crate) fn private(&self) -> Duration {
        self.detection_time / 2
    }

    /// A suspicion that has been known here for so long could have been refuted.
    pub(crate) fn refutable(&self) -> Duration {
        self.detection_time / 4
    }

    /// When one subject is found silent by all, the others are pinged every period for so long.
    pub(crate) fn alarm(&self) -> Duration {
        self.period * 2
    }

    /// Late answers are waited for so long, since the ping.
    pub(crate) fn patience(&self) -> Duration {
        self.period * 2
    }
}
