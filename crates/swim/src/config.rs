//! What can be set, the published defaults, and the checks.

use std::time::Duration;

use headcount_state::Limits;
use headcount_wire::{ClusterId, DEFAULT_BUDGET, MAX_BUDGET, MIN_BUDGET};

use crate::electorate::Electorate;

/// How members are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detector {
    /// SWIM with the suspicion subprotocol (Das, Gupta, Motivala, DSN 2002), direct stream
    /// fallback included: a fixed suspicion timeout, no local health, no nacks, no buddies.
    Swim,
    /// SWIM with Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788): local health stretches
    /// the prober's own timeouts, confirmations shorten a suspicion, relays send nacks, and a
    /// suspect is told of it by whoever pings it.
    Lifeguard,
    /// Each member is watched by eight others, its observers; when one of them misses it, it asks
    /// the rest, and a member for whom none of them vouches during [`Config::detection_time`] is
    /// failed. Faster than the others, in the same time in a cluster of any size, and nobody is
    /// accused by a node that may be at fault itself.
    #[default]
    Observers,
}

impl Detector {
    /// Every detector.
    pub const ALL: [Detector; 3] = [Detector::Swim, Detector::Lifeguard, Detector::Observers];

    /// The detector in lower case, as shown and as written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Detector::Swim => "swim",
            Detector::Lifeguard => "lifeguard",
            Detector::Observers => "observers",
        }
    }

    /// The detector of this name.
    pub fn from_name(name: &str) -> Option<Detector> {
        Detector::ALL.into_iter().find(|detector| detector.as_str() == name)
    }
}

/// How two tables become their join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exchange {
    /// The whole table in a datagram while it fits one, sketches beyond, and a stream where the
    /// tables differ in too much or sketches do not get through.
    #[default]
    Auto,
    /// The whole table: in a datagram while it fits one, over a stream beyond.
    Full,
    /// Sketches, whatever the size; a stream only where they cannot tell the difference.
    Sketch,
    /// Whole tables over a stream, whatever the size.
    Stream,
}

impl Exchange {
    /// Every way.
    pub const ALL: [Exchange; 4] =
        [Exchange::Auto, Exchange::Full, Exchange::Sketch, Exchange::Stream];

