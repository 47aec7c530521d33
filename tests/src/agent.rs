//! A `headcount agent` process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::program::{members, program};

/// A running agent on loopback. Killed, without a word to its peers, when dropped; its log is shown
/// then if the test fails.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    name: String,
    log: NamedTempFile,
    /// Its address for gossip.
    pub gossip: String,
    /// Its address for HTTP.
    pub http: String,
}

impl Agent {
    /// Starts an agent of this name on free loopback ports, with a short protocol period.
    pub fn start(name: &str, seeds: &[&str]) -> Agent {
        Agent::start_with(name, seeds, &["--period", "200ms"])
    }

    /// The same with these flags.
    pub fn start_with(name: &str, seeds: &[&str], flags: &[&str]) -> Agent {
        let mut command = Command::new(program());
        command.args(["agent", "--name", name, "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.args(["--cluster", "end-to-end"]).args(flags);
        for seed in seeds {
            command.args(["--seed", seed]);
        }
        let log = NamedTempFile::new().expect("a file for the log");
        command.stdout(Stdio::piped()).stderr(log.reopen().expect("the log's file"));
        let mut child = command.spawn().expect("the program runs");
        let stdout = child.stdout.take().expect("piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the agent says where it listens");
        let field = |key: &str| {
            let mut words = line.split_whitespace();
            let value = words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_else(|| panic!("no {key} in {line:?}")).to_owned()
        };
        let (gossip, http) = (field("gossip"), field("http"));
        Agent { child, name: name.to_owned(), log, gossip, http }
    }

    /// Ends the process without a chance to say goodbye.
    pub fn kill(mut self) {
        self.end();
    }

    /// Sends the process a signal, as `kill` calls it: `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.expect("kill runs").success(), "no signal to {}", self.name);
    }

    /// What this agent told of members so far, by its log: when, what, of whom.
    pub fn news(&self) -> Vec<(SystemTime, String, String)> {
        let text = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        text.lines().filter_map(news).collect()
    }

    /// The members that this agent shows, each as `(name, status, address)`, sorted by name.
    pub fn sees(&self) -> Vec<(String, String, String)> {
        let view = members(&self.http);
        let list = view.as_ref().and_then(|view| view["members"].as_array());
        let text = |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_owned();
        list.into_iter()
            .flatten()
            .map(|m| (text(m, "name"), text(m, "status"), text(m, "address")))
            .collect()
    }

    fn end(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn show_log(&self) {
        if let Ok(text) = std::fs::read_to_string(self.log.path()) {
            eprintln!("log of {}:\n{text}", self.name);
        }
    }
}

/// What a line of a log tells of a member.
fn news(line: &str) -> Option<(SystemTime, String, String)> {
    let at = humantime::parse_rfc3339(line.split_whitespace().next()?).ok()?;
    let field = |key: &str| {
        let value = line.split_whitespace().find_map(|word| word.strip_prefix(key))?;
        Some(value.trim_matches('"').to_owned())
    };
    Some((at, field("event=")?, field("member=")?))
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            self.show_log();
        }
    }
}
