//! The HTTP endpoint of a node. `docs/operations.md` describes it for its users.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use headcount::{Node, NodeError, Standing};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::LEAVE_DEADLINE;
use crate::agent::connections::Connections;
use crate::agent::hosts;
use crate::agent::metrics::{self, EventCounts, Metrics};
use crate::agent::sessions::{self, Sessions};
use crate::failure::Failure;
use crate::health::{ContactView, HealthView};
use crate::input;
use crate::quorum::QuorumView;
use crate::report::ReportView;
use crate::view::{CensusView, MemberView, View};

/// Unfinished requests get so long once the endpoint is to end.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// A census is given up before its connection counts as idle.
const CENSUS_DEADLINE: Duration = Duration::from_secs(9);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `POST /v1/leave` answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeaveAnswer {
    /// How many peers acknowledged that the node leaves.
    pub(crate) acknowledged: usize,
}

/// By which names requests may call the endpoint's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Addresses and `localhost`: a web page's own name is none of them.
    Addresses,
    /// Any name.
    Any,
}

/// A running endpoint.
pub(crate) struct Endpoint {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    counting: JoinHandle<()>,
}

struct App {
    node: Node,
    metrics: Metrics,
    sessions: Sessions,
    stop: watch::Sender<bool>,
}

/// Takes the port, so that a port that is taken shows before anything else is started.
///
/// # Errors
/// The address cannot be bound.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let problem = format!("{error}; free the port, or choose another one with --http");
        Failure::input(format!("http: cannot listen on {address}"), problem)
    })
}

impl Endpoint {
    /// Serves `node` and its sessions on `listener` to requests for `hosts`.
    pub(crate) fn start(
        listener: TcpListener,
        node: Node,
        sessions: Sessions,
        hosts: Hosts,
    ) -> Result<Endpoint, Failure> {
        let address = listener.local_addr().map_err(|error| Failure::input("http", error))?;
        let events = EventCounts::default();
        let counting = tokio::spawn(count_events(node.clone(), events.clone()));
        let (stop, mut stopped) = watch::channel(false);
        let metrics = Metrics::new(node.clone(), events, sessions.counts());
        let mut router = router(App { node, metrics, sessions, stop: stop.clone() });
        if hosts == Hosts::Addresses {
            router = router.layer(middleware::from_fn(hosts::only_addresses));
        }
        let server =
            axum::serve(Connections::new(listener), router).with_graceful_shutdown(async move {
                // An error means that nobody can stop it any more; then it is over as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            });
        Ok(Endpoint { address, stop, server: tokio::spawn(server.into_future()), counting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until somebody made the node leave through this endpoint, or the node stopped;
    /// whether it was the former.
    pub(crate) async fn left(&mut self) -> bool {
        let mut stopped = self.stop.subscribe();
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => true,
            _ = &mut self.counting => *self.stop.borrow(),
        }
    }

    /// Ends it; answers under way are still given.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_DEADLINE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.counting.abort();
    }
}

async fn count_events(node: Node, counts: EventCounts) {
    let mut events = node.events();
    drop(node);
    while let Some(event) = events.next().await {
        metrics::count(&counts, &event);
    }
}

fn router(app: App) -> Router {
    let sessions = sessions::routes(app.sessions.clone());
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/v1/view", get(view))
        .route("/v1/members", get(members))
        .route("/v1/health", get(health))
        .route("/v1/quorum", get(quorum))
        .route("/v1/report", get(report))
        .route("/v1/leave", post(leave))
        .route("/v1/parameters", post(set_parameters))
        .with_state(Arc::new(app))
        .merge(sessions)
}

async fn healthz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let condition = app.node.condition();
    let age = condition.last_tick.as_millis();
    match (condition.running, condition.stalled) {
        (true, false) => (StatusCode::OK, format!("ok: last tick {age} ms ago\n")),
        (true, true) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("stalled: last tick {age} ms ago\n"))
        }
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "stopped: the node has ended\n".to_owned()),
    }
}

async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    let condition = app.node.condition();
    let no = StatusCode::SERVICE_UNAVAILABLE;
    match condition.standing {
        _ if !condition.running => (no, "stopped: the node has ended\n"),
        Standing::Left => (no, "left: the node said goodbye\n"),
        Standing::Member if condition.ready => (StatusCode::OK, "ready\n"),
        Standing::Member => (no, "joining: no seed has let this node in yet; the log says why\n"),
        Standing::Held => {
            (no, "held: the others declared this node dead; it returns when its links are good\n")
        }
        Standing::Evicted => (no, "evicted: an operator removed this node\n"),
        Standing::Displaced { .. } => {
            (no, "displaced: another live process has this name; give each its own\n")
        }
    }
}

