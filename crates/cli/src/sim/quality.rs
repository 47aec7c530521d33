//! `headcount sim quality`: how soon and how often wrong heartbeat detectors are.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_sim::quality::{
    AT_DETECTION, AT_PHI_3, BURSTS, Curve, LOST, Point, Tally, TraceKind, play, pool,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::html;
use crate::sim::batch;
use crate::sim::plot::chart::{Chart, Shape};
use crate::sim::plot::{curves, page};
use crate::sim::progress::Progress;
use crate::sim::source::{jobs, processors, seeds};
use crate::sim::statistics::short;
use crate::{input, output, table};

/// The flags of `headcount sim quality`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures this trace; may be repeated: calm, bursts, drift, heavy-tail, pauses, mixed,
    /// published. All of them if not given
    #[arg(long = "only", value_name = "TRACE", value_parser = trace)]
    only: Vec<TraceKind>,

    /// The seeds of every trace, the second one left out
    #[arg(long, value_name = "FROM..TO", default_value = "1..4", value_parser = seeds)]
    seeds: Range<u64>,

    /// Compares the detectors where each finds a crash within so long, on average; may be repeated.
    /// Half a second, one and two if not given
    #[arg(long = "within", value_name = "DURATION", value_parser = input::duration)]
    within: Vec<Duration>,

    /// Tells of the detectors with whole windows too, as the papers have them
    #[arg(long)]
    references: bool,

    /// Draws the curves: one HTML page that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// How many runs at a time; as many as there are processors if not given
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,

    /// Prints every point of every curve as one JSON document instead of Markdown tables
    #[arg(long)]
    json: bool,
}

/// What one trace came to.
#[derive(Serialize)]
struct Traced {
    trace: &'static str,
    /// How many runs it sums up.
    runs: usize,
    curves: Vec<Curve>,
}

/// A published figure, and ours.
#[derive(Serialize)]
struct Beside {
    /// Which curve of ours it is compared with.
    policy: String,
    /// What is equal: the mean detection time in seconds, or phi.
    at: String,
    /// Mistakes a second, as published.
    published_per_s: f64,
    /// Ours; `None` if no threshold comes there.
    ours_per_s: Option<f64>,
    /// The mean detection time at which ours is so, in seconds; phi may end before.
    ours_detection_s: Option<f64>,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Document<'a> {
    traces: &'a [Traced],
    /// The published trace beside the paper; empty if it was not run.
    beside: Vec<Beside>,
}

fn trace(name: &str) -> Result<TraceKind, String> {
    let names = || TraceKind::ALL.map(TraceKind::as_str).join(", ");
    TraceKind::from_name(name).ok_or_else(|| format!("is no trace; use one of {}", names()))
}

/// Measures the curves, and prints and draws them.
///
/// # Errors
/// A page that cannot be written.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(file) = &args.html {
        // Whether it can be is said before the work, not after it.
        write(file, "")?;
    }
    let kinds = if args.only.is_empty() { TraceKind::ALL.to_vec() } else { args.only.clone() };
    let found = measure(&kinds, &args.seeds, args.jobs.unwrap_or_else(processors))?;
    if let Some(file) = &args.html {
        draw(&found, file)?;
    }
    let beside = found.iter().find(|traced| traced.trace == TraceKind::Published.as_str());
    let beside = beside.map(|traced| beside_the_paper(&traced.curves)).unwrap_or_default();
    if args.json {
        return output::json(&Document { traces: &found, beside });
    }
    let within = match args.within.as_slice() {
        [] => [500, 1_000, 2_000].map(Duration::from_millis).to_vec(),
        some => some.to_vec(),
    };
    let tables = found.iter().map(|traced| show(traced, &within, args.references) + "\n\n");
    let mut text: String = tables.collect();
    if !beside.is_empty() {
        text += &show_beside(&beside);
    }
    output::raw(&format!("{}\n", text.trim_end()))
}

