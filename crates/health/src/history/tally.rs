//! What events add up to. Everything here is a fold over them, in the order of their times.

use std::time::Duration;

use headcount_state::Instance;
use serde::{Deserialize, Serialize};

use super::event::{Happened, What};

/// A failure so soon after the last return is a flap.
pub(super) const FLAP_WINDOW: Duration = Duration::from_secs(600);

/// One outage counts as downtime for so long; then the member is taken for gone for good.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether a member is there, as far as its observer knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// It has not been told of since the observer began to watch.
    #[default]
    Unseen,
    /// It is a live member, suspected or not.
    Up,
    /// It is declared dead.
    Down,
    /// It said goodbye.
    Left,
}

impl Presence {
    /// Every presence.
    pub const ALL: [Presence; 4] = [Presence::Unseen, Presence::Up, Presence::Down, Presence::Left];

    /// In lower case, as shown and as written in files. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Presence::Unseen => "unseen",
            Presence::Up => "up",
            Presence::Down => "down",
            Presence::Left => "left",
        }
    }

    /// The presence that is called so.
    pub fn from_name(name: &str) -> Option<Presence> {
        Presence::ALL.into_iter().find(|presence| presence.as_str() == name)
    }
}

/// Sums of counts and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Totals {
    /// How often a member that was seen up was declared dead.
    pub failures: u64,
    /// How often one that was declared dead came back.
    pub recoveries: u64,
    /// How often another process was found under the name, planned restarts with a goodbye aside.
    pub restarts: u64,
    /// How often it was suspected.
    pub suspicions: u64,
    /// How many of the failures came within ten minutes of the last return.
    pub flaps: u64,
    /// For how long it was seen up, in milliseconds.
    pub up_ms: u64,
    /// For how long it was seen down, in milliseconds.
    pub down_ms: u64,
    /// How many outages were seen from their beginning to their end.
    pub repairs: u64,
    /// How long these took together, in milliseconds.
    pub repair_ms: u64,
    /// The longest of them.
    pub longest_ms: u64,
}

impl Totals {
    /// Adds what others add up to.
    pub(super) fn add(&mut self, other: &Totals) {
        // What was read from a file may hold anything.
        let sum = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
        sum(&mut self.failures, other.failures);
        sum(&mut self.recoveries, other.recoveries);
        sum(&mut self.restarts, other.restarts);
        sum(&mut self.suspicions, other.suspicions);
        sum(&mut self.flaps, other.flaps);
        sum(&mut self.up_ms, other.up_ms);
        sum(&mut self.down_ms, other.down_ms);
        sum(&mut self.repairs, other.repairs);
        sum(&mut self.repair_ms, other.repair_ms);
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }
}

/// A time during which a member is declared dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) from_ms: u64,
    /// How much of it was seen.
    pub(crate) seen_ms: u64,
    /// Its beginning was seen: the member was up before.
    pub(crate) witnessed: bool,
}

impl Outage {
    pub(crate) fn is_given_up(&self) -> bool {
        self.seen_ms >= millis(GIVEN_UP_AFTER)
    }
}

/// What the events of one member add up to, up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) totals: Totals,
    pub(crate) presence: Presence,
    /// The moment: in Unix milliseconds, and in milliseconds that were watched.
    pub(crate) at_ms: u64,
    pub(crate) watched_ms: u64,
    /// The first event. `None`: there was none.
    pub(crate) first_ms: Option<u64>,
    /// The process seen last.
    pub(crate) instance: Option<Instance>,
    /// While it is down.
    pub(crate) outage: Option<Outage>,
    /// When it last came back from being declared dead.
    pub(crate) returned_ms: Option<u64>,
    /// It is suspected.
    pub(crate) suspected: bool,
}

impl Tally {
    /// Adds one more event, not earlier than the last one.
    pub(crate) fn apply(&mut self, event: &Happened) {
        self.advance(event.at_ms, event.watched_ms);
        self.first_ms.get_or_insert(event.at_ms);
        let was_suspected = std::mem::replace(&mut self.suspected, event.what == What::Suspected);
        match event.what {
            What::Joined | What::Refuted | What::Recovered | What::Restarted => self.is_up(event),
            What::Suspected => {
                self.is_up(event);
                let suspicions = u64::from(!was_suspected && !event.blind);
                self.totals.add(&Totals { suspicions, ..Totals::default() });
            }
            What::Failed => self.is_down(event),
            What::Left => {
                self.presence = Presence::Left;
                (self.outage, self.instance, self.returned_ms) = (None, None, None);
            }
            What::Forgotten | What::Unseen if self.presence == Presence::Up => {
                self.presence = Presence::Unseen;
            }
            // One that is up would show itself: no word of a member that is down is no news.
            What::Forgotten | What::Unseen => {}
        }
    }

    /// Lets time pass in which nothing happened.
    pub(crate) fn advance(&mut self, at_ms: u64, watched_ms: u64) {
        let passed = watched_ms.saturating_sub(self.watched_ms);
        match (self.presence, self.outage.as_mut()) {
            (Presence::Up, _) => self.totals.add(&Totals { up_ms: passed, ..Totals::default() }),
            (Presence::Down, Some(outage)) => {
                let counted = passed.min(millis(GIVEN_UP_AFTER).saturating_sub(outage.seen_ms));
                outage.seen_ms += counted;
                self.totals.add(&Totals { down_ms: counted, ..Totals::default() });
            }
            _ => {}
        }
        self.at_ms = self.at_ms.max(at_ms);
        self.watched_ms = self.watched_ms.max(watched_ms);
    }

    fn is_up(&mut self, event: &Happened) {
        let mut more = Totals::default();
        self.presence = Presence::Up;
        if let Some(outage) = self.outage.take() {
            more.recoveries = 1;
            self.returned_ms = Some(event.at_ms);
            // Of an outage that was not seen as a whole nobody knows how long it was.
            let length = event.at_ms.saturating_sub(outage.from_ms);
            if outage.witnessed && length == outage.seen_ms && !event.blind {
                (more.repairs, more.repair_ms, more.longest_ms) = (1, length, length);
            }
        }
        if let Some(instance) = event.instance {
            let before = self.instance.replace(instance);
            more.restarts = u64::from(before.is_some_and(|before| before != instance));
        }
        self.totals.add(&more);
    }

    fn is_down(&mut self, event: &Happened) {
        let was_up = std::mem::replace(&mut self.presence, Presence::Down) == Presence::Up;
        let witnessed = was_up && !event.blind;
        let soon = |returned| event.at_ms.saturating_sub(returned) <= millis(FLAP_WINDOW);
        let flaps = u64::from(witnessed && self.returned_ms.is_some_and(soon));
        let failures = u64::from(witnessed);
        self.totals.add(&Totals { failures, flaps, ..Totals::default() });
        let outage = Outage { from_ms: event.at_ms, seen_ms: 0, witnessed };
        self.outage.get_or_insert(outage);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
