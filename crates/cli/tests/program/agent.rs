use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Agent, VIEW_FIELDS, eventually, headcount, keys};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");

fn cluster() -> [Agent; 3] {
    let a = Agent::start("a", &["--tag", "role=db", "--zone", "east"]);
    let b = Agent::start("b", &["--seed", &a.gossip]);
    let c = Agent::start("c", &["--seed", &b.gossip]);
    let agents = [a, b, c];
    let settled = |agent: &Agent| {
        let view = agent.view();
        view["live"] == 3 && view["agree"] == 2 && view["of"] == 2
    };
    eventually("three agents agree", || agents.iter().all(settled));
    agents
}

fn statuses(agent: &Agent) -> Vec<(String, String)> {
    agent.members().into_iter().map(|(name, status, _)| (name, status)).collect()
}

fn pairs(expected: [(&str, &str); 3]) -> Vec<(String, String)> {
    expected.map(|(name, status)| (name.to_owned(), status.to_owned())).to_vec()
}

#[test]
fn agents_joined_through_any_of_them_list_the_same_members() {
    let agents = cluster();
    let views: Vec<Value> = agents.iter().map(Agent::view).collect();
    assert_eq!(keys(&views[0]), VIEW_FIELDS);
    for view in &views {
        assert_eq!(view["members"], views[0]["members"]);
        assert_eq!(view["view_id"], views[0]["view_id"]);
    }
    assert_eq!(views[0]["members"][0]["tags"]["role"], "db");
    let ended = headcount(&["members", "--agent", &agents[1].http]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let id = views[0]["view_id"].as_str().expect("text");
    assert!(lines[0].starts_with(&format!("view {id}  agree 2/2 heard in ")), "{}", lines[0]);
    assert!(lines[0].ends_with(" s, of 3 live, 0 failed lately"), "{}", lines[0]);
    assert!(lines[2].starts_with("name  address"), "{}", ended.stdout);
    let [a, b, c] = [lines[3], lines[4], lines[5]];
    assert!(a.starts_with("a ") && a.contains("east") && a.ends_with("role=db"), "{a}");
    assert!(b.starts_with("b ") && c.starts_with("c "), "{}", ended.stdout);
}

#[test]
fn the_health_of_the_cluster_falls_when_one_dies_and_links_are_shown() {
    let [a, b, c] = cluster();
    let health = || headcount(&["health", "--json", "--agent", &a.http]).json();
    eventually("links are known", || {
        let contacts = health()["contacts"].as_array().expect("a list").clone();
        contacts.len() == 2
            && contacts.iter().all(|of| of["link"]["latency_ms"].as_f64() > Some(0.0))
    });
    let well = health();
    assert_eq!((&well["level"], &well["present"]), (&"HEALTHY".into(), &3.into()), "{well}");
    assert_eq!((&well["missing"], &well["cause"]), (&0.into(), &Value::Null), "{well}");
    let shown = headcount(&["members", "--agent", &a.http]).stdout;
    assert!(shown.lines().any(|line| line.starts_with("b ") && line.contains(" ms  ")), "{shown}");
    c.kill();
    eventually("one of three is missing", || health()["level"] == "CRITICAL");
    let ill = health();
    assert_eq!((&ill["present"], &ill["missing"]), (&2.into(), &1.into()), "{ill}");
    assert_eq!(ill["cause"], "members_failed", "{ill}");
    let told = headcount(&["health", "--agent", &b.http]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let scraped = || a.ask("GET", "/metrics", "").1;
    let says = |what: &str| scraped().lines().any(|line| line == what);
    eventually("it is measured", || says("headcount_health_level 2"));
    assert!(says("headcount_members_missing 1") && scraped().contains("event=\"health_changed\""));
}

#[test]
fn a_census_asks_all_and_says_who_does_not_answer() {
    let [a, b, c] = cluster();
    let census = |agent: &Agent| {
        let ended = headcount(&["view", "--census", "--agent", &agent.http]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    };
    let view = b.view();
    let id = view["view_id"].as_str().expect("text").to_owned();
    let said = census(&a);
    assert!(said.starts_with(&format!("view {id}  ")), "{said}");
    assert!(said.trim_end().ends_with("\ncensus: 3 of 3 hold this view"), "{said}");
    c.kill();
    // Until it is declared dead it is asked in vain; from then on the agreement is that of a part.
    let said = census(&a);
    let silent = said.contains("\ncensus: 2 of 3 hold this view\n  1 did not answer: c");
    assert!(silent || said.contains("  partial: agree"), "{said}");
}

#[test]
fn one_that_is_killed_fails_and_comes_back_as_one_member_at_its_new_address() {
    let [a, b, c] = cluster();
    let old = c.gossip.clone();
    c.kill();
    let failed = pairs([("a", "alive"), ("b", "alive"), ("c", "failed")]);
    eventually("c is failed", || [&a, &b].into_iter().all(|agent| statuses(agent) == failed));
    let c = Agent::start("c", &["--seed", &a.gossip]);
    assert_ne!(c.gossip, old);
    let alive = pairs([("a", "alive"), ("b", "alive"), ("c", "alive")]);
    eventually("c is back", || [&a, &b, &c].into_iter().all(|agent| statuses(agent) == alive));
    for agent in [&a, &b, &c] {
        assert_eq!(agent.members()[2].2, c.gossip);
    }
}

#[test]
fn one_that_leaves_ends_well_and_is_seen_as_left() {
    let [a, b, mut c] = cluster();
    let ended = headcount(&["leave", "--agent", &c.http]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "left: acknowledged by 2 peers\n");
    assert_eq!(c.process.wait(), Some(0));
    let left = pairs([("a", "alive"), ("b", "alive"), ("c", "left")]);
    eventually("c has left", || [&a, &b].into_iter().all(|agent| statuses(agent) == left));
}

#[test]
fn a_failed_member_is_explained() {
    let [a, b, mut c] = cluster();
    c.signal("KILL");
    c.process.wait();
    let failed = pairs([("a", "alive"), ("b", "alive"), ("c", "failed")]);
    eventually("c is failed", || [&a, &b].into_iter().all(|agent| statuses(agent) == failed));
    let explained = headcount(&["explain", "c", "--agent", &a.http]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    let text = explained.stdout;
    assert!(text.starts_with("c is failed\n") && text.contains("confirmed by"), "{text}");
    let json = headcount(&["explain", "c", "--json", "--agent", &a.http]).json();
    let accusation = &json["accusation"];
    assert_eq!(keys(accusation), ["by", "last_word_s", "reason", "voters"]);
    assert!(["a", "b"].contains(&accusation["by"].as_str().expect("a name")), "{json}");
    let unknown = headcount(&["explain", "nobody", "--agent", &a.http]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no member of this name"), "{}", unknown.stderr);
}

#[test]
fn two_of_three_voters_are_a_majority_and_one_of_them_is_none() {
    let voters: Vec<&str> = ["a", "b", "c"].iter().flat_map(|name| ["--voter", name]).collect();
    let fast = ["--detection-time", "1s"];
    let options = [&fast[..], &voters[..]].concat();
    let a = Agent::start("a", &options);
    let b = Agent::start("b", &[&options[..], &["--seed", &a.gossip]].concat());
    let said = |agent: &Agent| headcount(&["quorum", "--json", "--agent", &agent.http]).json();
    let majority = |view: &Value| {
        let fields = [
            "basis", "excess", "heard", "lease_s", "majority", "need", "node", "of", "silent",
            "verdict",
        ];
        assert_eq!(keys(view), fields);
        let silent = view["silent"].as_array().map_or(0, Vec::len);
        view["majority"] == true
            && (silent, &view["heard"], &view["need"]) == (1, &2.into(), &2.into())
    };
    eventually("a majority of both", || majority(&said(&a)) && majority(&said(&b)));
    let measured = |what: &str| a.ask("GET", "/metrics", "").1.contains(what);
    eventually("it is measured", || measured("headcount_quorum{basis=\"voters\"} 1"));
    assert!(measured("event=\"quorum_changed\""));
    b.kill();
    let expected = "lost  heard 1 of 3 voters, 2 needed\n  not heard: b, c\n";
    eventually("none", || headcount(&["quorum", "--agent", &a.http]).stdout == expected);
    assert!(measured("headcount_quorum{basis=\"voters\"} 0"));
}

#[test]
fn how_members_are_watched_is_changed_at_one_and_followed_by_all() {
    let [a, b, c] = cluster();
    let set = ["set", "--detection-time", "2s", "--detector", "lifeguard", "--agent", &b.http];
    let ended = headcount(&set);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "set: detector lifeguard, detection time 2 s\n");
    let told =
        |agent: &Agent| agent.ask("GET", "/metrics", "").1.contains("event=\"parameters_changed\"");
    eventually("all know", || [&a, &b, &c].into_iter().all(told));
    let refused = headcount(&["set", "--detection-time", "1ms", "--agent", &b.http]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("detection_time"), "{}", refused.stderr);
    let origin = "Origin: http://page.example\r\n";
    let path = "/v1/parameters?detector=swim&detection_time=2s";
    assert_eq!(b.ask("POST", path, origin).0, 403);
    assert_eq!(b.ask("POST", "/v1/parameters?detector=phi&detection_time=2s", "").0, 400);
}

#[test]
fn a_signal_to_end_is_a_graceful_leave() {
    let [a, mut b, mut c] = cluster();
    b.signal("TERM");
    assert_eq!(b.process.wait(), Some(0));
    c.signal("INT");
    assert_eq!(c.process.wait(), Some(0));
    let left = pairs([("a", "alive"), ("b", "left"), ("c", "left")]);
    eventually("both have left", || statuses(&a) == left);
}

#[test]
fn an_agent_that_finds_no_seed_is_healthy_but_not_ready() {
    let lost = Agent::start("lost", &["--seed", "127.0.0.1:9"]);
    assert_eq!(lost.ask("GET", "/healthz", "").0, 200);
    let (status, reason) = lost.ask("GET", "/readyz", "");
    assert_eq!(status, 503);
    assert!(reason.contains("no seed has let this node in"), "{reason}");
    let alone = Agent::start("alone", &[]);
    assert_eq!(alone.ask("GET", "/readyz", ""), (200, "ready\n".to_owned()));
}

#[test]
fn the_endpoint_answers_in_the_formats_it_promises() {
    let agent = Agent::start("a", &[]);
    let (status, body) = agent.ask("GET", "/v1/members", "");
    let members: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &members[0]["name"]), (200, &"a".into()));
    assert_eq!(agent.ask("GET", "/v1/leave", "").0, 405);
    assert_eq!(agent.ask("GET", "/v2", "").0, 404);
    assert_eq!(agent.ask("GET", "/healthz", "").0, 200);
}

#[test]
fn a_web_page_cannot_make_an_agent_leave() {
    let agent = Agent::start("a", &[]);
    let origin = "Origin: http://page.example\r\n";
    assert_eq!(agent.ask("POST", "/v1/leave", origin).0, 403);
    assert_eq!(agent.ask("GET", "/readyz", "").0, 200);
}

#[test]
fn every_metric_is_documented() {
    let docs = fs::read_to_string(DOCS).expect("the operators' page");
    let agent = Agent::start("a", &[]);
    let (status, text) = agent.ask("GET", "/metrics", "");
    assert_eq!(status, 200);
    assert!(text.contains("headcount_members{status=\"alive\"} 1\n"), "{text}");
    let helps = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<&str> = helps.filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 30, "{text}");
    let missing: Vec<_> = names.iter().filter(|name| !docs.contains(**name)).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
}

#[test]
fn a_report_tells_of_failures_and_outlives_the_agent() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("history");
    let history = ["--history", file.to_str().expect("text")];
    let mut a = Agent::start("a", &history);
    let b = Agent::start("b", &["--seed", &a.gossip]);
    // Alone with b it could not tell b's failure from its own isolation.
    let _c = Agent::start("c", &["--seed", &a.gossip]);
    let report = |agent: &Agent, more: &[&str]| {
        let args = [&["report", "--json", "--agent", &agent.http], more].concat();
        let ended = headcount(&args);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()
    };
    eventually("b is up", || report(&a, &[])["cluster"]["up"] == 2);
    b.kill();
    eventually("b is down", || report(&a, &[])["cluster"]["outages_now"] == 1);
    a.signal("TERM");
    assert_eq!(a.process.wait(), Some(0));

    let a = Agent::start("a", &history);
    let told = report(&a, &["--member", "b"]);
    let docs = fs::read_to_string(DOCS).expect("the operators' page");
    for object in [&told, &told["cluster"], &told["members"][0], &told["members"][0]["outage"]] {
        let fields = keys(object);
        let missing: Vec<_> = fields.iter().filter(|f| !docs.contains(&format!("`{f}`"))).collect();
        assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    }
    let member = &told["members"][0];
    assert_eq!((&told["gaps"], &member["failures"]), (&1.into(), &1.into()));
    assert_eq!((&member["presence"], &member["mtbf_confidence"]), (&"down".into(), &"low".into()));
    let events = member["events"].as_array().expect("they were asked for");
    assert!(events.iter().any(|event| event["event"] == "failed"), "{member}");
    assert!(report(&a, &[])["members"][0].get("events").is_none(), "nobody asked");

    let text = headcount(&["report", "--agent", &a.http]).stdout;
    assert!(text.starts_with("2 members as a saw them for "), "{text}");
    assert!(text.contains("with 1 gap:") && text.contains("(n=1, low confidence)"), "{text}");
    let page = dir.path().join("page.html");
    let page = page.to_str().expect("text");
    let written = headcount(&["report", "--agent", &a.http, "--html", page]);
    assert_eq!(written.stdout, format!("{page}\n"), "{}", written.stderr);
    assert!(fs::read_to_string(page).expect("a page").contains("<td>b</td><td>down</td>"));
    let unknown = headcount(&["report", "--member", "nobody", "--agent", &a.http]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no history of it"), "{}", unknown.stderr);
}

#[test]
fn flags_win_over_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("agent.toml");
    fs::write(&file, "name = \"file\"\nzone = \"east\"\ntag = { role = \"api\" }\n")
        .expect("written");
    let agent = Agent::start("flag", &["--config", file.to_str().expect("text")]);
    let view = agent.view();
    let own = &view["members"][0];
    assert_eq!((&own["name"], &own["zone"]), (&"flag".into(), &"east".into()));
    assert_eq!(own["tags"]["role"], "api");
}

