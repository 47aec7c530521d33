//! A report as people read it.

use std::time::{Duration, UNIX_EPOCH};

use super::view::{Figures, MemberReport, ReportView};
use crate::table::aligned;

pub(super) const TITLES: [&str; 11] = [
    "name",
    "presence",
    "failures",
    "flaps",
    "restarts",
    "availability",
    "MTBF",
    "MTTR",
    "failures a day",
    "observed",
    "down since",
];

/// The headline, a table of the members, and the events of a member that was asked for.
pub(super) fn report(report: &ReportView) -> String {
    let rows = report.members.iter().map(cells);
    let table = aligned(TITLES.map(str::to_owned).to_vec(), rows);
    let mut lines = headline(report);
    lines.extend([String::new(), table]);
    for member in &report.members {
        for event in &member.events {
            let process = event.instance.as_deref().map(|i| format!("  process {i}"));
            let process = process.unwrap_or_default();
            lines.push(format!("  {}  {}{process}", moment(event.at_ms), event.event));
        }
    }
    lines.join("\n")
}

/// What is to be said of all members together.
pub(super) fn headline(report: &ReportView) -> Vec<String> {
    let ReportView { node, watched_s, gaps, cluster, .. } = report;
    let figures = &cluster.figures;
    let gaps = if *gaps > 0 { format!(", with {}", counted(*gaps, "gap")) } else { String::new() };
    let mut lines = vec![format!(
        "{} as {node} saw them for {}{gaps}: {} up, {} down, {} left, {} unseen",
        counted(cluster.members as u64, "member"),
        span(*watched_s),
        cluster.up,
        cluster.down,
        cluster.left,
        cluster.unseen,
    )];
    lines.push(format!("MTBF {}  MTTR {}", mtbf(figures), mttr(figures)));
    if let (Some(mean), Some(least)) = (cluster.availability_mean, cluster.availability_min) {
        let who = cluster.availability_min_member.as_deref().unwrap_or("?");
        let (mean, least) = (percent(mean), percent(least));
        lines.push(format!("availability {mean} on average, {least} at least ({who})"));
    }
    if cluster.members_dropped > 0 || cluster.events_refused > 0 {
        lines.push(format!(
            "no room: {} histories dropped, {} events not recorded",
            cluster.members_dropped, cluster.events_refused
        ));
    }
    lines
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The cells of a member's row.
pub(super) fn cells(member: &MemberReport) -> Vec<String> {
    let MemberReport { name, presence, figures, outage, .. } = member;
    let dash = || "-".to_owned();
    vec![
        name.clone(),
        presence.clone(),
        figures.failures.to_string(),
        figures.flaps.to_string(),
        figures.restarts.to_string(),
        figures.availability.map_or_else(dash, percent),
        mtbf(figures),
        mttr(figures),
        figures.failures_per_day.map_or_else(dash, |a_day| format!("{a_day:.2}")),
        span(figures.observed_s),
        outage.as_ref().map_or_else(dash, |outage| moment(outage.since_ms)),
    ]
}

fn mtbf(figures: &Figures) -> String {
    let Figures { mtbf_s, mtbf_samples, mtbf_confidence, mtbf_at_least_s, .. } = figures;
    match (mtbf_s, mtbf_at_least_s) {
        (Some(mean), _) => estimate(*mean, *mtbf_samples, mtbf_confidence),
        (None, Some(least)) => format!("over {} (n=0)", span(*least)),
        (None, None) => "-".to_owned(),
    }
}

fn mttr(figures: &Figures) -> String {
    let Figures { mttr_s, mttr_samples, mttr_confidence, .. } = figures;
    mttr_s.map_or("-".to_owned(), |mean| estimate(mean, *mttr_samples, mttr_confidence))
}

fn estimate(mean_s: f64, samples: u64, confidence: &str) -> String {
    format!("{} (n={samples}, {confidence} confidence)", span(mean_s))
}

/// So that 99.999 % is not shown as all of it.
fn percent(share: f64) -> String {
    let shown = (share * 1e5).floor() / 1e3;
    format!("{shown:.3} %")
}

/// A time span in its two largest units.
fn span(seconds: f64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let mut left = seconds.round() as u64;
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        if left >= length || !parts.is_empty() {
            parts.push((left / length, unit));
            left %= length;
        }
    }
    let parts = parts.into_iter().take(2).filter(|(count, _)| *count > 0);
    parts.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// A moment in UTC.
pub(super) fn moment(at_ms: u64) -> String {
    // The year 9999 is the last that can be written.
    let at = UNIX_EPOCH + Duration::from_millis(at_ms.min(253_402_300_799_000));
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::view::EventView;
    use headcount::{History, MemberId, Name, What};

    /// b was always up; a failed twice in 400 minutes, and the second time it is down still.
    pub(crate) fn example() -> ReportView {
        let history = history();
        ReportView::new("n0", &history.report(400 * 60_000))
    }

    fn history() -> History {
        let mut history = History::default();
        let mut tell = |minute: u64, member: &str, what| {
            let name = Name::new(member).expect("a name");
            history.record(minute * 60_000, MemberId::of(member), &name, None, what);
        };
        tell(0, "<a>", What::Joined);
        tell(0, "b", What::Joined);
        tell(100, "<a>", What::Failed);
        tell(110, "<a>", What::Recovered);
        tell(390, "<a>", What::Failed);
        history
    }

    #[test]
    fn estimates_say_what_they_rest_on() {
        let text = report(&example());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "2 members as n0 saw them for 6 h 40 min: 1 up, 1 down, 0 left, 0 unseen"
        );
        assert_eq!(
            lines[1],
            "MTBF 6 h 30 min (n=2, low confidence)  MTTR 10 min (n=1, low confidence)"
        );
        assert_eq!(lines[2], "availability 97.500 % on average, 95.000 % at least (<a>)");
        assert!(lines[4].starts_with("name  presence  failures"), "{text}");
        assert!(lines[5].starts_with("<a>   down"), "{text}");
        let rows: Vec<Vec<String>> = example().members.iter().map(cells).collect();
        let failing = [
            "<a>",
            "down",
            "2",
            "0",
            "0",
            "95.000 %",
            "3 h 10 min (n=2, low confidence)",
            "10 min (n=1, low confidence)",
            "7.20",
            "6 h 40 min",
            "1970-01-01T06:30:00Z",
        ];
        assert_eq!(rows[0], failing);
        assert_eq!(rows[1][5..9], ["100.000 %", "over 1 h 48 min (n=0)", "-", "0.00"]);
    }

    #[test]
    fn a_member_that_is_asked_for_has_its_events() {
        let alone = example().with_events(&history()).of_member("b").expect("it has a history");
        assert_eq!(alone.members.len(), 1);
        let event = EventView { at_ms: 0, event: "joined".to_owned(), instance: None };
        assert_eq!(alone.members[0].events, [event]);
        assert!(report(&alone).ends_with("\n  1970-01-01T00:00:00Z  joined"), "{}", report(&alone));
        assert_eq!(example().of_member("c"), None);
    }

    #[test]
    fn spans_and_shares_are_short_and_not_too_good() {
        let shown = [0.25, 59.6, 61.0, 3_600.0, 90_061.0, 864_000.0].map(span);
        assert_eq!(shown, ["0.2 s", "1 min", "1 min 1 s", "1 h", "1 d 1 h", "10 d"]);
        assert_eq!([percent(1.0), percent(0.999_999)], ["100.000 %", "99.999 %"]);
    }
}
