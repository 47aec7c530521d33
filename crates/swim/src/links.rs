//! What this node knows of its links to those that it pings.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::{LinkCondition, LinkMeter, Phi, PhiSettings, Trend};
use headcount_state::{Instance, MemberId, Time};

use crate::config::Config;
use crate::observers::timing::{
    FAILED_DATAGRAMS, GREET_DOUBLINGS_MAX, GREET_PERIODS, OBSERVERS, Timing,
};

/// Links that are known at once: those to the subjects, also while many are in doubt, and some
/// others.
pub(crate) const LINKS_MAX: usize = 64;

/// Phi remembers so many arrivals.
const ARRIVALS: u16 = 100;

/// Differences of latency that are less than this share of the detection time are trifles: 10 ms of
/// 5 s.
const TRIFLE: u32 = 500;

/// One link: in the first line of memory what is asked of several of them in each period.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Link {
    trend: Trend,
    /// When its peer was heard, whatever it said.
    arrivals: Phi,
    meter: LinkMeter,
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
        self.timeout_from(timing.floor(), timing)
    }

    /// The same where a port refuses: what the link takes is all the patience there is.
    pub(crate) fn hasty_timeout(&self, timing: &Timing) -> Duration {
        self.timeout_from(timing.hasty_floor(), timing)
    }

    fn timeout_from(&self, floor: Duration, timing: &Timing) -> Duration {
        let ceiling = timing.ceiling();
        let round_trip = self.meter.round_trip();
        let longest = round_trip.mean().map_or(ceiling, |mean| ceiling.max(mean * 3));
        round_trip.timeout().unwrap_or(ceiling).clamp(floor, longest)
    }

    /// What it is like.
    pub(crate) fn condition(&self) -> LinkCondition {
        self.meter.condition()
    }

    /// How suspicious its peer's silence is.
    pub(crate) fn phi(&self, now: Time) -> f32 {
        self.arrivals.phi(now)
    }

    /// How strained it is, 0 to 1.
    pub(crate) fn strain(&self, now: Time, detection_time: Duration) -> f32 {
        // Mostly it is no longer silent than usual, and phi takes a while to find.
        let late = self.arrivals.is_beyond(now, 3.0);
        let phi = if late { self.phi(now) } else { 0.0 };
        self.trend.strain(phi, detection_time / TRIFLE)
    }

    /// Whether so many of the latest pings in a row were lost that it is no accident.
    pub(crate) fn is_silent(&self) -> bool {
        self.failed >= FAILED_DATAGRAMS
    }

    /// Whether its process is gone: its port, which used to answer, refuses, and datagrams go
    /// unanswered.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused && self.is_silent()
    }

    /// Whether its port refuses.
    pub(crate) fn refuses(&self) -> bool {
        self.refused
    }

    pub(crate) fn answered_by_stream(&self, process: Instance, address: SocketAddr) -> bool {
        self.stream == Some((process, address))
    }
}

/// An answer to a ping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) sent: Time,
    pub(crate) took: Duration,
    /// How long it was waited for; the ping of a later one was counted as lost before.
    pub(crate) timeout: Duration,
    /// It came over a stream: that says nothing of how datagrams fare.
    pub(crate) by_stream: bool,
}

/// The links, by peer.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// In order, apart from the links, so that a search reads few lines of memory.
    peers: Vec<MemberId>,
    links: Vec<Link>,
    /// A link of which nothing is known.
    unknown: Link,
    /// All pings to all peers.
    pooled: LinkMeter,
    /// The hash of the table whose subjects have all answered over a stream; none once what is known
    /// of any stream has changed.
    greeted: Option<u64>,
}

impl Links {
    pub(crate) fn new(config: &Config) -> Links {
        // In each period one of its subjects is pinged, which is pinging others itself.
        let expected = config.period * OBSERVERS as u32 / 2;
        let deviation_floor = config.period;
        let pause = Duration::ZERO;
        let settings = PhiSettings { expected, samples: ARRIVALS, deviation_floor, pause };
        let unknown = Link {
            meter: LinkMeter::default(),
            trend: Trend::default(),
            arrivals: Phi::new(settings),
            acked: None,
            stream: None,
            refused: false,
            failed: 0,
            greet_at: Time::ZERO,
            greetings: 0,
        };
        Links {
            peers: Vec::new(),
            links: Vec::new(),
            unknown,
            pooled: LinkMeter::default(),
            greeted: None,
        }
    }

