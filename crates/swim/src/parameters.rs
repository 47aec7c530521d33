//! The parameters of the cluster: how its members watch each other, the same at all of them.
//!
//! ```text
//!   join       the newcomer takes those of the cluster, or says why it cannot
//!   change     one node sets them, in a later epoch
//!                acks say the epoch ── a larger one ──> a stream, whose hello says the parameters
//! ```
//! So a cluster can be made faster or more patient, or its detector be switched, while it runs: a
//! change is everywhere after a few periods, each node asking only those that it has pinged.

use std::sync::Arc;
use std::time::Duration;

use headcount_state::{MemberId, Time};
use headcount_wire::{Heartbeat, Parameters};
use rand::RngExt;

use crate::bulk::Bulk;
use crate::config::{Config, ConfigError, Detector};
use crate::engine::Engine;
use crate::event::Event;
use crate::exchange::Pace;
use crate::hurry::Hurry;
use crate::links::Links;
use crate::local_health::LocalHealth;
use crate::observers::Observers;

/// A change goes on by a random step of epochs, at most so far: of two changes at one time one is the
/// later, and acks show it.
const EPOCH_STEP_MAX: u32 = 1 << 12;

/// So many answers fit a detection time, one after the other, however long they take for their link.
const ROUND_TRIPS: u32 = 5;

impl Detector {
    /// Its number in the protocol.
    fn number(self) -> u32 {
        match self {
            Detector::Swim => 1,
            Detector::Lifeguard => 2,
            Detector::Observers => 3,
        }
    }

    fn of_number(number: u32) -> Option<Detector> {
        Detector::ALL.into_iter().find(|detector| detector.number() == number)
    }
}

impl Config {
    /// This configuration with other parameters of the cluster; intervals follow the period.
    fn with_parameters(
        &self,
        detector: Detector,
        detection_time: Duration,
        period: Duration,
    ) -> Config {
        let growth = self.period_max.as_secs_f64() / self.period.as_secs_f64();
        let config = self.clone().with_period(period);
        Config { detector, detection_time, period_max: period.mul_f64(growth), ..config }
    }
}

impl Engine {
    /// The parameters that this node holds, with their epoch.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            epoch: self.epoch,
            detector: self.config.detector.number(),
            detection_time: self.config.detection_time,
            period: self.config.period,
        }
    }

    /// Changes the parameters of the cluster, here now and at the other members within some periods;
    /// the period becomes a fifth of the detection time, within 200 ms to 5 s.
    ///
    /// # Errors
    /// [`ConfigError`] if the detection time is out of range, or less than five times what answers
    /// take on the links of this node; nothing is changed.
    pub fn set_parameters(
        &mut self,
        now: Time,
        detector: Detector,
        detection_time: Duration,
    ) -> Result<(), ConfigError> {
        self.wake(now);
        let period = Config::clone(&self.config).with_detection_time(detection_time).period;
        let config = self.config.with_parameters(detector, detection_time, period);
        config.check()?;
        self.check_against_links(detection_time)?;
        let step = self.rng.random_range(1..=EPOCH_STEP_MAX);
        self.epoch = self.epoch.saturating_add(step);
        self.take_over(now, config);
        self.settle(now);
        Ok(())
    }

    /// Whether answers come soon enough for a detection time: a member has to be asked again and
    /// others about it before that is over.
    fn check_against_links(&self, detection_time: Duration) -> Result<(), ConfigError> {
        let slow = self.links.pooled().timeout().unwrap_or_default();
        let least = slow * ROUND_TRIPS;
        if detection_time >= least {
            return Ok(());
        }
        let range = format!(
            "{least:.1?} or more: answers take up to {slow:.1?} on the links of this node, and \
             there must be time for {ROUND_TRIPS} of them"
        );
        let value = format!("{detection_time:?}");
        Err(ConfigError { field: "detection_time", value, range })
    }

    /// A hello said the parameters of its sender. A newcomer takes them whatever they are; one
    /// that lets a newcomer in does not look at its.
    ///
    /// # Errors
    /// Why this node cannot take them.
    pub(crate) fn learn_parameters(
        &mut self,
        now: Time,
        said: Option<Parameters>,
        newcomer: bool,
    ) -> Result<(), String> {
        let mine = self.parameters();
        let Some(said) = said.filter(|said| *said > mine || (newcomer && *said != mine)) else {
            return Ok(());
        };
        let usable = self.config_with(said);
        if usable.is_err() {
            self.epoch_refused = said.epoch;
        }
        let config = usable?;
        self.epoch = said.epoch;
        self.take_over(now, config);
        Ok(())
    }

    /// This node's configuration with these parameters, or why it cannot use them.
    fn config_with(&self, parameters: Parameters) -> Result<Config, String> {
        let Parameters { detector, detection_time, period, .. } = parameters;
        let Some(detector) = Detector::of_number(detector) else {
            return Err(format!(
                "the cluster uses detector number {detector}, which this version does not know; \
                 update this node"
            ));
        };
        let config = self.config.with_parameters(detector, detection_time, period);
        let unusable = |error| format!("the cluster's parameters cannot be used here: {error}");
        config.check().map(|()| config).map_err(unusable)
    }

    /// An ack says that its sender holds later parameters: asks for them.
    pub(crate) fn follow_epoch(&mut self, heartbeat: &Heartbeat) {
        let sender: MemberId = heartbeat.sender.id;
        // What could not be used here once is not asked for again.
        if heartbeat.epoch > self.epoch.max(self.epoch_refused)
            && let Some(address) = self.peer_address(sender)
        {
            self.call_exchange(sender, address);
        }
    }

    /// Goes on as if it had begun with this configuration, with all that it knows of members.
    fn take_over(&mut self, now: Time, config: Config) {
        let same = config == *self.config;
        self.config = Arc::new(config);
        if same {
            return;
        }
        self.stop_judging();
        self.local_health = LocalHealth::for_detector(&self.config);
        // A node that is held stays so while there are holds, and knows how often it failed.
        let holding = std::mem::take(&mut self.observers.holding);
        *self.observers = Observers::new(&self.config, now);
        self.observers.holding = holding;
        self.links = Links::new(&self.config);
        self.forget_who_is_out();
        self.pace = Pace::new(self.config.period * 3 / 2);
        self.hurry = Hurry::new(self.config.gossip_interval);
        self.tables = Bulk::new(self.config.period, now);
        self.answers = Bulk::new(self.config.period, now);
        self.begin(now);
        self.ask_all_soon(now);
        if !self.observes() {
            self.end_hold(now);
        }
        if self.takes_part() {
            self.judge_again(now);
        }
        self.events.push_back(Event::ParametersChanged {
            detector: self.config.detector,
            detection_time: self.config.detection_time,
            period: self.config.period,
        });
    }
}
