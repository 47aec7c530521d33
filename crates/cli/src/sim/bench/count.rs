//! Instructions, and lines of memory that no cache holds, counted by valgrind, whatever else the machine
//! does, and also in virtual machines that have no counters of their own. Of one program with one
//! seed the instructions are the same on every run; lines depend a little on where memory lies.
//!
//! ```text
//!   up to the end of the warm-up  ─┐
//!   up to the end                 ─┴─> the difference, by events
//! ```

use std::env;
use std::process::{Command, Stdio};

use headcount::Time;
use headcount_sim::{Benchmark, Simulation};

use super::{SEED, measured_from};
use crate::failure::Failure;
use crate::sim::source::unusable;

/// How much of a benchmark is played, to be counted from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Play {
    /// What is not measured.
    WarmUp,
    /// Everything.
    All,
}

impl Play {
    fn name(self) -> &'static str {
        match self {
            Play::WarmUp => "warm-up",
            Play::All => "all",
        }
    }
}

/// Simulates so much of a benchmark and does nothing else.
pub(super) fn play(benchmark: &Benchmark, play: Play) -> Result<(), Failure> {
    let mut simulation = Simulation::new(&benchmark.scenario, SEED).map_err(unusable)?;
    simulation.run_until(match play {
        Play::WarmUp => measured_from(benchmark),
        Play::All => Time::ZERO + benchmark.scenario.duration,
    });
    Ok(())
}

/// What the measured part of a benchmark takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) instructions: u64,
    /// Lines of memory that were read or written and were not in a cache of 1 MiB.
    pub(super) lines: u64,
}

/// The cache of which misses are counted: about what a core has for itself.
const CACHE: &str = "1048576,16,64";

/// Counts what the measured part of a benchmark takes.
///
/// # Errors
/// Why it cannot be counted, in words.
pub(super) fn count(benchmark: &Benchmark) -> Result<Counted, String> {
    let warm_up = count_play(benchmark, Play::WarmUp)?;
    let all = count_play(benchmark, Play::All)?;
    Ok(Counted {
        instructions: all.instructions.saturating_sub(warm_up.instructions),
        lines: all.lines.saturating_sub(warm_up.lines),
    })
}

fn count_play(benchmark: &Benchmark, play: Play) -> Result<Counted, String> {
    let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=yes", "--cachegrind-out-file=/dev/null"]);
    command.args([format!("--I1={CACHE}"), format!("--D1={CACHE}")]);
    command.arg(program).args(["sim", "bench", "--only", &benchmark.name]);
    command.args(["--play", play.name()]).stdin(Stdio::null());
    let ended = command.output().map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let counted = counted(&said).filter(|_| ended.status.success());
    counted.ok_or_else(|| format!("valgrind has counted nothing: {}", said.trim()))
}

fn counted(said: &str) -> Option<Counted> {
    let instructions = number(said, ["I", "refs:"])?;
    Some(Counted { instructions, lines: number(said, ["D1", "misses:"])? })
}

/// The number of a line like `==7== I   refs:      1,234`.
fn number(said: &str, title: [&str; 2]) -> Option<u64> {
    let number = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.windows(2).position(|pair| pair == title)?;
        words.get(at + 2)?.replace(',', "").parse().ok()
    };
    said.lines().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_as_old_and_new_versions_of_valgrind_write_them() {
        let old = "==7== Cachegrind\n==7== \n==7== I   refs:      1,269,097,203\n\
                   ==7== D   refs:        9,999  (8,888 rd + 1,111 wr)\n\
                   ==7== D1  misses:      7,014  (6,000 rd + 1,014 wr)\n";
        let expected = Counted { instructions: 1_269_097_203, lines: 7_014 };
        assert_eq!(counted(old), Some(expected));
        let new = "==12== I refs:        42\n==12== D1 misses:        7\n";
        assert_eq!(counted(new), Some(Counted { instructions: 42, lines: 7 }));
        assert_eq!(counted("==12== I1  misses:      42\nvalgrind: no such tool\n"), None);
    }
}
