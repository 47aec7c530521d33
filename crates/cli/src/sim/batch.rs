//! Many runs, several at a time, none of which ends the others.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Instant;

use headcount_sim::{Report, Scenario, ScenarioError, Simulation};

/// One scenario with one seed.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) seed: u64,
}

/// Every scenario with every one of its seeds.
pub(super) fn jobs<'a, S: IntoIterator<Item = u64>>(
    scenarios: impl IntoIterator<Item = (&'a Scenario, S)>,
) -> Vec<Job<'a>> {
    let of_one = |(scenario, seeds): (&'a Scenario, S)| {
        seeds.into_iter().map(move |seed| Job { scenario, seed })
    };
    scenarios.into_iter().flat_map(of_one).collect()
}

/// Does `work` for every job, `threads` at a time. `done` hears of each as it ends: the number of
/// the job, and what came of it or how it broke.
pub(super) fn run<J: Sync, T: Send>(
    jobs: &[J],
    threads: usize,
    work: impl Fn(&J) -> Result<T, ScenarioError> + Sync,
    mut done: impl FnMut(usize, Result<T, String>),
) {
    let next = AtomicUsize::new(0);
    let (results, ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let results = results.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number) else { return };
                    let result = attempt(|| work(job));
                    if results.send((number, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        ended.iter().for_each(|(number, result)| done(number, result));
    });
}

/// Plays a scenario to its end and judges it.
pub(super) fn play(job: &Job<'_>) -> Result<Report, ScenarioError> {
    let begun = Instant::now();
    Ok(Simulation::new(job.scenario, job.seed)?.run().took(begun.elapsed()))
}

/// Does `work`; if it panics, where and why, in place of ending the program.
pub(super) fn attempt<T>(work: impl FnOnce() -> Result<T, ScenarioError>) -> Result<T, String> {
    catch_quietly();
    ATTEMPT.set(Some(String::new()));
    let ended = panic::catch_unwind(AssertUnwindSafe(work));
    let place = ATTEMPT.take().unwrap_or_default();
    match ended {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(payload) => Err(format!("panicked at {place}: {}", words(&*payload))),
    }
}

thread_local! {
    /// Where the attempt that runs on this thread panicked, if one runs.
    static ATTEMPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets panics of attempts leave a note in place of a message on the standard error.
fn catch_quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let noted = ATTEMPT.with_borrow_mut(|place| {
                let place = place.as_mut()?;
                *place = info.location().map(ToString::to_string).unwrap_or_default();
                Some(())
            });
            if noted.is_none() {
                others(info);
            }
        }));
    });
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_that_panics_is_told_and_ends_no_other() {
        let scenario = Scenario::new("planted", 2, Duration::from_secs(1));
        let jobs = jobs([(&scenario, 1..9)]);
        let mut ended = Vec::new();
        let work = |job: &Job<'_>| {
            assert!(job.seed != 3, "seed {} is planted to break", job.seed);
            Ok(job.seed)
        };
        run(&jobs, 3, work, |number, result| ended.push((number, result)));
        ended.sort_by_key(|(number, _)| *number);
        assert_eq!(ended.len(), 8);
        for (number, result) in ended {
            match result {
                Ok(seed) => assert_eq!(seed, number as u64 + 1),
                Err(why) => {
                    assert_eq!(number, 2);
                    assert!(why.starts_with("panicked at ") && why.contains("batch.rs"), "{why}");
                    assert!(why.ends_with("seed 3 is planted to break"), "{why}");
                }
            }
        }
    }
}
