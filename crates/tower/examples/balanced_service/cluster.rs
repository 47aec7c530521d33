//! The client's node, and the replicas as processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headcount::Node;
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// The cluster's name.
pub(crate) const CLUSTER: &str = "balanced-service";

/// How many replicas there are.
pub(crate) const REPLICAS: usize = 3;

/// A cluster that is not complete by then will not be.
const HANG: Duration = Duration::from_secs(60);

/// The client's node and the replicas.
pub(crate) struct Cluster {
    pub(crate) node: Node,
    pub(crate) addresses: Vec<SocketAddr>,
    replicas: Vec<Replica>,
    detection_time: Duration,
}

/// A process that does not outlive this one.
struct Replica(Child);

impl Cluster {
    /// Starts all; each replica gets a free port, which it keeps.
    pub(crate) async fn start(detection_time: Duration) -> Result<Cluster> {
        let node = Node::builder(CLUSTER)
            .name("client")
            .bind("127.0.0.1:0")
            .detection_time(detection_time)
            .start()
            .await?;
        let mut cluster =
            Cluster { node, addresses: Vec::new(), replicas: Vec::new(), detection_time };
        for place in 0..REPLICAS {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let (replica, address) = cluster.spawn(place, any)?;
            cluster.replicas.push(replica);
            cluster.addresses.push(address);
        }
        cluster.complete().await?;
        Ok(cluster)
    }

    /// Waits until the client's node sees all replicas serve.
    pub(crate) async fn complete(&self) -> Result<()> {
        let all = async {
            let serves = |member: &&headcount::Member| member.tags().contains_key("http");
            while self.node.members().serving().filter(serves).count() < REPLICAS {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = "the replicas do not find each other; does loopback drop UDP?";
        tokio::time::timeout(HANG, all).await.map_err(|_| late.into())
    }

    /// Sends a replica a signal.
    pub(crate) fn signal(&self, place: usize, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.replicas[place].0), signal)?)
    }

    /// Tells a replica to drain, leave and end.
    pub(crate) fn drain(&mut self, place: usize) -> Result<()> {
        let input = self.replicas[place].0.stdin.as_mut().ok_or("its input is closed")?;
        input.write_all(b"drain\n")?;
        Ok(input.flush()?)
    }

    /// Starts a replica that has ended, or does so now, where it was.
    pub(crate) async fn restart(&mut self, place: usize) -> Result<()> {
        self.replicas[place].end();
        let (replica, _) = self.spawn(place, self.addresses[place])?;
        self.replicas[place] = replica;
        self.complete().await
    }

    fn spawn(&self, place: usize, http: SocketAddr) -> Result<(Replica, SocketAddr)> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["replica", "--name", &format!("replica-{}", place + 1)])
            .args(["--seed", &self.node.address().to_string(), "--http", &http.to_string()])
            .args(["--detection-s", &self.detection_time.as_secs_f64().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        let replica = Replica(child);
        let mut line = String::new();
        BufReader::new(output.ok_or("its output is closed")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("ready ").ok_or("a replica did not start")?;
        Ok((replica, address.parse()?))
    }
}

impl Replica {
    fn end(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.end();
    }
}
