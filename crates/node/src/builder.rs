use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Instance, Life, Name, Serving, Tags};
use headcount_swim::{Config, Detector, Electorate, Engine, Exchange, Identity};
use headcount_wire::ClusterId;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::net::lookup_host;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument;

use crate::advertise;
use crate::clock::{Clock, unix_millis};
use crate::dialling::Dialling;
use crate::driver::{Driver, Goodbye, report, report_interval};
use crate::error::NodeError;
use crate::events::Events;
use crate::history::{Opened, Recorder};
use crate::members::Members;
use crate::node::{Inner, Node};
use crate::publisher::Publisher;
use crate::quorum::Polled;
use crate::seeds::Seeds;
use crate::shared::Shared;
use crate::sockets::Sockets;
use crate::streams::{StreamLimits, Streams};

/// Commands that may wait for the driver.
const COMMANDS: usize = 64;

/// How a node is to be. Every setting has a default; [`Builder::start`] checks them all.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    cluster: String,
    name: Option<String>,
    bind: String,
    advertise: Option<String>,
    seeds: Vec<String>,
    tags: Tags,
    zone: String,
    serving: Serving,
    load: Option<u8>,
    event_buffer: usize,
    voters: Option<Vec<String>>,
    history_file: Option<PathBuf>,
    config: Config,
}

impl Builder {
    pub(crate) fn new(cluster: String) -> Builder {
        Builder {
            config: Config::new(ClusterId::of(&cluster)),
            cluster,
            name: None,
            bind: "0.0.0.0:7946".to_owned(),
            advertise: None,
            seeds: Vec::new(),
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::default(),
            load: None,
            event_buffer: 1_024,
            voters: None,
            history_file: None,
        }
    }

    /// This member's name, 1 to 255 bytes, unique in the cluster; a restarted process takes its
    /// name back. Default: the host name, so two nodes of one cluster on one host need names.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Where to listen, for datagrams and streams alike: `ip:port` or `host:port`. Port 0 takes a
    /// free one. Default `0.0.0.0:7946`.
    pub fn bind(mut self, address: impl ToString) -> Builder {
        self.bind = address.to_string();
        self
    }

    /// Where others reach this node: `ip`, `ip:port`, `host` or `host:port`, the port being the
    /// bound one unless given. Default: the address bound; if that is "all addresses", the one from
    /// which the first seed on another host, or else other networks, are reached, or else
    /// loopback; loopback too when all seeds are loopback addresses. The log says which and why.
    pub fn advertise(mut self, address: impl ToString) -> Builder {
        self.advertise = Some(address.to_string());
        self
    }

    /// Where to find the cluster: `host:port` of some of its members. All are tried at once, and
    /// again for ever, names resolved anew each time; that never removes a member. The node is
    /// ready when one has let it in, or when another member is known. Seeds that are this node's
    /// own address are skipped, so one list will do for all nodes; a node whose seeds are its own
    /// address, written as IPs, and nothing else begins the cluster. A host name that resolves to
    /// this node only begins none, for it may resolve to others soon: the node waits for those, or
    /// for another member to come, and the log warns. Default: none; the node begins a cluster of
    /// one, which others may join.
    pub fn seeds<S: ToString>(mut self, seeds: impl IntoIterator<Item = S>) -> Builder {
        self.seeds.extend(seeds.into_iter().map(|seed| seed.to_string()));
        self
    }

