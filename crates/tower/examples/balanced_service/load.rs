//! Requests at a steady rate, whatever becomes of those before (an open loop), without retries.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tower::{Service, ServiceExt};

use crate::report::Tally;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A request that is not answered by then has failed.
const TIMEOUT: Duration = Duration::from_secs(1);

/// An answer after this is slow.
const SLOW: Duration = Duration::from_millis(250);

/// Sends `rate` requests a second for so long, and tells how they went.
pub(crate) async fn offer<S>(service: &mut S, rate: u32, for_so_long: Duration) -> Tally
where
    S: Service<(), Response = ()>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    let mut every = interval(Duration::from_secs(1) / rate);
    every.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (begun, mut open) = (Instant::now(), JoinSet::new());
    let mut tally = Tally::default();
    loop {
        let due = every.tick().await;
        if due >= begun + for_so_long {
            break;
        }
        tally.requests += 1;
        let answer = match timeout_at(due + TIMEOUT, service.ready()).await {
            Ok(Ok(service)) => service.call(()),
            Ok(Err(_)) => {
                tally.errors += 1;
                continue;
            }
            Err(_) => {
                tally.timeouts += 1;
                continue;
            }
        };
        open.spawn(async move {
            let answered = timeout_at(due + TIMEOUT, answer).await;
            (answered.map(|answer| answer.is_ok()), due.elapsed())
        });
    }
    while let Some(ended) = open.join_next().await {
        match ended {
            Ok((Ok(true), took)) => tally.slow += u64::from(took > SLOW),
            Ok((Ok(false), _)) | Err(_) => tally.errors += 1,
            Ok((Err(_), _)) => tally.timeouts += 1,
        }
    }
    tally
}

/// `GET /` at an address, over a connection for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Get {
    pub(crate) from: SocketAddr,
}

impl Service<()> for Get {
    type Response = ();
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Answer {
        Box::pin(get(self.from))
    }
}

async fn get(from: SocketAddr) -> Result<(), BoxError> {
    let stream = TcpStream::connect(from).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder().uri("/").header(HOST, from.to_string());
    let request = request.body(Empty::<Bytes>::new())?;
    let answered = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        if status == StatusCode::OK { Ok(()) } else { Err(status.to_string().into()) }
    };
    // The connection moves the bytes; it ends when the answer is there, or with its error.
    tokio::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        end = connection => {
            end?;
            answered.await
        }
    }
}

/// One address after another, as they stand in a list.
pub(crate) fn round_robin(
    addresses: &[SocketAddr],
) -> impl Service<(), Response = (), Error = BoxError, Future = Answer> + use<> {
    let list = addresses.to_vec();
    let mut turns = list.into_iter().cycle();
    tower::service_fn(move |()| match turns.next() {
        Some(from) => Get { from }.call(()),
        None => Box::pin(std::future::ready(Err("nobody is listed".into()))),
    })
}
