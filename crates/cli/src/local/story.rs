//! The steps, one after the other, and what is measured at each.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount::Life;
use tokio::time::{Instant, sleep};

use crate::agent::LEAVE_DEADLINE;
use crate::failure::Failure;
use crate::local::Args;
use crate::local::cluster::Cluster;
use crate::local::outcome::{Outcome, millis};
use crate::local::picture::{self, DETAILED_MAX};
use crate::local::screen::Screen;
use crate::local::sightings::Seen;
use crate::local::steps::Step;

/// How often the cluster is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A show under way.
pub(crate) struct Story {
    pub(crate) cluster: Cluster,
    screen: Screen,
    outcome: Outcome,
    /// The lives that were ended without a word.
    dead: Vec<Life>,
    begun: Instant,
    timeout: Duration,
    /// So many sightings were looked at.
    heard: usize,
    told: BTreeSet<(Seen, Life)>,
}

impl Story {
    pub(crate) fn new(args: &Args, screen: Screen) -> Story {
        let outcome = Outcome {
            nodes: args.nodes,
            period_ms: millis(args.period),
            detector: args.detector.as_str(),
            ..Outcome::default()
        };
        Story {
            cluster: Cluster::new(args.nodes, args.period, args.detector),
            screen,
            outcome,
            dead: Vec::new(),
            begun: Instant::now(),
            timeout: args.timeout,
            heard: 0,
            told: BTreeSet::new(),
        }
    }

    /// Tells it to the end, and what came of it, be it well or not.
    pub(crate) async fn tell(&mut self, args: &Args) -> (Outcome, Result<(), Failure>) {
        let mut result = self.tell_steps(args).await;
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.converged = result.is_ok();
        outcome.false_failures = self.cluster.sightings().false_failures(&self.dead);
        if result.is_err() {
            outcome.views = self.cluster.look().views();
        }
        if result.is_ok() && outcome.false_failures > 0 {
            let count = outcome.false_failures;
            let text = format!("a living member was seen as failed {count} times");
            result = Err(Failure::Unmet(text));
        }
        (outcome, result)
    }

    async fn tell_steps(&mut self, args: &Args) -> Result<(), Failure> {
        for step in args.steps.iter() {
            match step {
                Step::Converge => self.converge().await?,
                Step::Kill => self.kill().await?,
                Step::Restart => self.restart().await?,
                Step::Leave => self.leave().await?,
            }
        }
        self.screen.line("at the end: every view equal, and each node has heard so")?;
        let mut views = Vec::new();
        self.until("equal views that all peers confirm", |cluster| {
            let look = cluster.look();
            let settled = look.is_settled();
            if settled {
                views = look.views();
            }
            settled
        })
        .await?;
        self.outcome.views = views;
        self.screen.settle(&picture::draw(&self.cluster))
    }

    async fn converge(&mut self) -> Result<(), Failure> {
        self.begun = Instant::now();
        self.cluster.start_all().await?;
        let Outcome { nodes, period_ms, detector, .. } = self.outcome;
        self.screen.line(&format!(
            "converge: {nodes} nodes on loopback; period {period_ms} ms to keep this short, \
             detector {detector}"
        ))?;
        self.until("equal views", |c| c.look().is_converged()).await?;
        self.outcome.converged_ms = Some(millis(self.begun.elapsed()));
        self.screen.settle(&picture::draw(&self.cluster))
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        let killed_at = Instant::now();
        let Some((name, life)) = self.cluster.kill_last().await else {
            return Err(Failure::Unmet("the node to be killed is no member".to_owned()));
        };
        self.dead.push(life);
        self.outcome.killed = Some(name.clone());
        self.screen.line(&format!("kill: {name} is gone without a word"))?;
        let witnesses = self.cluster.running_names();
        let all =
            |cluster: &Cluster| cluster.sightings().by_all(&witnesses, Seen::Failed, &name, life);
        let waited = self.until("everybody to see it as failed", |c| all(c).is_some()).await;
        let after = |at: Option<Instant>| at.map(|at| millis(at.duration_since(killed_at)));
        let sightings = self.cluster.sightings();
        self.outcome.first_suspect_ms = after(sightings.first(Seen::Suspected, &name, life));
        self.outcome.first_failed_ms = after(sightings.first(Seen::Failed, &name, life));
        self.outcome.all_failed_ms = after(all(&self.cluster));
        waited?;
        self.screen.settle(&picture::draw(&self.cluster))
    }

    async fn restart(&mut self) -> Result<(), Failure> {
        let restarted_at = Instant::now();
        self.cluster.start_all().await?;
        let name = self.outcome.killed.clone().unwrap_or_default();
        self.screen.line(&format!("restart: {name} starts again, at another port"))?;
        self.until("everybody to see it return", |c| c.look().is_converged()).await?;
        self.outcome.returned_ms = Some(millis(restarted_at.elapsed()));
        self.screen.settle(&picture::draw(&self.cluster))
    }

    async fn leave(&mut self) -> Result<(), Failure> {
        let leaving_at = Instant::now();
        let Some((name, life, left)) = self.cluster.leave_one(LEAVE_DEADLINE).await else {
            return Err(Failure::Unmet("the node that should leave is no member".to_owned()));
        };
        self.outcome.left = Some(name.clone());
        self.outcome.left_acknowledged = Some(left.acknowledged);
        self.screen.line(&format!("leave: {name} says goodbye, {} know", left.acknowledged))?;
        let witnesses = self.cluster.running_names();
        let all =
            |cluster: &Cluster| cluster.sightings().by_all(&witnesses, Seen::Left, &name, life);
        self.until("everybody to see it as left", |c| all(c).is_some()).await?;
        self.outcome.all_left_ms =
            all(&self.cluster).map(|at| millis(at.duration_since(leaving_at)));
        self.screen.settle(&picture::draw(&self.cluster))
    }

    /// Looks at the cluster until it is as it should be, showing what happens meanwhile.
    async fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Cluster) -> bool,
    ) -> Result<(), Failure> {
        while !done(&self.cluster) {
            if self.begun.elapsed() > self.timeout {
                self.screen.settle(&picture::draw(&self.cluster))?;
                let timeout = humantime::format_duration(self.timeout);
                let text = format!(
                    "waited in vain for {what}; all steps had {timeout} (--timeout), and a busy \
                     machine needs a longer --period"
                );
                return Err(Failure::Unmet(text));
            }
            self.show_news()?;
            let cluster = &self.cluster;
            self.screen.redraw(|| picture::draw(cluster))?;
            sleep(LOOK_EVERY).await;
        }
        self.show_news()
    }

    /// Every sighting; of many nodes only the first that sees a thing.
    fn show_news(&mut self) -> Result<(), Failure> {
        for news in self.cluster.sightings().after(self.heard) {
            self.heard += 1;
            let first = self.told.insert((news.seen, news.life));
            if self.outcome.nodes > DETAILED_MAX && !first {
                continue;
            }
            let at = news.at.duration_since(self.begun).as_secs_f64();
            let (observer, subject, seen) = (news.observer, news.subject, news.seen.as_str());
            self.screen.line(&format!("  {at:7.3} s  {observer}: {subject} {seen}"))?;
        }
        Ok(())
    }
}
