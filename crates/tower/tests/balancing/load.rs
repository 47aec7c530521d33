use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{pending, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use headcount::MemberId;
use headcount_tower::{LoadMetric, Replica, ServingMembers, Weighed, address_in_tag};
use tokio::time::{sleep, timeout};
use tower::balance::p2c::Balance;
use tower::discover::{Change, Discover};
use tower::load::Load;
use tower::{Service, ServiceExt};

use crate::harness::{node, replica, start, until, within_reason};

/// Answers after the time asked for: 0 never, 1 with an error.
#[derive(Clone)]
struct Told;

impl Service<u64> for Told {
    type Response = ();
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, after_ms: u64) -> Self::Future {
        match after_ms {
            0 => Box::pin(pending()),
            1 => Box::pin(ready(Err("as asked"))),
            _ => Box::pin(async move {
                sleep(Duration::from_millis(after_ms)).await;
                Ok(())
            }),
        }
    }
}

async fn next<D: Discover + Unpin>(discover: &mut D) -> Change<D::Key, D::Service> {
    let change = std::future::poll_fn(|context| Pin::new(&mut *discover).poll_discover(context));
    let change = within_reason(change).await.expect("the node runs");
    change.unwrap_or_else(|_| panic!("it cannot fail"))
}

async fn weighed<D: Discover<Service = Weighed<Told>> + Unpin>(discover: &mut D) -> Weighed<Told> {
    match next(discover).await {
        Change::Insert(_, service) => service,
        Change::Remove(_) => panic!("removed"),
    }
}

fn told(_: &Replica<SocketAddr>) -> Told {
    Told
}

#[tokio::test]
async fn failures_slow_answers_and_requests_under_way_cost() {
    let client = start(replica("client", 1), &[]).await;
    let members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let mut services = members.weighed(LoadMetric::default(), told);
    let mut service = weighed(&mut services).await;
    let fresh = service.load();
    within_reason(service.ready().await.expect("ready").call(20)).await.expect("it answers");
    let slow = service.load();
    assert!(slow > fresh, "{slow:?} {fresh:?}");
    let mut busy = service.call(0);
    let polled = timeout(Duration::from_millis(1), &mut busy).await;
    assert!(polled.is_err() && service.load() > slow);
    drop(busy);
    service.call(1).await.expect_err("as asked");
    let failed = service.load();
    assert!(failed > slow, "{failed:?} {slow:?}");
}

/// Time is paused, so that all answer pings at once.
#[tokio::test(start_paused = true)]
async fn what_a_member_reports_counts() {
    let client = start(node("client"), &[]).await;
    let _idle = start(replica("idle", 1).load(0), &[&client]).await;
    let _busy = start(replica("busy", 2).load(90), &[&client]).await;
    let contacts = client.contacts();
    let heard = |name: &str| contacts.get(MemberId::of(name));
    until(|| heard("idle").and_then(|contact| contact.load) == Some(0)).await;
    until(|| heard("busy").and_then(|contact| contact.load) == Some(90)).await;
    until(|| {
        ["idle", "busy"].iter().all(|name| heard(name).is_some_and(|c| c.round_trip.is_some()))
    })
    .await;
    let members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let mut services = members.weighed(LoadMetric::default(), told);
    let mut costs = BTreeMap::new();
    for _ in 0..2 {
        let Change::Insert(name, service) = next(&mut services).await else { panic!("removed") };
        costs.insert(name.to_string(), service.load().as_f64());
    }
    assert!((costs["busy"] / costs["idle"] - 10.0).abs() < 1e-6, "{costs:?}");
}

#[tokio::test]
async fn one_that_stands_still_gets_no_more_requests_than_it_takes_to_notice() {
    let client = start(node("client"), &[]).await;
    let _good = start(replica("good", 1), &[&client]).await;
    let _other = start(replica("other", 2), &[&client]).await;
    let _stuck = start(replica("stuck", 3), &[&client]).await;
    until(|| client.members().live_len() == 4).await;
    let members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let stuck = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&stuck);
    let make = move |replica: &Replica<SocketAddr>| {
        let (port, stuck) = (replica.endpoint().port(), Arc::clone(&counted));
        tower::service_fn(move |()| {
            let stuck = (port == 3).then(|| stuck.fetch_add(1, Ordering::Relaxed));
            async move {
                if stuck.is_some() {
                    pending::<()>().await;
                }
                Ok::<_, Infallible>(())
            }
        })
    };
    let mut balancer = Balance::new(members.weighed(LoadMetric::default(), make));
    let mut open = Vec::new();
    for _ in 0..300 {
        let answer = within_reason(balancer.ready()).await.expect("there are three").call(());
        open.push(tokio::spawn(answer));
        tokio::task::yield_now().await;
    }
    let got = stuck.load(Ordering::Relaxed);
    assert!(got <= 3, "{got} of 300");
}
