//! `headcount sim week`: a long time in which members fail and return, and what a node's history makes
//! of it.

use std::time::{Duration, Instant};

use headcount::Totals;
use headcount_sim::week::{Compared, Week, WeekReport};
use serde::Serialize;

use crate::failure::Failure;
use crate::report::{Form, ReportView};
use crate::sim::source::unusable;
use crate::{input, output, table};

/// How often a long run says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The flags of `headcount sim week`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many members there are beside the one that observes
    #[arg(long, default_value_t = Week::default().members)]
    members: usize,

    /// How long, in virtual time
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = input::duration)]
    span: Duration,

    /// How long a member is up between two failures, on average
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = input::duration)]
    mean_uptime: Duration,

    /// Where every random number follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    form: Form,
}

/// What a week gives. Its fields are those of `headcount sim week --json`.
#[derive(Serialize)]
struct Told<'a> {
    seed: u64,
    virtual_s: f64,
    wall_s: f64,
    /// How many members' histories are not what happened.
    wrong: usize,
    /// The most that one is off in its up- or downtime, in seconds for each outage.
    most_off_s: f64,
    compared: Vec<Line<'a>>,
    report: &'a ReportView,
}

/// What was seen of a member beside what happened to it.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    right: bool,
    failures: u64,
    actual_failures: u64,
    restarts: u64,
    actual_restarts: u64,
    down_s: f64,
    actual_down_s: f64,
}

/// Simulates it and prints the report, and how far it is off.
///
/// # Errors
/// A setting that cannot be, a history that is not what happened.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let Args { members, span, mean_uptime, seed, .. } = *args;
    let begun = Instant::now();
    let mut told = begun;
    let week = Week { members, span, mean_uptime, seed };
    let result = week.run(|share| {
        if told.elapsed() > PROGRESS_EVERY {
            told = Instant::now();
            output::note(&format!(
                "{:.0} % of {}",
                share * 100.0,
                humantime::format_duration(span)
            ));
        }
    });
    let WeekReport { seen, members } = result.map_err(unusable)?;
    let report = ReportView::new("n0", &seen);
    let wrong = members.iter().filter(|member| !member.is_right()).count();
    let told = Told {
        seed,
        virtual_s: span.as_secs_f64(),
        wall_s: begun.elapsed().as_secs_f64(),
        wrong,
        most_off_s: members.iter().map(off_s).fold(0.0, f64::max),
        compared: members.iter().map(line).collect(),
        report: &report,
    };
    if args.form.is_json() {
        output::json(&told)?;
    } else {
        args.form.show(&report)?;
        output::line(&format!("\n{}", describe(&told, &members)))?;
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Unmet(format!("{wrong} histories are not what happened"))),
    }
}

fn line(member: &Compared) -> Line<'_> {
    let Compared { name, seen, actual } = member;
    Line {
        name,
        right: member.is_right(),
        failures: seen.failures,
        actual_failures: actual.failures,
        restarts: seen.restarts,
        actual_restarts: actual.restarts,
        down_s: seen.down_ms as f64 / 1e3,
        actual_down_s: actual.down_ms as f64 / 1e3,
    }
}

/// How far a history is off, in seconds for each outage.
fn off_s(member: &Compared) -> f64 {
    member.off_ms() as f64 / 1e3 / member.outages() as f64
}

fn describe(told: &Told<'_>, members: &[Compared]) -> String {
    let titles = ["", "failures", "restarts", "down s", "up s"].map(str::to_owned).to_vec();
    let row = |name: &str, of: fn(&Compared) -> &Totals| {
        let sum = |count: fn(&Totals) -> u64| members.iter().map(|m| count(of(m))).sum::<u64>();
        let (failures, restarts) = (sum(|t| t.failures), sum(|t| t.restarts));
        let (down_s, up_s) = (sum(|t| t.down_ms) / 1_000, sum(|t| t.up_ms) / 1_000);
        let numbers = [failures, restarts, down_s, up_s].map(|number| number.to_string());
        std::iter::once(name.to_owned()).chain(numbers).collect()
    };
    let rows = [row("seen", |member| &member.seen), row("actual", |member| &member.actual)];
    format!(
        "{}\n{} of {} histories are what happened; at most {:.1} s off for each outage; in {:.1} s of real time",
        table::aligned(titles, rows),
        members.len() - told.wrong,
        members.len(),
        told.most_off_s,
        told.wall_s,
    )
}
