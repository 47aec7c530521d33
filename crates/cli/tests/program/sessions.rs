use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Agent, eventually, headcount, keys};

fn two() -> [Agent; 2] {
    let a = Agent::start("a", &["--tag", "role=host", "--zone", "east"]);
    let b = Agent::start("b", &["--seed", &a.gossip]);
    eventually("two agents", || a.members().len() == 2 && b.members().len() == 2);
    [a, b]
}

/// The member of this name as an agent shows it.
fn member(agent: &Agent, name: &str) -> Option<Value> {
    let view = agent.view();
    let members = view["members"].as_array().expect("a list");
    members.iter().find(|member| member["name"] == name).cloned()
}

fn is(agent: &Agent, name: &str, status: &str) -> bool {
    member(agent, name).is_some_and(|member| member["status"] == status)
}

fn put(agent: &Agent, path: &str, body: &str) -> (u16, Value) {
    let (status, text) = agent.send("PUT", &format!("/v1/sessions/{path}"), body);
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
fn a_session_is_a_member_everywhere_and_says_what_it_is_told() {
    let [a, b] = two();
    let body = r#"{"ttl": "1m", "tags": {"role": "db"}, "serving": "starting"}"#;
    let (status, session) = put(&a, "db-1", body);
    assert_eq!(status, 201, "{session}");
    assert_eq!(keys(&session), ["address", "expires_in_s", "id", "status", "ttl_s"]);
    assert_eq!((&session["id"], &session["ttl_s"]), (&json!("db-1"), &json!(60.0)));
    eventually("both agents see it", || is(&a, "db-1", "alive") && is(&b, "db-1", "alive"));
    let seen = member(&b, "db-1").expect("seen");
    assert_eq!(seen["address"], session["address"]);
    assert_eq!(seen["tags"], json!({"role": "db", "session": "a"}));
    assert_eq!((&seen["zone"], &seen["serving"]), (&json!("east"), &json!("starting")));

    let (status, _) = put(&a, "db-1?serving=draining&load=90", r#"{"tags": {"role": "log"}}"#);
    assert_eq!(status, 200);
    eventually("what it says spreads", || {
        let seen = member(&b, "db-1").expect("seen");
        seen["serving"] == "draining" && seen["tags"] == json!({"role": "log", "session": "a"})
    });
    let (status, shown) = a.ask("GET", "/v1/sessions/db-1", "");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((status, &shown["status"]), (200, &json!("alive")));
    let (_, list) = a.ask("GET", "/v1/sessions", "");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert!(a.ask("GET", "/metrics", "").1.contains("headcount_sessions 1\n"));
}

#[test]
fn a_session_that_is_not_renewed_fails_and_comes_back_as_another_life() {
    let [a, b] = two();
    let (status, first) = put(&a, "job?ttl=1s", "");
    assert_eq!(status, 201, "{first}");
    eventually("it is seen", || is(&b, "job", "alive"));
    let life = member(&b, "job").expect("seen")["generation"].as_u64();
    eventually("it has expired", || {
        let (status, shown) = a.ask("GET", "/v1/sessions/job", "");
        assert_eq!(status, 200);
        shown.contains("\"expired\"") && shown.contains("\"expires_in_s\":null")
    });
    eventually("it is failed everywhere", || is(&a, "job", "failed") && is(&b, "job", "failed"));
    assert!(a.ask("GET", "/metrics", "").1.contains("headcount_sessions_expired_total 1\n"));
    let (status, second) = put(&a, "job?ttl=1m", "");
    assert_eq!(status, 201, "{second}");
    assert_ne!(first["address"], second["address"]);
    eventually("it is back", || is(&a, "job", "alive") && is(&b, "job", "alive"));
    assert!(member(&b, "job").expect("seen")["generation"].as_u64() > life);
}

#[test]
fn who_renews_in_time_is_the_same_life_for_many_times_its_ttl() {
    let [a, b] = two();
    let ttl = Duration::from_secs(3);
    let (begun, mut renewed) = (Instant::now(), Instant::now());
    let (status, first) = put(&a, "job?ttl=3s", "");
    assert_eq!(status, 201, "{first}");
    while begun.elapsed() < 2 * ttl {
        thread::sleep(Duration::from_millis(300));
        let before = std::mem::replace(&mut renewed, Instant::now());
        let (status, shown) = put(&a, "job", "");
        // No verdict where this test itself was too late.
        if before.elapsed() < ttl {
            assert_eq!((status, &shown["address"]), (200, &first["address"]), "{shown}");
            assert_eq!(shown["ttl_s"], 3.0, "{shown}");
        }
    }
    eventually("it is seen", || is(&b, "job", "alive"));
}

#[test]
fn a_session_that_is_deleted_has_left() {
    let [a, b] = two();
    assert_eq!(put(&a, "job", "").0, 201);
    eventually("it is seen", || is(&a, "job", "alive") && is(&b, "job", "alive"));
    let (status, answer) = a.ask("DELETE", "/v1/sessions/job", "");
    assert_eq!((status, answer.as_str()), (200, "{\"acknowledged\":2}"));
    eventually("it has left", || is(&a, "job", "left") && is(&b, "job", "left"));
    assert_eq!(a.ask("GET", "/v1/sessions/job", "").0, 404);
    assert_eq!(a.ask("DELETE", "/v1/sessions/job", "").0, 404);
}

#[test]
fn an_agent_that_leaves_takes_its_sessions_along() {
    let [mut a, b] = two();
    assert_eq!(put(&a, "job-1", "").0, 201);
    assert_eq!(put(&a, "job-2", "").0, 201);
    eventually("they are seen", || is(&b, "job-1", "alive") && is(&b, "job-2", "alive"));
    assert_eq!(headcount(&["leave", "--agent", &a.http]).code, Some(0));
    assert_eq!(a.process.wait(), Some(0));
    eventually("all have left", || ["a", "job-1", "job-2"].iter().all(|name| is(&b, name, "left")));
}

#[test]
fn what_is_not_a_session_is_refused_and_says_why() {
    let [a, b] = two();
    assert_eq!(put(&b, "job", "").0, 201);
    eventually("it is seen", || is(&a, "job", "alive"));
    for (path, body, code, hint) in [
        ("a", "", 409, "is a live member at"),
        ("job", "", 409, "session of the agent b"),
        ("x%07y", "", 400, "control character"),
        ("x?ttl=1ms", "", 400, "1s to 1h"),
        ("x?tll=1s", "", 400, "unknown field"),
        ("x", "{", 400, "JSON"),
        ("x", r#"{"load": 200}"#, 400, "0 to 100"),
    ] {
        let (status, text) = put(&a, path, body);
        let text = text.as_str().expect("text");
        assert_eq!(status, code, "{path} {body}: {text}");
        assert!(text.contains(hint), "{path} {body}: {text}");
    }
    let many = format!(r#"{{"tags": {{"long": "{}"}}}}"#, "x".repeat(300));
    assert_eq!(put(&a, "x", &many).0, 400);
    let huge = format!(r#"{{"tags": {{"long": "{}"}}}}"#, "x".repeat(5_000));
    assert_eq!(put(&a, "x", &huge).0, 413);
    let origin = "Origin: http://page.example\r\n";
    assert_eq!(a.ask("PUT", "/v1/sessions/x", origin).0, 403);
    assert_eq!(b.ask("DELETE", "/v1/sessions/job", origin).0, 403);
    assert_eq!(a.ask("POST", "/v1/sessions/x", "").0, 405);
    assert!(member(&a, "x").is_none() && is(&a, "job", "alive"));
}

#[test]
fn sessions_are_bounded() {
    let agent = Agent::start("a", &["--sessions", "3"]);
    for id in ["s1", "s2", "s3"] {
        let (status, text) = put(&agent, id, r#"{"ttl": "1h"}"#);
        assert_eq!(status, 201, "{text}");
    }
    let (status, text) = put(&agent, "one-more", "");
    assert_eq!(status, 503);
    assert!(text.as_str().is_some_and(|text| text.contains("--sessions")), "{text}");
    assert_eq!(put(&agent, "s2", "").0, 200, "those that are there can be renewed");
    assert_eq!(agent.ask("DELETE", "/v1/sessions/s2", "").0, 200);
    assert_eq!(put(&agent, "one-more", "").0, 201);
    let none = Agent::start("b", &["--sessions", "0"]);
    assert_eq!(put(&none, "s1", "").0, 503);
}
