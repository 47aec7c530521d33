//! Starting the program, and talking to it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What takes longer hangs. No verdict depends on it.
pub(crate) const HANG: Duration = Duration::from_secs(300);

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The standard output as the one JSON document that it must be.
    pub(crate) fn json(&self) -> Value {
        let Ended { stdout, stderr, .. } = self;
        serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"))
    }
}

/// Runs the program to its end.
pub(crate) fn headcount(args: &[&str]) -> Ended {
    let mut child = spawn(args);
    let stdout = read_all(child.0.stdout.take().expect("piped"));
    ended(child, || stdout.join().expect("it reads to the end"))
}

/// Exit code 2, nothing on the standard output, and every hint in the message.
pub(crate) fn refused(args: &[&str], hints: &[&str]) {
    let ended = headcount(args);
    assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{args:?}");
    for hint in hints {
        assert!(ended.stderr.contains(hint), "{args:?} should say {hint:?}: {}", ended.stderr);
    }
}

/// Runs the program to its end with nobody reading its standard output.
pub(crate) fn unheard(args: &[&str]) -> Ended {
    let mut child = spawn(args);
    drop(child.0.stdout.take());
    ended(child, String::new)
}

fn spawn(args: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.args(args).env_remove("RUST_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().expect("the program is built"))
}

fn ended(mut child: Running, stdout: impl FnOnce() -> String) -> Ended {
    let stderr = read_all(child.0.stderr.take().expect("piped"));
    let code = child.wait();
    Ended { code, stdout: stdout(), stderr: stderr.join().expect("it reads to the end") }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("text");
        text
    })
}

/// A process that does not outlive its test.
pub(crate) struct Running(Child);

impl Running {
    /// Waits for the end and tells the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code();
            }
            assert!(begun.elapsed() < HANG, "the program hangs");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `headcount agent`.
pub(crate) struct Agent {
    pub(crate) process: Running,
    _log: Log,
    pub(crate) gossip: String,
    pub(crate) http: String,
}

impl Agent {
    /// Starts an agent on free loopback ports and waits until it listens.
    pub(crate) fn start(name: &str, more: &[&str]) -> Agent {
        let log = Log::new(name);
        let stderr = log.file.try_clone().expect("a file");
        Agent::start_logging_to(stderr.into(), log, "info", name, more)
    }

    /// Starts one whose log goes elsewhere, with this `RUST_LOG`.
    pub(crate) fn start_logging(stderr: Stdio, filter: &str, name: &str, more: &[&str]) -> Agent {
        Agent::start_logging_to(stderr, Log::new(name), filter, name, more)
    }

    fn start_logging_to(stderr: Stdio, log: Log, filter: &str, name: &str, more: &[&str]) -> Agent {
        let child = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .args(["agent", "--name", name, "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--period", "100ms"])
            .args(more)
            .env("RUST_LOG", filter)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program is built");
        let mut process = Running(child);
        let mut line = String::new();
        let stdout = process.0.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let fields: Vec<&str> = line.trim().split(' ').collect();
        let [word, gossip, http, said] = fields[..] else { panic!("not the first line: {line:?}") };
        assert_eq!((word, said), ("listening", format!("name={name}").as_str()));
        let value = |field: &str, key| field.strip_prefix(key).expect("its key").to_owned();
        Agent { process, _log: log, gossip: value(gossip, "gossip="), http: value(http, "http=") }
    }

    /// Dies without a word.
    pub(crate) fn kill(mut self) {
        self.process.0.kill().expect("it runs");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill exists");
        assert!(sent.success());
    }

    /// The view that `headcount members --json` prints.
    pub(crate) fn view(&self) -> Value {
        let ended = headcount(&["members", "--agent", &self.http, "--json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()
    }

    /// What the view says of each member: name, status and address.
    pub(crate) fn members(&self) -> Vec<(String, String, String)> {
        let view = self.view();
        let text = |member: &Value, key: &str| member[key].as_str().expect(key).to_owned();
        let members = view["members"].as_array().expect("a list");
        members.iter().map(|m| (text(m, "name"), text(m, "status"), text(m, "address"))).collect()
    }

    /// Asks over HTTP: the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, header: &str) -> (u16, String) {
        self.ask_as(&self.http, method, path, header)
    }

    /// Asks over HTTP with a body.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.exchange(&self.http, method, path, "", body)
    }

    /// Asks as somebody would who knows the agent's host by the name `host`.
    pub(crate) fn ask_as(
        &self,
        host: &str,
        method: &str,
        path: &str,
        header: &str,
    ) -> (u16, String) {
        self.exchange(host, method, path, header, "")
    }

    fn exchange(
        &self,
        host: &str,
        method: &str,
        path: &str,
        header: &str,
        body: &str,
    ) -> (u16, String) {
        let address: SocketAddr = self.http.parse().expect("an address");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(HANG)).expect("not zero");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let length = body.len();
        write!(stream, "{head}{header}Content-Length: {length}\r\n\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        (status.expect("a status"), body.to_owned())
    }
}

/// What an agent logs; shown if its test fails.
struct Log {
    name: String,
    file: File,
}

impl Log {
    fn new(name: &str) -> Log {
        Log { name: name.to_owned(), file: tempfile::tempfile().expect("a file") }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut text = String::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_string(&mut text));
        if thread::panicking() && read.is_ok() {
            eprintln!("log of {}:\n{text}", self.name);
        }
    }
}

/// Looks again and again until `done`.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < HANG, "in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The fields of a view as JSON, sorted; `census` besides when one was asked for.
pub(crate) const VIEW_FIELDS: [&str; 10] = [
    "agree",
    "contacts",
    "differing_at_most",
    "failed_lately",
    "live",
    "members",
    "node",
    "of",
    "view_id",
    "window_s",
];

/// The keys of a JSON object, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
