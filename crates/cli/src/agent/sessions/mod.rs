//! Members that do not speak the protocol: a process renews a session over HTTP, and the agent runs
//! a node on its behalf. The node ends without a word when the session is not renewed, so that the
//! cluster sees the member fail as it sees a process die.

mod routes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use headcount::{Builder, Instance, Name, Node, NodeError, Serving, Standing};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::agent::LEAVE_DEADLINE;
pub(crate) use routes::routes;

/// How long an expired session is still listed, and how many are.
const LISTED: Duration = Duration::from_secs(600);
const LISTED_MAX: usize = 256;

/// The tag that names the agent behind a session's member.
pub(crate) const TAG: &str = "session";

/// Readers of a session's events: none, so the buffer is small.
const EVENT_BUFFER: usize = 16;

/// The sessions of an agent. A cheap handle.
#[derive(Clone)]
pub(crate) struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    agent: Node,
    /// A node as the agent's, but for its name, tags and zone.
    template: Builder,
    /// So many may be live at once.
    most: usize,
    held: Mutex<Held>,
    /// Some session's time is another one.
    changed: Notify,
    counts: Counts,
}

/// What is measured of sessions. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) live: Gauge,
    pub(crate) expired: Counter,
}

#[derive(Default)]
struct Held {
    live: BTreeMap<String, Live>,
    expired: BTreeMap<String, Expired>,
    /// The agent leaves: no more sessions.
    closed: bool,
}

struct Live {
    node: Node,
    ttl: Duration,
    expires: Instant,
    said: Said,
}

/// What a session's member says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    tags: BTreeMap<String, String>,
    zone: String,
    serving: Serving,
}

struct Expired {
    ttl: Duration,
    at: Instant,
    /// The process that is no more, as the cluster knew it.
    instance: Option<Instance>,
}

/// What a renewal asks for; what it does not mention stays as it is.
#[derive(Debug, Default)]
struct Wanted {
    ttl: Option<Duration>,
    tags: Option<BTreeMap<String, String>>,
    zone: Option<String>,
    serving: Option<Serving>,
    load: Option<u8>,
}

/// What is shown of a session.
#[derive(Debug)]
struct Shown {
    id: String,
    status: &'static str,
    ttl: Duration,
    left: Option<Duration>,
    address: Option<SocketAddr>,
}

