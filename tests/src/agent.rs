//! A `headcount agent` process.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{members, program};

/// A running agent on loopback. Killed, without a word to its peers, when dropped; its log is shown
/// then if the test fails.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    name: String,
    log: File,
    /// Its address for gossip.
    pub gossip: String,
    /// Its address for HTTP.
    pub http: String,
}

impl Agent {
    /// Starts an agent of this name on free loopback ports, with a short protocol period.
    pub fn start(name: &str, seeds: &[&str]) -> Agent {
        let mut command = Command::new(program());
        command.args(["agent", "--name", name, "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.args(["--cluster", "end-to-end", "--period", "200ms"]);
        for seed in seeds {
            command.args(["--seed", seed]);
        }
        let log = tempfile::tempfile().expect("a file for the log");
        command.stdout(Stdio::piped()).stderr(log.try_clone().expect("the log's file"));
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

    fn show_log(&mut self) {
        let mut text = String::new();
        if self.log.rewind().and_then(|()| self.log.read_to_string(&mut text)).is_ok() {
            eprintln!("log of {}:\n{text}", self.name);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            self.show_log();
        }
    }
}
