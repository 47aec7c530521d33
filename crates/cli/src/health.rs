//! How a cluster is, as `headcount health` and `GET /v1/health` tell it.

use headcount::{Condition, Contact, DEGRADING, LinkCondition, Member, Members, Node};
use serde::{Deserialize, Serialize};

use crate::table;

/// How the cluster is, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HealthView {
    /// The name of the node that sees it.
    pub(crate) node: String,
    /// `HEALTHY`, `DEGRADED`, `CRITICAL` or `FAILED`.
    pub(crate) level: String,
    /// The share of the members that is there, 0 to 1.
    pub(crate) share: f64,
    /// Members that are alive or suspect, the node included.
    pub(crate) present: usize,
    /// How many of these are suspected.
    pub(crate) suspect: usize,
    /// Members that failed and are neither back nor gone for good.
    pub(crate) missing: usize,
    /// Why they are missing: `members_failed`, `cut_off` or `isolated`. Null while none is.
    pub(crate) cause: Option<String>,
    /// How many of the peers heard lately hold the same view.
    pub(crate) agree: usize,
    /// How many peers were heard lately.
    pub(crate) of: usize,
    /// How much the node doubts itself; 0 is healthy.
    pub(crate) local_health: u8,
    /// How strained the node is, in percent.
    pub(crate) warning: u8,
    /// The members that say they are strained, from 50 % on, by name.
    pub(crate) degrading: Vec<String>,
    /// What was heard of each member first-hand lately, by name.
    pub(crate) contacts: Vec<ContactView>,
}

/// What a node heard of one member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContactView {
    /// The member's name.
    pub(crate) name: String,
    /// How long ago it was heard, in seconds.
    pub(crate) heard_s: f64,
    /// How loaded it is, in percent. Null: it has not said.
    pub(crate) load: Option<u8>,
    /// How strained it is, in percent.
    pub(crate) warning: u8,
    /// The link to it. Null: this node has not pinged it lately.
    pub(crate) link: Option<LinkView>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkView {
    /// How long an answer takes, there and back, in milliseconds. Null: there was none yet.
    pub(crate) latency_ms: Option<f64>,
    /// By how much that varies, in milliseconds.
    pub(crate) jitter_ms: f64,
    /// The share of the latest pings that was not answered in time, 0 to 1.
    pub(crate) loss: f32,
    /// Of how many pings.
    pub(crate) samples: u32,
    /// How suspicious the member's silence is, 0 to 100.
    pub(crate) phi: f32,
}

impl HealthView {
    /// What `node` sees now.
    pub(crate) fn of(node: &Node) -> HealthView {
        let (health, members) = (node.health(), node.members());
        let Condition { local_health, warning, .. } = node.condition();
        let contacts = ContactView::all(node, &members);
        let strained = contacts.iter().filter(|contact| contact.warning >= DEGRADING);
        let degrading = strained.map(|contact| contact.name.clone()).collect();
        let agreement = members.agreement();
        HealthView {
            node: node.name().to_owned(),
            level: health.level.to_string(),
            share: health.share(),
            present: health.present,
            suspect: health.suspect,
            missing: health.missing,
            cause: health.cause.map(|cause| cause.as_str().to_owned()),
            agree: agreement.agree,
            of: agreement.heard,
            local_health,
            warning,
            degrading,
            contacts,
        }
    }

    /// As people read it.
    pub(crate) fn show(&self) -> String {
        let HealthView { level, share, present, suspect, missing, agree, of, .. } = self;
        let all = present + missing;
        let percent = (share * 100.0).floor();
        let mut text = format!(
            "{level}  {present} of {all} members are there ({percent:.0} %), {suspect} suspect; \
             {agree} of {of} peers heard agree"
        );
        match self.cause.as_deref() {
            None => {}
            Some("isolated") => {
                text += "\nthis node hears nobody: the fault is likely its own, and the others may be well";
            }
            Some("cut_off") => {
                text += &format!(
                    "\n{missing} are missing that were lost together, and no port refused: likely a cut"
                );
            }
            Some(_) => text += &format!("\n{missing} failed"),
        }
        if self.local_health > 0 || self.warning > 0 {
            let HealthView { local_health, warning, .. } = self;
            text += &format!("\nthis node: local health {local_health}, warning {warning} %");
        }
        if !self.degrading.is_empty() {
            text += &format!("\ndegrading: {}", self.degrading.join(", "));
        }
        if self.contacts.is_empty() {
            return text;
        }
        let titles = ["heard", "ago", "load", "warning", "latency", "jitter", "loss", "phi"];
        let rows = self.contacts.iter().map(ContactView::cells);
        text + "\n\n" + &table::aligned(titles.map(str::to_owned).to_vec(), rows)
    }
}

