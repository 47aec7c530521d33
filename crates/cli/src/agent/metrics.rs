//! A node's counters and gauges for Prometheus, read at each scrape. `docs/operations.md` lists
//! them.

use std::fmt;

use headcount::{
    ClusterHealth, Condition, Event, Member, Members, Node, NodeEvent, NodeStats, Quorum, Standing,
    Status, Verdict,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::agent::sessions;

type Label = [(&'static str, &'static str); 1];

/// How often something happened, and how often nobody could tell what. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventCounts {
    by_name: Family<Label, Counter>,
    missed: Counter,
}

/// Everything that is measured of one node.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Measures `node` and its `sessions`; `events` are counted by [`count`].
    pub(crate) fn new(node: Node, events: EventCounts, sessions: sessions::Counts) -> Metrics {
        let mut registry = Registry::with_prefix("headcount");
        registry.register_collector(Box::new(NodeCollector { node }));
        let help = "What this node saw happen, by event";
        registry.register("events", help, events.by_name);
        let help = "Events that happened faster than they could be counted by name";
        registry.register("events_missed", help, events.missed);
        registry.register("sessions", "Live sessions of this agent", sessions.live);
        let help = "Sessions that were not renewed in time";
        registry.register("sessions_expired", help, sessions.expired);
        Metrics { registry }
    }

    /// All of it as OpenMetrics text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Counts `event`, unless it is about how something asked for went, and what a gap swallowed.
pub(crate) fn count(events: &EventCounts, event: &NodeEvent) {
    let event = match event {
        NodeEvent::Event(event) => event,
        NodeEvent::Gap { missed, .. } => {
            events.missed.inc_by(*missed);
            return;
        }
        _ => return,
    };
    let asked_for = matches!(event, Event::Seed { .. } | Event::Census(_) | Event::Departed { .. });
    if !asked_for {
        events.by_name.get_or_create(&[("event", event.name())]).inc();
    }
}

