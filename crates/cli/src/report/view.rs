//! A report as programs are shown it. `docs/operations.md` lists the fields.

use std::time::Duration;

use headcount::{
    ClusterReliability, Happened, History, HistoryReport, Presence, Reliability, Totals,
};
use serde::{Deserialize, Serialize};

/// What one node's history says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReportView {
    pub(crate) node: String,
    pub(crate) at_ms: u64,
    pub(crate) since_ms: Option<u64>,
    pub(crate) watched_s: f64,
    pub(crate) gaps: u64,
    pub(crate) cluster: ClusterView,
    pub(crate) members: Vec<MemberReport>,
}

/// All members together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterView {
    pub(crate) members: usize,
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) left: usize,
    pub(crate) unseen: usize,
    pub(crate) outages_now: usize,
    pub(crate) availability_mean: Option<f64>,
    pub(crate) availability_min: Option<f64>,
    pub(crate) availability_min_member: Option<String>,
    pub(crate) members_dropped: u64,
    pub(crate) events_refused: u64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MemberReport {
    pub(crate) name: String,
    pub(crate) presence: String,
    pub(crate) since_ms: u64,
    pub(crate) outage: Option<OutageView>,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Its last events, if they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<EventView>,
}

/// An outage that lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutageView {
    pub(crate) since_ms: u64,
    pub(crate) seen_s: f64,
    pub(crate) witnessed: bool,
}

/// Something that happened to a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventView {
    pub(crate) at_ms: u64,
    pub(crate) event: String,
    pub(crate) instance: Option<String>,
}

/// What was counted, and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) observed_s: f64,
    pub(crate) up_s: f64,
    pub(crate) down_s: f64,
    pub(crate) failures: u64,
    pub(crate) recoveries: u64,
    pub(crate) restarts: u64,
    pub(crate) suspicions: u64,
    pub(crate) flaps: u64,
    pub(crate) availability: Option<f64>,
    pub(crate) mtbf_s: Option<f64>,
    pub(crate) mtbf_samples: u64,
    pub(crate) mtbf_confidence: String,
    pub(crate) mtbf_at_least_s: Option<f64>,
    pub(crate) mtbf_at_most_s: Option<f64>,
    pub(crate) mttr_s: Option<f64>,
    pub(crate) mttr_samples: u64,
    pub(crate) mttr_confidence: String,
    pub(crate) longest_outage_s: Option<f64>,
    pub(crate) failures_per_day: Option<f64>,
    pub(crate) failures_per_day_at_least: Option<f64>,
    pub(crate) failures_per_day_at_most: Option<f64>,
}

impl ReportView {
    /// What `node` says.
    pub(crate) fn new(node: &str, report: &HistoryReport) -> ReportView {
        ReportView {
            node: node.to_owned(),
            at_ms: report.at_ms,
            since_ms: report.since_ms,
            watched_s: report.watched.as_secs_f64(),
            gaps: report.gaps,
            cluster: ClusterView::new(&report.cluster),
            members: report.members.iter().map(MemberReport::new).collect(),
        }
    }

    /// The same with the last events of each member.
    pub(crate) fn with_events(mut self, history: &History) -> ReportView {
        for member in &mut self.members {
            let id = headcount::MemberId::of(&member.name);
            let events = history.member(id).into_iter().flat_map(|member| member.events());
            member.events = events.map(EventView::new).collect();
        }
        self
    }

    /// The same with one member only.
    pub(super) fn of_member(mut self, name: &str) -> Option<ReportView> {
        self.members.retain(|member| member.name == name);
        (!self.members.is_empty()).then_some(self)
    }
}

impl ClusterView {
    fn new(cluster: &ClusterReliability) -> ClusterView {
        let least = cluster.availability_min.as_ref();
        ClusterView {
            members: cluster.members,
            up: cluster.count(Presence::Up),
            down: cluster.count(Presence::Down),
            left: cluster.count(Presence::Left),
            unseen: cluster.count(Presence::Unseen),
            outages_now: cluster.outages_now,
            availability_mean: cluster.availability_mean,
            availability_min: least.map(|(share, _)| *share),
            availability_min_member: least.map(|(_, name)| name.to_string()),
            members_dropped: cluster.members_dropped,
            events_refused: cluster.events_refused,
            figures: Figures::new(&cluster.totals),
        }
    }
}

impl MemberReport {
    fn new(member: &Reliability) -> MemberReport {
        MemberReport {
            name: member.name.to_string(),
            presence: member.presence.as_str().to_owned(),
            since_ms: member.since_ms,
            outage: member.outage.map(|outage| OutageView {
                since_ms: outage.since_ms,
                seen_s: outage.seen.as_secs_f64(),
                witnessed: outage.witnessed,
            }),
            figures: Figures::new(&member.totals),
            events: Vec::new(),
        }
    }
}

impl EventView {
    fn new(event: &Happened) -> EventView {
        EventView {
            at_ms: event.at_ms,
            event: event.what.as_str().to_owned(),
            instance: event.instance.map(|instance| instance.to_string()),
        }
    }
}

impl Figures {
    pub(super) fn new(totals: &Totals) -> Figures {
        let Totals { failures, recoveries, restarts, suspicions, flaps, .. } = *totals;
        let (mtbf, mttr, frequency) = (totals.mtbf(), totals.mttr(), totals.frequency());
        let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
        Figures {
            observed_s: totals.observed().as_secs_f64(),
            up_s: totals.up_ms as f64 / 1_000.0,
            down_s: totals.down_ms as f64 / 1_000.0,
            failures,
            recoveries,
            restarts,
            suspicions,
            flaps,
            availability: totals.availability(),
            mtbf_s: seconds(mtbf.mean),
            mtbf_samples: mtbf.samples,
            mtbf_confidence: mtbf.confidence().as_str().to_owned(),
            mtbf_at_least_s: seconds(mtbf.at_least),
            mtbf_at_most_s: seconds(mtbf.at_most),
            mttr_s: seconds(mttr.mean),
            mttr_samples: mttr.samples,
            mttr_confidence: mttr.confidence().as_str().to_owned(),
            longest_outage_s: seconds(mttr.longest),
            failures_per_day: frequency.map(|frequency| frequency.per_day),
            failures_per_day_at_least: frequency.map(|frequency| frequency.interval.0),
            failures_per_day_at_most: frequency.map(|frequency| frequency.interval.1),
        }
    }
}
