//! A report as a page.

use super::text::{self, moment};
use super::view::{MemberReport, ReportView};
use crate::html::{self, escape, table};

/// What the words mean, for whoever gets the page without the documentation.
const NOTES: &str = "<p>MTBF: uptime that was seen, by failures that were seen; without a failure, what it \
is over with 97.5 % confidence. MTTR: the mean of the outages that were seen from beginning to end. \
Availability: uptime by all time observed; an outage that lasts is downtime to now. \
Time in which the observer was down or cut off counts for neither.</p>\n";

/// The page.
pub(super) fn html(report: &ReportView) -> String {
    let title = format!("How reliable the members were, as {} saw them", report.node);
    let told: String =
        text::headline(report).iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect();
    let from = report.since_ms.map_or("-".to_owned(), moment);
    let times = format!("<p>From {from} to {}.</p>\n", moment(report.at_ms));
    let bars: String =
        report.members.iter().filter(|member| is_worth_a_bar(member)).map(bar).collect();
    let bars = match bars.as_str() {
        "" => String::new(),
        bars => format!("<h2>Who was down</h2>\n<ul class=\"bars\">\n{bars}</ul>\n"),
    };
    let rows: Vec<Vec<String>> = report.members.iter().map(text::cells).collect();
    let members = table(&text::TITLES.map(str::to_owned), &rows);
    html::document(&title, &format!("{told}{times}{bars}<h2>Members</h2>\n{members}{NOTES}"))
}

/// Members that were never down fill a page with equal bars.
fn is_worth_a_bar(member: &MemberReport) -> bool {
    member.figures.down_s > 0.0
}

/// The time in which a member was up, and the time in which it was down.
fn bar(member: &MemberReport) -> String {
    const WIDTH: f64 = 300.0;
    let up = member.figures.availability.unwrap_or(0.0) * WIDTH;
    let cells = text::cells(member);
    let share = cells.get(5).map_or("", String::as_str);
    format!(
        "<li><svg class=\"bar\" viewBox=\"0 0 {WIDTH} 10\" role=\"img\" aria-label=\"up {share}\">\
         <rect class=\"alive\" width=\"{up:.1}\" height=\"10\"/>\
         <rect class=\"failed\" x=\"{up:.1}\" width=\"{:.1}\" height=\"10\"/></svg> {} {share}</li>\n",
        WIDTH - up,
        escape(&member.name),
    )
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::example;
    use super::*;

    #[test]
    fn a_page_loads_nothing_and_shows_names_as_they_are() {
        let page = html(&example());
        for bad in ["http:", "https:", "<script", "<link", "@import", "url(", "<a>"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("<td>&lt;a&gt;</td><td>down</td><td>2</td>"), "{page}");
        assert!(page.contains("width=\"285.0\"") && page.contains("width=\"15.0\""), "{page}");
        assert_eq!(page.matches("class=\"bar\"").count(), 1, "b was never down");
        assert!(page.contains("From 1970-01-01T00:00:00Z to 1970-01-01T06:40:00Z."), "{page}");
    }
}
