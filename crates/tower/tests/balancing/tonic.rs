use std::convert::Infallible;

use headcount::{Name, Serving};
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

use crate::harness::{node, start, until, within_reason};

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
    let client = start(node("client"), &[]).await;
    let (channel, changes) = Channel::balance_channel::<Name>(4);
    let mut channel = channel;
    let members = ServingMembers::builder(&client).endpoint(address_in_tag("grpc"));
    let feeding = tokio::spawn(members.feed(changes, |replica| {
        Endpoint::from_shared(format!("http://{}", replica.endpoint())).ok()
    }));
    let tagged = |name, port| node(name).tag("grpc", format!(":{port}"));
    let a = start(tagged("a", serve("a").await), &[&client]).await;
    assert_eq!(ask(&mut channel).await, "a");
    let _b = start(tagged("b", serve("b").await), &[&client]).await;
    while ask(&mut channel).await != "b" {}
    a.set_serving(Serving::Draining).await.expect("it runs");
    until(|| client.member("a").is_some_and(|a| !a.is_serving())).await;
    // Told, but not yet taken in by tonic's own task.
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
