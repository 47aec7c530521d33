//! `headcount sim scale`: what clusters cost and how fast they are, by their size.

use std::time::Instant;

use headcount_sim::scale::{Measurement, Row, measurements};
use serde::Serialize;

use crate::failure::Failure;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::jobs;
use crate::sim::statistics::short;
use crate::{output, table};

/// The flags of `headcount sim scale`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures this row alone, or those whose names begin like this: idle-1000, change, ... A row
    /// of the table may also be of another size: idle-50, churn-10-50, change-50-loss-5
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Leaves out the rows with more simulated nodes than this
    #[arg(long, value_name = "N")]
    max_nodes: Option<usize>,

    /// The seed of every measurement
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many rows are measured at a time; the largest ones want gigabytes of memory
    #[arg(long, default_value_t = 1, value_parser = jobs)]
    jobs: usize,

    /// Prints one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// A row, and how long it took.
#[derive(Serialize)]
struct Timed {
    #[serde(flatten)]
    row: Row,
    /// Real time, in seconds.
    wall_s: f64,
}

/// Measures the rows and prints a table for each kind of them.
///
/// # Errors
/// A name that no row has, a row that could not be measured.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let wanted = wanted(args)?;
    let mut progress = Progress::new(wanted.len());
    let mut rows: Vec<(usize, Result<Timed, String>)> = Vec::new();
    let measure = |one: &Measurement| {
        output::note(&format!("measuring {}", one.name()));
        let begun = Instant::now();
        one.run(args.seed).map(|row| Timed { row, wall_s: begun.elapsed().as_secs_f64() })
    };
    batch::run(&wanted, args.jobs, measure, |number, row| {
        progress.step(row.is_ok());
        rows.push((number, row));
    });
    progress.end();
    rows.sort_by_key(|(number, _)| *number);
    let failed = |number: usize, why| Failure::Unmet(format!("{}: {why}", wanted[number].name()));
    let rows = rows.into_iter().map(|(number, row)| row.map_err(|why| failed(number, why)));
    let rows: Vec<Timed> = rows.collect::<Result<_, _>>()?;
    if args.json { output::json(&rows) } else { output::raw(&show(&rows)) }
}

/// The rows that are asked for.
fn wanted(args: &Args) -> Result<Vec<Measurement>, Failure> {
    let named = |one: &Measurement| {
        let name = one.name();
        let begins = |only: &String| {
            name == *only || name.strip_prefix(only).is_some_and(|rest| rest.starts_with('-'))
        };
        args.only.as_ref().is_none_or(begins)
    };
    let mut found: Vec<Measurement> = measurements().into_iter().filter(named).collect();
    if let Some(only) = args.only.as_ref().filter(|_| found.is_empty()) {
        found.extend(Measurement::named(only));
        if found.is_empty() {
            let names: Vec<String> = measurements().iter().map(Measurement::name).collect();
            let problem = format!("is no row; use one of {}", names.join(", "));
            return Err(Failure::input(only, problem));
        }
    }
    found.retain(|one| args.max_nodes.is_none_or(|most| one.nodes() <= most));
    if found.is_empty() {
        let most = args.max_nodes.unwrap_or_default();
        return Err(Failure::input(
            "--max-nodes",
            format!("leaves no row of {most} nodes or less"),
        ));
    }
    Ok(found)
}

/// A table for each kind, in the order of the rows.
fn show(rows: &[Timed]) -> String {
    let same = |one: &Timed, next: &Timed| one.row.kind == next.row.kind;
    let tables = rows.chunk_by(same).map(|rows| {
        let names = rows.iter().take(1).flat_map(|timed| timed.row.measures.iter());
        let mut titles = vec![rows.first().map_or("", |timed| timed.row.kind).to_owned()];
        titles.extend(names.map(|(name, _)| name.replace('_', " ")));
        titles.extend(["virtual s", "wall s"].map(str::to_owned));
        table::aligned(titles, rows.iter().map(cells)) + "\n"
    });
    tables.collect::<Vec<String>>().join("\n")
}

fn cells(timed: &Timed) -> Vec<String> {
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), short);
    let mut cells = vec![timed.row.name.clone()];
    cells.extend(timed.row.measures.iter().map(|(_, value)| shown(value)));
    cells.extend([short(timed.row.virtual_s), format!("{:.1}", timed.wall_s)]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: Option<&str>, max_nodes: Option<usize>) -> Result<Vec<String>, Failure> {
        let only = only.map(str::to_owned);
        let args = Args { only, max_nodes, seed: 1, jobs: 1, json: false };
        Ok(wanted(&args)?.iter().map(Measurement::name).collect())
    }

    #[test]
    fn rows_are_found_by_name_by_kind_and_by_size() {
        let found = |only, max| names(only, max).unwrap_or_default();
        assert_eq!(found(None, None).len(), measurements().len());
        assert_eq!(found(Some("idle"), Some(100)), ["idle-3", "idle-10", "idle-100"]);
        assert_eq!(found(Some("change-1000"), None), ["change-1000", "change-1000-loss-5"]);
        assert_eq!(found(Some("pair-500-7"), None), ["pair-500-7"]);
        assert!(names(Some("id"), None).is_err() && names(Some("heal"), Some(10)).is_err());
    }
}
