//! `headcount sim bench`: how fast simulations are, beside an event loop that only queues.

mod count;
mod lines;

use std::process::{self, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use headcount::Time;
use headcount_sim::{Benchmark, Simulation, benchmarks};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::sim::source::unusable;
use crate::{output, table};
use count::Play;

/// The seed of every measurement.
const SEED: u64 = 1;

/// The bare loop is repeated until it has taken this long.
const BARE_LEAST: Duration = Duration::from_millis(200);

/// The flags of `headcount sim bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures this one alone, in this process: calm-128, crash-128, calm-1000, ...
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Counts instructions and lines of memory, too: plays each twice more under valgrind, which takes
    /// minutes. Of those with 10,000 nodes only if `--only` names it
    #[arg(long)]
    count: bool,

    /// Plays so much of it and measures nothing: for whoever counts
    #[arg(long, hide = true, value_enum, requires = "only")]
    play: Option<Play>,

    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

const MIB: f64 = 1_048_576.0;

/// What is counted without being asked for by name.
const COUNTED_NODES_MAX: usize = 1_000;

/// What was measured of one simulation.
#[derive(Debug, Deserialize, Serialize)]
struct Measured {
    /// What was simulated: `calm-128` are 128 nodes to which nothing happens.
    name: String,
    /// How much virtual time was measured, in seconds.
    virtual_s: f64,
    /// How long it took, in seconds.
    wall_s: f64,
    /// How much of that the process had a processor, in seconds, where the system says so.
    processor_s: Option<f64>,
    /// Virtual seconds in a second.
    virtual_s_per_s: f64,
    /// How many events there were: datagrams, timers and whatever else was queued.
    events: u64,
    /// How long one took, in nanoseconds.
    event_ns: f64,
    /// How long one took in a loop that queues the same events and does nothing else.
    bare_event_ns: f64,
    /// How many times slower the simulation is than that loop.
    times_bare: f64,
    /// How many instructions one event took, if they were counted.
    event_instructions: Option<f64>,
    /// How many lines of memory it read or wrote that were not in a cache of 1 MiB, if they were
    /// counted.
    event_lines: Option<f64>,
    /// How long it takes to read a line at random of as much memory as the process had, up to
    /// 1 GiB, in nanoseconds.
    line_ns: Option<f64>,
    /// The most memory that the process had up to the end of the simulation, in MiB, where the
    /// system says so.
    peak_memory_mib: Option<f64>,
}

/// Measures all benchmarks, each in a process of its own so that its memory is its own too, or
/// the one that is named.
///
/// # Errors
/// A name that no benchmark has, a process that did not end well.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let all = benchmarks();
    let measured = match &args.only {
        Some(name) => {
            let named = all.iter().find(|benchmark| benchmark.name == *name);
            let names: Vec<&str> = all.iter().map(|benchmark| benchmark.name.as_str()).collect();
            let problem = || format!("is no benchmark; use one of {}", names.join(", "));
            let named = named.ok_or_else(|| Failure::input(name, problem()))?;
            if let Some(play) = args.play {
                return count::play(named, play);
            }
            vec![counted(named, measure(named)?, args.count)]
        }
        None => {
            let few = |one: &Benchmark| one.scenario.nodes <= COUNTED_NODES_MAX;
            let one = |one| Ok(counted(one, measure_apart(one)?, args.count && few(one)));
            all.iter().map(one).collect::<Result<_, Failure>>()?
        }
    };
    if args.json { output::json(&measured) } else { output::line(&show(&measured)) }
}

fn measure_apart(benchmark: &Benchmark) -> Result<Measured, Failure> {
    let name = &benchmark.name;
    output::note(&format!("measuring {name}"));
    let failed = |problem: &dyn std::fmt::Display| Failure::Unmet(format!("{name}: {problem}"));
    let program = env::current_exe().map_err(|error| failed(&error))?;
    let mut command = process::Command::new(program);
    command.args(["sim", "bench", "--json", "--only", name]).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    let measured: Vec<Measured> =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))?;
    measured.into_iter().next().ok_or_else(|| failed(&"nothing was measured"))
}

