//! Instructions, counted by valgrind: of one program with one seed the same on every run, whatever
//! else the machine does, and also in virtual machines that have no counters of their own.
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

/// How many instructions the measured part of a benchmark takes.
///
/// # Errors
/// Why they cannot be counted, in words.
pub(super) fn instructions(benchmark: &Benchmark) -> Result<u64, String> {
    let warm_up = count(benchmark, Play::WarmUp)?;
    Ok(count(benchmark, Play::All)?.saturating_sub(warm_up))
}

fn count(benchmark: &Benchmark, play: Play) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let tool = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];
    let mut command = Command::new("valgrind");
    command.args(tool).arg(program).args(["sim", "bench", "--only", &benchmark.name]);
    command.args(["--play", play.name()]).stdin(Stdio::null());
    let ended = command.output().map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let counted = counted(&said).filter(|_| ended.status.success());
    counted.ok_or_else(|| format!("valgrind has counted nothing: {}", said.trim()))
}

/// The number of a line like `==7== I   refs:      1,234`.
fn counted(said: &str) -> Option<u64> {
    let number = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.windows(2).position(|pair| pair == ["I", "refs:"])?;
        words.get(at + 2)?.replace(',', "").parse().ok()
    };
    said.lines().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_as_old_and_new_versions_of_valgrind_write_it() {
        let old = "==7== Cachegrind\n==7== \n==7== I   refs:      1,269,097,203\n";
        assert_eq!(counted(old), Some(1_269_097_203));
        assert_eq!(counted("==12== I refs:        42\n"), Some(42));
        assert_eq!(counted("==12== I1  misses:      42\nvalgrind: no such tool\n"), None);
    }
}
