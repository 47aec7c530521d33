//! Node labels: `n3` is node 3, `n3-n7` five of them, `n3#2` the second process of that name.

use headcount_state::{MemberId, Name};

use crate::scenario::ScenarioError;

/// What a text stands for as a label; `None` if it is none.
pub(crate) fn parse(label: &str) -> Option<Label> {
    if let Some((first, last)) = label.split_once('-') {
        let (first, last) = (number(first)?, number(last)?);
        return (first <= last).then_some(Label::Range(first, last));
    }
    if let Some((name, copy)) = label.split_once('#') {
        let copy = copy.parse().ok().filter(|copy| *copy >= 2)?;
        return Some(Label::Copy(number(name)?, copy));
    }
    number(label).map(|number| Label::Range(number, number))
}

/// The name and the label of the one node that a label stands for.
///
/// # Errors
/// [`ScenarioError`], about `field`, if it stands for none or for several.
pub(crate) fn only_label(field: &str, label: &str) -> Result<(String, String), ScenarioError> {
    match parse(label) {
        Some(Label::Range(first, last)) if first == last => {
            Ok((format!("n{first}"), format!("n{first}")))
        }
        Some(Label::Copy(number, copy)) => Ok((format!("n{number}"), format!("n{number}#{copy}"))),
        _ => Err(ScenarioError {
            file: None,
            line: None,
            field: field.to_owned(),
            problem: format!("`{label}` is no node; write n3 or n3#2"),
        }),
    }
}

/// What a label stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// Nodes from the first number to the last.
    Range(usize, usize),
    /// A namesake: whose, and which (the first namesake is number 2).
    Copy(usize, usize),
}

fn number(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('n')?;
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The nodes that a label stands for, given the labels of all nodes there are.
pub(crate) fn nodes_of(label: &str, all: &[String]) -> Vec<usize> {
    match parse(label) {
        Some(Label::Range(first, last)) => (first..=last.min(all.len().saturating_sub(1)))
            .filter_map(|number| find(&format!("n{number}"), number, all))
            .collect(),
        Some(Label::Copy(number, copy)) => {
            find(&format!("n{number}#{copy}"), number, all).into_iter().collect()
        }
        None => Vec::new(),
    }
}

/// The members that a label stands for, running or not.
pub(crate) fn members_of(label: &str) -> Vec<MemberId> {
    names_of(label).iter().map(Name::id).collect()
}

/// The names of the members that a label stands for, running or not.
pub(crate) fn names_of(label: &str) -> Vec<Name> {
    let numbers = match parse(label) {
        Some(Label::Range(first, last)) => first..=last,
        Some(Label::Copy(number, _)) => number..=number,
        None => return Vec::new(),
    };
    // A letter and a number always make a name.
    numbers.filter_map(|number| Name::new(&format!("n{number}")).ok()).collect()
}

/// Where a label stands, looking first where it is expected.
fn find(label: &str, expected: usize, all: &[String]) -> Option<usize> {
    if all.get(expected).is_some_and(|found| found == label) {
        return Some(expected);
    }
    all.iter().position(|found| found == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_one_node_a_range_or_a_namesake() {
        let all: Vec<String> =
            ["n0", "n1", "n2", "n1#2", "n3"].iter().map(|l| (*l).to_owned()).collect();
        for (label, nodes) in [
            ("n1", vec![1]),
            ("n3", vec![4]),
            ("n0-n2", vec![0, 1, 2]),
            ("n1-n3", vec![1, 2, 4]),
            ("n1#2", vec![3]),
            ("n9", vec![]),
        ] {
            assert_eq!(nodes_of(label, &all), nodes, "{label}");
        }
    }

    #[test]
    fn what_is_no_label_stands_for_nobody() {
        for text in ["", "n", "3", "n-1", "n3-", "n7-n3", "n1#1", "n1#x", "n+1", "faulted"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
