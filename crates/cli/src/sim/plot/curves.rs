//! What is drawn, out of what happened.

use headcount_sim::{Change, ChangeKind, Story};

use crate::sim::statistics::{quantile, short};

/// The most points of a curve: more cannot be told apart on a page.
const POINTS: usize = 400;

/// A curve that goes up and down in steps: each value holds up to the next point.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct Curve {
    pub(in crate::sim) name: String,
    pub(in crate::sim) points: Vec<(f64, f64)>,
    /// A row of the table below the chart.
    pub(in crate::sim) numbers: Vec<String>,
}

/// The shares for which tables tell when they are reached.
const SHARES: [f64; 5] = [0.1, 0.5, 0.9, 0.99, 1.0];

/// The titles of the table below the chart of a share.
pub(super) fn share_titles(what: &str, unit: &str) -> Vec<String> {
    let mut titles = vec![what.to_owned(), "of".to_owned()];
    titles.extend(SHARES.iter().map(|share| format!("{} % within ({unit})", share * 100.0)));
    titles
}

/// Which share of `all` has which value at most.
fn share(name: &str, mut values: Vec<f64>, all: usize) -> Option<Curve> {
    if all == 0 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let every = values.len().div_ceil(POINTS).max(1);
    let points = values.iter().enumerate().filter(|(i, _)| i % every == 0 || i + 1 == values.len());
    let mut numbers = vec![name.to_owned(), all.to_string()];
    numbers.extend(SHARES.iter().map(|share| {
        // Of all, not of those alone who got there.
        let reached = share * all as f64 <= values.len() as f64;
        let rank = share * all as f64 / values.len().max(1) as f64;
        let value = quantile(&values, rank).filter(|_| reached);
        value.map_or("never".to_owned(), short)
    }));
    let mut points: Vec<(f64, f64)> =
        points.map(|(i, value)| (*value, (i + 1) as f64 / all as f64)).collect();
    points.insert(0, (0.0, 0.0));
    Some(Curve { name: name.to_owned(), points, numbers })
}

fn changes(stories: &[Story], kind: ChangeKind) -> Vec<&Change> {
    stories.iter().flat_map(|s| &s.changes).filter(|change| change.kind == kind).collect()
}

/// Which share of those who could know of a crash, a leave or a join does, by the time since.
pub(super) fn knowledge(stories: &[Story]) -> Vec<Curve> {
    [ChangeKind::Crash, ChangeKind::Leave, ChangeKind::Join]
        .into_iter()
        .filter_map(|kind| {
            let changes = changes(stories, kind);
            let all = changes.iter().map(|change| change.observers).sum();
            let known = changes.iter().flat_map(|change| &change.known_after_s).copied();
            share(kind.as_str(), known.collect(), all)
        })
        .collect()
}

/// After how long crashes were known, by the first and by all.
pub(super) fn detection(stories: &[Story]) -> Vec<Curve> {
    let crashes = changes(stories, ChangeKind::Crash);
    let first = crashes.iter().filter_map(|crash| crash.known_after_s.first().copied());
    let by_all = crashes.iter().filter(|crash| crash.known_after_s.len() == crash.observers);
    let last = by_all.filter_map(|crash| crash.known_after_s.last().copied());
    [("first node knows", first.collect()), ("all nodes know", last.collect::<Vec<f64>>())]
        .into_iter()
        .filter_map(|(name, values)| share(name, values, crashes.len()))
        .collect()
}