fn measure(
    kinds: &[TraceKind],
    seeds: &Range<u64>,
    threads: usize,
) -> Result<Vec<Traced>, Failure> {
    let work: Vec<(usize, u64)> =
        (0..kinds.len()).flat_map(|kind| seeds.clone().map(move |seed| (kind, seed))).collect();
    let mut progress = Progress::new(work.len());
    let mut ended = BTreeMap::new();
    let one = |(kind, seed): &(usize, u64)| Ok(play(kinds[*kind], *seed));
    batch::run(&work, threads, one, |number, tallies| {
        progress.step(tallies.is_ok());
        ended.insert(number, tallies);
    });
    progress.end();
    let mut runs: Vec<Vec<Vec<Vec<Tally>>>> = vec![Vec::new(); kinds.len()];
    for (number, tallies) in ended {
        let (kind, seed) = work[number];
        let broken = |why| Failure::Unmet(format!("{}, seed {seed}: {why}", kinds[kind].as_str()));
        runs[kind].push(tallies.map_err(broken)?);
    }
    let traced = |(kind, runs): (&TraceKind, &Vec<Vec<Vec<Tally>>>)| Traced {
        trace: kind.as_str(),
        runs: runs.len(),
        curves: pool(runs),
    };
    Ok(kinds.iter().zip(&runs).map(traced).collect())
}

/// A line for each detector and detection time.
fn show(traced: &Traced, within: &[Duration], references: bool) -> String {
    let mut titles = vec![traced.trace.to_owned(), "within".to_owned()];
    titles.extend(POINT_TITLES.map(str::to_owned));
    let shown = traced.curves.iter().filter(|curve| references || !curve.reference);
    let shown: Vec<&Curve> = shown.collect();
    let rows = within.iter().flat_map(|within| {
        shown.iter().map(move |curve| {
            let seconds = within.as_secs_f64();
            let mut cells = vec![format!("`{}`", curve.policy), format!("{} s", short(seconds))];
            match curve.within(seconds) {
                Some(point) => cells.extend(numbers(curve, point)),
                None => cells.extend(POINT_TITLES.map(|_| "-".to_owned())),
            }
            cells
        })
    });
    table::markdown(titles, rows)
}

const POINT_TITLES: [&str; 7] =
    ["threshold", "T_D s", "worst T_D s", "T_D at the end s", "mistakes/h", "T_M s", "P_A %"];

fn numbers(curve: &Curve, point: &Point) -> Vec<String> {
    // The swept value and its unit: "margin 0.5 s".
    let threshold = match curve.swept.strip_suffix("_s") {
        Some(what) => format!("{what} {} s", short(point.threshold)),
        None => format!("{} {}", curve.swept, short(point.threshold)),
    };
    vec![
        threshold,
        short(point.detection_s),
        short(point.worst_s),
        short(point.crash_s),
        short(point.mistakes_per_s * 3_600.0),
        point.mistake_s.map_or("-".to_owned(), short),
        format!("{:.4}", point.accuracy * 100.0),
    ]
}

/// The published figures and ours.
fn beside_the_paper(curves: &[Curve]) -> Vec<Beside> {
    let curve = |name: &str| curves.iter().find(|curve| curve.policy == name);
    let mut all = Vec::new();
    let mut add = |policy: &str, at: String, published_per_s, ours: Option<&Point>| {
        all.push(Beside {
            policy: policy.to_owned(),
            at,
            published_per_s,
            ours_per_s: ours.map(|point| point.mistakes_per_s),
            ours_detection_s: ours.map(|point| point.detection_s),
        });
    };
    for published in &AT_DETECTION {
        // The estimators of the paper, and our own.
        for policy in [published.policy.to_owned(), published.policy.replace("-window", "")] {
            let at = format!("T_D {} s", published.detection_s);
            let ours = curve(&policy).and_then(|curve| curve.within(published.detection_s));
            add(&policy, at, published.mistakes_per_s, ours);
        }
    }
    for (policy, published) in AT_PHI_3 {
        for policy in [policy.to_owned(), policy.replace("-window", "")] {
            let points = curve(&policy).into_iter().flat_map(|curve| &curve.points);
            let ours = points.into_iter().find(|point| point.threshold == 3.0);
            add(&policy, "phi 3".to_owned(), published, ours);
        }
    }
    all
}

fn show_beside(beside: &[Beside]) -> String {
    let titles = ["beside the paper", "at", "published mistakes/s", "ours", "at a T_D of s"];
    let rows = beside.iter().map(|row| {
        let shown = |value: Option<f64>| value.map_or("-".to_owned(), short);
        vec![
            format!("`{}`", row.policy),
            row.at.clone(),
            short(row.published_per_s),
            shown(row.ours_per_s),
            shown(row.ours_detection_s),
        ]
    });
    table::markdown(titles.map(str::to_owned).to_vec(), rows)
}

