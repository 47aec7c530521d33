//! The page around the pictures.

use crate::html::{self, escape, table};
use crate::sim::plot::chart::{Chart, Shape};
use crate::sim::plot::curves::{self, Curve};
use crate::sim::plot::{Plot, timeline};

/// The page with its pictures.
pub(super) fn html(plot: &Plot<'_>) -> String {
    let title = title(plot);
    let sections = [knowledge(plot), detection(plot), traffic(plot), senders(plot), members(plot)];
    html::document(&title, &format!("{}{}", introduction(plot), sections.concat()))
}

fn title(plot: &Plot<'_>) -> String {
    let Plot { scenario, first_seed, last_seed, .. } = plot;
    match last_seed - first_seed {
        0 => format!("{scenario}, seed {first_seed}"),
        _ => format!("{scenario}, seeds {first_seed} to {last_seed}"),
    }
}

fn introduction(plot: &Plot<'_>) -> String {
    let Plot { description, nodes, passed, replay, stories, .. } = plot;
    let seconds = stories.first().map_or(0.0, |story| story.virtual_s);
    format!(
        "<p>{}</p>\n<p>{nodes} nodes at the start, {seconds} s of virtual time; {passed} of {} runs passed all checks. \
         The first run again: <code>{}</code></p>\n",
        escape(description),
        stories.len(),
        escape(replay),
    )
}

fn knowledge(plot: &Plot<'_>) -> String {
    let curves = curves::knowledge(&plot.stories);
    let text = "How soon a crash, a leave or a join is known: the share of those who could know it \
                (other processes that ran from then to the end), over all changes and runs.";
    let chart = Chart {
        title: "Nodes that know",
        x: "time since the change (s)",
        y: "nodes that know (%)",
        shape: Shape::Share,
        until: None,
        curves: &curves,
    };
    section(&chart, text, &curves::share_titles("change", "s"))
}

fn detection(plot: &Plot<'_>) -> String {
    let curves = curves::detection(&plot.stories);
    let text = "After how long the first node knows of a crash, and after how long all do: the \
                share of crashes, over all runs.";
    let chart = Chart {
        title: "Detection latency",
        x: "time since the crash (s)",
        y: "crashes (%)",
        shape: Shape::Share,
        until: None,
        curves: &curves,
    };
    section(&chart, text, &curves::share_titles("curve", "s"))
}

fn traffic(plot: &Plot<'_>) -> String {
    let curves = curves::traffic(&plot.stories);
    let text = "What a node sends, datagrams and stream frames, in each second.";
    let chart = Chart {
        title: "Bytes sent over time",
        x: "time since the scenario's start (s)",
        y: "bytes sent by a node (B/s)",
        shape: Shape::Amount,
        until: plot.stories.first().map(|story| story.virtual_s),
        curves: &curves,
    };
    section(&chart, text, &curves::traffic_titles())
}

fn senders(plot: &Plot<'_>) -> String {
    let curves = curves::senders(&plot.stories);
    let text = "How evenly the nodes share the traffic: the share of nodes that send at most so \
                much, on average over a whole run.";
    let chart = Chart {
        title: "Bytes sent, by node",
        x: "bytes sent by a node (B/s)",
        y: "nodes (%)",
        shape: Shape::Share,
        until: None,
        curves: &curves,
    };
    section(&chart, text, &curves::share_titles("curve", "B/s"))
}

fn members(plot: &Plot<'_>) -> String {
    let Some(story) = plot.stories.first() else { return String::new() };
    let shown = timeline::shown(&story.timelines);
    if shown.is_empty() {
        return String::new();
    }
    let who = match plot.observer {
        Some(observer) => format!("As {observer} saw the members"),
        None => "As the nodes saw the members, each strip filled by the share of them".to_owned(),
    };
    let rest = match story.timelines.len() - shown.len() {
        0 => String::new(),
        rest => format!(
            " {rest} more members are left out; those that were suspected, failed or left come first."
        ),
    };
    let text = format!("{who}, in the run with seed {}.{rest}", story.seed);
    let title = "How members were seen";
    let key = |status: &&str| {
        format!(
            "<li><svg class=\"key\" viewBox=\"0 0 32 10\" aria-hidden=\"true\">\
             <rect class=\"{status}\" width=\"32\" height=\"10\"/></svg>{status}</li>\n"
        )
    };
    let keys: String = timeline::STATUSES.iter().map(key).collect();
    let rows: Vec<Vec<String>> = shown.iter().map(|timeline| timeline::numbers(timeline)).collect();
    figure(
        title,
        &text,
        &timeline::svg(&shown, story.virtual_s, title),
        &format!("<ul class=\"legend\">\n{keys}</ul>\n"),
        &table(&timeline::titles(), &rows),
    )
}

fn section(chart: &Chart<'_>, text: &str, titles: &[String]) -> String {
    if chart.curves.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> =
        chart.curves.iter().map(|Curve { numbers, .. }| numbers.clone()).collect();
    figure(chart.title, text, &chart.svg(), &chart.legend(), &table(titles, &rows))
}

/// A picture with its legend, and its numbers to be unfolded.
pub(in crate::sim) fn figure(
    title: &str,
    text: &str,
    picture: &str,
    legend: &str,
    numbers: &str,
) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}</p>\n<figure>\n{picture}<figcaption>\n{legend}</figcaption>\n\
         </figure>\n<details>\n<summary>Numbers</summary>\n{numbers}</details>\n</section>\n",
        escape(title),
        escape(text),
    )
}
