//! Who sees whom in which status, as a table.

use std::collections::BTreeMap;

use headcount::{Members, Status};

use crate::local::cluster::Cluster;
use crate::table::aligned;
use crate::view::show_id;

/// Up to so many nodes, every node's word on every other is shown.
pub(crate) const DETAILED_MAX: usize = 12;

/// At most so many different views are shown.
const VIEWS_MAX: usize = 12;

/// The views of all nodes at this moment.
pub(crate) fn draw(cluster: &Cluster) -> String {
    let seen = cluster.snapshots();
    if seen.len() <= DETAILED_MAX { detailed(&seen) } else { grouped(&seen) }
}

/// One line for each node, one column for each member.
fn detailed(seen: &[(&str, Option<Members>)]) -> String {
    let names = seen.iter().map(|(name, _)| (*name).to_owned());
    let header = ["seen by".to_owned()].into_iter().chain(names);
    let header = header.chain(["view id", "agree"].map(str::to_owned)).collect();
    let row = |(name, members): &(&str, Option<Members>)| {
        let Some(members) = members else {
            let blanks = vec!["".to_owned(); seen.len() + 2];
            return [format!("{name} (down)")].into_iter().chain(blanks).collect();
        };
        let of = |(subject, _): &(&str, Option<Members>)| {
            members.get(subject).map_or("-", |member| member.status().as_str()).to_owned()
        };
        let agreement = members.agreement();
        [(*name).to_owned()]
            .into_iter()
            .chain(seen.iter().map(of))
            .chain([show_id(members.view_id()), format!("{}/{}", agreement.agree, agreement.heard)])
            .collect()
    };
    aligned(header, seen.iter().map(row))
}

/// One line for each different view, with those who hold it.
fn grouped(seen: &[(&str, Option<Members>)]) -> String {
    let mut groups: BTreeMap<u64, Vec<(&str, &Members)>> = BTreeMap::new();
    for (name, members) in seen {
        if let Some(members) = members {
            groups.entry(members.view_id()).or_default().push((name, members));
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, holders)| std::cmp::Reverse(holders.len()));
    let header =
        ["view id", "held by", "alive", "suspect", "failed", "left", "all agree", "holders"];
    let rows = groups.iter().take(VIEWS_MAX).map(|(view_id, holders)| {
        let complete = holders.iter().filter(|(_, m)| m.agreement().is_complete()).count();
        let mut row = vec![show_id(*view_id), holders.len().to_string()];
        for status in [Status::Alive, Status::Suspect, Status::Failed, Status::Left] {
            row.push(range(holders.iter().map(|(_, members)| count(members, status))));
        }
        row.extend([format!("{complete}/{}", holders.len()), some_names(holders)]);
        row
    });
    let mut text = aligned(header.map(str::to_owned).to_vec(), rows);
    if let more @ 1.. = groups.len().saturating_sub(VIEWS_MAX) {
        text.push_str(&format!("\n... and {more} more views"));
    }
    text
}

fn count(members: &Members, status: Status) -> usize {
    members.iter().filter(|member| member.status() == status).count()
}

fn range(counts: impl Iterator<Item = usize> + Clone) -> String {
    let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    if least == most { least.to_string() } else { format!("{least}-{most}") }
}

fn some_names(holders: &[(&str, &Members)]) -> String {
    let names: Vec<&str> = holders.iter().take(3).map(|(name, _)| *name).collect();
    let more = if holders.len() > names.len() { " ..." } else { "" };
    names.join(" ") + more
}
