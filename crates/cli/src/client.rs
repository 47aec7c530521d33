//! `headcount members`, `view`, `health`, `explain`, `set` and `leave`: asks a running agent over HTTP.

use std::time::Duration;

use headcount::Detector;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::agent::http::{LeaveAnswer, ParametersAnswer};
use crate::agent::{DEFAULT_HTTP_PORT, LEAVE_DEADLINE};
use crate::failure::Failure;
use crate::health::HealthView;
use crate::view::View;
use crate::{input, output, table};

/// An agent gets so long for an answer, on top of what it waits for itself.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A census gets as long as the agent gives it, and then some.
const CENSUS_DEADLINE: Duration = Duration::from_secs(15);

/// The longest answer that is read: a view of 100,000 members has some 30 MB.
const ANSWER_BYTES: usize = 256 << 20;

/// Where the agent is.
#[derive(clap::Args)]
pub(crate) struct Agent {
    /// The HTTP address of the agent
    #[arg(
        long = "agent",
        value_name = "HOST:PORT",
        default_value_t = format!("127.0.0.1:{DEFAULT_HTTP_PORT}"),
        value_parser = input::host_port
    )]
    address: String,
}

/// The flags of `headcount members`.
#[derive(clap::Args)]
pub(crate) struct MembersArgs {
    #[command(flatten)]
    agent: Agent,

    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// The flags of `headcount view`.
#[derive(clap::Args)]
pub(crate) struct ViewArgs {
    #[command(flatten)]
    agent: Agent,

    /// Asks every live member which view it holds, instead of relying on those heard in passing
    #[arg(long)]
    census: bool,

    /// Prints one JSON document, members included
    #[arg(long)]
    json: bool,
}

/// The flags of `headcount health`.
#[derive(clap::Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    agent: Agent,

    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// The flags of `headcount explain`.
#[derive(clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    agent: Agent,

    /// The name of the member
    name: String,

    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// The flags of `headcount set`.
#[derive(clap::Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    agent: Agent,

    /// How members are watched: observers, lifeguard or swim
    #[arg(long, value_name = "DETECTOR", default_value = "observers", value_parser = input::detector)]
    detector: Detector,

    /// How long a member may be silent before it is failed
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    detection_time: Duration,
}

/// The flags of `headcount leave`.
#[derive(clap::Args)]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    agent: Agent,
}

/// Prints the agent's view.
///
/// # Errors
/// No agent answers.
pub(crate) async fn members(args: MembersArgs) -> Result<(), Failure> {
    let view: View = args.agent.ask(Method::GET, "/v1/view", DEADLINE).await?;
    if args.json {
        return output::json(&view);
    }
    output::line(&format!("{}\n\n{}", table::headline(&view), table::members(&view)))
}

/// Prints what the agent's view is, and how far others are known to hold it.
///
/// # Errors
/// No agent answers.
pub(crate) async fn view(args: ViewArgs) -> Result<(), Failure> {
    let (path, deadline) = match args.census {
        true => ("/v1/view?census=true", CENSUS_DEADLINE),
        false => ("/v1/view", DEADLINE),
    };
    let view: View = args.agent.ask(Method::GET, path, deadline).await?;
    if args.json {
        return output::json(&view);
    }
    let census = view.census.as_ref().map(|census| format!("\n{}", table::census(census)));
    output::line(&format!("{}{}", table::headline(&view), census.unwrap_or_default()))
}

/// Prints how the agent's cluster is.
///
/// # Errors
/// No agent answers.
pub(crate) async fn health(args: HealthArgs) -> Result<(), Failure> {
    let health: HealthView = args.agent.ask(Method::GET, "/v1/health", DEADLINE).await?;
    if args.json { output::json(&health) } else { output::line(&health.show()) }
}

/// Prints why a member has its status.
///
/// # Errors
/// No agent answers, or it shows no such member.
pub(crate) async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let view: View = args.agent.ask(Method::GET, "/v1/view", DEADLINE).await?;
    let Some(member) = view.members.iter().find(|member| member.name == args.name) else {
        let problem = "the agent shows no member of this name; `headcount members` lists all";
        return Err(Failure::input(format!("member {}", args.name), problem));
    };
    if args.json {
        return output::json(member);
    }
    output::line(&table::explanation(member))
}

/// Changes how all members of the agent's cluster watch each other.
///
/// # Errors
/// No agent answers, or the time is out of range.
pub(crate) async fn set(args: SetArgs) -> Result<(), Failure> {
    let SetArgs { agent, detector, detection_time } = args;
    let path = format!(
        "/v1/parameters?detector={}&detection_time={}us",
        detector.as_str(),
        detection_time.as_micros()
    );
    let set: ParametersAnswer = agent.ask(Method::POST, &path, DEADLINE).await?;
    let ParametersAnswer { detector, detection_time_s } = set;
    output::line(&format!("set: detector {detector}, detection time {detection_time_s} s"))
}

/// Makes the agent leave.
///
/// # Errors
/// No agent answers.
pub(crate) async fn leave(args: LeaveArgs) -> Result<(), Failure> {
    // The sessions of the agent leave before it.
    let deadline = DEADLINE + 2 * LEAVE_DEADLINE;
    let left: LeaveAnswer = args.agent.ask(Method::POST, "/v1/leave", deadline).await?;
    output::line(&format!("left: acknowledged by {} peers", left.acknowledged))
}

impl Agent {
    /// What it answers at `path`.
    ///
    /// # Errors
    /// No agent answers.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, DEADLINE).await
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// No agent answers.
    pub(crate) async fn ask<T>(
        &self,
        method: Method,
        path: &str,
        deadline: Duration,
    ) -> Result<T, Failure>
    where
        T: DeserializeOwned,
    {
        let answer = tokio::time::timeout(deadline, self.exchange(method, path)).await;
        let problem = match answer {
            Ok(Ok((StatusCode::OK, body))) => match serde_json::from_slice(&body) {
                Ok(value) => return Ok(value),
                Err(error) => format!("what answers there is no agent: {error}"),
            },
            Ok(Ok((status, body))) => {
                let text: String =
                    String::from_utf8_lossy(&body).trim().chars().take(200).collect();
                format!("what answers there says {status}: {text}")
            }
            Ok(Err(error)) => format!("no agent answers there: {error}"),
            Err(_) => format!("no answer within {deadline:?}"),
        };
        let fix = "name the http= address that `headcount agent` prints with --agent";
        Err(Failure::input(format!("agent {}", self.address), format!("{problem}; {fix}")))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.address)
            .body(Empty::<Bytes>::new())?;
        let answered = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await?;
            Ok((status, body.to_bytes()))
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
}
