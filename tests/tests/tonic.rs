//! tonic's balancing channel over the serving members.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use headcount::{Builder, Name, Node, Serving};
use headcount_tower::{ServingMembers, address_in_tag};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

/// A test that takes this long hangs. No verdict depends on it.
async fn within_reason<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this hangs")
}

fn node(name: &str) -> Builder {
    Node::builder("tests").name(name).bind("127.0.0.1:0").period(Duration::from_millis(200))
}

/// Answers over HTTP/2 with `name`; tells its port.
async fn serve(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let answer =
        move |_| async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(name)))) };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serving = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    port
}

async fn ask(channel: &mut Channel) -> String {
    let request = Request::builder().uri("/").body(Body::empty()).expect("a request");
    let answer = within_reason(async {
        channel.ready().await.expect("somebody serves").call(request).await
    });
    let body = answer.await.expect("an answer").into_body().collect().await.expect("a body");
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

#[tokio::test]
async fn tonics_channel_reaches_who_serves_and_no_longer_who_drains() {
    let client = node("client").start().await.expect("it starts");
    let (channel, changes) = Channel::balance_channel::<Name>(4);
    let mut channel = channel;
    let members = ServingMembers::builder(&client).endpoint(address_in_tag("grpc"));
    let feeding = tokio::spawn(members.feed(changes, |replica| {
        Endpoint::from_shared(format!("http://{}", replica.endpoint())).ok()
    }));
    let seed = client.address();
    let tagged = |name, port| node(name).seeds([seed]).tag("grpc", format!(":{port}"));
    let a = tagged("a", serve("a").await).start().await.expect("it starts");
    assert_eq!(ask(&mut channel).await, "a");
    let _b = tagged("b", serve("b").await).start().await.expect("it starts");
    while ask(&mut channel).await != "b" {}
    a.set_serving(Serving::Draining).await.expect("it runs");
    // The news has a way to go, the last of it to tonic's own task.
    within_reason(async {
        let mut in_a_row = 0;
        while in_a_row < 50 {
            in_a_row = if ask(&mut channel).await == "b" { in_a_row + 1 } else { 0 };
        }
    })
    .await;
    client.shutdown().await;
    within_reason(feeding).await.expect("it ends with the node");
}
