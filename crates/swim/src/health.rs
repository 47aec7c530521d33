//! How the cluster is and who is degrading: what a node makes of what it hears.
//!
//! ```text
//!   members live and lost ──> level (falls at once, rises late) ──> HealthChanged
//!   pings: grades of this node's links ─┐
//!   own timers, doubt, load ────────────┴─> warning, said in acks
//!   acks of others: their warnings ──> Degrading ... Steady
//! ```
//! All of it informs; nothing here has a say in who is alive.

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_health::{
    ClusterHealth, DEGRADING, Grades, HealthLevel, LinkCondition, MissingCause, OwnStrain,
    SteadyLevel,
};
use headcount_state::{MemberId, Time};

use crate::engine::Engine;
use crate::event::Event;
use crate::links;
use crate::observers::timing::OBSERVERS;

/// The level rises when it has been better for so many detection times.
const RISES_AFTER: u32 = 2;

/// A grade counts for so many periods: each observer pings once in as many as there are observers.
const GRADE_PERIODS: u32 = 3 * OBSERVERS as u32;

/// A member that is degrading is so until its warning has been less than this, in percent,
const STEADY: u8 = 20;

/// for so many periods.
const STEADY_PERIODS: u32 = 10;

/// So many members are told to be degrading at once; with more of them the word says nothing.
const DEGRADING_MAX: usize = 256;

/// A link as this node knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The member at its other end.
    pub peer: MemberId,
    /// How long it takes, how much that varies, how much it loses.
    pub condition: LinkCondition,
    /// How suspicious the peer's silence is now: phi accrual, 0 to 100, from the times at which
    /// anything was heard of it.
    pub phi: f32,
}

impl Link {
    fn of(peer: MemberId, link: &links::Link, now: Time) -> Link {
        Link { peer, condition: link.condition(), phi: link.phi(now) }
    }
}

/// What is followed from period to period.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthWatch {
    level: SteadyLevel,
    /// Members lost together that may still be missing.
    cut: usize,
    grades: Grades,
    /// How strained the links to the subjects are, of late: what is the matter with most of them is
    /// no fault of one.
    usual_strain: f32,
    own: OwnStrain,
    /// The members that are degrading, and when they last were not steady.
    degrading: BTreeMap<MemberId, Time>,
}

impl HealthWatch {
    /// Members were lost together.
    pub(crate) fn cut_off(&mut self, lost: usize) {
        self.cut += lost;
    }

    /// A timer that was due at `due` fires at `now`.
    pub(crate) fn fired(&mut self, due: Time, now: Time, period: Duration) {
        self.own.fired(due, now, period);
    }

    /// `observer` grades its link to this node.
    pub(crate) fn graded(&mut self, now: Time, observer: MemberId, grade: u8) {
        self.grades.record(now, observer, grade);
    }
}

impl Engine {
    /// How much of the cluster is there, as this node sees it. The level is that of the last
    /// period; the numbers are of now.
    pub fn cluster_health(&self) -> ClusterHealth {
        let missing = self.losses.len();
        let (live, others) = (self.table.live_len(), self.peers.len());
        let present = if self.isolated { live.saturating_sub(others) } else { live };
        let missing = if self.isolated { missing + others } else { missing };
        let together = self.watch.cut.min(missing);
        let cause = match missing {
            0 => None,
            _ if self.isolated => Some(MissingCause::Isolated),
            _ if together > 0 && together * 2 >= missing => Some(MissingCause::CutOff),
            _ => Some(MissingCause::Failed),
        };
        let suspect = self.suspicions.len().min(present);
        ClusterHealth { level: self.watch.level.level(), present, suspect, missing, cause }
    }

    /// The links to the members that this node has pinged lately, at most 64, in the order of their
    /// ids.
    pub fn links(&self, now: Time) -> impl Iterator<Item = Link> {
        self.links.iter().map(move |(peer, link)| Link::of(peer, link, now))
    }

