//! What happens, in which order.

use std::time::Duration;

use headcount_tower::{LoadMetric, ServingMembers, address_in_tag};
use rustix::process::Signal;
use tokio::time::sleep;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwmaDiscover};

use crate::Result;
use crate::cluster::Cluster;
use crate::load::{Get, offer, round_robin};
use crate::report::{Phase, Report, note};

/// How long everything takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    detection_time: Duration,
    calm: Duration,
    killed: Duration,
    drained: Duration,
    paused: Duration,
    /// What happens to a replica happens so long after a phase began.
    before: Duration,
    /// A paused replica stands still for so long.
    pause: Duration,
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Pace {
    pub(crate) const FULL: Pace = Pace {
        detection_time: secs(5),
        calm: secs(5),
        killed: secs(10),
        drained: secs(10),
        paused: secs(14),
        before: secs(1),
        pause: secs(8),
    };
    pub(crate) const SHORT: Pace = Pace {
        detection_time: secs(1),
        calm: secs(1),
        killed: secs(3),
        drained: secs(3),
        paused: secs(4),
        before: Duration::from_millis(300),
        pause: secs(2),
    };
}

/// Tells the whole story, with so many requests a second in each way.
pub(crate) async fn tell(rate: u32, pace: Pace) -> Result<Report> {
    note("three replicas start");
    let mut cluster = Cluster::start(pace.detection_time).await?;

    let members = ServingMembers::builder(&cluster.node).endpoint(address_in_tag("http"));
    let get = |replica: &headcount_tower::Replica<_>| Get { from: *replica.endpoint() };
    let mut headcount = Balance::new(members.weighed(LoadMetric::default(), get));
    let mut round_robin = round_robin(&cluster.addresses);
    let list: Vec<Get> = cluster.addresses.iter().map(|from| Get { from: *from }).collect();
    // The same decay, and as long until the first answer.
    let (first, decay) = (Duration::from_secs(1), Duration::from_secs(5));
    let completion = CompleteOnResponse::default();
    let list = PeakEwmaDiscover::new::<()>(ServiceList::new(list), first, decay, completion);
    let mut static_p2c = Balance::new(list);

    let mut phases = Vec::new();
    for (name, time) in [
        ("calm", pace.calm),
        ("killed", pace.killed),
        ("drained", pace.drained),
        ("paused", pace.paused),
    ] {
        note(&format!("{name}: {rate} requests a second in each way for {time:?}"));
        let (headcount, round_robin, static_p2c, happened) = tokio::join!(
            offer(&mut headcount, rate, time),
            offer(&mut round_robin, rate, time),
            offer(&mut static_p2c, rate, time),
            happen(name, &mut cluster, pace),
        );
        happened?;
        phases.push(Phase { phase: name, headcount, round_robin, static_p2c });
        match name {
            "killed" => cluster.restart(0).await?,
            "drained" => cluster.restart(1).await?,
            _ => {}
        }
    }
    Ok(Report::new(rate, pace.detection_time, phases))
}

async fn happen(phase: &str, cluster: &mut Cluster, pace: Pace) -> Result<()> {
    sleep(pace.before).await;
    match phase {
        "killed" => cluster.signal(0, Signal::KILL),
        "drained" => cluster.drain(1),
        "paused" => {
            cluster.signal(2, Signal::STOP)?;
            sleep(pace.pause).await;
            cluster.signal(2, Signal::CONT)
        }
        _ => Ok(()),
    }
}