impl LinkView {
    fn of(contact: &Contact) -> Option<LinkView> {
        let LinkCondition { latency, jitter, loss, samples } = contact.link?;
        Some(LinkView {
            latency_ms: latency.map(|latency| latency.as_secs_f64() * 1_000.0),
            jitter_ms: jitter.as_secs_f64() * 1_000.0,
            loss,
            samples,
            phi: contact.phi.unwrap_or_default(),
        })
    }
}

impl ContactView {
    /// What `node` heard lately of the live ones of `members`.
    pub(crate) fn all(node: &Node, members: &Members) -> Vec<ContactView> {
        let (now, heard) = (node.now(), node.contacts());
        let of = |member: &Member| {
            let contact = heard.get(member.id())?;
            Some(ContactView {
                name: member.name().to_string(),
                heard_s: now.since(contact.heard).as_secs_f64(),
                load: contact.load,
                warning: contact.warning,
                link: LinkView::of(&contact),
            })
        };
        members.live().filter_map(of).collect()
    }

    fn cells(&self) -> Vec<String> {
        let unknown = || "-".to_owned();
        let mut cells = vec![
            self.name.clone(),
            format!("{:.1} s", self.heard_s),
            self.load.map_or_else(unknown, |load| format!("{load} %")),
            format!("{} %", self.warning),
        ];
        match &self.link {
            None => cells.extend((0..4).map(|_| unknown())),
            Some(link) => cells.extend([
                link.latency_ms.map_or_else(unknown, |ms| format!("{ms:.2} ms")),
                format!("{:.2} ms", link.jitter_ms),
                format!("{:.0} % of {}", link.loss * 100.0, link.samples),
                format!("{:.1}", link.phi),
            ]),
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> HealthView {
        let link = LinkView {
            latency_ms: Some(0.254),
            jitter_ms: 0.03,
            loss: 0.25,
            samples: 8,
            phi: 0.31,
        };
        let contact = |name: &str, link| ContactView {
            name: name.to_owned(),
            heard_s: 0.44,
            load: None,
            warning: 60,
            link,
        };
        HealthView {
            node: "a".to_owned(),
            level: "CRITICAL".to_owned(),
            share: 2.0 / 3.0,
            present: 2,
            suspect: 0,
            missing: 1,
            cause: Some("members_failed".to_owned()),
            agree: 1,
            of: 1,
            local_health: 0,
            warning: 0,
            degrading: vec!["b".to_owned()],
            contacts: vec![contact("b", Some(link)), contact("c", None)],
        }
    }

    #[test]
    fn it_says_how_many_are_there_and_who_degrades() {
        let text = view().show();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "CRITICAL  2 of 3 members are there (66 %), 0 suspect; 1 of 1 peers heard agree"
        );
        assert_eq!(lines[1..3], ["1 failed", "degrading: b"]);
        let link: Vec<&str> = lines[5].split_whitespace().collect();
        let expected =
            ["b", "0.4", "s", "-", "60", "%", "0.25", "ms", "0.03", "ms", "25", "%", "of"];
        assert_eq!(link[..expected.len()], expected, "{text}");
        assert!(lines[6].ends_with('-'), "{text}");
    }

    #[test]
    fn who_is_cut_off_is_told_so() {
        let cut = HealthView { cause: Some("cut_off".to_owned()), ..view() };
        assert!(cut.show().contains("likely a cut"));
        let alone = HealthView { cause: Some("isolated".to_owned()), ..view() };
        assert!(alone.show().contains("this node hears nobody"));
        let healthy = HealthView {
            cause: None,
            missing: 0,
            degrading: Vec::new(),
            contacts: Vec::new(),
            ..view()
        };
        assert_eq!(healthy.show().lines().count(), 1);
    }
}
