//! The nodes of a local cluster, on loopback sockets in this process.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount::{Builder, Detector, Leave, Life, Members, Node};

use crate::agent::not_started;
use crate::failure::Failure;
use crate::local::look::Look;
use crate::local::sightings::Sightings;

const CLUSTER: &str = "local";

/// Real nodes, the first being the seed of the others.
pub(crate) struct Cluster {
    places: Vec<Place>,
    period: Duration,
    detector: Detector,
    sightings: Sightings,
}

/// A name, and the node that runs under it.
struct Place {
    name: String,
    node: Option<Node>,
}

impl Cluster {
    /// Places for `len` nodes, none of which runs.
    pub(crate) fn new(len: usize, period: Duration, detector: Detector) -> Cluster {
        let digits = len.to_string().len();
        let place = |number| Place { name: format!("n{number:0digits$}"), node: None };
        let sightings = Sightings::default();
        Cluster { places: (1..=len).map(place).collect(), period, detector, sightings }
    }

    /// Starts every node that does not run.
    pub(crate) async fn start_all(&mut self) -> Result<(), Failure> {
        for at in 0..self.places.len() {
            if self.places[at].node.is_none() {
                self.start(at).await?;
            }
        }
        Ok(())
    }

    /// A node of this cluster, without a name and a place.
    pub(crate) fn template(&self) -> Builder {
        Node::builder(CLUSTER).period(self.period).detector(self.detector)
    }

    async fn start(&mut self, at: usize) -> Result<(), Failure> {
        let seed = self.first().map(Node::address);
        let name = self.places[at].name.clone();
        let node = self.template().name(&name).bind("127.0.0.1:0").seeds(seed);
        let node = node.start().await.map_err(not_started)?;
        tokio::spawn(self.sightings.clone().record(name, node.events()));
        self.places[at].node = Some(node);
        Ok(())
    }

    /// The last place's node dies without a word: its name and the life that ended.
    pub(crate) async fn kill_last(&mut self) -> Option<(String, Life)> {
        let place = self.places.last_mut()?;
        let node = place.node.take()?;
        let life = node.own()?.life();
        node.shutdown().await;
        Some((place.name.clone(), life))
    }

    /// Somebody besides the seed, and if possible not the last, leaves and stops.
    pub(crate) async fn leave_one(&mut self, deadline: Duration) -> Option<(String, Life, Leave)> {
        let (last, others) = self.places.split_last_mut()?;
        let mut places = others.iter_mut().skip(1).rev().chain([last]);
        let place = places.find(|place| place.node.is_some())?;
        let node = place.node.take()?;
        let life = node.own()?.life();
        let left = node.leave(deadline).await;
        node.shutdown().await;
        Some((place.name.clone(), life, left))
    }

    /// Stops all nodes.
    pub(crate) async fn stop(self) {
        for node in self.places.into_iter().filter_map(|place| place.node) {
            node.shutdown().await;
        }
    }

    /// The first node, through which the others join.
    pub(crate) fn first(&self) -> Option<&Node> {
        self.places.first()?.node.as_ref()
    }

    /// Every place's name, with what its node sees if it runs.
    pub(crate) fn snapshots(&self) -> Vec<(&str, Option<Members>)> {
        let seen = |place: &Place| place.node.as_ref().map(Node::members);
        self.places.iter().map(|place| (place.name.as_str(), seen(place))).collect()
    }

    /// What happened, as the nodes saw it.
    pub(crate) fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// The nodes that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Node> {
        self.places.iter().filter_map(|place| place.node.as_ref())
    }

    /// Their names.
    pub(crate) fn running_names(&self) -> BTreeSet<String> {
        self.running().map(|node| node.name().to_owned()).collect()
    }

    /// What every node that runs sees now.
    pub(crate) fn look(&self) -> Look {
        Look::new(self.running())
    }
}
