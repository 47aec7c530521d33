//! `headcount agent`: one node as a process, with an HTTP endpoint.

pub(crate) mod http;
mod metrics;
mod options;

use std::io;
use std::time::Duration;

use headcount::NodeError;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::output;
use http::Endpoint;
pub(crate) use options::{Args, DEFAULT_HTTP_PORT};

/// A leaving node waits so long for acknowledgements.
pub(crate) const LEAVE_DEADLINE: Duration = Duration::from_secs(3);

/// Runs the agent until a signal, or a request to leave.
///
/// # Errors
/// Options that cannot be, ports that are taken, a node that stops by itself.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let options = args.options()?;
    log()?;
    let listener = http::bind(options.http()?).await?;
    let node = options.builder().start().await.map_err(not_started)?;
    let mut endpoint = Endpoint::start(listener, node.clone())?;
    // Whoever starts an agent may close the pipe once it has read this; the agent goes on.
    let _ = output::line(&format!(
        "listening gossip={} http={} name={}",
        node.address(),
        endpoint.address(),
        node.name()
    ));
    let stopped = tokio::select! {
        end = ended_by_signal() => {
            tracing::info!(reason = end?, "leaving");
            let left = node.leave(LEAVE_DEADLINE).await;
            tracing::info!(acknowledged = left.acknowledged, "left");
            false
        }
        left = endpoint.left() => !left,
    };
    endpoint.stop().await;
    node.shutdown().await;
    if stopped {
        return Err(Failure::Unmet("the node stopped by itself; see the log".to_owned()));
    }
    Ok(())
}

/// Why a node did not start, with the options' names.
pub(crate) fn not_started(error: NodeError) -> Failure {
    Failure::Input(error.to_string())
}

/// Waits for the first signal that asks to end.
pub(crate) async fn ended_by_signal() -> Result<&'static str, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::input("signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok("SIGINT"),
        _ = terminate.recv() => Ok("SIGTERM"),
    }
}

/// Logs to the standard error, what `RUST_LOG` says: by default `info` and more serious.
fn log() -> Result<(), Failure> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
            Failure::input(
                format!("RUST_LOG: {filter:?}"),
                format!("{error}; use for example info"),
            )
        })?,
        _ => EnvFilter::new("info"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .try_init()
        .map_err(|error| Failure::input("log", error))
}
