//! `headcount agent`: one node as a process, with an HTTP endpoint.

mod connections;
mod hosts;
pub(crate) mod http;
mod log;
mod metrics;
mod options;
mod sessions;
mod signals;

use std::time::Duration;

use headcount::NodeError;

use crate::failure::Failure;
use crate::output;
use http::{Endpoint, Hosts};
use log::Log;
use options::Options;
pub(crate) use options::{Args, DEFAULT_HTTP_PORT, DEFAULT_SESSIONS};
pub(crate) use sessions::Sessions;
pub(crate) use signals::Signals;

/// A leaving node, or a session of it, waits so long for acknowledgements.
pub(crate) const LEAVE_DEADLINE: Duration = Duration::from_secs(3);

/// Runs the agent until a signal, or a request to leave.
///
/// # Errors
/// Options that cannot be, ports that are taken, a node that stops by itself.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let options = args.options()?;
    let log = Log::start()?;
    let signals = Signals::listen()?;
    let result = serve(options, signals).await;
    log.flush();
    result
}

async fn serve(options: Options, mut signals: Signals) -> Result<(), Failure> {
    let listener = http::bind(options.http()?).await?;
    let hosts = if options.http_any_address() { Hosts::Any } else { Hosts::Addresses };
    let (template, most) = (options.session_template(), options.sessions());
    let node = tokio::select! {
        node = options.builder().start() => node.map_err(not_started)?,
        signal = signals.next() => {
            tracing::info!(reason = signal, "ended before the start");
            return Ok(());
        }
    };
    let sessions = Sessions::start(node.clone(), template, most);
    let mut endpoint = Endpoint::start(listener, node.clone(), sessions.clone(), hosts)?;
    // Whoever starts an agent may close the pipe once it has read this; the agent goes on.
    let _ = output::line(&format!(
        "listening gossip={} http={} name={}",
        node.address(),
        endpoint.address(),
        node.name()
    ));
    let stopped = tokio::select! {
        signal = signals.next() => {
            tracing::info!(reason = signal, "leaving");
            sessions.leave().await;
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
