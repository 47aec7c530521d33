//! `headcount report`: how reliable the members were, as a running agent saw them.

mod page;
mod text;
mod view;

use std::fs;
use std::path::{Path, PathBuf};

use hyper::Method;

use crate::client::{Agent, DEADLINE};
use crate::failure::Failure;
use crate::output;

pub(crate) use view::ReportView;

/// The flags of `headcount report`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    agent: Agent,

    /// Prints what is known of this member alone, with its last events
    #[arg(long, value_name = "NAME")]
    member: Option<String>,

    #[command(flatten)]
    form: Form,
}

/// How a report is shown.
#[derive(clap::Args)]
pub(crate) struct Form {
    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,

    /// Writes one page that needs no network, and prints its name
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
}

/// Prints the agent's report.
///
/// # Errors
/// No agent answers, it knows no such member, or the page cannot be written.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let path = if args.member.is_some() { "/v1/report?events=true" } else { "/v1/report" };
    let report: ReportView = args.agent.ask(Method::GET, path, DEADLINE).await?;
    let report = match &args.member {
        None => report,
        Some(name) => report.of_member(name).ok_or_else(|| {
            let problem = "the agent has no history of it; `headcount report` lists all";
            Failure::input(format!("--member {name}"), problem)
        })?,
    };
    args.form.show(&report)
}

impl Form {
    /// Shows a report in this form.
    ///
    /// # Errors
    /// The page cannot be written.
    pub(crate) fn show(&self, report: &ReportView) -> Result<(), Failure> {
        match &self.html {
            Some(file) => write_page(file, report),
            None if self.json => output::json(report),
            None => output::line(&text::report(report)),
        }
    }

    /// Whether it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }
}

fn write_page(file: &Path, report: &ReportView) -> Result<(), Failure> {
    fs::write(file, page::html(report)).map_err(|error| {
        let problem = format!("cannot be written: {error}; name another file");
        Failure::input(format!("--html {}", file.display()), problem)
    })?;
    output::line(&file.display().to_string())
}