    /// The way in lower case, as shown and as written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Exchange::Auto => "auto",
            Exchange::Full => "full",
            Exchange::Sketch => "sketch",
            Exchange::Stream => "stream",
        }
    }

    /// The way of this name.
    pub fn from_name(name: &str) -> Option<Exchange> {
        Exchange::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

/// How one engine behaves. Every member of a cluster should use the same values; `cluster` must
/// be the same.
///
/// Defaults are the ones of the Lifeguard paper's evaluation (section V) unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which cluster this node belongs to. Frames of other clusters are dropped and counted.
    pub cluster: ClusterId,
    /// How members are watched. Default [`Detector::Observers`].
    pub detector: Detector,
    /// `observers`: a member of which no observer has had word for so long is failed; one that pauses
    /// for a period less never is. 4 to 30 periods, default 5 periods.
    pub detection_time: Duration,
    /// The protocol period T: one member is probed in each. 10 ms to 60 s, default 1 s.
    pub period: Duration,
    /// `swim` and `lifeguard`: how far the period grows while links are calm. It shrinks to
    /// [`Config::period`] where they lose or vary much, the ping then waits for as long as links
    /// take, and is sent again where they lose. One to ten periods; default one: the period is
    /// fixed, and so is [`Config::probe_timeout`].
    pub period_max: Duration,
    /// How long a direct ping may take before relays are asked. At most three quarters of the
    /// period, so that relays have time; default half of it.
    pub probe_timeout: Duration,
    /// How many relays are asked to ping a silent member. 0 to 16, default 3.
    pub indirect_probes: usize,
    /// A suspicion lasts at least `suspicion_alpha * max(1, log10 N)` periods. 1 to 100, default 5.
    pub suspicion_alpha: f64,
    /// A lone suspicion lasts this many times the least (`lifeguard` only). 1 to 100, default 6.
    pub suspicion_beta: f64,
    /// So many further accusers bring a suspicion down to the least. 0 to 16, default 3.
    pub suspicion_confirmations: usize,
    /// The largest local health score; timeouts stretch up to one more than it. 0 to 64, default 8.
    pub local_health_max: u8,
    /// How often fresh claims are gossiped. 1 ms to the period, default a fifth of the period.
    pub gossip_interval: Duration,
    /// To how many random non-failed peers each time. 1 to 64, default 3.
    pub gossip_fanout: usize,
    /// To how many peers a node tells each claim, however large the cluster is; the few that none
    /// of them reaches are told when their hashes are next seen. 1 to 64, default 4.
    pub copies: u32,
    /// With `spreads_as_memberlist`, a claim is told `retransmit * ceil(log10(N + 1))` times
    /// instead. 1 to 64, default 4.
    pub retransmit: u32,
    /// How tables that differ become their join. Default [`Exchange::Auto`].
    pub exchange: Exchange,
    /// How often one random peer is told the hash of the table, so that tables that differ find
    /// each other when nothing else is going on. Default 4 periods.
    pub exchange_interval: Duration,
    /// How often a failed member's address, and a seed, is tried again, for ever. Default 3
    /// periods.
    pub reconnect_interval: Duration,
    /// A failed claim older than this is checked with its subject before it is believed. Default
    /// 5 periods.
    pub check_age: Duration,
    /// Whether old or contradicted claims of a death are checked with their subject before they
    /// are believed. Default true; false lets a healed cut execute the living.
    pub checks: bool,
    /// Whether claims and tables spread as in memberlist, the system behind the figures of the
    /// Lifeguard paper: at the ticks of a regular gossip clock instead of soon; to members lost
    /// within 30 periods, too; whole tables with a random member at each exchange interval
    /// instead of where hashes differ; each claim as often as `retransmit` says, whoever knows it
    /// already; and no answers to claims that are refused. For comparison with the paper, with an
    /// exchange interval of 30 periods. Default false.
    pub spreads_as_memberlist: bool,
    /// The most bytes of a datagram, without IP and UDP headers. 512 to 65,507, default 1,400.
    pub datagram_budget: usize,
    /// What a majority is a majority of. Default [`Electorate::Learned`], by which none is asserted.
    pub electorate: Electorate,
    /// The bounds of the table.
    pub limits: Limits,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {value} is out of range; use {range}")]
pub struct ConfigError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub range: String,
}

impl Config {
    /// The defaults for a cluster, with a period of 1 s.
    pub fn new(cluster: ClusterId) -> Config {
        Config {
            cluster,
            detector: Detector::default(),
            detection_time: Duration::ZERO,
            period: Duration::ZERO,
            period_max: Duration::ZERO,
            probe_timeout: Duration::ZERO,
            indirect_probes: 3,
            suspicion_alpha: 5.0,
            suspicion_beta: 6.0,
            suspicion_confirmations: 3,
            local_health_max: 8,
            gossip_interval: Duration::ZERO,
            gossip_fanout: 3,
            copies: 4,
            retransmit: 4,
            exchange: Exchange::default(),
            exchange_interval: Duration::ZERO,
            reconnect_interval: Duration::ZERO,
            check_age: Duration::ZERO,
            checks: true,
            spreads_as_memberlist: false,
            datagram_budget: DEFAULT_BUDGET,
            electorate: Electorate::default(),
            limits: Limits::default(),
        }
        .with_period(Duration::from_secs(1))
    }

    /// Sets the period, and every interval that is a multiple of it by default.
    pub fn with_period(self, period: Duration) -> Config {
        Config {
            period,
            period_max: period,
            detection_time: period.saturating_mul(5),
            probe_timeout: period / 2,
            gossip_interval: period / 5,
            exchange_interval: period.saturating_mul(4),
            reconnect_interval: period.saturating_mul(3),
            check_age: period.saturating_mul(5),
            ..self
        }
    }