/// Why something is not done, and what to do.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Sessions {
    /// Sessions beside `agent`, so many at most, each with a node like `template`, and the task that
    /// ends them in time.
    pub(crate) fn start(agent: Node, template: Builder, most: usize) -> Sessions {
        // Ports are found for them, at the addresses that the agent has.
        let template = template
            .bind(SocketAddr::new(agent.bound().ip(), 0))
            .advertise(agent.address().ip())
            .seeds([agent.address()])
            .event_buffer(EVENT_BUFFER);
        let inner = Inner {
            agent,
            template,
            most,
            held: Mutex::default(),
            changed: Notify::new(),
            counts: Counts::default(),
        };
        let sessions = Sessions { inner: Arc::new(inner) };
        tokio::spawn(sessions.clone().keep_time());
        sessions
    }

    /// What is measured.
    pub(crate) fn counts(&self) -> Counts {
        self.inner.counts.clone()
    }

    /// Makes every session leave, and begins no more.
    pub(crate) async fn leave(&self) {
        let live = {
            let mut held = self.inner.held.lock().await;
            held.closed = true;
            self.inner.changed.notify_one();
            let live = std::mem::take(&mut held.live);
            self.count(&held);
            live
        };
        let mut leaving = JoinSet::new();
        for Live { node, .. } in live.into_values() {
            leaving.spawn(leave(node));
        }
        while leaving.join_next().await.is_some() {}
    }

    /// Begins a session or renews it; whether it is new.
    async fn renew(&self, id: &str, wanted: Wanted) -> Result<(bool, Shown), Refusal> {
        let mut held = self.lock().await;
        if held.closed {
            return Err(unavailable("this agent leaves; use another one".to_owned()));
        }
        if held.live.get(id).is_some_and(|session| !session.node.condition().running) {
            held.live.remove(id);
        }
        let displaced = |session: &Live| {
            matches!(session.node.condition().standing, Standing::Displaced { .. })
        };
        if held.live.get(id).is_some_and(displaced) {
            self.end(&mut held, id, None);
            return Err(taken(format!(
                "another process has taken the name {id}; choose another id"
            )));
        }
        let new = !held.live.contains_key(id);
        match held.live.get_mut(id) {
            Some(session) => session.apply(wanted).await?,
            None => {
                let session = self.begin(&held, id, wanted).await?;
                held.expired.remove(id);
                held.live.insert(id.to_owned(), session);
            }
        }
        self.count(&held);
        self.inner.changed.notify_one();
        let shown = held.live.get(id).map(|session| self.show(id, session));
        let shown = shown.ok_or_else(|| unavailable("the session has ended".to_owned()))?;
        Ok((new, shown))
    }

    async fn begin(&self, held: &Held, id: &str, wanted: Wanted) -> Result<Live, Refusal> {
        let name = Name::new(id).map_err(|error| bad(format!("id: {error}")))?;
        self.check_free(held, &name)?;
        let most = self.inner.most;
        if held.live.len() >= most {
            let fix = "DELETE some, use another agent, or start this one with more --sessions";
            return Err(unavailable(format!("{most} sessions are the most here: {fix}")));
        }
        let agent = &self.inner.agent;
        let own_zone = || agent.own().map(|own| own.zone().to_owned()).unwrap_or_default();
        let said = Said {
            tags: self.tagged(wanted.tags.unwrap_or_default()),
            zone: wanted.zone.unwrap_or_else(own_zone),
            serving: wanted.serving.unwrap_or_default(),
        };
        let mut builder = self.inner.template.clone().name(id).serving(said.serving);
        builder = builder.zone(&said.zone).tags(said.tags.clone());
        if let Some(load) = wanted.load {
            builder = builder.load(load);
        }
        let node = builder.start().await.map_err(refused)?;
        let ttl = wanted.ttl.unwrap_or(routes::DEFAULT_TTL);
        tracing::info!(session = id, address = %node.address(), ttl_s = ttl.as_secs_f64(), "begun");
        Ok(Live { node, ttl, expires: Instant::now() + ttl, said })
    }

    /// Refuses a name that a live member has, unless that is the session's own former life, whose
    /// death may not be known yet.
    fn check_free(&self, held: &Held, name: &Name) -> Result<(), Refusal> {
        let Some(member) = self.inner.agent.member(name.as_str()) else { return Ok(()) };
        let former = held.expired.get(name.as_str()).and_then(|expired| expired.instance);
        if !member.is_live() || former == Some(member.life().instance) {
            return Ok(());
        }
        let fix = match member.tags().get(TAG) {
            Some(agent) => format!("is a session of the agent {agent}: renew or DELETE it there"),
            None => format!("is a live member at {}: choose another id", member.address()),
        };
        Err(taken(format!("{name} {fix}")))
    }

    fn tagged(&self, mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
        tags.insert(TAG.to_owned(), self.inner.agent.name().to_owned());
        tags
    }

    /// Makes a session leave; how many peers acknowledged it.
    async fn delete(&self, id: &str) -> Result<usize, Refusal> {
        let live = {
            let mut held = self.lock().await;
            let live = held.live.remove(id);
            if live.is_none() && held.expired.remove(id).is_none() {
                return Err(unknown(id));
            }
            self.count(&held);
            live
        };
        let Some(Live { node, .. }) = live else { return Ok(0) };
        // Finished even if whoever asked for it goes away.
        let left = tokio::spawn(leave(node)).await;
        left.map_err(|error| unavailable(error.to_string()))
    }

    async fn get(&self, id: &str) -> Result<Shown, Refusal> {
        let held = self.lock().await;
        let live = held.live.get(id).map(|session| self.show(id, session));
        let expired = || held.expired.get(id).map(|expired| expired.show(id));
        live.or_else(expired).ok_or_else(|| unknown(id))
    }

    /// All of them, sorted by id.
    async fn list(&self) -> Vec<Shown> {
        let held = self.lock().await;
        let live = held.live.iter().map(|(id, session)| self.show(id, session));
        let mut all: Vec<Shown> =
            live.chain(held.expired.iter().map(|(id, expired)| expired.show(id))).collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn show(&self, id: &str, session: &Live) -> Shown {
        let seen = self.inner.agent.member(id);
        let status = seen.filter(|member| member.address() == session.node.address());
        Shown {
            id: id.to_owned(),
            status: status.map_or("joining", |member| member.status().as_str()),
            ttl: session.ttl,
            left: Some(session.expires.saturating_duration_since(Instant::now())),
            address: Some(session.node.address()),
        }
    }

    /// The sessions, without those that have been listed long enough.
    async fn lock(&self) -> MutexGuard<'_, Held> {
        let mut held = self.inner.held.lock().await;
        let now = Instant::now();
        held.expired.retain(|_, expired| now.saturating_duration_since(expired.at) < LISTED);
        held
    }

    fn count(&self, held: &Held) {
        self.inner.counts.live.set(i64::try_from(held.live.len()).unwrap_or(i64::MAX));
    }

    /// Ends each session when its time has come, until all leave.
    async fn keep_time(self) {
        loop {
            let next = {
                let held = self.inner.held.lock().await;
                if held.closed {
                    return;
                }
                held.live.values().map(|session| session.expires).min()
            };
            let lapsed = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = lapsed => self.expire().await,
                () = self.inner.changed.notified() => {}
            }
        }
    }

    async fn expire(&self) {
        let mut held = self.inner.held.lock().await;
        let now = Instant::now();
        let due = held.live.iter().filter(|(_, session)| session.expires <= now);
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            tracing::info!(session = id, "expired");
            self.inner.counts.expired.inc();
            self.end(&mut held, &id, Some(now));
        }
        self.count(&held);
    }

    /// Stops a session's node without a word; it is listed as expired since then, if ever.
    fn end(&self, held: &mut Held, id: &str, expired: Option<Instant>) {
        let Some(Live { node, ttl, .. }) = held.live.remove(id) else { return };
        if let Some(at) = expired {
            let instance = node.own().map(|own| own.life().instance);
            held.expired.insert(id.to_owned(), Expired { ttl, at, instance });
        }
        if held.expired.len() > LISTED_MAX {
            let oldest = held.expired.iter().min_by_key(|(_, expired)| expired.at);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                held.expired.remove(&oldest);
            }
        }
        tokio::spawn(async move { node.shutdown().await });
    }
}

