//! Sessions over HTTP. `docs/operations.md` describes it for its users.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::{Refusal, Sessions, Shown, TAG, Wanted, bad};
use crate::agent::http::LeaveAnswer;
use crate::input;

/// A session that is not renewed for so long expires, unless it says otherwise.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(10);

const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(3_600);

/// The longest body: tags and zone take a tenth of it.
const BODY_BYTES: usize = 4 << 10;

/// What a PUT may say in its query.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InQuery {
    ttl: Option<String>,
    zone: Option<String>,
    serving: Option<String>,
    load: Option<u8>,
}

/// What it may say in its body; the body wins.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InBody {
    ttl: Option<String>,
    zone: Option<String>,
    serving: Option<String>,
    load: Option<u8>,
    tags: Option<BTreeMap<String, String>>,
}

/// A session as it is shown.
#[derive(Debug, Serialize)]
struct SessionView {
    id: String,
    /// `joining`, `alive`, `suspect`, `failed`, `left` as the agent sees its member; `expired`.
    status: &'static str,
    ttl_s: f64,
    /// Null once it has expired.
    expires_in_s: Option<f64>,
    /// Null once it has expired.
    address: Option<SocketAddr>,
}

impl From<Shown> for SessionView {
    fn from(shown: Shown) -> SessionView {
        let Shown { id, status, ttl, left, address } = shown;
        let expires_in_s = left.map(|left| left.as_secs_f64());
        SessionView { id, status, ttl_s: ttl.as_secs_f64(), expires_in_s, address }
    }
}

/// The part of the endpoint that is about sessions.
pub(crate) fn routes(sessions: Sessions) -> Router {
    Router::new()
        .route("/v1/sessions", get(list))
        .route("/v1/sessions/{id}", get(show).put(renew).delete(end))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(sessions)
}

async fn list(State(sessions): State<Sessions>) -> Json<Vec<SessionView>> {
    Json(sessions.list().await.into_iter().map(SessionView::from).collect())
}

async fn show(State(sessions): State<Sessions>, Path(id): Path<String>) -> Response {
    match sessions.get(&id).await {
        Ok(shown) => Json(SessionView::from(shown)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn renew(
    State(sessions): State<Sessions>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(query): Query<InQuery>,
    body: Bytes,
) -> Response {
    let renewed = match from_page(&headers).and_then(|()| wanted(query, &body)) {
        Ok(wanted) => sessions.renew(&id, wanted).await,
        Err(refusal) => Err(refusal),
    };
    match renewed {
        Ok((new, shown)) => {
            let status = if new { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(SessionView::from(shown))).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn end(
    State(sessions): State<Sessions>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let ended = match from_page(&headers) {
        Ok(()) => sessions.delete(&id).await,
        Err(refusal) => Err(refusal),
    };
    match ended {
        Ok(acknowledged) => Json(LeaveAnswer { acknowledged }).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Browsers name the page that sends a request; no page has business here.
fn from_page(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.contains_key(ORIGIN) {
        true => Err(Refusal(StatusCode::FORBIDDEN, "not for web pages".to_owned())),
        false => Ok(()),
    }
}

fn wanted(query: InQuery, body: &[u8]) -> Result<Wanted, Refusal> {
    let body: InBody = match body.iter().all(u8::is_ascii_whitespace) {
        true => InBody::default(),
        false => serde_json::from_slice(body).map_err(|error| {
            bad(format!(
                "body: {error}; send none, or JSON such as {{\"ttl\": \"10s\", \"tags\": {{\"role\": \"api\"}}}}"
            ))
        })?,
    };
    let ttl = body.ttl.or(query.ttl).map(|text| ttl(&text)).transpose()?;
    let serving = body.serving.or(query.serving).map(|text| {
        text.parse().map_err(|_| {
            bad(format!("serving: {text:?} is none of starting, serving, draining, not_serving"))
        })
    });
    let load = body.load.or(query.load);
    if let Some(load) = load.filter(|load| *load > 100) {
        return Err(bad(format!("load: {load} is out of range; use 0 to 100")));
    }
    if body.tags.as_ref().is_some_and(|tags| tags.contains_key(TAG)) {
        return Err(bad(format!("tags: {TAG} names the agent; use another key")));
    }
    let zone = body.zone.or(query.zone);
    Ok(Wanted { ttl, tags: body.tags, zone, serving: serving.transpose()?, load })
}

fn ttl(text: &str) -> Result<Duration, Refusal> {
    let ttl = input::duration(text).map_err(|problem| bad(format!("ttl: {text:?}: {problem}")))?;
    match (TTL_MIN..=TTL_MAX).contains(&ttl) {
        true => Ok(ttl),
        false => Err(bad(format!("ttl: {text:?} is out of range; use 1s to 1h"))),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, text) = self;
        (status, format!("{text}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: InQuery, body: &str) -> String {
        let Refusal(status, text) = wanted(query, body.as_bytes()).expect_err("refused");
        assert_eq!(status, StatusCode::BAD_REQUEST);
        text
    }

    #[test]
    fn the_body_wins_over_the_query_and_both_are_optional() {
        let none = wanted(InQuery::default(), b" \n").expect("nothing is fine");
        assert!(none.ttl.is_none() && none.tags.is_none() && none.serving.is_none());
        let query = InQuery { ttl: Some("3s".to_owned()), load: Some(7), ..InQuery::default() };
        let body = br#"{"ttl": "1m", "serving": "draining", "tags": {"role": "api"}}"#;
        let both = wanted(query, body).expect("both are fine");
        assert_eq!(both.ttl, Some(Duration::from_secs(60)));
        assert_eq!((both.load, both.serving), (Some(7), Some(headcount::Serving::Draining)));
        assert_eq!(both.tags.expect("given")["role"], "api");
    }

    #[test]
    fn what_cannot_be_is_named_with_what_can() {
        for (body, hint) in [
            ("{", "send none, or JSON"),
            (r#"{"tll": "1s"}"#, "unknown field"),
            (r#"{"ttl": "5"}"#, "5s"),
            (r#"{"ttl": "999ms"}"#, "1s to 1h"),
            (r#"{"ttl": "61m"}"#, "1s to 1h"),
            (r#"{"serving": "yes"}"#, "not_serving"),
            (r#"{"load": 101}"#, "0 to 100"),
            (r#"{"tags": {"session": "me"}}"#, "another key"),
        ] {
            let text = refusal(InQuery::default(), body);
            assert!(text.contains(hint), "{body}: {text}");
        }
    }
}
