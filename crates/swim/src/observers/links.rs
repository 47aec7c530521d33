//! What this node knows of its links to those that it pings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::RoundTrip;
use headcount_state::{Instance, MemberId, Time};

use super::make_room;
use super::timing::{FAILED_DATAGRAMS, GREET_DOUBLINGS_MAX, GREET_PERIODS, Timing};

/// Links that are known at once: those to the subjects, also while many are in doubt, and some
/// others.
const LINKS_MAX: usize = 64;

/// One link.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) round_trip: RoundTrip,
    /// When the latest request of this node was sent that was answered. What a member says of its own accord does not
    /// count: one that cannot hear can still talk.
    pub(crate) acked: Option<Time>,
    /// The process, and where, that has answered a ping over a stream.
    stream: Option<(Instance, SocketAddr)>,
    /// Its port has refused a stream since.
    refused: bool,
    /// Datagrams in a row that were not answered.
    failed: u8,
    /// When a stream may be tried again, if none was answered yet, and how often it was.
    greet_at: Time,
    greetings: u8,
}

impl Link {
    /// How long an answer may take.
    pub(crate) fn timeout(&self, timing: &Timing) -> Duration {
        let ceiling = timing.ceiling();
        let longest = self.round_trip.mean().map_or(ceiling, |mean| ceiling.max(mean * 3));
        self.round_trip.timeout().unwrap_or(ceiling).clamp(timing.floor(), longest)
    }

    /// Whether its process is gone: its port, which used to answer, refuses, and datagrams go
    /// unanswered.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused && self.failed >= FAILED_DATAGRAMS
    }

    /// Whether its port refuses.
    pub(crate) fn refuses(&self) -> bool {
        self.refused
    }

    pub(crate) fn answered_by_stream(&self, process: Instance, address: SocketAddr) -> bool {
        self.stream == Some((process, address))
    }
}

/// The links, by peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<MemberId, Link>,
}

impl Links {
    pub(crate) fn get(&self, peer: MemberId) -> Link {
        self.links.get(&peer).copied().unwrap_or_default()
    }

    /// A request that was sent then was answered, after this time if that says how long the link
    /// takes.
    pub(crate) fn answered(&mut self, sent: Time, peer: MemberId, took: Option<Duration>) {
        let link = self.entry(peer);
        link.acked = link.acked.max(Some(sent));
        link.refused = false;
        link.failed = 0;
        if let Some(took) = took {
            link.round_trip.record(took);
        }
    }

    pub(crate) fn unanswered(&mut self, peer: MemberId) {
        let link = self.entry(peer);
        link.failed = link.failed.saturating_add(1);
    }

    /// Whether to try a stream to a peer that has not answered over one yet: after a round of turns
    /// at first, then ever more seldom.
    pub(crate) fn may_greet(&mut self, now: Time, peer: MemberId, period: Duration) -> bool {
        let link = self.entry(peer);
        if now < link.greet_at {
            return false;
        }
        link.greet_at = now + period * (GREET_PERIODS << link.greetings);
        link.greetings = (link.greetings + 1).min(GREET_DOUBLINGS_MAX);
        true
    }

    /// This process has answered over a stream.
    pub(crate) fn stream_answered(&mut self, peer: MemberId, process: Instance, at: SocketAddr) {
        self.entry(peer).stream = Some((process, at));
    }

    /// The port of this process refused a stream; true if that says something.
    pub(crate) fn stream_refused(
        &mut self,
        peer: MemberId,
        process: Instance,
        at: SocketAddr,
    ) -> bool {
        let link = self.entry(peer);
        link.refused |= link.answered_by_stream(process, at);
        link.refused
    }

    pub(crate) fn forget(&mut self, peer: MemberId) {
        self.links.remove(&peer);
    }

    fn entry(&mut self, peer: MemberId) -> &mut Link {
        make_room(&mut self.links, peer, LINKS_MAX, |link| link.acked);
        self.links.entry(peer).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use headcount_wire::ClusterId;

    fn timing() -> Timing {
        Timing::of(&Config::new(ClusterId::of("test")))
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn timeouts_follow_the_link_between_floor_and_ceiling() {
        let peer = MemberId::of("x");
        let mut links = Links::default();
        assert_eq!(links.get(peer).timeout(&timing()), ms(600));
        let after = |links: &mut Links, took| {
            (0..50).for_each(|_| links.answered(Time::ZERO, peer, Some(took)));
            links.get(peer).timeout(&timing())
        };
        assert_eq!(after(&mut links, ms(1)), ms(200));
        assert!(after(&mut links, ms(300)) < ms(350));
        assert!(after(&mut links, ms(900)) >= ms(900));
    }

    #[test]
    fn any_detection_time_that_may_be_set_gives_a_time_to_answer() {
        for periods in [4, 15, 16, 30] {
            let config = Config::new(ClusterId::of("test"));
            let config = Config { detection_time: config.period * periods, ..config };
            assert_eq!(config.check(), Ok(()));
            let timing = Timing::of(&config);
            let mut links = Links::default();
            links.answered(Time::ZERO, MemberId::of("x"), Some(ms(1)));
            let timeout = links.get(MemberId::of("x")).timeout(&timing);
            assert!(timeout >= timing.floor() && timeout <= timing.ceiling(), "{periods}");
        }
    }

    #[test]
    fn a_refusal_counts_where_a_stream_was_answered_and_datagrams_fail() {
        let (peer, at) = (MemberId::of("x"), ([127, 0, 0, 1], 7).into());
        let [first, second] = [1, 2].map(|raw| Instance::from_u64(raw).expect("not zero"));
        let mut links = Links::default();
        assert!(!links.stream_refused(peer, first, at), "it may be behind a firewall");
        links.stream_answered(peer, first, at);
        assert!(!links.stream_refused(peer, second, at), "another process");
        assert!(links.stream_refused(peer, first, at));
        assert!(!links.get(peer).is_refused());
        links.unanswered(peer);
        links.unanswered(peer);
        assert!(links.get(peer).is_refused());
        links.answered(Time::ZERO, peer, None);
        assert!(!links.get(peer).is_refused());
    }

    #[test]
    fn the_link_that_was_silent_longest_makes_room() {
        let mut links = Links::default();
        let id = |number: u64| MemberId::of(&number.to_string());
        for number in 0..=LINKS_MAX as u64 {
            links.answered(Time::from_millis(number + 1), id(number), None);
        }
        assert_eq!(links.get(id(0)).acked, None);
        assert!((1..=LINKS_MAX as u64).all(|number| links.get(id(number)).acked.is_some()));
    }
}
