//! Views as aligned text.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use crate::view::{MemberView, View};

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

/// What a view says in one line.
pub(crate) fn headline(view: &View) -> String {
    let View { view_id, agree, of, live, .. } = view;
    format!("view {view_id}  agree {agree}/{of} heard, {live} live")
}

/// The members of a view, one a line.
pub(crate) fn members(view: &View) -> String {
    let titles =
        ["name", "address", "status", "serving", "zone", "generation", "incarnation", "tags"];
    aligned(titles.map(str::to_owned).to_vec(), view.members.iter().map(row))
}

fn row(member: &MemberView) -> Vec<String> {
    let tags: Vec<String> =
        member.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    vec![
        member.name.clone(),
        member.address.to_string(),
        member.status.clone(),
        member.serving.clone(),
        or_dash(&member.zone),
        member.generation.to_string(),
        member.incarnation.to_string(),
        or_dash(&tags.join(",")),
    ]
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
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
        };
        View {
            node: "a".to_owned(),
            view_id: "00000000000000ff".to_owned(),
            agree: 1,
            of: 1,
            live: 2,
            members: vec![member("a", ""), member("a-longer-name", "east")],
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
        assert_eq!(headline(&view()), "view 00000000000000ff  agree 1/1 heard, 2 live");
    }
}