impl Live {
    async fn apply(&mut self, wanted: Wanted) -> Result<(), Refusal> {
        if wanted.zone.is_some_and(|zone| zone != self.said.zone) {
            let zone = &self.said.zone;
            return Err(bad(format!("zone: a session keeps its zone, {zone:?}; DELETE it first")));
        }
        if let Some(mut tags) = wanted.tags {
            tags.extend(self.said.tags.get(TAG).map(|agent| (TAG.to_owned(), agent.clone())));
            if tags != self.said.tags {
                self.node.set_tags(tags.clone()).await.map_err(refused)?;
                self.said.tags = tags;
            }
        }
        if let Some(serving) = wanted.serving.filter(|serving| *serving != self.said.serving) {
            self.node.set_serving(serving).await.map_err(refused)?;
            self.said.serving = serving;
        }
        if wanted.load.is_some() {
            self.node.set_load(wanted.load).await.map_err(refused)?;
        }
        self.ttl = wanted.ttl.unwrap_or(self.ttl);
        self.expires = Instant::now() + self.ttl;
        Ok(())
    }
}

impl Expired {
    fn show(&self, id: &str) -> Shown {
        Shown { id: id.to_owned(), status: "expired", ttl: self.ttl, left: None, address: None }
    }
}

async fn leave(node: Node) -> usize {
    let left = node.leave(LEAVE_DEADLINE).await;
    node.shutdown().await;
    left.acknowledged
}

fn refused(error: NodeError) -> Refusal {
    match error {
        NodeError::Protocol(_) | NodeError::Name(_) => bad(error.to_string()),
        _ => unavailable(error.to_string()),
    }
}

fn bad(problem: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, problem)
}

fn taken(problem: String) -> Refusal {
    Refusal(StatusCode::CONFLICT, problem)
}

fn unavailable(problem: String) -> Refusal {
    Refusal(StatusCode::SERVICE_UNAVAILABLE, problem)
}

fn unknown(id: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("no session {id} here; PUT begins one"))
}
