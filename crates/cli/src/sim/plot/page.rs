//! The page around the pictures.

use crate::sim::plot::chart::{Chart, Shape};
use crate::sim::plot::curves::{self, Curve};
use crate::sim::plot::{Plot, timeline};

/// The page: style and pictures inline, no script, nothing to be loaded.
pub(super) fn html(plot: &Plot<'_>) -> String {
    let title = title(plot);
    let sections = [knowledge(plot), detection(plot), traffic(plot), senders(plot), members(plot)];
    document(&title, &(introduction(plot) + &sections.concat()))
}

/// A page with this title, and this below it.
pub(in crate::sim) fn document(title: &str, content: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{content}</main>\n</body>\n</html>\n",
        title = escape(title),
    )
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

pub(in crate::sim) fn table(titles: &[String], rows: &[Vec<String>]) -> String {
    let heads: String =
        titles.iter().map(|title| format!("<th scope=\"col\">{}</th>", escape(title))).collect();
    let row = |row: &Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"table\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n"
    )
}

/// Text as it may stand in HTML, in attributes too.
pub(in crate::sim) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Colours that tell apart for most eyes, on light and on dark; curves differ in their dashes too.
const STYLE: &str = "\
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2126; --soft: #59636e; --grid: #dfe3e8;
  --c0: #0069a8; --c1: #c2410c; --c2: #15803d; --c3: #7c3aed; --c4: #9d174d; --c5: #59636e;
  --alive: #8fc7ea; --suspect: #e69f00; --failed: #c02626; --left: #8a8f98; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181d; --text: #e6e9ed; --soft: #a3adb8; --grid: #333b44;
    --c0: #5cb8f0; --c1: #ff9a62; --c2: #5fd38a; --c3: #b794f6; --c4: #f472b6; --c5: #a3adb8;
    --alive: #2f6b94; --suspect: #e0a82e; --failed: #ef5f5f; --left: #79818c; } }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
figure { margin: 0; }
svg.picture { display: block; width: 100%; height: auto; }
.grid { stroke: var(--grid); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 12px; }
.label { fill: var(--text); font-size: 13px; }
.curve { fill: none; stroke-width: 2; }
.c0 { stroke: var(--c0); }
.c1 { stroke: var(--c1); stroke-dasharray: 7 3; }
.c2 { stroke: var(--c2); stroke-dasharray: 2 3; }
.c3 { stroke: var(--c3); stroke-dasharray: 9 3 2 3; }
.c4 { stroke: var(--c4); stroke-dasharray: 12 4; }
.c5 { stroke: var(--c5); stroke-dasharray: 1 2; }
.alive { fill: var(--alive); }
.suspect { fill: var(--suspect); }
.failed { fill: var(--failed); }
.left { fill: var(--left); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .25rem 0; padding: 0; font-size: .9rem; }
.key { width: 2rem; height: .65rem; margin-right: .4rem; vertical-align: middle; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
";
