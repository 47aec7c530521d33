//! Phi and Chen's estimator as their papers have them, with whole windows: what the streaming ones
//! are to be compared with. They take kilobytes for each sender.

use std::collections::VecDeque;

/// The latest values, and their sum.
#[derive(Clone, Debug)]
struct Window {
    values: VecDeque<f64>,
    room: usize,
    sum: f64,
    sum_of_squares: f64,
}

impl Window {
    fn new(room: usize) -> Window {
        Window { values: VecDeque::new(), room, sum: 0.0, sum_of_squares: 0.0 }
    }

    fn add(&mut self, value: f64) {
        if self.values.len() == self.room
            && let Some(oldest) = self.values.pop_front()
        {
            self.sum -= oldest;
            self.sum_of_squares -= oldest * oldest;
        }
        self.values.push_back(value);
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.sum / (self.values.len() as f64).max(1.0)
    }

    fn deviation(&self) -> f64 {
        let mean = self.mean();
        let square = self.sum_of_squares / (self.values.len() as f64).max(1.0);
        (square - mean * mean).max(0.0).sqrt()
    }
}

/// Phi of the paper: mean and deviation of the intervals in a window, whatever they are.
#[derive(Clone, Debug)]
pub(super) struct WindowPhi {
    intervals: Window,
    last_us: Option<f64>,
}

impl WindowPhi {
    pub(super) fn new(samples: usize) -> WindowPhi {
        WindowPhi { intervals: Window::new(samples), last_us: None }
    }

    pub(super) fn record(&mut self, at_us: f64) {
        if let Some(last) = self.last_us.replace(at_us) {
            self.intervals.add(at_us - last);
        }
    }

    /// Mean and deviation, in microseconds.
    pub(super) fn normal(&self) -> (f64, f64) {
        (self.intervals.mean(), self.intervals.deviation())
    }
}

/// The detector of Chen, Toueg and Aguilera, section 5.2: heartbeats are numbered and the interval
/// is known. With more than one window, the latest of what they expect: 2W-FD.
#[derive(Clone, Debug)]
pub(super) struct WindowChen {
    interval_us: f64,
    /// How much later than its number says each heartbeat arrived.
    lags: Vec<Window>,
    number: u64,
}

impl WindowChen {
    pub(super) fn new(interval_us: f64, windows: &[usize]) -> WindowChen {
        let lags = windows.iter().map(|room| Window::new(*room)).collect();
        WindowChen { interval_us, lags, number: 0 }
    }

    pub(super) fn record(&mut self, number: u64, at_us: f64) {
        let lag = at_us - number as f64 * self.interval_us;
        self.lags.iter_mut().for_each(|window| window.add(lag));
        self.number = number;
    }

    /// When the next heartbeat is expected, in microseconds.
    pub(super) fn expected_us(&self) -> f64 {
        let lag = self.lags.iter().map(Window::mean).fold(f64::MIN, f64::max);
        lag + (self.number + 1) as f64 * self.interval_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_all_but_the_latest() {
        let mut phi = WindowPhi::new(4);
        for at in [0.0, 50.0, 59.0, 70.0, 79.0, 90.0] {
            phi.record(at);
        }
        // 9, 11, 9 and 11.
        assert_eq!(phi.normal(), (10.0, 1.0));
    }

    #[test]
    fn chen_expects_the_mean_lag_and_two_windows_the_larger_one() {
        let arrivals = [(0, 5.0), (1, 107.0), (3, 309.0)];
        let expected = |windows: &[usize]| {
            let mut chen = WindowChen::new(100.0, windows);
            arrivals.iter().for_each(|(number, at)| chen.record(*number, *at));
            chen.expected_us()
        };
        assert_eq!(expected(&[10]), 407.0);
        assert_eq!(expected(&[2]), 408.0);
        assert_eq!(expected(&[1, 10]), 409.0);
    }
}