    /// The link to a member, if this node has pinged it lately: those that it watches, with the
    /// detector `observers`, and some others.
    pub fn link(&self, peer: MemberId, now: Time) -> Option<Link> {
        self.links.known(peer).map(|link| Link::of(peer, link, now))
    }

    /// How strained a member is, in percent: an early warning that it is degrading, 0 while nothing
    /// is amiss. As the member said itself when it was last heard, from what its observers find and
    /// from how late its own timers are; of members not heard within ten periods nothing is known.
    /// Advisory.
    pub fn warning(&self, id: MemberId, now: Time) -> u8 {
        if id == self.table.own_id() {
            return self.own_warning(now);
        }
        self.contacts.get(id).map_or(0, |contact| contact.warning)
    }

    /// How strained this node is itself.
    pub(crate) fn own_warning(&self, now: Time) -> u8 {
        let since = now - self.config.period * GRADE_PERIODS;
        let graded = self.watch.grades.median(since);
        let doubt = self.local_health.share();
        percent(self.watch.own.strain(now, self.config.period, doubt, self.load, graded))
    }

    /// How strained this node finds its link to `peer`.
    pub(crate) fn grade(&self, now: Time, peer: MemberId) -> u8 {
        let Some(link) = self.links.known(peer) else { return 0 };
        percent(link.strain(now, self.config.detection_time) - self.watch.usual_strain)
    }

    /// The median of how strained the links are that are used most; of an even number the lower one
    /// in the middle.
    fn usual_strain(&self, now: Time) -> f32 {
        let detection_time = self.config.detection_time;
        let subjects = &self.observers.subjects;
        let links = subjects.iter().filter_map(|subject| self.links.known(*subject));
        let (mut calm, mut strains) = (0, Vec::new());
        for strain in links.map(|link| link.strain(now, detection_time)) {
            if strain > 0.0 {
                strains.push(strain);
                continue;
            }
            calm += 1;
            // Whatever the others are like.
            if calm * 2 >= subjects.len() {
                return 0.0;
            }
        }
        strains.sort_unstable_by(f32::total_cmp);
        let middle = (calm + strains.len()).saturating_sub(1) / 2;
        let strained = middle.checked_sub(calm).and_then(|place| strains.get(place));
        strained.copied().unwrap_or_default()
    }

    /// Once per period: tells of changes.
    pub(crate) fn follow_health(&mut self, now: Time) {
        self.watch.usual_strain = self.usual_strain(now);
        self.watch.cut = self.watch.cut.min(self.losses.len());
        let health = self.cluster_health();
        let current = HealthLevel::of(health.present, health.present + health.missing);
        let hold = self.config.detection_time * RISES_AFTER;
        if let Some(from) = self.watch.level.follow(now, current, hold) {
            self.events.push_back(Event::HealthChanged { from, health: self.cluster_health() });
        }
        self.follow_warnings(now);
    }

    fn follow_warnings(&mut self, now: Time) {
        let own = (self.table.own_id(), self.own_warning(now));
        let strained = self.contacts.strained().chain([own]);
        let strained: Vec<(MemberId, u8)> = strained.filter(|(_, it)| *it >= STEADY).collect();
        for (id, warning) in strained {
            if let Some(last) = self.watch.degrading.get_mut(&id) {
                *last = now;
            } else if warning >= DEGRADING
                && self.watch.degrading.len() < DEGRADING_MAX
                && let Some(member) = self.member(id).filter(|member| member.is_live())
            {
                self.watch.degrading.insert(id, now);
                self.events.push_back(Event::Degrading { member, warning });
            }
        }
        let steady_since = now - self.config.period * STEADY_PERIODS;
        let steady = |last: &Time| *last < steady_since;
        let over: Vec<MemberId> = self
            .watch
            .degrading
            .iter()
            .filter(|(_, last)| steady(last))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.watch.degrading.remove(&id);
            let member = self.member(id).filter(|member| member.is_live());
            self.events.extend(member.map(Event::Steady));
        }
    }
}

/// A score from 0 to 1, in whole percent.
fn percent(score: f32) -> u8 {
    (score * 100.0).round().clamp(0.0, 100.0) as u8
}
