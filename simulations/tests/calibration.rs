//! A few cells of the Lifeguard paper's experiments: enough to notice when the detectors or the
//! simulator stop behaving as published. `headcount sim calibrate` runs the whole.

use std::time::Duration;

use headcount_sim::FrozenTimers;
use headcount_sim::calibration::{Cell, Experiment, Model, Pool, Tuning, run};

fn pool(experiment: Experiment, cell: Cell, tuning: Tuning, model: Model, seeds: u64) -> Pool {
    let mut pool = Pool::default();
    for seed in 1..=seeds {
        let trial = run(experiment, cell, tuning, model, seed).expect("a scenario that can run");
        pool.add(&trial);
    }
    pool
}

/// Eight nodes stand still for D, again and again, with 16 ms of freedom in between.
fn interval(lasts_ms: u64, tuning: Tuning, model: Model) -> Pool {
    let ms = Duration::from_millis;
    let cell = Cell { concurrent: 8, lasts: ms(lasts_ms), open: ms(16) };
    pool(Experiment::Interval, cell, tuning, model, 1)
}

#[test]
fn a_crash_is_first_declared_when_a_first_probe_and_a_suspicion_have_passed() {
    let cell = Experiment::Crash.cells()[0];
    for tuning in [Tuning::SWIM, Tuning::lifeguard(5.0)] {
        let pool = pool(Experiment::Crash, cell, tuning, Model::MEMBERLIST, 10);
        let found = pool.first_detection().expect("every crash is detected");
        assert_eq!(found.samples, 10);
        // One period for the probe, 5 log10 128 for the suspicion, and a wait of some periods.
        let least = 1.0 + 5.0 * 128f64.log10();
        assert!((least..least + 2.0).contains(&found.median), "{tuning:?}: {found:?}");
        let all = pool.dissemination().expect("and everybody is told");
        assert!((0.0..1.0).contains(&(all.median - found.median)), "{all:?}");
    }
}

#[test]
fn standstills_longer_than_a_suspicion_make_swim_accuse_the_healthy_and_lifeguard_not() {
    let swim = interval(16_384, Tuning::SWIM, Model::MEMBERLIST);
    let lifeguard = interval(16_384, Tuning::lifeguard(5.0), Model::MEMBERLIST);
    assert!(swim.false_positives > 50, "{swim:?}");
    assert!(lifeguard.false_positives * 10 < swim.false_positives, "{lifeguard:?}");
    assert_eq!(swim.false_positives_at_healthy, 0, "the accusers are the frozen");
}

#[test]
fn short_standstills_accuse_nobody() {
    assert_eq!(interval(512, Tuning::SWIM, Model::MEMBERLIST).false_positives, 0);
}

#[test]
fn the_model_of_a_standstill_decides_how_many_are_accused() {
    let accused = |timers| {
        let model = Model { timers, ..Model::MEMBERLIST };
        interval(16_384, Tuning::SWIM, model).false_positives
    };
    let stopped = accused(FrozenTimers::Stopped);
    let blocked = accused(FrozenTimers::Blocked);
    let running = accused(FrozenTimers::Running);
    assert!(stopped < blocked && blocked * 3 < running, "{stopped}, {blocked}, {running}");
}