/// What a node sends, second by second: the mean over nodes and runs, and the most of any.
pub(super) fn traffic(stories: &[Story]) -> Vec<Curve> {
    let seconds = stories.iter().map(|story| story.traffic.seconds.len()).max().unwrap_or(0);
    let at =
        |second: usize| stories.iter().filter_map(move |story| story.traffic.seconds.get(second));
    let mean = |second: usize| {
        let (sum, runs) =
            at(second).fold((0.0, 0), |(sum, runs), s| (sum + s.mean_bytes, runs + 1));
        sum / f64::from(runs.max(1))
    };
    let most = |second: usize| at(second).map(|s| s.max_bytes).max().unwrap_or(0) as f64;
    // Of long runs, the highest value of each stretch.
    let every = seconds.div_ceil(POINTS).max(1);
    let curve = |name: &str, value: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..seconds).map(value).collect();
        let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let stretches = values.chunks(every).enumerate();
        let points = stretches.map(|(i, values)| ((i * every) as f64, highest(values))).collect();
        let calm = values.len().saturating_sub(CALM_SECONDS);
        let over = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let numbers = [over(&values), highest(&values), over(&values[calm..])].map(short);
        let numbers = [vec![name.to_owned()], numbers.to_vec()].concat();
        Curve { name: name.to_owned(), points, numbers }
    };
    match seconds {
        0 => Vec::new(),
        _ => vec![curve("mean of all nodes", &mean), curve("most of any node", &most)],
    }
}

/// The titles of the table below the chart of [`traffic`].
pub(super) fn traffic_titles() -> Vec<String> {
    let calm = format!("mean of the last {CALM_SECONDS} s (B/s)");
    ["curve", "mean (B/s)", "highest (B/s)", &calm].map(str::to_owned).to_vec()
}

const CALM_SECONDS: usize = 10;

/// Which share of the nodes sends how much, over whole runs.
pub(super) fn senders(stories: &[Story]) -> Vec<Curve> {
    let rates = stories.iter().flat_map(|story| {
        let seconds = story.virtual_s.max(1e-6);
        story.traffic.nodes.iter().map(move |bytes| *bytes as f64 / seconds)
    });
    let rates: Vec<f64> = rates.collect();
    let all = rates.len();
    share("nodes", rates, all).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use headcount_sim::{Second, Traffic};

    use super::*;

    fn crash(observers: usize, known_after_s: &[f64]) -> Change {
        let known_after_s = known_after_s.to_vec();
        let kind = ChangeKind::Crash;
        Change { kind, member: "n1".to_owned(), at_s: 5.0, observers, known_after_s }
    }

    fn story(changes: Vec<Change>) -> Story {
        let second = |mean_bytes: f64, max_bytes| Second { mean_bytes, max_bytes };
        let seconds = vec![second(10.0, 15), second(20.0, 50)];
        let traffic = Traffic { seconds, nodes: vec![20, 40] };
        Story { seed: 1, virtual_s: 2.0, changes, timelines: Vec::new(), traffic }
    }

    #[test]
    fn who_never_knew_keeps_the_curve_from_the_top() {
        let stories = [story(vec![crash(3, &[1.0, 2.0]), crash(1, &[4.0])])];
        let curves = knowledge(&stories);
        assert_eq!(curves.len(), 1);
        assert_eq!(curves[0].points, [(0.0, 0.0), (1.0, 0.25), (2.0, 0.5), (4.0, 0.75)]);
        assert_eq!(curves[0].numbers, ["crash", "4", "1", "2", "never", "never", "never"]);
        let [first, all] = &detection(&stories)[..] else { panic!("two curves") };
        assert_eq!(first.points, [(0.0, 0.0), (1.0, 0.5), (4.0, 1.0)]);
        assert_eq!(all.points, [(0.0, 0.0), (4.0, 0.5)]);
    }

    #[test]
    fn traffic_is_the_mean_of_runs_and_the_most_of_any() {
        let mut loud = story(Vec::new());
        loud.traffic.seconds[1] = Second { mean_bytes: 40.0, max_bytes: 90 };
        let [mean, most] = &traffic(&[story(Vec::new()), loud])[..] else { panic!("two curves") };
        assert_eq!(mean.points, [(0.0, 10.0), (1.0, 30.0)]);
        assert_eq!(most.points, [(0.0, 15.0), (1.0, 90.0)]);
        assert_eq!(senders(&[story(Vec::new())])[0].points, [(0.0, 0.0), (10.0, 0.5), (20.0, 1.0)]);
    }

    #[test]
    fn a_long_curve_keeps_its_end() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let curve = share("long", values, 10_000).unwrap();
        assert!(curve.points.len() <= POINTS + 2, "{}", curve.points.len());
        assert_eq!(curve.points.last(), Some(&(9_999.0, 1.0)));
    }
}
