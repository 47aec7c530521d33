//! One replica: a node, and an HTTP service that says where it is in a tag.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use headcount::{Node, Serving};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Result;
use crate::report::say;

/// How long an answer takes.
const WORK: Duration = Duration::from_millis(2);

/// With so many requests at once a replica counts as fully loaded.
const CAPACITY: usize = 50;

/// A draining replica serves for so long before it leaves: far longer than the news takes.
const GRACE: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct ReplicaArgs {
    /// The member's name
    #[arg(long)]
    name: String,

    /// A member to join through
    #[arg(long)]
    seed: SocketAddr,

    /// Where to serve HTTP
    #[arg(long)]
    http: SocketAddr,

    /// How long a member may be silent, in seconds
    #[arg(long)]
    detection_s: f64,
}

/// Serves until the standard input says `drain` or ends.
pub(crate) async fn run(args: ReplicaArgs) -> Result<()> {
    // Whatever ends the parent ends its children, even one that stands still.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let listener = TcpListener::bind(args.http).await?;
    let http = listener.local_addr()?;
    let node = Node::builder(crate::cluster::CLUSTER)
        .name(&args.name)
        .bind("127.0.0.1:0")
        .seeds([args.seed])
        .tag("http", format!(":{}", http.port()))
        .detection_time(Duration::from_secs_f64(args.detection_s))
        .start()
        .await?;
    let requests = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = oneshot::channel::<()>();
    let router = router(Arc::clone(&requests));
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        // An error means the same: nobody keeps it running.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let reporting = tokio::spawn(report_load(node.clone(), requests));
    node.ready().await?;
    say(&format!("ready {http}"))?;

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let told = lines.next_line().await?;
    if told.as_deref() == Some("drain") {
        node.set_serving(Serving::Draining).await?;
        tokio::time::sleep(GRACE).await;
        node.leave(Duration::from_secs(3)).await;
    }
    reporting.abort();
    drop(stop);
    serving.await??;
    node.shutdown().await;
    Ok(())
}

fn router(requests: Arc<AtomicUsize>) -> Router {
    let answer = move || {
        let requests = Arc::clone(&requests);
        async move {
            requests.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(WORK).await;
            requests.fetch_sub(1, Ordering::Relaxed);
            "done"
        }
    };
    Router::new().route("/", get(answer))
}

async fn report_load(node: Node, requests: Arc<AtomicUsize>) {
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        every.tick().await;
        let percent = requests.load(Ordering::Relaxed).min(CAPACITY) * 100 / CAPACITY;
        if node.set_load(u8::try_from(percent).ok()).await.is_err() {
            return;
        }
    }
}