    /// Sets the detection time and the period that goes with it, a fifth of it within 200 ms to 5 s,
    /// with every interval that is a multiple of the period by default. 1 s to 60 s, default 5 s.
    pub fn with_detection_time(self, detection_time: Duration) -> Config {
        let period = detection_time / 5;
        let period = period.clamp(Duration::from_millis(200), Duration::from_secs(5));
        Config { detection_time, ..self.with_period(period) }
    }

    /// Whether the period and the time for an answer follow what links are like (`swim` and
    /// `lifeguard`).
    pub(crate) fn adapts(&self) -> bool {
        self.period_max > self.period
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        let minute = Duration::from_secs(60);
        let day = minute * 60 * 24;
        within("period", self.period, ms(10), minute)?;
        within("period_max", self.period_max, self.period, self.period * 10)?;
        within("probe_timeout", self.probe_timeout, ms(1), self.period * 3 / 4)?;
        within("gossip_interval", self.gossip_interval, ms(1), self.period)?;
        within("exchange_interval", self.exchange_interval, self.period, day)?;
        within("reconnect_interval", self.reconnect_interval, self.period, day)?;
        within("detection_time", self.detection_time, self.period * 4, self.period * 30)?;
        within("check_age", self.check_age, Duration::ZERO, day)?;
        within("limits.tombstone_ttl", self.limits.tombstone_ttl, self.period, day * 365)?;
        within("limits.grave_ttl", self.limits.grave_ttl, self.limits.tombstone_ttl, day * 365)?;
        within("indirect_probes", self.indirect_probes, 0, 16)?;
        within("suspicion_alpha", self.suspicion_alpha, 1.0, 100.0)?;
        within("suspicion_beta", self.suspicion_beta, 1.0, 100.0)?;
        within("suspicion_confirmations", self.suspicion_confirmations, 0, 16)?;
        within("local_health_max", self.local_health_max, 0, 64)?;
        within("gossip_fanout", self.gossip_fanout, 1, 64)?;
        within("copies", self.copies, 1, 64)?;
        within("retransmit", self.retransmit, 1, 64)?;
        within("datagram_budget", self.datagram_budget, MIN_BUDGET, MAX_BUDGET)?;
        within("limits.records", self.limits.records, 2, 1 << 24)?;
        within("limits.graves", self.limits.graves, 1, 1 << 24)?;
        within("limits.roster", self.limits.roster, 1, 1 << 20)?;
        self.electorate.check()
    }
}

pub(crate) fn within<T>(field: &'static str, value: T, least: T, most: T) -> Result<(), ConfigError>
where
    T: PartialOrd + std::fmt::Debug,
{
    // Written so that a NaN is out of range.
    if value >= least && value <= most {
        return Ok(());
    }
    let range = format!("{least:?} to {most:?}");
    Err(ConfigError { field, value: format!("{value:?}"), range })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(ClusterId::of("test"))
    }

    #[test]
    fn the_defaults_are_in_range_at_any_period() {
        for ms in [10, 200, 1_000, 60_000] {
            assert_eq!(config().with_period(Duration::from_millis(ms)).check(), Ok(()));
        }
    }

    #[test]
    fn no_period_is_too_large_to_be_refused() {
        let error = config().with_period(Duration::MAX).check().expect_err("too long");
        assert_eq!(error.field, "period");
    }

    #[test]
    fn an_error_names_the_field_the_value_and_the_range() {
        let slow = Config { probe_timeout: Duration::from_secs(2), ..config() };
        let error = slow.check().expect_err("longer than the period").to_string();
        assert_eq!(error, "probe_timeout: 2s is out of range; use 1ms to 750ms");
        let nan = Config { suspicion_alpha: f64::NAN, ..config() };
        assert_eq!(nan.check().expect_err("not a number").field, "suspicion_alpha");
    }
}
