use std::fs;
use std::net::TcpListener;

use crate::support::refused;

#[test]
fn a_flag_that_cannot_be_is_named_with_its_remedy() {
    let agent = |flag: &str, value: &str, hints: &[&str]| {
        refused(
            &["agent", "--http", "127.0.0.1:0", flag, value],
            &[&[flag, value], hints].concat(),
        );
    };
    agent("--bind", "here", &["ip:port"]);
    agent("--seed", "10.0.0.5", &["has no port", "host:port"]);
    agent("--seed", "10.0.0.5:0", &["1 to 65535"]);
    agent("--tag", "role", &["key=value"]);
    agent("--period", "5", &["unit", "200ms"]);
    agent("--detector", "phi", &["observers, lifeguard or swim"]);
    agent("--exchange", "merkle", &["auto, full, sketch or stream"]);
    agent("--voter", "", &["is no name", "1 to 255 bytes"]);
    agent("--expected-size", "few", &["invalid digit"]);
    let local = |flag: &str, value: &str, hints: &[&str]| {
        refused(&["local", flag, value], &[&[flag, value], hints].concat());
    };
    local("--nodes", "0", &["1 to 256"]);
    local("--steps", "fly", &["converge, kill, restart or leave"]);
    local("--steps", "kill,converge", &["begin with converge"]);
    local("--nodes", "1", &["raise --nodes"]);
    refused(&["sim", "sweep", "x", "--seeds", "3"], &["--seeds", "1..9"]);
}

#[test]
fn a_setting_out_of_range_is_named_with_its_range() {
    let agent = ["agent", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    refused(&[&agent[..], &["--period", "1ms"]].concat(), &["period", "10ms"]);
    let endless = "18446744073709551615s";
    refused(&[&agent[..], &["--period", endless]].concat(), &["period", "60s"]);
    let slow = ["--detection-time", "1s", "--period", "5s"];
    refused(&[&agent[..], &slow].concat(), &["detection_time: 1s", "20s"]);
    refused(&["local", "--period", endless], &["period", "60s"]);
    refused(&[&agent[..], &["--name", ""]].concat(), &["name", "empty"]);
    refused(&[&agent[..], &["--zone", &"z".repeat(40)]].concat(), &["zone", "32"]);
    let tag = format!("k={}", "v".repeat(300));
    refused(&[&agent[..], &["--tag", &tag]].concat(), &["tags", "256"]);
    refused(&["local", "--period", "1ms"], &["period", "10ms"]);
    let twice = ["--voter", "a", "--voter", "b", "--voter", "a"];
    refused(&[&agent[..], &twice].concat(), &["voters", "\"a\" twice", "each name once"]);
    refused(&[&agent[..], &["--expected-size", "0"]].concat(), &["expected_size", "1 to 101"]);
    let both = ["--voter", "a", "--expected-size", "3"];
    refused(&[&agent[..], &both].concat(), &["--voter", "--expected-size"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let free = "127.0.0.1:0";
    refused(&["agent", "--bind", &address, "--http", free], &["bind", &address, "another"]);
    refused(&["agent", "--bind", free, "--http", &address], &["--http", &address, "another"]);
}

#[test]
fn http_beyond_loopback_must_be_asked_for() {
    let args = ["agent", "--bind", "127.0.0.1:0", "--http", "0.0.0.0:0"];
    refused(&args, &["0.0.0.0:0", "loopback", "--http-any-address"]);
}

#[test]
fn a_config_file_names_its_own_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("agent.toml");
    let path = file.to_str().expect("text");
    refused(&["agent", "--config", path], &[path, "cannot be read"]);
    fs::write(&file, "name = \"a\"\nperiods = \"1s\"\n").expect("written");
    refused(&["agent", "--config", path], &[path, "line 2", "unknown field `periods`", "`period`"]);
    fs::write(&file, "voter = [\"a\"]\nexpected_size = 3\n").expect("written");
    refused(&["agent", "--config", path], &[path, "expected_size does not go with voter"]);
    fs::write(&file, "bind = \"127.0.0.1\"\n").expect("written");
    refused(&["agent", "--config", path], &[path, "line 1", "bind", "ip:port"]);
}

#[test]
fn a_history_file_that_cannot_be_is_named() {
    let args = ["agent", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0", "--history"];
    refused(&[&args[..], &["/no/such/folder/history"]].concat(), &["history_file", "/no/such"]);
}

#[test]
fn an_agent_that_is_not_there_is_named() {
    // An address of this process's own, and a port that nothing listens at.
    let [.., high, middle, low] = std::process::id().to_be_bytes();
    let address = format!("127.{}.{middle}.{low}:9", high | 0x80);
    for command in ["members", "leave"] {
        refused(&[command, "--agent", &address], &[&address, "no agent answers", "--agent"]);
    }
}

#[test]
fn a_scenario_that_cannot_be_run_is_named() {
    refused(&["sim", "run", "no-such.toml"], &["no-such.toml", "cannot be read"]);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("text");
    refused(&["sim", "sweep", path, "--seeds", "1..2"], &[path, "no scenario"]);
    let file = dir.path().join("bad.toml");
    fs::write(&file, "name = \"bad\"\nnodes = 0\nduration = \"1s\"\n").expect("written");
    let file = file.to_str().expect("text");
    refused(&["sim", "run", file], &[file, "nodes"]);
}
