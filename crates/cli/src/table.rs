//! Views as aligned text.

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{ContentArrangement, Table};

use crate::health::ContactView;
use crate::view::{AccusationView, CensusView, ClaimView, MemberView, View};

/// Rows under a header, columns aligned by two spaces, no lines around them.
pub(crate) fn aligned(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The same as a table of Markdown.
pub(crate) fn markdown(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    table.trim_fmt()
}

/// What a view says in one line: which it is, and how far others are known to hold it. With members
/// missing that may be alive elsewhere it is the agreement of a part.
pub(crate) fn headline(view: &View) -> String {
    let View { view_id, agree, of, live, window_s, failed_lately, .. } = view;
    let agreement = if *failed_lately > 0 { "partial: agree" } else { "agree" };
    let mut line = format!(
        "view {view_id}  {agreement} {agree}/{of} heard in {window_s:.0} s, of {live} live, \
         {failed_lately} failed lately"
    );
    match view.differing_at_most {
        Some(share) if share > 0.0 => {
            // Rounded up: it is a bound.
            let percent = (share * 100.0).ceil();
            line += &format!("; at most {percent:.0} % of them differ (95 % sure)");
        }
        _ => {}
    }
    line
}

/// What a census found, a line each.
pub(crate) fn census(census: &CensusView) -> String {
    let CensusView { agree, differ, other_views, silent, differing, unheard } = census;
    let all = agree + differ + silent;
    let mut text = format!("census: {agree} of {all} hold this view");
    if *differ > 0 {
        let names = named(differing, *differ);
        text += &format!("\n  {differ} hold {other_views} other views: {names}");
    }
    if *silent > 0 {
        text += &format!("\n  {silent} did not answer: {}", named(unheard, *silent));
    }
    text
}

fn named(names: &[String], all: usize) -> String {
    let more = all.saturating_sub(names.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names.join(", "))
}

/// The members of a view, one a line.
pub(crate) fn members(view: &View) -> String {
    let titles = [
        "name",
        "address",
        "status",
        "serving",
        "zone",
        "latency",
        "loss",
        "warning",
        "generation",
        "incarnation",
        "tags",
    ];
    let heard = |member: &MemberView| {
        let of = |contact: &&ContactView| contact.name == member.name;
        view.contacts.iter().find(of)
    };
    let rows = view.members.iter().map(|member| row(member, heard(member)));
    aligned(titles.map(str::to_owned).to_vec(), rows)
}

fn row(member: &MemberView, heard: Option<&ContactView>) -> Vec<String> {
    let tags: Vec<String> =
        member.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let link = heard.and_then(|heard| heard.link.as_ref());
    vec![
        member.name.clone(),
        member.address.to_string(),
        status(member),
        member.serving.clone(),
        or_dash(&member.zone),
        link.and_then(|link| link.latency_ms).map_or_else(dash, |ms| format!("{ms:.2} ms")),
        link.map_or_else(dash, |link| format!("{:.0} %", link.loss * 100.0)),
        heard.map_or_else(dash, |heard| format!("{} %", heard.warning)),
        member.generation.to_string(),
        member.incarnation.to_string(),
        or_dash(&tags.join(",")),
    ]
}

/// The status, and what the member is besides.
fn status(member: &MemberView) -> String {
    let words = std::iter::once(member.status.as_str()).chain(member.conditions());
    words.collect::<Vec<_>>().join(", ")
}

/// Why a member has the status that it has, one fact a line.
pub(crate) fn explanation(member: &MemberView) -> String {
    let MemberView { name, address, generation, incarnation, .. } = member;
    let mut lines = vec![
        format!("{name} is {}", status(member)),
        format!("  address      {address}"),
        format!("  life         generation {generation}, incarnation {incarnation}"),
    ];
    match &member.accusation {
        None => lines.push("  accused by   nobody".to_owned()),
        Some(AccusationView { by, reason, last_word_s, voters }) => {
            let unsaid = || "not said".to_owned();
            lines.push(format!("  accused by   {}", by.clone().unwrap_or_else(unsaid)));
            lines.push(format!("  reason       {}", reason.clone().unwrap_or_else(unsaid)));
            let word = last_word_s.map(|seconds| format!("{seconds:.1} s before the accusation"));
            lines.push(format!("  last word    {}", word.unwrap_or_else(unsaid)));
            let voters = if voters.is_empty() { unsaid() } else { voters.join(", ") };
            lines.push(format!("  confirmed by {voters}"));
        }
    }
    if !member.out_of_reach_for.is_empty() {
        lines.push(format!("  out of reach for {}", member.out_of_reach_for.join(", ")));
    }
    if !member.history.is_empty() {
        lines.push("  lately".to_owned());
        lines.extend(member.history.iter().map(|claim| format!("    {}", told(claim))));
    }
    lines.join("\n")
}

/// A claim of a member's history in one line.
fn told(claim: &ClaimView) -> String {
    let ClaimView { ago_s, status, generation, incarnation, accusation } = claim;
    let mut line = format!("{ago_s:>8.1} s ago  {status:<7}  {generation}/{incarnation}");
    if let Some(AccusationView { by, reason, last_word_s, voters }) = accusation {
        line += &by.as_ref().map_or_else(String::new, |by| format!("  by {by}"));
        line += &reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
        line += &last_word_s.map_or_else(String::new, |s| format!(", last word {s:.1} s before"));
        if !voters.is_empty() {
            line += &format!(", confirmed by {}", voters.join(", "));
        }
    }
    line
}

fn dash() -> String {
    "-".to_owned()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { dash() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn view() -> View {
        let member = |name: &str, zone: &str| MemberView {
            name: name.to_owned(),
            address: "127.0.0.1:7946".parse().expect("an address"),
            status: "alive".to_owned(),
            serving: "serving".to_owned(),
            zone: zone.to_owned(),
            generation: 7,
            incarnation: 0,
            tags: BTreeMap::from([("role".to_owned(), "api".to_owned())]),
            accusation: None,
            recovering: false,
            unreachable: false,
            out_of_reach_for: Vec::new(),
            history: Vec::new(),
        };
        View {
            node: "a".to_owned(),
            view_id: "00000000000000ff".to_owned(),
            agree: 1,
            of: 1,
            window_s: 10.0,
            live: 2,
            failed_lately: 0,
            differing_at_most: Some(0.0),
            census: None,
            members: vec![member("a", ""), member("a-longer-name", "east")],
            contacts: Vec::new(),
        }
    }

    #[test]
    fn columns_start_at_the_same_place_in_every_line() {
        let text = members(&view());
        let starts: Vec<_> =
            text.lines().map(|line| line.find("127").or(line.find("address"))).collect();
        assert_eq!(starts, [Some(15), Some(15), Some(15)], "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }

    #[test]
    fn what_is_not_said_is_a_dash() {
        let text = members(&view());
        let first = text.lines().nth(1).expect("a row");
        assert!(first.split_whitespace().nth(4) == Some("-"), "{first}");
        assert!(first.ends_with("role=api"), "{first}");
    }

    #[test]
    fn the_headline_says_who_agrees() {
        let sure = "view 00000000000000ff  agree 1/1 heard in 10 s, of 2 live, 0 failed lately";
        assert_eq!(headline(&view()), sure);
        let large = View { live: 90, differing_at_most: Some(0.065), ..view() };
        assert!(headline(&large).ends_with("; at most 7 % of them differ (95 % sure)"));
        let part = View { failed_lately: 1, ..view() };
        assert!(headline(&part).contains("  partial: agree 1/1 heard"));
    }

    #[test]
    fn an_accused_member_is_explained_and_so_is_one_that_is_not() {
        let mut member = view().members.remove(0);
        assert!(explanation(&member).ends_with("accused by   nobody"));
        member.status = "failed".to_owned();
        member.accusation = Some(AccusationView {
            by: Some("b".to_owned()),
            reason: Some("silent".to_owned()),
            last_word_s: Some(5.04),
            voters: vec!["b".to_owned(), "c".to_owned()],
        });
        let text = explanation(&member);
        assert!(text.starts_with("a is failed\n"), "{text}");
        assert!(text.contains("accused by   b\n  reason       silent\n"), "{text}");
        assert!(text.ends_with("5.0 s before the accusation\n  confirmed by b, c"), "{text}");
    }

    #[test]
    fn an_explanation_says_who_cannot_reach_a_member_and_what_was_said_before() {
        let mut member = view().members.remove(0);
        (member.recovering, member.out_of_reach_for) = (true, vec!["c".to_owned()]);
        let accusation = AccusationView {
            by: Some("b".to_owned()),
            reason: Some("silent".to_owned()),
            last_word_s: Some(5.0),
            voters: vec!["b".to_owned()],
        };
        let claim = |ago_s, status: &str, accusation| ClaimView {
            ago_s,
            status: status.to_owned(),
            generation: 7,
            incarnation: 1,
            accusation,
        };
        member.history = vec![claim(20.25, "failed", Some(accusation)), claim(3.0, "alive", None)];
        assert!(
            members(&View { members: vec![member.clone()], ..view() })
                .contains("alive, recovering, partial")
        );
        let text = explanation(&member);
        assert!(text.starts_with("a is alive, recovering, partial\n"), "{text}");
        let end = "  out of reach for c\n  lately\n        20.2 s ago  failed   7/1  by b, silent, \
                   last word 5.0 s before, confirmed by b\n         3.0 s ago  alive    7/1";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_census_names_who_differs_and_who_is_silent() {
        let found = CensusView {
            agree: 7,
            differ: 3,
            other_views: 2,
            silent: 1,
            differing: vec!["a".to_owned(), "b".to_owned()],
            unheard: vec!["c".to_owned()],
        };
        assert_eq!(
            census(&found),
            "census: 7 of 11 hold this view\n  3 hold 2 other views: a, b and 1 more\n  \
             1 did not answer: c"
        );
    }
}
