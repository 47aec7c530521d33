//! A service with its load.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::Service;
use tower::load::Load;
use tower::load::completion::{CompleteOnResponse, TrackCompletion};

use crate::latency::Latency;
use crate::replica::Replica;

/// Differences below this are no reason to prefer anybody.
const RESOLUTION_S: f64 = 100e-6;

/// A suspected member costs so many times as much.
const SUSPECT: f64 = 10.0;

/// A member that says it is loaded more than this, in percent, counts as if it were this much.
const LOAD_MAX: f64 = 95.0;

/// How the load of a service is reckoned: seconds that an answer takes, times the requests that
/// would be under way, times `1 / (1 - load)` for the load that the member itself reports (2 at
/// 50 %, 10 at 90 %, 20 at 95 % and more), times 10 for a suspected member.
///
/// The seconds are a peak-sensitive moving average as tower's [`PeakEwma`](tower::load::PeakEwma)
/// has it, with two differences: a request under way counts for as long as it is under way, so a
/// member that stands still gets no more requests than it takes to notice; and a request that failed
/// counts as a slow one, so a member that refuses at once is not taken for the fastest. Before the
/// first answer the round trip of the node's own pings stands in for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadMetric {
    decay: Duration,
    penalty: Duration,
}

impl Default for LoadMetric {
    /// A decay of 5 s and a penalty of 1 s.
    fn default() -> LoadMetric {
        LoadMetric { decay: Duration::from_secs(5), penalty: Duration::from_secs(1) }
    }
}

impl LoadMetric {
    /// The time within which a slow answer is forgotten but for a third; at least 1 ms. Default 5 s.
    #[must_use]
    pub fn decay(self, decay: Duration) -> LoadMetric {
        LoadMetric { decay: decay.max(Duration::from_millis(1)), ..self }
    }

    /// What a failed answer counts as at least, and the first one while it is awaited. Default 1 s.
    #[must_use]
    pub fn penalty(self, penalty: Duration) -> LoadMetric {
        LoadMetric { penalty, ..self }
    }
}

/// The load of a service: the less, the better.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Cost(f64);

impl Cost {
    /// As a number: seconds, weighed.
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

/// What one more request costs; `load` in percent, as the member reports it.
fn cost(seconds: f64, pending: usize, load: u8, suspect: bool) -> Cost {
    let stress = 1.0 / (1.0 - f64::from(load).min(LOAD_MAX) / 100.0);
    let doubt = if suspect { SUSPECT } else { 1.0 };
    Cost(seconds.max(RESOLUTION_S) * (pending as f64 + 1.0) * stress * doubt)
}

/// A service of a replica that knows its load.
///
/// `C` says when a request is over, as tower has it: by default with the response's head.
#[derive(Debug)]
pub struct Weighed<S, C = CompleteOnResponse> {
    service: S,
    completion: C,
    replica: Replica<()>,
    latency: Arc<Mutex<Latency>>,
}

impl<S> Weighed<S> {
    pub(crate) fn new(service: S, replica: Replica<()>, metric: LoadMetric) -> Weighed<S> {
        let latency = Latency::new(metric.decay, metric.penalty);
        Weighed {
            service,
            completion: CompleteOnResponse::default(),
            replica,
            latency: Arc::new(Mutex::new(latency)),
        }
    }
}

impl<S, C> Weighed<S, C> {
    /// The same with another notion of when a request is over: for streamed answers, say.
    pub fn completed_by<D>(self, completion: D) -> Weighed<S, D> {
        let Weighed { service, replica, latency, .. } = self;
        Weighed { service, completion, replica, latency }
    }

    /// The service itself.
    pub fn get_ref(&self) -> &S {
        &self.service
    }
}

impl<S, C> Load for Weighed<S, C> {
    type Metric = Cost;

    fn load(&self) -> Cost {
        let contact = self.replica.contact();
        let round_trip = contact.and_then(|contact| contact.round_trip).unwrap_or_default();
        let load = contact.and_then(|contact| contact.load).unwrap_or_default();
        let (seconds, pending) = {
            let latency = lock(&self.latency);
            (latency.seconds(Instant::now()), latency.pending())
        };
        let seconds = match seconds > 0.0 {
            true => seconds,
            false => round_trip.as_secs_f64(),
        };
        cost(seconds, pending, load, self.replica.is_suspect())
    }
}

impl<S, C, Request> Service<Request> for Weighed<S, C>
where
    S: Service<Request>,
    C: TrackCompletion<InFlight, S::Response>,
{
    type Response = C::Output;
    type Error = S::Error;
    type Future = Tracked<S::Future, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Tracked<S::Future, C> {
        let number = lock(&self.latency).begin(Instant::now());
        let in_flight = InFlight { latency: Arc::clone(&self.latency), number, failed: false };
        let completion = self.completion.clone();
        Tracked { answer: self.service.call(request), in_flight: Some(in_flight), completion }
    }
}

/// A request under way; over when it is dropped.
pub struct InFlight {
    latency: Arc<Mutex<Latency>>,
    number: u64,
    failed: bool,
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.latency).end(self.number, Instant::now(), self.failed);
    }
}

pin_project! {
    /// The answer of a [`Weighed`] service.
    #[derive(Debug)]
    pub struct Tracked<F, C> {
        #[pin]
        answer: F,
        in_flight: Option<InFlight>,
        completion: C,
    }
}

impl<F, C, T, E> Future for Tracked<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: TrackCompletion<InFlight, T>,
{
    type Output = Result<C::Output, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context));
        let Some(mut in_flight) = this.in_flight.take() else { return Poll::Pending };
        Poll::Ready(match answer {
            Ok(response) => Ok(this.completion.track_completion(in_flight, response)),
            Err(error) => {
                in_flight.failed = true;
                Err(error)
            }
        })
    }
}

/// What a panic elsewhere leaves behind is as good as before.
fn lock(latency: &Mutex<Latency>) -> MutexGuard<'_, Latency> {
    latency.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_known_counts() {
        let times = |cost: Cost| (cost.as_f64() / 0.01 * 100.0).round() / 100.0;
        assert_eq!(times(cost(0.01, 0, 0, false)), 1.0);
        assert_eq!(times(cost(0.01, 3, 0, false)), 4.0);
        assert_eq!(
            [50, 90, 95, 100].map(|load| times(cost(0.01, 0, load, false))),
            [2.0, 10.0, 20.0, 20.0]
        );
        assert_eq!(times(cost(0.01, 1, 50, true)), 40.0);
        assert_eq!(cost(0.0, 0, 0, false), cost(50e-6, 0, 0, false), "too fast to tell apart");
    }
}
