//! What comes and goes for ever leaves no more behind than what is live and recent.

mod net;

use std::time::Duration;

use headcount_state::{Instance, Life, Status, Time, Update};
use headcount_swim::{Engine, Event};
use headcount_wire::Body;
use net::{Net, address, config};

const CYCLES: u64 = 100_000;
const CYCLE: Duration = Duration::from_millis(100);

/// A member of a name that never was before.
fn passer_by(number: u64) -> Update {
    let life = Life { generation: 1, instance: Instance::from_u64(number + 1).expect("not zero") };
    let address = ([10, 9, (number >> 8) as u8, number as u8], 7946).into();
    let name = format!("passer-by-{number}");
    net::told(net::attributes(&name, address, life, 0), 0, Status::Alive)
}

struct Watched {
    engine: Engine,
    warnings: Vec<&'static str>,
    sent: u64,
}

impl Watched {
    /// Lets time pass; what it sends is counted, and reaches nobody.
    fn tick(&mut self, now: Time) {
        if self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.tick(now);
        }
        while let Some(transmit) = self.engine.poll_transmit(now) {
            self.sent += transmit.bytes.len() as u64;
        }
        while self.engine.poll_stream().is_some() {}
        while let Some(event) = self.engine.poll_event() {
            if let Event::NearlyFull { what, .. } = event {
                self.warnings.push(what);
            }
        }
    }

    fn hear(&mut self, now: Time, speaker: &Engine, update: Update) {
        let cluster = speaker.config().cluster;
        let word = net::datagram(speaker, cluster, &Body::Gossip { table: None }, &[update]);
        self.engine.receive(now, address(1), &word);
        self.tick(now);
    }
}

#[test]
fn a_hundred_thousand_that_join_and_leave_take_the_room_of_the_live_and_the_recent() {
    let mut net = Net::converged(2, &config());
    let speaker = net.kill(1);
    let mut now = net.now;
    let mut watched = Watched { engine: net.kill(0), warnings: Vec::new(), sent: 0 };
    let ttl = watched.engine.config().limits.tombstone_ttl;
    let recent = (ttl.as_millis() / CYCLE.as_millis()) as usize;
    let mut middle = 0;
    for number in 0..CYCLES {
        let joins = passer_by(number);
        let leaves = Update::claim(joins.claim.with_status(Status::Left));
        watched.hear(now, &speaker, joins);
        watched.hear(now, &speaker, leaves);
        now += CYCLE;
        assert!(watched.engine.table().len() <= recent + 8, "{}", watched.engine.table().len());
        if number == CYCLES * 3 / 4 {
            middle = watched.engine.heap_bytes();
        }
    }
    let full = watched.engine.table().occupancy();
    assert_eq!(full.graves, watched.engine.config().limits.graves, "the oldest gave way");
    assert!(watched.engine.heap_bytes() <= middle + middle / 20, "it has stopped growing");
    assert_eq!(watched.warnings, ["graveyard"], "said once");

    // The last one is as welcome as the first.
    let last = passer_by(CYCLES);
    watched.hear(now, &speaker, last.clone());
    assert!(watched.engine.member(last.claim.id).is_some_and(|member| member.is_live()));
    watched.hear(now, &speaker, Update::claim(last.claim.with_status(Status::Left)));

    // Once what was told last is forgotten, it sends no more than a node that never saw them.
    now += ttl + ttl;
    watched.tick(now);
    let live = watched.engine.table().len();
    assert!(live <= 2, "{live}");
    let before = watched.sent;
    for _ in 0..600 {
        now += CYCLE;
        watched.tick(now);
    }
    let per_second = (watched.sent - before) as f64 / 60.0;
    assert!(per_second < 200.0, "{per_second}");
}