/// Which curves are drawn.
const DRAWN: [&str; 6] = ["fixed", "phi-1000", "phi-8-pause", "chen-1000", "two-window", "bound"];

/// Up to which detection time, in seconds.
const DRAWN_UNTIL: f64 = 4.0;

fn draw(found: &[Traced], file: &Path) -> Result<(), Failure> {
    let sections: String = found.iter().map(section).collect();
    let introduction = format!(
        "<p>How soon a crash is found, on average, and how often a living sender is suspected, by the \
         threshold of each detector: further left and further down is better. A line that reaches the \
         bottom makes no mistake from there on. The bound knows when each heartbeat was sent: nobody who \
         finds every crash within a time makes fewer mistakes. Detectors whose time varies may be below it \
         where they are lucky on average. The trace <code>published</code> loses {} % of its heartbeats in \
         about {BURSTS} bursts, as the trace of Hayashibara and others.</p>\n",
        LOST * 100.0
    );
    write(file, &html::document("Quality of heartbeat detectors", &(introduction + &sections)))
}

fn write(file: &Path, page: &str) -> Result<(), Failure> {
    fs::write(file, page).map_err(|error| {
        let problem = format!("cannot be written: {error}; name another file");
        Failure::input(format!("--html {}", file.display()), problem)
    })
}

fn section(traced: &Traced) -> String {
    let drawn = DRAWN.iter().filter_map(|name| {
        let curve = traced.curves.iter().find(|curve| curve.policy == *name)?;
        let points = curve.points.iter().filter(|point| point.detection_s <= DRAWN_UNTIL);
        let points = points.map(|point| (point.detection_s, point.mistakes_per_s * 3_600.0));
        let (name, points) = ((*name).to_owned(), points.collect());
        Some(curves::Curve { name, points, numbers: Vec::new() })
    });
    let drawn: Vec<curves::Curve> = drawn.collect();
    let title = format!("Trace {}, {} runs", traced.trace, traced.runs);
    let chart = Chart {
        title: &title,
        x: "mean detection time (s)",
        y: "mistakes an hour",
        shape: Shape::Decades,
        until: Some(DRAWN_UNTIL),
        curves: &drawn,
    };
    let rows = traced.curves.iter().flat_map(|curve| {
        let some = curve.points.iter().step_by(curve.points.len().div_ceil(NUMBERS).max(1));
        some.map(|point| [vec![curve.policy.clone()], numbers(curve, point)].concat())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let titles = [&["detector"][..], &POINT_TITLES].concat();
    let titles: Vec<String> = titles.into_iter().map(str::to_owned).collect();
    let text = "Mistakes an hour against the mean detection time, over all thresholds.";
    page::figure(&title, text, &chart.svg(), &chart.legend(), &html::table(&titles, &rows))
}

/// How many points of each curve are in the table of a page.
const NUMBERS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Vec<Traced> {
        measure(&[TraceKind::Calm], &(1..2), 1).unwrap_or_default()
    }

    #[test]
    fn a_table_has_a_line_for_each_detector_and_time() {
        let found = calm();
        let within = [Duration::from_secs(1), Duration::from_millis(1)];
        let text = show(&found[0], &within, false);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("| `")).collect();
        let ours = found[0].curves.iter().filter(|curve| !curve.reference).count();
        assert_eq!(lines.len(), 2 * ours, "{text}");
        let fixed = lines.iter().find(|line| line.starts_with("| `fixed`")).copied();
        let fixed = fixed.unwrap_or_default();
        assert!(fixed.contains("| timeout 0.9") && fixed.contains("| 1 s "), "{fixed}");
        assert!(lines[ours].contains("| -"), "nobody is that fast: {}", lines[ours]);
        assert!(show(&found[0], &within, true).contains("`two-window-window`"));
    }

    #[test]
    fn every_published_figure_has_ours_beside_it() {
        // Another trace does, for the names.
        let beside = beside_the_paper(&calm()[0].curves);
        assert_eq!(beside.len(), 2 * (AT_DETECTION.len() + AT_PHI_3.len()));
        assert!(beside.iter().all(|row| row.ours_per_s.is_some()));
    }
}
