//! Agents that are killed or stand still, as processes of their own: who is told, and who is not.
//!
//! The times are printed, not judged. With a release build of the program, and more agents:
//!
//! ```console
//! $ cargo build --release
//! $ HEADCOUNT_AGENTS=50 HEADCOUNT_TRIES=30 cargo test --release -p headcount-tests --test detection \
//!       -- --nocapture --test-threads 1
//! ```

use std::time::{Duration, SystemTime};

use headcount_tests::{Agent, eventually};

/// From the environment, or a few.
fn number(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// Agents with the default detection time of 5 s that all know each other.
fn cluster() -> Vec<Agent> {
    let count = number("HEADCOUNT_AGENTS", 8);
    let mut agents = vec![Agent::start_with("n0", &[], &[])];
    for place in 1..count {
        let seed = agents[0].gossip.clone();
        agents.push(Agent::start_with(&format!("n{place}"), &[&seed], &[]));
    }
    for agent in &agents {
        eventually("all are members everywhere", || agent.sees().len() == count);
    }
    // Each opens a stream to each of its subjects once, two a period.
    std::thread::sleep(Duration::from_secs(6));
    agents
}

/// When each of the others told that `name` failed, since `since`.
fn told(agents: &[Agent], name: &str, since: SystemTime) -> Vec<Duration> {
    let failed = |agent: &Agent| {
        let mut news = agent.news().into_iter();
        let first = news.find(|(at, what, of)| what == "failed" && of == name && *at >= since);
        first.and_then(|(at, _, _)| at.duration_since(since).ok())
    };
    agents.iter().filter_map(failed).collect()
}

#[expect(clippy::print_stdout, reason = "this is what it is run for")]
fn print(what: &str, mut all: Vec<Duration>) {
    all.sort();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64();
    println!("{what}: median {:.2} s, p99 {:.2} s, most {:.2} s", at(0.5), at(0.99), at(1.0));
}

#[test]
fn of_agents_that_are_killed_all_are_told_and_of_nobody_else() {
    let mut agents = cluster();
    let (mut alive, mut times) = (agents.len(), Vec::new());
    let tries = number("HEADCOUNT_TRIES", 2);
    for left in (0..tries).rev() {
        let killed = SystemTime::now();
        let name = format!("n{}", agents.len() - 1);
        agents.pop().expect("an agent").kill();
        alive -= 1;
        eventually("all know", || told(&agents, &name, killed).len() == alive);
        times.extend(told(&agents, &name, killed).into_iter().max());
        if left > 0 {
            let seed = agents[0].gossip.clone();
            agents.push(Agent::start_with(&name, &[&seed], &[]));
            alive += 1;
            let len = agents.len();
            let whole = |agent: &Agent| agent.sees().iter().filter(|m| m.1 == "alive").count();
            eventually("it is back", || agents.iter().all(|agent| whole(agent) == len));
            std::thread::sleep(Duration::from_secs(6));
        }
    }
    print("killed, until all know", times);
    let name = format!("n{}", agents.len());
    for agent in &agents {
        let wrong = agent.news().into_iter().find(|(_, what, of)| what == "failed" && *of != name);
        assert_eq!(wrong, None);
    }
}

#[test]
fn an_agent_that_stands_still_is_failed_unless_it_goes_on_in_time() {
    let agents = cluster();
    let (still, others) = agents.split_last().expect("some agents");
    let name = format!("n{}", others.len());
    for _ in 0..number("HEADCOUNT_TRIES", 2) {
        still.signal("STOP");
        std::thread::sleep(Duration::from_millis(3_500));
        still.signal("CONT");
        std::thread::sleep(Duration::from_secs(3));
    }
    for agent in &agents {
        let failed = agent.news().into_iter().find(|(_, what, _)| what == "failed");
        assert_eq!(failed, None, "3.5 s is a period and a half less than the detection time");
    }
    let stopped = SystemTime::now();
    still.signal("STOP");
    eventually("all know", || told(others, &name, stopped).len() == others.len());
    print("stopped, until each knows", told(others, &name, stopped));
    still.signal("CONT");
    eventually("it is back", || {
        others.iter().all(|agent| agent.sees().iter().all(|member| member.1 == "alive"))
    });
}