    /// The link to `peer`, or one of which nothing is known.
    pub(crate) fn get(&self, peer: MemberId) -> &Link {
        self.known(peer).unwrap_or(&self.unknown)
    }

    /// The link to `peer`, if it was ever pinged.
    pub(crate) fn known(&self, peer: MemberId) -> Option<&Link> {
        self.place(peer).ok().map(|place| &self.links[place])
    }

    /// All links, in the order of the peers' ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MemberId, &Link)> {
        self.peers.iter().copied().zip(&self.links)
    }

    /// All links as if they were one.
    pub(crate) fn pooled(&self) -> LinkCondition {
        self.pooled.condition()
    }

    /// The peer was heard.
    pub(crate) fn heard(&mut self, now: Time, peer: MemberId) {
        if let Ok(place) = self.place(peer) {
            self.links[place].arrivals.record(now);
        }
    }

    pub(crate) fn answered(&mut self, peer: MemberId, answer: Answer) {
        let Answer { sent, took, timeout, by_stream } = answer;
        let link = self.entry(peer);
        link.acked = link.acked.max(Some(sent));
        link.refused = false;
        link.failed = 0;
        if by_stream {
            return;
        }
        if took <= timeout {
            link.trend.in_time(true);
        }
        link.trend.answered(took);
        // One that stood still answers much later: that is not how long its link takes.
        let counts = took.min(timeout);
        let count = |meter: &mut LinkMeter| match took > timeout {
            true => meter.late(counts),
            false => meter.answered(Some(counts)),
        };
        count(&mut link.meter);
        count(&mut self.pooled);
    }

    pub(crate) fn unanswered(&mut self, peer: MemberId) {
        let link = self.entry(peer);
        link.failed = link.failed.saturating_add(1);
        link.meter.unanswered();
        link.trend.in_time(false);
        self.pooled.unanswered();
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
        let stream = Some((process, at));
        if self.entry(peer).stream != stream {
            self.greeted = None;
            self.entry(peer).stream = stream;
        }
    }

    /// Whether all subjects in the table with this hash have answered over a stream.
    pub(crate) fn all_greeted(&self, table: u64) -> bool {
        self.greeted == Some(table)
    }

    /// They have; so it is until the table changes or what is known of a stream does.
    pub(crate) fn set_all_greeted(&mut self, table: u64) {
        self.greeted = Some(table);
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
        if let Ok(place) = self.place(peer) {
            self.remove(place);
        }
    }

    /// Where a peer is, or belongs.
    fn place(&self, peer: MemberId) -> Result<usize, usize> {
        self.peers.binary_search(&peer)
    }

    fn remove(&mut self, place: usize) {
        self.peers.remove(place);
        self.links.remove(place);
        self.greeted = None;
    }

    /// The link to `peer`. If there are too many, the one whose peer has not answered for longest
    /// makes room for a new one.
    fn entry(&mut self, peer: MemberId) -> &mut Link {
        let place = self.place(peer).unwrap_or_else(|_| self.insert(peer));
        &mut self.links[place]
    }

    fn insert(&mut self, peer: MemberId) -> usize {
        if self.links.len() >= LINKS_MAX {
            let oldest = self.links.iter().enumerate().min_by_key(|(_, link)| link.acked);
            if let Some((place, _)) = oldest {
                self.remove(place);
            }
        }
        let place = self.place(peer).unwrap_or_else(|place| place);
        self.peers.insert(place, peer);
        self.links.insert(place, self.unknown);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_wire::ClusterId;

    fn config() -> Config {
        Config::new(ClusterId::of("test"))
    }

    fn timing() -> Timing {
        Timing::of(&config())
    }

    fn answer(sent: Time, took: Duration) -> Answer {
        Answer { sent, took, timeout: Duration::from_secs(9), by_stream: false }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn timeouts_follow_the_link_between_floor_and_ceiling() {
        let peer = MemberId::of("x");
        let mut links = Links::new(&config());
        assert_eq!(links.get(peer).timeout(&timing()), ms(600));
        let after = |links: &mut Links, took| {
            (0..50).for_each(|_| links.answered(peer, answer(Time::ZERO, took)));
            links.get(peer).timeout(&timing())
        };
        assert_eq!(after(&mut links, ms(1)), ms(200));
        assert!(after(&mut links, ms(300)) < ms(350));
        assert!(after(&mut links, ms(900)) >= ms(900));
    }

    #[test]
    fn any_detection_time_that_may_be_set_gives_a_time_to_answer() {
        for periods in [4, 15, 16, 30] {
            let usual = config();
            let config = Config { detection_time: usual.period * periods, ..usual };
            assert_eq!(config.check(), Ok(()));
            let timing = Timing::of(&config);
            let mut links = Links::new(&config);
            links.answered(MemberId::of("x"), answer(Time::ZERO, ms(1)));
            let timeout = links.get(MemberId::of("x")).timeout(&timing);
            assert!(timeout >= timing.floor() && timeout <= timing.ceiling(), "{periods}");
        }
    }

    #[test]
    fn a_refusal_counts_where_a_stream_was_answered_and_datagrams_fail() {
        let (peer, at) = (MemberId::of("x"), ([127, 0, 0, 1], 7).into());
        let [first, second] = [1, 2].map(|raw| Instance::from_u64(raw).expect("not zero"));
        let mut links = Links::new(&config());
        assert!(!links.stream_refused(peer, first, at), "it may be behind a firewall");
        links.stream_answered(peer, first, at);
        assert!(!links.stream_refused(peer, second, at), "another process");
        assert!(links.stream_refused(peer, first, at));
        assert!(!links.get(peer).is_refused());
        links.unanswered(peer);
        links.unanswered(peer);
        assert!(links.get(peer).is_refused());
        links.answered(peer, answer(Time::ZERO, ms(1)));
        assert!(!links.get(peer).is_refused());
    }

    #[test]
    fn a_late_answer_is_a_lost_ping_and_one_by_stream_says_nothing_of_datagrams() {
        let peer = MemberId::of("x");
        let mut links = Links::new(&config());
        let late = Answer { timeout: ms(600), ..answer(Time::ZERO, ms(3_500)) };
        links.unanswered(peer);
        links.answered(peer, late);
        links.answered(peer, Answer { by_stream: true, ..answer(Time::ZERO, ms(1)) });
        let condition = links.get(peer).condition();
        assert_eq!((condition.loss, condition.samples), (1.0, 1));
        assert_eq!(condition.latency, Some(ms(600)));
        assert_eq!(links.pooled(), condition);
    }

    #[test]
    fn streams_are_known_to_be_answered_until_table_or_streams_change() {
        let (peer, at) = (MemberId::of("x"), ([127, 0, 0, 1], 7).into());
        let [first, second] = [1, 2].map(|raw| Instance::from_u64(raw).expect("not zero"));
        let mut links = Links::new(&config());
        links.stream_answered(peer, first, at);
        links.set_all_greeted(7);
        links.stream_answered(peer, first, at);
        links.answered(MemberId::of("y"), answer(Time::ZERO, ms(1)));
        links.forget(MemberId::of("z"));
        assert!(links.all_greeted(7) && !links.all_greeted(8));
        links.stream_answered(peer, second, at);
        assert!(!links.all_greeted(7), "another process");
        links.set_all_greeted(7);
        links.forget(peer);
        assert!(!links.all_greeted(7), "forgotten");
        links.set_all_greeted(7);
        (0..LINKS_MAX).for_each(|n| links.unanswered(MemberId::of(&n.to_string())));
        assert!(!links.all_greeted(7), "one of them has made room");
    }

    #[test]
    fn the_link_that_was_silent_longest_makes_room() {
        let mut links = Links::new(&config());
        let id = |number: u64| MemberId::of(&number.to_string());
        for number in 0..=LINKS_MAX as u64 {
            links.answered(id(number), answer(Time::from_millis(number + 1), ms(1)));
        }
        assert_eq!(links.get(id(0)).acked, None);
        assert!((1..=LINKS_MAX as u64).all(|number| links.get(id(number)).acked.is_some()));
        assert!(size_of::<Link>() <= 256, "{}", size_of::<Link>());
    }
}