#[derive(Debug)]
struct NodeCollector {
    node: Node,
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        view(&mut encoder, &self.node.members())?;
        health(&mut encoder, &self.node)?;
        condition(&mut encoder, &self.node.condition())?;
        quorum(&mut encoder, &self.node.quorum())?;
        for (name, help, total) in totals(&self.node.stats()) {
            let counter = ConstCounter::new(total);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

fn view(encoder: &mut DescriptorEncoder<'_>, members: &Members) -> fmt::Result {
    let help = "Members in this node's view, by status";
    let mut family = encoder.encode_descriptor("members", help, None, MetricType::Gauge)?;
    for status in [Status::Alive, Status::Suspect, Status::Failed, Status::Left] {
        let len = members.iter().filter(|member| member.status() == status).count();
        ConstGauge::new(len).encode(family.encode_family(&[("status", status.as_str())])?)?;
    }
    let serving = members.serving().count();
    let help = "Members that may be given work: live, serving, not recovering, within reach";
    gauge(encoder, "members_serving", help, serving)?;
    let count = |is: fn(&Member) -> bool| members.live().filter(|member| is(member)).count();
    let help = "Members that are back and are given no work yet";
    gauge(encoder, "members_recovering", help, count(Member::is_recovering))?;
    let help = "Live members that this node cannot reach";
    gauge(encoder, "members_unreachable", help, count(Member::is_unreachable))?;
    let help = "Live members that some say they cannot reach";
    let partial = count(|member| !member.out_of_reach_for().is_empty());
    gauge(encoder, "members_partial", help, partial)?;
    let agreement = members.agreement();
    gauge(
        encoder,
        "peers_heard",
        "Peers heard lately, the ones that agree and others",
        agreement.heard,
    )?;
    gauge(
        encoder,
        "peers_agreeing",
        "Peers heard lately that hold this node's view",
        agreement.agree,
    )
}

/// The level by number, so that an alert can compare it; who is degrading as a count, for names have no
/// bound.
fn health(encoder: &mut DescriptorEncoder<'_>, node: &Node) -> fmt::Result {
    let ClusterHealth { level, present, missing, .. } = node.health();
    let help = "How much of the cluster is there: 0 HEALTHY, 1 DEGRADED, 2 CRITICAL, 3 FAILED";
    gauge(encoder, "health_level", help, level as u32)?;
    gauge(encoder, "members_present", "Members that are alive or suspect", present)?;
    let help = "Members that failed and are neither back nor gone for good";
    gauge(encoder, "members_missing", help, missing)?;
    let heard = node.contacts().all();
    let worst = heard.iter().map(|(_, contact)| contact.warning).max().unwrap_or(0);
    let help = "The largest early warning of the members heard lately, 0 to 1";
    gauge(encoder, "warning_max", help, f64::from(worst) / 100.0)?;
    let own = f64::from(node.condition().warning) / 100.0;
    gauge(encoder, "warning", "The early warning of this node itself, 0 to 1", own)?;
    let links = || heard.iter().filter_map(|(_, contact)| contact.link);
    let pings: u32 = links().map(|link| link.samples).sum();
    let lost: f32 = links().map(|link| link.loss * link.samples as f32).sum();
    let loss = if pings == 0 { 0.0 } else { f64::from(lost / pings as f32) };
    gauge(encoder, "link_loss", "The share of the latest pings that was lost, 0 to 1", loss)?;
    let mut latencies: Vec<f64> =
        links().filter_map(|link| link.latency).map(|latency| latency.as_secs_f64()).collect();
    latencies.sort_unstable_by(f64::total_cmp);
    let middle = latencies.get(latencies.len() / 2).copied().unwrap_or(0.0);
    let help = "How long pings take there and back, the median of the links, in seconds";
    gauge(encoder, "link_latency_seconds", help, middle)?;
    let phi = heard.iter().filter_map(|(_, contact)| contact.phi).fold(0.0, f32::max);
    gauge(encoder, "phi_max", "The largest suspicion level of those watched", f64::from(phi))
}

fn condition(encoder: &mut DescriptorEncoder<'_>, condition: &Condition) -> fmt::Result {
    let member = matches!(condition.standing, Standing::Member);
    for (name, help, value) in [
        ("healthy", "1 while the protocol runs and is not stalled", condition.is_healthy()),
        ("ready", "1 once the cluster was joined", condition.ready),
        ("member", "1 while this node is a member of its own view", member),
        (
            "isolated",
            "1 while this node hears nobody though it knows of others",
            condition.isolated,
        ),
    ] {
        gauge(encoder, name, help, u32::from(value))?;
    }
    let help = "How much this node doubts itself; 0 is healthy";
    gauge(encoder, "local_health", help, u32::from(condition.local_health))?;
    let help = "Seconds since the protocol's task last did something";
    gauge(encoder, "last_tick_age_seconds", help, condition.last_tick.as_secs_f64())
}

fn quorum(encoder: &mut DescriptorEncoder<'_>, quorum: &Quorum) -> fmt::Result {
    let help = "1 while this node is on the side of a majority, by what that is of";
    let mut family = encoder.encode_descriptor("quorum", help, None, MetricType::Gauge)?;
    let majority = u32::from(quorum.verdict() == Verdict::Majority);
    let basis = quorum.basis().as_str();
    ConstGauge::new(majority).encode(family.encode_family(&[("basis", basis)])?)
}

fn gauge<N>(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: N) -> fmt::Result
where
    ConstGauge<N>: EncodeMetric,
{
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(metric)
}

/// Name without the `_total` that the text format adds, meaning, and value.
fn totals(stats: &NodeStats) -> [(&'static str, &'static str, u64); 32] {
    let (p, s) = (&stats.protocol, &stats.sockets);
    [
        ("datagrams_sent", "Datagrams sent", p.datagrams_sent),
        ("datagrams_received", "Datagrams received, junk included", p.datagrams_received),
        ("datagram_bytes_sent", "Bytes of datagrams sent", p.bytes_sent),
        ("datagram_bytes_received", "Bytes of datagrams received", p.bytes_received),
        ("stream_bytes_sent", "Bytes sent on streams", p.stream_bytes_sent),
        ("stream_bytes_received", "Bytes received on streams", p.stream_bytes_received),
        ("foreign_rejected", "Frames of another cluster, dropped", p.foreign_rejected),
        ("malformed_rejected", "Frames that cannot be read, dropped", p.malformed_rejected),
        ("claims_refused", "Claims that broke a bound, dropped", p.claims_refused),
        ("answers_sent", "Newer claims sent back to somebody behind", p.answers_sent),
        ("probes", "Probes begun", p.probes),
        ("probes_failed", "Probes that nobody answered", p.probes_failed),
        ("probes_indirect", "Probes for which relays were asked", p.probes_indirect),
        ("refutations", "Suspicions of itself that this node refuted", p.refutations),
        ("failures_declared", "Members that this node itself declared dead", p.failures_declared),
        ("checks", "Claims of a death checked with their subject first", p.checks),
        ("exchanges_datagram", "Table exchanges begun in datagrams", p.exchanges_datagram),
        ("exchanges_sketch", "Table exchanges begun by sketches", p.exchanges_sketch),
        ("exchanges_stream", "Table exchanges begun over streams", p.exchanges_stream),
        ("news_told", "Records told to peers whose hash showed that they lacked them", p.news_told),
        ("streams_redirected", "Callers sent on to other members", p.streams_redirected),
        ("outbox_dropped", "Datagrams dropped, the queue being full", p.outbox_dropped),
        ("dissemination_dropped", "Claims dropped, the queue being full", p.dissemination_dropped),
        ("relays_dropped", "Relay requests dropped, too many being open", p.relays_dropped),
        (
            "streams_refused",
            "Streams refused, too many being open",
            p.streams_refused + s.streams_refused,
        ),
        ("streams_opened", "Streams opened to peers", s.streams_opened),
        ("streams_accepted", "Streams accepted from peers", s.streams_accepted),
        ("streams_failed", "Streams that ended before they were done", s.streams_failed),
        ("send_errors", "Datagrams that the operating system refused to send", s.send_errors),
        ("send_blocked", "Datagrams dropped, the send buffer being full", s.send_blocked),
        ("receive_errors", "Errors while receiving datagrams", s.receive_errors),
        ("accept_errors", "Errors while accepting streams", s.accept_errors),
    ]
}
