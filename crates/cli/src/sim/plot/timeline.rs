//! How members were seen, as strips in the colours of statuses.

use headcount_sim::{Step, Timeline};

use crate::html::escape;
use crate::sim::plot::chart::{Axis, LEFT, RIGHT, WIDTH, open, x_axis};
use crate::sim::statistics::short;

/// The most members that are drawn.
const ROWS: usize = 40;

const STRIP: f64 = 16.0;
const GAP: f64 = 5.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 48.0;

/// Statuses in the order in which they lie on each other, from below.
pub(super) const STATUSES: [&str; 4] = ["alive", "suspect", "failed", "left"];

/// The members that are drawn: those that anything happened to, or else the first ones.
pub(super) fn shown(timelines: &[Timeline]) -> Vec<&Timeline> {
    let eventful = |timeline: &&Timeline| {
        timeline.steps.iter().any(|step| step.suspect + step.failed + step.left > 0)
    };
    let mut shown: Vec<&Timeline> = timelines.iter().filter(eventful).collect();
    if shown.is_empty() {
        shown = timelines.iter().collect();
    }
    shown.truncate(ROWS);
    shown
}

/// The strips of these members.
pub(super) fn svg(timelines: &[&Timeline], virtual_s: f64, title: &str) -> String {
    let rows = timelines.len() as f64;
    let bottom = TOP + rows * (STRIP + GAP);
    let x = Axis::new(virtual_s, LEFT, WIDTH - RIGHT);
    let described = "One strip for each member: which share of the observers saw it alive, \
                     suspect, failed or left, over time. The table below says it in words.";
    let mut svg = open(bottom + BOTTOM, title, described);
    svg.push_str(&x_axis(&x, bottom, TOP, "time since the scenario's start (s)"));
    for (row, timeline) in timelines.iter().enumerate() {
        let top = TOP + row as f64 * (STRIP + GAP);
        svg.push_str(&format!(
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            LEFT - 8.0,
            top + STRIP - 4.0,
            escape(&timeline.member)
        ));
        svg.push_str(&strip(timeline, top, virtual_s, &x));
    }
    svg.push_str("</svg>\n");
    svg
}

fn strip(timeline: &Timeline, top: f64, virtual_s: f64, x: &Axis) -> String {
    let observers = timeline.steps.iter().map(known).max().unwrap_or(0).max(1) as f64;
    let steps = merged(&timeline.steps, x);
    let ends = steps.iter().skip(1).map(|step| step.at_s).chain([virtual_s]);
    let mut svg = String::new();
    for (step, end) in steps.iter().zip(ends) {
        let (from, to) = (x.at(step.at_s), x.at(end));
        let mut floor = top + STRIP;
        let mut parts = String::new();
        for (count, status) in counts(step).into_iter().zip(STATUSES) {
            if count == 0 {
                continue;
            }
            let height = STRIP * count as f64 / observers;
            floor -= height;
            parts.push_str(&format!(
                "<rect class=\"{status}\" x=\"{from:.1}\" y=\"{floor:.2}\" width=\"{:.1}\" \
                 height=\"{height:.2}\"/>",
                to - from
            ));
        }
        if !parts.is_empty() {
            let words = words(&timeline.member, step);
            svg.push_str(&format!("<g><title>{words}</title>{parts}</g>\n"));
        }
    }
    svg
}

/// Of the steps that fall on one place, the last one.
fn merged(steps: &[Step], x: &Axis) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        match merged.last_mut() {
            Some(last) if x.at(step.at_s) - x.at(last.at_s) < 0.5 => {
                *last = Step { at_s: last.at_s, ..*step };
            }
            _ => merged.push(*step),
        }
    }
    merged
}

fn counts(step: &Step) -> [usize; 4] {
    [step.alive, step.suspect, step.failed, step.left]
}

fn known(step: &Step) -> usize {
    counts(step).iter().sum()
}

fn words(member: &str, step: &Step) -> String {
    let count = |(count, status): (usize, &str)| (count > 0).then(|| format!("{count} {status}"));
    let counts: Vec<String> = counts(step).into_iter().zip(STATUSES).filter_map(count).collect();
    format!("{} from {} s: {}", escape(member), short(step.at_s), counts.join(", "))
}

/// The titles of the table below the strips.
pub(super) fn titles() -> Vec<String> {
    let mut titles = vec!["member".to_owned()];
    titles.extend(STATUSES.iter().skip(1).map(|status| format!("seen {status}")));
    titles
}

/// What a strip shows, in words: from when on, and by how many at most.
pub(super) fn numbers(timeline: &Timeline) -> Vec<String> {
    let mut row = vec![timeline.member.clone()];
    row.extend((1..STATUSES.len()).map(|status| {
        let seen = |step: &&Step| counts(step)[status] > 0;
        let first = timeline.steps.iter().find(seen);
        let most = timeline.steps.iter().map(|step| counts(step)[status]).max().unwrap_or(0);
        first.map_or("never".to_owned(), |step| {
            format!("from {} s, by {most} at most", short(step.at_s))
        })
    }));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(member: &str, failed: usize) -> Timeline {
        let step = |at_s, alive, failed| Step { at_s, alive, failed, ..Step::default() };
        let steps = vec![step(0.0, 0, 0), step(1.0, 4, 0), step(9.0, 4 - failed, failed)];
        Timeline { member: member.to_owned(), steps }
    }

    #[test]
    fn members_that_nothing_happened_to_make_room_for_the_others() {
        let calm_and_not = [timeline("calm", 0), timeline("lost", 3)];
        let names = |timelines: &[Timeline]| {
            shown(timelines).iter().map(|t| t.member.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&calm_and_not), ["lost"]);
        assert_eq!(names(&calm_and_not[..1]), ["calm"]);
        let many: Vec<Timeline> = (0..99).map(|i| timeline(&format!("n{i}"), 1)).collect();
        assert_eq!(shown(&many).len(), ROWS);
    }

    #[test]
    fn a_strip_is_filled_by_the_shares_of_the_observers() {
        let drawn = strip(&timeline("lost", 1), 0.0, 10.0, &Axis::new(10.0, 0.0, 100.0));
        let alive = "<rect class=\"alive\" x=\"90.0\" y=\"4.00\" width=\"10.0\" height=\"12.00\"/>";
        let failed =
            "<rect class=\"failed\" x=\"90.0\" y=\"0.00\" width=\"10.0\" height=\"4.00\"/>";
        assert!(drawn.contains(alive) && drawn.contains(failed), "{drawn}");
        assert!(drawn.contains("<title>lost from 9 s: 3 alive, 1 failed</title>"), "{drawn}");
        let in_words = numbers(&timeline("lost", 1));
        assert_eq!(in_words, ["lost", "never", "from 9 s, by 1 at most", "never"]);
    }
}
