//! A network of its own for a test: a network namespace whose loopback the test may cut.

use std::process::{Command, Stdio};

const INSIDE: &str = "HEADCOUNT_TEST_NAMESPACE";

/// Runs `body` inside a fresh network namespace by running this very test again in it. Skips,
/// and says why, when that takes rights or tools that are missing.
///
/// `test` is the name of the calling test within its program.
pub fn in_namespace(test: &str, body: impl FnOnce(&Namespace)) {
    if std::env::var_os(INSIDE).is_some() {
        body(&Namespace { _private: () });
        return;
    }
    let name = format!("headcount-{}-{test}", std::process::id());
    if let Err(reason) = create(&name) {
        eprintln!("skipped: {test} needs root, ip (iproute2) and nft (nftables): {reason}");
        return;
    }
    let status = Command::new("ip")
        .args(["netns", "exec", &name])
        .arg(std::env::current_exe().expect("this test has a path"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, &name)
        .status();
    let deleted = run("ip", &["netns", "delete", &name]);
    assert!(status.expect("ip runs").success(), "{test} failed inside its namespace");
    deleted.expect("the namespace goes away");
}

fn create(name: &str) -> Result<(), String> {
    run("nft", &["--version"])?;
    run("ip", &["netns", "add", name])?;
    run("ip", &["netns", "exec", name, "ip", "link", "set", "lo", "up"])
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// The namespace that the test runs in. Its loopback addresses are all of 127.0.0.0/8.
#[derive(Debug)]
pub struct Namespace {
    _private: (),
}

impl Namespace {
    /// Cuts every packet between the two sets of loopback addresses, both ways.
    pub fn cut(&self, left: &[&str], right: &[&str]) {
        let (left, right) = (left.join(", "), right.join(", "));
        self.filter(&[
            format!("ip saddr {{ {left} }} ip daddr {{ {right} }} drop"),
            format!("ip saddr {{ {right} }} ip daddr {{ {left} }} drop"),
        ]);
    }

    /// Drops so many of a hundred UDP packets, at random.
    pub fn lose(&self, percent: u32) {
        self.filter(&[format!("meta l4proto udp numgen random mod 100 < {percent} drop")]);
    }

    /// Drops every TCP packet.
    pub fn block_tcp(&self) {
        self.filter(&["meta l4proto tcp drop".to_owned()]);
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        nft(&["delete", "table", "inet", "faults"]);
    }

    fn filter(&self, rules: &[String]) {
        nft(&["add", "table", "inet", "faults"]);
        let hook = "{ type filter hook input priority 0; }";
        nft(&["add", "chain", "inet", "faults", "input", hook]);
        for rule in rules {
            nft(&["add", "rule", "inet", "faults", "input", rule]);
        }
    }
}

fn nft(arguments: &[&str]) {
    run("nft", arguments).expect("nft takes the rule");
}
