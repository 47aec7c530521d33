//! Agents as processes of their own: joined, killed, started again.

use headcount_tests::{Agent, eventually};

fn statuses(agent: &Agent) -> Vec<(String, String)> {
    agent.sees().into_iter().map(|(name, status, _)| (name, status)).collect()
}

fn all(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect()
}

#[test]
fn a_killed_agent_is_shown_failed_and_then_once_at_its_new_address() {
    let a = Agent::start("a", &[]);
    let b = Agent::start("b", &[&a.gossip]);
    let c = Agent::start("c", &[&b.gossip]);
    let together = all(&[("a", "alive"), ("b", "alive"), ("c", "alive")]);
    for agent in [&a, &b, &c] {
        eventually("three members everywhere", || statuses(agent) == together);
    }
    eventually("everyone sees the same", || {
        let seen = a.sees();
        seen == b.sees() && seen == c.sees()
    });

    let old = b.gossip.clone();
    b.kill();
    let without = all(&[("a", "alive"), ("b", "failed"), ("c", "alive")]);
    for agent in [&a, &c] {
        eventually("b is failed", || statuses(agent) == without);
    }

    let b = Agent::start("b", &[&c.gossip]);
    assert_ne!(b.gossip, old);
    for agent in [&a, &b, &c] {
        eventually("b is back as one member", || statuses(agent) == together);
        eventually("b is at its new address", || {
            agent.sees().iter().any(|(name, _, address)| name == "b" && *address == b.gossip)
        });
    }
}
