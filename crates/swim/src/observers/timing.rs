//! Every number of the rules, and what follows from the detection time.

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

/// One may ask so much in a period: about all its subjects, twice.
pub(crate) const QUERIES_PER_PERIOD: u32 = 16;

/// After so many periods a stream that was not answered is tried again, then after twice as many,
/// and so on, so often.
pub(crate) const GREET_PERIODS: u32 = 8;
pub(crate) const GREET_DOUBLINGS_MAX: u8 = 8;

/// So many pings measure a link in a contest.
pub(crate) const CONTEST_PINGS: u32 = 10;

/// Who loses more of its pings to others holds no contest: the fault may be anywhere.
pub(crate) const OWN_LOSS_MAX: f64 = 0.2;

/// A link is bad from this loss on,
pub(crate) const LOSS_BAD: f64 = 0.6;

/// and if it loses so much more than the others.
pub(crate) const LOSS_BEYOND: f64 = 0.4;

/// So many others are asked where the observers find a link bad: where half of them reach the
/// member, one in a thousand panels of this size finds four fifths of its links bad.
pub(crate) const OTHERS: usize = 24;

/// So many of the latest pings say how well the own links are,
pub(crate) const OUTCOMES: usize = 32;

/// and fewer than these say nothing.
pub(crate) const OUTCOMES_MIN: usize = 8;

/// Failures count for so long.
pub(crate) const HOLD_WINDOW: Duration = Duration::from_secs(600);

/// The wait after the first failure for a bad link. Like all waits here it is the same at any
/// period: it is long compared to any.
pub(crate) const HOLD_AFTER_LINK: Duration = Duration::from_secs(10);

/// The wait after the second failure, and by how much each further one multiplies it.
pub(crate) const HOLD_AFTER_SECOND: Duration = Duration::from_secs(30);
pub(crate) const HOLD_GROWTH: u32 = 4;
pub(crate) const HOLD_LONGEST: Duration = Duration::from_secs(600);

/// One in so many members may be held at once, or one.
pub(crate) const HELD_SHARE: usize = 10;

/// Who is held for silence waits [`HOLD_LONGEST`] at most, whatever its link is like; who is held for
/// a bad link, so long.
pub(crate) const HOLD_LINK_LONGEST: Duration = Duration::from_secs(1_800);

/// The link is good while at most half of the last so many pings were lost.
pub(crate) const HOLD_PINGS: usize = 10;

/// So many are asked whether they believe that this node has failed.
pub(crate) const BELIEVERS_ASKED: usize = 7;

/// With fewer others lost at the time, or less than a tenth of all, it was no cut.
pub(crate) const CUT_MIN: usize = 2;

/// That time: from so many detection times before the failure on.
pub(crate) const CUT_TIMES: u32 = 3;

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

    /// The shortest time a ping is given where a port refuses: 50 ms of 5 s. That says most of it, and
    /// the ping has only to find a process that lives for all that.
    pub(crate) fn hasty_floor(&self) -> Duration {
        self.detection_time / 100
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

    /// Where another process answers in a member's place, word of where the member is now has so long to
    /// arrive: it takes a few gossip intervals.
    pub(crate) fn replaced(&self) -> Duration {
        self.period / 2
    }

    /// When one subject is found silent by all, the others are pinged every period for so long.
    pub(crate) fn alarm(&self) -> Duration {
        self.period * 2
    }

    /// After a contest there is none about the same member for so long.
    pub(crate) fn contest_pause(&self) -> Duration {
        self.period * 30
    }

    /// Late answers are waited for so long, since the ping.
    pub(crate) fn patience(&self) -> Duration {
        self.period * 2
    }
}
