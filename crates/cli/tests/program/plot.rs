use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{headcount, keys, refused};

/// Somebody dies, leaves and joins; the name and the words must not become part of the page's code.
const STORY: &str = r#"
name = "in <b>bold</b>"
description = "5 < 6 & \"so on\""
nodes = 6
duration = "60s"
[[faults]]
kind = "crash"
at = "10s"
nodes = ["n4"]
[[faults]]
kind = "leave"
at = "20s"
nodes = ["n2"]
[[faults]]
kind = "join"
at = "30s"
count = 1
"#;

/// The titles of the pictures, in their order.
const PICTURES: [&str; 5] = [
    "Nodes that know",
    "Detection latency",
    "Bytes sent over time",
    "Bytes sent, by node",
    "How members were seen",
];

fn page(dir: &Path, more: &[&str]) -> (String, serde_json::Value) {
    let (scenario, out) = (dir.join("story.toml"), dir.join("report.html"));
    fs::write(&scenario, STORY).expect("written");
    let [scenario, file] = [&scenario, &out].map(|path| path.to_str().expect("text"));
    let args = ["sim", "plot", scenario, "--seeds", "1..3", "--out", file, "--json"];
    let ended = headcount(&[&args[..], more].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    (fs::read_to_string(&out).expect("it is there"), ended.json())
}

/// The names of all elements, each opened and closed in order; what else is wrong is told.
fn elements(html: &str) -> Result<Vec<String>, String> {
    let (mut all, mut open): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let body = html.strip_prefix("<!DOCTYPE html>\n").ok_or("no doctype")?;
    for tag in body.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').ok_or_else(|| format!("<{tag} is not closed"))?;
        if text.contains('>') {
            return Err(format!("a loose > in {text:?}"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes another element"));
            }
            continue;
        }
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("a quote is open in <{tag}>"));
        }
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
        all.push(name.clone());
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(all) } else { Err(format!("{open:?} stay open")) }
}

#[test]
fn a_page_is_whole_and_loads_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (html, json) = page(dir.path(), &[]);
    let elements = elements(&html).expect("well-formed");
    for foreign in ["script", "link", "img", "iframe", "object", "embed", "base", "use", "image"] {
        assert!(!elements.iter().any(|element| element == foreign), "{foreign}");
    }
    for reference in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "javascript:"] {
        assert!(!html.contains(reference), "{reference}");
    }
    assert!(html.contains("<h1>in &lt;b&gt;bold&lt;/b&gt;, seeds 1 to 2</h1>"));
    assert!(html.contains("5 &lt; 6 &amp; &quot;so on&quot;"));
    for picture in PICTURES {
        assert!(html.contains(&format!("aria-label=\"{picture}. ")), "{picture}");
        assert!(html.contains(&format!("<title>{picture}</title>\n<desc>")), "{picture}");
    }
    assert_eq!(elements.iter().filter(|element| *element == "details").count(), PICTURES.len());
    assert!(html.contains("prefers-color-scheme: dark"));
    let fields = ["description", "first_seed", "last_seed", "nodes", "page", "passed", "replay"];
    assert_eq!(keys(&json), [&fields[..], &["scenario", "stories"]].concat());
    let story = &json["stories"][1];
    assert_eq!(keys(story), ["changes", "seed", "timelines", "traffic", "virtual_s"]);
    assert_eq!(story["seed"], 2);
    let kinds: Vec<&str> = story["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|c| c["kind"].as_str())
        .collect();
    assert!(["crash", "leave", "join"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[test]
fn curves_of_detectors_are_printed_and_drawn() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("quality.html");
    let file = file.to_str().expect("text");
    let args = ["sim", "quality", "--only", "calm", "--seeds", "1..2"];
    let ended = headcount(&[&args[..], &["--html", file, "--json"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let html = fs::read_to_string(file).expect("it is there");
    assert!(elements(&html).expect("well-formed").iter().any(|element| element == "svg"));
    assert!(html.contains("aria-label=\"Trace calm, 1 runs. "));
    let json = ended.json();
    assert_eq!(keys(&json), ["beside", "traces"]);
    let traced = &json["traces"][0];
    assert_eq!(keys(traced), ["curves", "runs", "trace"]);
    let curve = &traced["curves"][0];
    assert_eq!(keys(curve), ["points", "policy", "reference", "swept"]);
    let fields = ["accuracy", "crash_s", "detection_s", "mistake_s", "mistakes", "mistakes_per_s"];
    assert_eq!(keys(&curve["points"][0]), [&fields[..], &["threshold", "worst_s"]].concat());
    let shown = headcount(&[&args[..], &["--within", "300ms"]].concat());
    assert!(shown.stdout.starts_with("| calm "), "{}", shown.stdout);
    refused(&["sim", "quality", "--only", "storm"], &["storm", "calm, bursts", "mixed"]);
    refused(&[&args[..], &["--html", "/nowhere/page.html"]].concat(), &["name another file"]);
    refused(&[&args[..], &["--within", "1"]].concat(), &["200ms or 5s"]);
}

#[test]
fn the_check_of_pages_finds_what_is_wrong() {
    let page = |body: &str| format!("<!DOCTYPE html>\n<p>{body}</p>");
    assert_eq!(
        elements(&page("<b>good</b><br/>")),
        Ok(["p", "b", "br"].map(str::to_owned).to_vec())
    );
    for bad in ["<b>", "</b>", "<b></i>", "<a b=\"></a>", "5 > 4", "<b"] {
        assert!(elements(&page(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_browser_shows_the_page() {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let run = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    });
    let Some(browser) = found else {
        eprintln!("skipped: no chromium or google-chrome is installed");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    page(dir.path(), &["--observer", "n0"]);
    let ended = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("file://{}", dir.path().join("report.html").display()))
        .stderr(Stdio::null())
        .output()
        .expect("it was there");
    assert!(ended.status.success());
    let dom = String::from_utf8(ended.stdout).expect("text");
    for picture in PICTURES {
        assert!(dom.contains(&format!("<h2>{picture}</h2>")), "{picture} is not in\n{dom}");
    }
    assert!(dom.contains("As n0 saw the members, in the run with seed 1"));
    assert_eq!(dom.matches("role=\"img\"").count(), PICTURES.len());
    assert!(dom.matches("class=\"failed\"").count() >= 2, "n4 is not shown as failed");
}

#[test]
fn an_observer_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("story.toml");
    fs::write(&file, STORY).expect("written");
    let file = file.to_str().expect("text");
    refused(&["sim", "plot", file, "--observer", "n9"], &["--observer n9", "n0 to n5"]);
}
