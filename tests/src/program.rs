//! The `headcount` program, as users run it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

/// Where the program is, built as this test is built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| built("headcount", &["--package", "headcount-cli", "--bin", "headcount"]))
}

/// Where an example of a package is, built as this test is built.
pub fn example(package: &str, name: &str) -> PathBuf {
    built(&format!("examples/{name}"), &["--package", package, "--example", name])
}

/// What cargo builds for these flags, under the directory of this test's profile.
fn built(path: &str, flags: &[&str]) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    // target/<profile>/deps/<test>
    let profile = test.parent().and_then(Path::parent).expect("a target directory");
    let program = profile.join(path);
    if is_fresh(&program) {
        return program;
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet"]).args(flags);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    build.arg("--target-dir").arg(profile.parent().expect("a target directory"));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().expect("cargo runs").success(), "{path} does not build");
    program
}

/// Whether the program is newer than every source: a test of the whole workspace builds it before
/// this test runs, and building it alone again would build half of its libraries twice.
fn is_fresh(program: &Path) -> bool {
    let built = program.metadata().and_then(|file| file.modified());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let changed = ["crates", "simulations/src"].map(|dir| newest_source(&root.join(dir)));
    built.is_ok_and(|built| changed.into_iter().flatten().all(|changed| changed <= built))
}

fn newest_source(dir: &Path) -> Option<SystemTime> {
    let entries = dir.read_dir().ok()?.flatten().map(|entry| entry.path());
    let newest = |path: PathBuf| match path.is_dir() {
        true => newest_source(&path),
        false => path.metadata().and_then(|file| file.modified()).ok(),
    };
    entries.filter_map(newest).max()
}

/// The view of the agent whose HTTP endpoint is `http`, as `headcount members --json` prints it;
/// `None` when it does not answer.
pub fn members(http: &str) -> Option<Value> {
    let output = Command::new(program())
        .args(["members", "--json", "--agent", http])
        .output()
        .expect("the program runs");
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("valid JSON"))
}