    /// Adds a tag, seen by all members. All tags together take at most 256 bytes.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Builder {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Adds tags.
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Builder {
        self.tags.extend(tags.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// The failure zone this node runs in, at most 32 bytes. Default: not said.
    pub fn zone(mut self, zone: impl Into<String>) -> Builder {
        self.zone = zone.into();
        self
    }

    /// Whether the application is ready for work from the start. Default [`Serving::Serving`].
    pub fn serving(mut self, serving: Serving) -> Builder {
        self.serving = serving;
        self
    }

    /// How loaded this node is at the start, in percent. Default: not said.
    pub fn load(mut self, percent: u8) -> Builder {
        self.load = Some(percent);
        self
    }

    /// How members are watched. Default [`Detector::Observers`]. The same on all members.
    pub fn detector(mut self, detector: Detector) -> Builder {
        self.config.detector = detector;
        self
    }

    /// How long a member may be silent before it is failed, with the detector `observers`: 1 s to
    /// 60 s, default 5 s. The protocol period, and every interval that is a multiple of it, becomes
    /// a fifth of it, within 200 ms to 5 s. A member that pauses for a period less than this is never
    /// failed. The same on all members.
    pub fn detection_time(mut self, detection_time: Duration) -> Builder {
        self.config = self.config.with_detection_time(detection_time);
        self
    }

    /// The protocol period, and every interval that is a multiple of it, the detection time of five
    /// periods among them: 10 ms to 60 s, default 1 s. The same on all members.
    pub fn period(mut self, period: Duration) -> Builder {
        self.config = self.config.with_period(period);
        self
    }

    /// How tables that differ become their join. Default [`Exchange::Auto`].
    pub fn exchange(mut self, exchange: Exchange) -> Builder {
        self.config.exchange = exchange;
        self
    }

    /// The members of which [`Node::quorum`] tells a majority, by name, 1 to 101: the same list at
    /// every node, voter or not. An odd number is best. It counts as a whole, whoever is there, failed
    /// or has left; no two processes of one of these names may run at a time. Replaces an expected
    /// size. Default: none, and no majority is asserted.
    pub fn voters<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Builder {
        self.voters = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// How many members are expected, 1 to 101, whatever their names, for [`Node::quorum`] to tell a
    /// majority of: the same at every node. Never more than so many processes may run at a time; when
    /// more are known, those that failed and have not said goodbye included, nobody has a majority.
    /// Replaces a list of voters. Default: none, and no majority is asserted.
    pub fn expected_size(mut self, members: usize) -> Builder {
        self.voters = None;
        self.config.electorate = Electorate::ExpectedSize(members);
        self
    }

    /// The most bytes of a datagram, without IP and UDP headers: 512 to 65,507, default 1,400.
    pub fn datagram_budget(mut self, bytes: usize) -> Builder {
        self.config.datagram_budget = bytes;
        self
    }

    /// How long members that left or failed are shown and told of. Default 5 minutes.
    pub fn tombstone_ttl(mut self, ttl: Duration) -> Builder {
        self.config.limits.tombstone_ttl = ttl;
        self
    }

    /// Any other setting of the protocol. Call it after [`Builder::period`], which sets intervals
    /// too; the cluster stays the builder's.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Builder {
        let cluster = self.config.cluster;
        change(&mut self.config);
        self.config.cluster = cluster;
        self
    }

    /// How many events a slow reader may lag behind before it misses some: 1 to 65,536, default
    /// 1,024.
    pub fn event_buffer(mut self, events: usize) -> Builder {
        self.event_buffer = events;
        self
    }

    /// Where the history of the members is kept ([`Node::history`]), so that it goes on after this process:
    /// a file of this node alone, made if it is not there, in a folder that can be written. What cannot be
    /// read in it is warned of and kept aside. Default: none; the history begins anew with each process.
    pub fn history_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.history_file = Some(path.into());
        self
    }

    /// Checks the settings, binds the port, starts the protocol and returns; joining goes on in
    /// the background ([`Node::ready`]). Must be called within a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`NodeError`] names the setting and what to do. Nothing is left behind, no port bound.
    pub async fn start(mut self) -> Result<Node, NodeError> {
        if let Some(voters) = self.voters.take() {
            let name = |voter: &String| {
                let problem =
                    |error| NodeError::setting("voters", voter, format!("is no name: {error}"));
                Name::new(voter).map_err(problem)
            };
            let names = voters.iter().map(name).collect::<Result<_, _>>()?;
            self.config.electorate = Electorate::Voters(names);
        }
        let name = Name::new(&self.name.clone().unwrap_or_else(host_name))?;
        self.check()?;
        let opened = Opened::open(self.history_file.clone(), &self.cluster).await?;
        let sockets = Sockets::bind(self.bind_address().await?).await?;
        let bound = sockets.local();
        let span = tracing::info_span!("headcount", cluster = %self.cluster, node = %name);
        let address = advertise::choose(self.advertise.as_deref(), bound, &self.seeds)
            .instrument(span.clone())
            .await?;

        let clock = Clock::start();
        let instance = Instance::from_u64(random()?)
            .ok_or_else(|| NodeError::Randomness("zero is not random".to_owned()))?;
        let identity = Identity {
            name: name.clone(),
            address,
            life: Life { generation: unix_millis(), instance },
            tags: self.tags,
            zone: self.zone,
            serving: self.serving,
        };
        let mut engine = Engine::new(self.config, identity, random()?, clock.now())?;
        engine.set_load(self.load);

        let (period, every) = (engine.config().period, engine.config().reconnect_interval);
        let limits = StreamLimits::for_period(period);
        let mut dialling = Dialling::new(bound, address, limits.dial + limits.total);
        let is_self = |seed: &String| seed.parse().is_ok_and(|seed| dialling.is_self(seed));
        let begins_cluster = self.seeds.iter().all(is_self);
        if begins_cluster {
            dialling.begin_cluster();
        }
        let (commands, obeyed) = mpsc::channel(COMMANDS);
        let (sender, _) = broadcast::channel(self.event_buffer);
        let (readiness, ready) = watch::channel(begins_cluster);
        let now = clock.now();
        let members = Members::of(&engine, engine.agreement(now));
        let first = (members, report(&engine, &sockets, now), Polled::of(&engine, now));
        let shared = Arc::new(Shared::new(first, &sender, ready, clock, period));

        let seeds = span.in_scope(|| {
            tracing::info!(%address, %bound, seeds = self.seeds.len(), "started");
            if begins_cluster {
                tracing::info!(
                    "no other seeds: this node is a cluster of one until others join it"
                );
            }
            Seeds::watch(self.seeds, every)
        });
        let driver = Driver {
            sockets,
            streams: Streams::new(limits, bound.ip()),
            seeds,
            commands: obeyed,
            engine,
            clock,
            dialling,
            goodbye: Goodbye::default(),
            census: Vec::new(),
            next_report: Instant::now() + report_interval(period),
            publisher: Publisher::new(Arc::clone(&shared), sender, readiness),
        };
        let events = Events::new(shared.subscribe(), Arc::clone(&shared));
        let history = opened.kept.clone();
        let recorder = Recorder::new(opened, name.id()).run(events);
        let (recording, recorded) = watch::channel(());
        tokio::spawn(
            async move {
                recorder.await;
                drop(recording);
            }
            .instrument(span.clone()),
        );
        let driver = tokio::spawn(driver.run().instrument(span)).abort_handle();
        let cluster = self.cluster;
        Ok(Node::new(Inner {
            cluster,
            name,
            instance,
            address,
            bound,
            shared,
            commands,
            driver,
            history,
            recorded,
        }))
    }

    fn check(&self) -> Result<(), NodeError> {
        if self.cluster.is_empty() {
            return Err(NodeError::setting("cluster", "", "is empty; give the cluster a name"));
        }
        if !(1..=65_536).contains(&self.event_buffer) {
            let problem = "is out of range; use 1 to 65,536";
            return Err(NodeError::setting("event_buffer", self.event_buffer, problem));
        }
        for seed in &self.seeds {
            let port = seed.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(1..))) {
                let problem = "has no port; write it as host:port";
                return Err(NodeError::setting("seeds", seed, problem));
            }
        }
        Ok(())
    }

    async fn bind_address(&self) -> Result<SocketAddr, NodeError> {
        let problem = |problem| NodeError::setting("bind", &self.bind, problem);
        let mut found = lookup_host(&self.bind)
            .await
            .map_err(|error| problem(format!("is no address: {error}; use ip:port")))?;
        found.next().ok_or_else(|| problem("has no address; use ip:port".to_owned()))
    }
}

fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn random() -> Result<u64, NodeError> {
    SysRng.try_next_u64().map_err(|error| NodeError::Randomness(error.to_string()))
}