async fn scrape(State(app): State<Arc<App>>) -> Response {
    match app.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What `GET /v1/view` may be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ViewQuery {
    /// Ask every live member which view it holds.
    census: bool,
}

async fn view(State(app): State<Arc<App>>, Query(query): Query<ViewQuery>) -> Response {
    if !query.census {
        return Json(current(&app.node)).into_response();
    }
    match tokio::time::timeout(CENSUS_DEADLINE, app.node.census()).await {
        Ok(Ok(census)) => {
            let members = app.node.members();
            let census = Some(CensusView::new(&census, &members));
            Json(View { census, ..View::new(app.node.name(), &members, app.node.now()) })
                .into_response()
        }
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
        Err(_) => {
            let late = "the census takes longer than 9 s, as it does where the protocol period is \
                        longer than 1 s; ask the node itself, with Node::census\n";
            (StatusCode::SERVICE_UNAVAILABLE, late).into_response()
        }
    }
}

async fn quorum(State(app): State<Arc<App>>) -> Json<QuorumView> {
    Json(QuorumView::new(app.node.name(), &app.node.quorum()))
}

async fn members(State(app): State<Arc<App>>) -> Json<Vec<MemberView>> {
    Json(current(&app.node).members)
}

async fn health(State(app): State<Arc<App>>) -> Json<HealthView> {
    Json(HealthView::of(&app.node))
}

/// What `GET /v1/report` may be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportQuery {
    /// The last events of each member, too.
    events: bool,
}

/// Of many members it takes a while to say; meanwhile others are answered.
async fn report(State(app): State<Arc<App>>, Query(query): Query<ReportQuery>) -> Response {
    let node = app.node.clone();
    let made = tokio::task::spawn_blocking(move || {
        let report = ReportView::new(node.name(), &node.reliability());
        if query.events { report.with_events(&node.history()) } else { report }
    });
    match made.await {
        Ok(report) => Json(report).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn current(node: &Node) -> View {
    let members = node.members();
    let contacts = ContactView::all(node, &members);
    View { contacts, ..View::new(node.name(), &members, node.now()) }
}

/// What `POST /v1/parameters` is told.
#[derive(Debug, Deserialize)]
struct Parameters {
    /// The name of the detector.
    detector: String,
    /// How long a member may be silent, as in `5s`.
    detection_time: String,
}

/// What `POST /v1/parameters` answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ParametersAnswer {
    /// The name of the detector.
    pub(crate) detector: String,
    /// How long a member may be silent, in seconds.
    pub(crate) detection_time_s: f64,
}

async fn set_parameters(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(wanted): Query<Parameters>,
) -> Response {
    if headers.contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for web pages\n").into_response();
    }
    let Parameters { detector, detection_time } = wanted;
    let parsed = input::detector(&detector).map_err(|problem| format!("detector {problem}"));
    let parsed = parsed.and_then(|detector| {
        let time = input::duration(&detection_time);
        time.map(|time| (detector, time)).map_err(|problem| format!("detection_time {problem}"))
    });
    let (detector, time) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => return (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    };
    match app.node.set_parameters(detector, time).await {
        Ok(()) => {
            let detector = detector.as_str().to_owned();
            Json(ParametersAnswer { detector, detection_time_s: time.as_secs_f64() })
                .into_response()
        }
        Err(NodeError::Stopped) => (StatusCode::SERVICE_UNAVAILABLE, "stopped\n").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Browsers name the page that sends a request; no page has business here, even if its reader can
/// reach this address. A leave that has begun is finished, even if whoever asked for it goes away.
async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if headers.contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for web pages\n").into_response();
    }
    let leaving = tokio::spawn(async move {
        tracing::info!(reason = "asked over HTTP", "leaving");
        app.sessions.leave().await;
        let left = app.node.leave(LEAVE_DEADLINE).await;
        tracing::info!(acknowledged = left.acknowledged, "left");
        app.stop.send_replace(true);
        left.acknowledged
    });
    match leaving.await {
        Ok(acknowledged) => Json(LeaveAnswer { acknowledged }).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