/// The same with its instructions counted, if that is wanted and can be done.
fn counted(benchmark: &Benchmark, measured: Measured, wanted: bool) -> Measured {
    let name = &benchmark.name;
    if !wanted {
        return measured;
    }
    output::note(&format!("counting {name}"));
    match count::count(benchmark) {
        Ok(counted) => {
            let by_event = |count: u64| Some(count as f64 / measured.events as f64);
            let event_instructions = by_event(counted.instructions);
            Measured { event_instructions, event_lines: by_event(counted.lines), ..measured }
        }
        Err(why) => {
            output::note(&format!("instructions and lines of {name} are not counted: {why}"));
            measured
        }
    }
}

/// What strikes at the end of the warm-up is measured.
fn measured_from(benchmark: &Benchmark) -> Time {
    Time::ZERO + benchmark.warm_up - Duration::from_micros(1)
}

fn measure(benchmark: &Benchmark) -> Result<Measured, Failure> {
    let Benchmark { name, scenario, warm_up } = benchmark;
    let mut simulation = Simulation::new(scenario, SEED).map_err(unusable)?;
    simulation.run_until(measured_from(benchmark));
    simulation.begin_event_log();
    let began = Stopwatch::start();
    simulation.run_until(Time::ZERO + scenario.duration);
    let (wall_s, processor_s) = began.passed();
    let log = simulation.end_event_log();
    let peak_memory_mib = peak_memory_mib();
    drop(simulation);
    let line_ns = peak_memory_mib.map(|mib| lines::line_ns((mib * MIB) as usize));

    let began = Stopwatch::start();
    let mut bare_events = 0;
    while began.wall.elapsed() < BARE_LEAST {
        bare_events += log.replay();
    }
    let (bare_wall_s, bare_processor_s) = began.passed();

    let virtual_s = (scenario.duration - *warm_up).as_secs_f64();
    let took = processor_s.unwrap_or(wall_s);
    let event_ns = took * 1e9 / log.events() as f64;
    let bare_event_ns = bare_processor_s.unwrap_or(bare_wall_s) * 1e9 / bare_events as f64;
    Ok(Measured {
        name: name.clone(),
        virtual_s,
        wall_s,
        processor_s,
        virtual_s_per_s: virtual_s / took,
        events: log.events(),
        event_ns,
        bare_event_ns,
        times_bare: event_ns / bare_event_ns,
        event_instructions: None,
        event_lines: None,
        line_ns,
        peak_memory_mib,
    })
}

fn show(measured: &[Measured]) -> String {
    let titles = [
        "cluster",
        "virtual s",
        "s",
        "virtual s per s",
        "events",
        "ns per event",
        "bare loop",
        "times bare",
        "instructions per event",
        "lines per event",
        "ns per line",
        "peak MiB",
    ];
    let row = |m: &Measured| {
        vec![
            m.name.clone(),
            format!("{:.0}", m.virtual_s),
            format!("{:.2}", m.processor_s.unwrap_or(m.wall_s)),
            format!("{:.1}", m.virtual_s_per_s),
            m.events.to_string(),
            format!("{:.0}", m.event_ns),
            format!("{:.0}", m.bare_event_ns),
            format!("{:.1}", m.times_bare),
            m.event_instructions.map_or("-".to_owned(), |each| format!("{each:.0}")),
            m.event_lines.map_or("-".to_owned(), |each| format!("{each:.1}")),
            m.line_ns.map_or("-".to_owned(), |ns| format!("{ns:.0}")),
            m.peak_memory_mib.map_or("-".to_owned(), |mib| format!("{mib:.0}")),
        ]
    };
    table::aligned(titles.map(str::to_owned).to_vec(), measured.iter().map(row))
}

/// Measures real time, and how much of it the process had a processor: others may want it too.
struct Stopwatch {
    wall: Instant,
    processor: Option<Duration>,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), processor: processor_time() }
    }

    /// Seconds since the start: real ones, and ones on a processor.
    fn passed(&self) -> (f64, Option<f64>) {
        let processor = processor_time().zip(self.processor);
        let processor = processor.map(|(now, then)| now.saturating_sub(then).as_secs_f64());
        (self.wall.elapsed().as_secs_f64(), processor)
    }
}

/// How long the first thread of this process has run: the first number of Linux's
/// `/proc/self/schedstat`, in nanoseconds.
fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The `VmHWM` of Linux's `/proc/self/status`.
fn peak_memory_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024.0 / MIB)
}
