//! `headcount sim warn`: how early, and how rightly, members are said to degrade.

use std::collections::BTreeMap;
use std::ops::Range;

use headcount_sim::warning::{Decline, Method, Outcome, play};
use serde::Serialize;

use crate::failure::Failure;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::{jobs, seeds};
use crate::sim::statistics::{Interval, mean_interval, share_interval, short};
use crate::{output, table};

/// The flags of `headcount sim warn`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Plays this decline alone: calm, slow-leak, growing-pauses, dying-link or overload
    #[arg(long, value_name = "NAME", value_parser = decline)]
    only: Option<Decline>,

    /// The seeds of each decline, the second one left out. Those below 1,000 were used to choose the
    /// numbers of the rules
    #[arg(long, value_name = "FROM..TO", default_value = "1000..1040", value_parser = seeds)]
    seeds: Range<u64>,

    /// How many runs at a time
    #[arg(long, default_value_t = 2, value_parser = jobs)]
    jobs: usize,

    /// Prints one JSON document instead of Markdown tables
    #[arg(long)]
    json: bool,
}

fn decline(name: &str) -> Result<Decline, String> {
    let names = || Decline::ALL.map(Decline::as_str).join(", ");
    let found = Decline::ALL.into_iter().find(|decline| decline.as_str() == name);
    found.ok_or_else(|| format!("is no decline; use one of {}", names()))
}

/// What one method made of one kind of decline.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    /// `calm`, `slow-leak`, `growing-pauses`, `dying-link`, `overload`, or `all`.
    decline: String,
    /// What raises the alarm.
    method: String,
    runs: usize,
    /// The share of those that failed about whom there was an alarm before they did. Null where
    /// nobody declines.
    recall: Option<Interval>,
    /// The share of all alarms that were about one that declined. Null if there were none.
    precision: Option<Interval>,
    /// How long before the failure the alarm was raised, in seconds, where it was.
    lead_s: Option<Interval>,
    /// Alarms that were not right, for each member and hour.
    wrong_per_member_hour: f64,
}

/// Plays every decline with every seed and prints a table.
///
/// # Errors
/// A run that broke.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let declines = args.only.map_or(Decline::ALL.to_vec(), |only| vec![only]);
    let of = |decline: &Decline| args.seeds.clone().map(|seed| (*decline, seed)).collect();
    let work: Vec<(Decline, u64)> = declines.iter().flat_map::<Vec<_>, _>(of).collect();
    let mut progress = Progress::new(work.len());
    let mut ended = BTreeMap::new();
    batch::run(
        &work,
        args.jobs,
        |(decline, seed)| play(*decline, *seed),
        |number, outcome| {
            progress.step(outcome.is_ok());
            ended.insert(number, outcome);
        },
    );
    progress.end();
    let mut played: Vec<(Decline, Outcome)> = Vec::with_capacity(work.len());
    for (number, outcome) in ended {
        let (decline, seed) = work[number];
        let name = decline.as_str();
        let outcome =
            outcome.map_err(|why| Failure::Unmet(format!("{name}, seed {seed}: {why}")))?;
        played.push((decline, outcome));
    }
    let rows = rows(&declines, &played);
    if args.json { output::json(&rows) } else { output::raw(&show(&rows)) }
}

/// A row for each decline and method, and for all declines together.
fn rows(declines: &[Decline], played: &[(Decline, Outcome)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for decline in declines {
        let of: Vec<_> = played.iter().filter(|(played, _)| played == decline).collect();
        rows.extend(by_method(decline.as_str(), &of));
    }
    if declines.len() > 1 {
        rows.extend(by_method("all", &played.iter().collect::<Vec<_>>()));
    }
    rows
}

fn by_method(name: &str, played: &[&(Decline, Outcome)]) -> Vec<Row> {
    let declining = played.iter().filter(|(decline, _)| *decline != Decline::None).count();
    let hours: f64 = played.iter().map(|(_, outcome)| outcome.member_hours).sum();
    let row = |(place, method): (usize, &Method)| {
        let findings = || played.iter().map(|(_, outcome)| outcome.findings[place]);
        let leads: Vec<f64> = findings().filter_map(|finding| finding.lead_s).collect();
        let (right, wrong) = findings()
            .fold((0, 0), |(right, wrong), finding| (right + finding.right, wrong + finding.wrong));
        Row {
            decline: name.to_owned(),
            method: method.name(),
            runs: played.len(),
            recall: share_interval(leads.len(), declining),
            precision: share_interval(right, right + wrong),
            lead_s: mean_interval(&leads),
            wrong_per_member_hour: wrong as f64 / hours,
        }
    };
    Method::ALL.iter().enumerate().map(row).collect()
}

fn show(rows: &[Row]) -> String {
    let titles = [
        "decline",
        "method",
        "runs",
        "recall [95 %]",
        "precision [95 %]",
        "lead, s [95 %]",
        "false alarms per member and hour",
    ];
    let cells = |row: &Row| {
        let interval = |it: &Option<Interval>| it.as_ref().map_or("-".to_owned(), Interval::show);
        vec![
            row.decline.clone(),
            row.method.clone(),
            row.runs.to_string(),
            interval(&row.recall),
            interval(&row.precision),
            interval(&row.lead_s),
            short(row.wrong_per_member_hour),
        ]
    };
    table::markdown(titles.map(str::to_owned).to_vec(), rows.iter().map(cells)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_sim::warning::Finding;

    #[test]
    fn shares_are_of_those_that_declined_and_of_all_alarms() {
        let finding = |right, wrong, lead_s| Finding { right, wrong, lead_s };
        let outcome =
            |finding| Outcome { findings: vec![finding; Method::ALL.len()], member_hours: 2.0 };
        let played = [
            (Decline::None, outcome(finding(0, 1, None))),
            (Decline::Overload, outcome(finding(2, 0, Some(30.0)))),
            (Decline::Overload, outcome(finding(0, 1, None))),
        ];
        let rows = rows(&[Decline::None, Decline::Overload], &played);
        assert_eq!(rows.len(), 3 * Method::ALL.len());
        let all = &rows[2 * Method::ALL.len()];
        let value = |it: &Option<Interval>| it.as_ref().map(|it| it.value);
        assert_eq!((all.decline.as_str(), all.runs), ("all", 3));
        assert_eq!((value(&all.recall), value(&all.precision)), (Some(0.5), Some(0.5)));
        assert_eq!(value(&all.lead_s), Some(30.0));
        assert!((all.wrong_per_member_hour - 2.0 / 6.0).abs() < 1e-9);
        assert_eq!(value(&rows[0].recall), None, "nobody declined");
    }
}