#[test]
fn an_agent_told_to_leave_ends_even_if_nobody_waits_for_the_answer() {
    let [mut a, b, c] = cluster();
    // They do not acknowledge, so that the leave takes its time.
    b.signal("STOP");
    c.signal("STOP");
    let mut request = TcpStream::connect(&a.http).expect("it listens");
    write!(request, "POST /v1/leave HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", a.http)
        .expect("it reads");
    eventually("a begins to leave", || a.ask("GET", "/readyz", "").0 == 503);
    drop(request);
    assert_eq!(a.process.wait(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_an_agent() {
    let (mut reader, mut writer) = io::pipe().expect("a pipe");
    let stderr = writer.try_clone().expect("a pipe");
    let written: &AtomicUsize = Box::leak(Box::default());
    let filler = thread::spawn(move || {
        while writer.write_all(&[b'.'; 512]).is_ok() {
            written.fetch_add(1, Ordering::Relaxed);
        }
    });
    eventually("the pipe is full", || {
        let before = written.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(200));
        before > 0 && before == written.load(Ordering::Relaxed)
    });
    let peer = Agent::start("peer", &[]);
    let mut agent = Agent::start_logging(stderr.into(), "trace", "mute", &["--seed", &peer.gossip]);
    eventually("both are members", || agent.members().len() == 2 && peer.members().len() == 2);
    assert_eq!(agent.ask("GET", "/healthz", "").0, 200);
    agent.signal("TERM");
    assert_eq!(agent.process.wait(), Some(0));
    let mut some = [0];
    reader.read_exact(&mut some).expect("it was full");
    drop(reader);
    filler.join().expect("it ends when nobody can read any more");
}

#[test]
fn a_host_is_named_by_its_address_unless_any_is_allowed() {
    let strict = Agent::start("strict", &[]);
    assert_eq!(strict.ask_as("localhost:7947", "GET", "/v1/view", "").0, 200);
    for (method, path) in [("GET", "/v1/view"), ("POST", "/v1/leave")] {
        let (status, reason) = strict.ask_as("page.example", method, path, "");
        assert_eq!(status, 403, "{path}");
        assert!(reason.contains("--http-any-address"), "{reason}");
    }
    let open = Agent::start("open", &["--http-any-address"]);
    assert_eq!(open.ask_as("agent.example", "GET", "/v1/view", "").0, 200);
}

#[test]
fn idle_connections_do_not_keep_others_out_for_ever() {
    let agent = Agent::start("a", &[]);
    let connect = |_| TcpStream::connect(&agent.http).expect("it listens");
    let idle: Vec<TcpStream> = (0..100).map(connect).collect();
    assert_eq!(agent.ask("GET", "/healthz", "").0, 200);
    drop(idle);
}
