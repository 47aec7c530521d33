//! Every way of exchanging tables ends in the same live view, whatever the two tables hold.

mod net;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{Instance, Life, MemberId, Status, Update, VersionVector};
use headcount_swim::{Config, Engine, Exchange, StreamEnd, StreamId, StreamStep};
use headcount_wire::{Body, Datagram, Frame, RefuseCode, TablePart, decode_frame, update_bytes};
use net::{Net, address, config};
use proptest::prelude::*;

/// What one table holds of one member: generation, incarnation, counter of its attributes, status.
type Held = (u64, u32, u32, Status);

fn update(number: u64, (generation, incarnation, counter, status): Held) -> Update {
    // Every second generation is another process.
    let instance = Instance::from_u64(number * 8 + generation / 2 + 1).expect("not zero");
    let life = Life { generation, instance };
    let address = SocketAddr::from(([10, 9, (number >> 8) as u8, number as u8], 7946));
    let name = format!("member-{number}");
    net::told(net::attributes(&name, address, life, counter), incarnation, status)
}

/// Two nodes that know each other, and of others what is given.
fn two_nodes(config: &Config, tables: [&BTreeMap<u64, Held>; 2]) -> Net {
    let mut net = Net::new(2, config);
    let now = net.now;
    let own = [0, 1].map(|place| {
        let engine = net.engine(place);
        engine.table().get(engine.table().own_id()).expect("itself").update(now)
    });
    for (place, table) in tables.into_iter().enumerate() {
        let known: Vec<Update> =
            table.iter().map(|(number, held)| update(*number, *held)).collect();
        net.engine(place).know(now, known.iter().chain([&own[1 - place]]));
    }
    net
}

/// The first node hears the second one's hashes, again and again with time to settle between, until
/// the tables are equal; answers how often.
fn exchange(net: &mut Net, most: usize) -> usize {
    let settle = net.engine(0).config().period * 2;
    for round in 0..most {
        if sync(net, 0) == sync(net, 1) {
            return round;
        }
        net.now += settle;
        let news = Body::Gossip { table: None };
        let cluster = net.engine(1).config().cluster;
        let heartbeat = net::datagram(net.engine(1), cluster, &news, &[]);
        let now = net.now;
        net.engine(0).receive(now, address(1), &heartbeat);
        net.deliver();
    }
    most
}

fn sync(net: &mut Net, place: usize) -> u64 {
    net.engine(place).table().summary().sync
}

fn live(net: &mut Net, place: usize) -> VersionVector {
    net.engine(place).table().live_version_vector()
}

fn held() -> impl Strategy<Value = Held> {
    let status = prop::sample::select(vec![
        Status::Alive,
        Status::Alive,
        Status::Suspect,
        Status::Failed,
        Status::Left,
    ]);
    (1..4_u64, 0..3_u32, 0..3_u32, status)
}

fn table() -> impl Strategy<Value = BTreeMap<u64, Held>> {
    prop::collection::btree_map(0..80_u64, held(), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_ways_end_in_the_same_live_view(a in table(), b in table()) {
        let mut views = Vec::new();
        for way in Exchange::ALL {
            // What is heard is believed at once: checks take time, which does not pass here.
            let config = Config { exchange: way, checks: false, ..config() };
            let mut net = two_nodes(&config, [&a, &b]);
            exchange(&mut net, 12);
            let view = live(&mut net, 0);
            prop_assert_eq!(&view, &live(&mut net, 1), "two sides, {:?}", way);
            views.push(view);
        }
        prop_assert!(views.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

fn alive(numbers: impl Iterator<Item = u64>) -> BTreeMap<u64, Held> {
    numbers.map(|number| (number, (1, 0, 0, Status::Alive))).collect()
}

/// What the two sent each other, and the bytes of each.
fn sent(net: &mut Net) -> [(usize, u64); 2] {
    [0, 1].map(|place| {
        let stats = net.engine(place).stats();
        (stats.datagrams_sent as usize, stats.bytes_sent)
    })
}

#[test]
fn a_difference_in_one_of_many_costs_a_datagram_each_way_and_what_was_asked_for() {
    let most = alive(0..2_000);
    let mut changed = most.clone();
    changed.insert(77, (1, 1, 0, Status::Alive));
    // Further changes, known to both, so that it is none of the latest.
    let mut net = two_nodes(&config(), [&most, &changed]);
    let later = alive(3_000..3_020);
    let now = net.now;
    let later: Vec<Update> = later.iter().map(|(number, held)| update(*number, *held)).collect();
    (0..2).for_each(|place| net.engine(place).know(now, &later));
    let before = sent(&mut net);
    assert!(exchange(&mut net, 3) <= 2);
    let after = sent(&mut net);
    assert_eq!(sync(&mut net, 0), sync(&mut net, 1));
    let datagrams = [0, 1].map(|place| after[place].0 - before[place].0);
    assert!(datagrams[0] <= 2 && datagrams[1] <= 1, "{datagrams:?}");
    let stream_bytes = net.engine(0).stats().stream_bytes_sent;
    assert_eq!(stream_bytes, 0);
}

#[test]
fn many_differences_take_more_symbols_and_still_no_table() {
    let tables = [alive(0..3_000), alive(500..3_500)];
    let mut net = two_nodes(&config(), [&tables[0], &tables[1]]);
    exchange(&mut net, 3);
    assert_eq!(sync(&mut net, 0), sync(&mut net, 1));
    assert_eq!(net.engine(0).table().live_len(), 3_502);
    let is_more = |d: &Datagram| matches!(d.body, Body::More { count: 1.., .. });
    assert!(net.log.iter().any(|(_, _, datagram)| is_more(datagram)));
    assert_eq!(net.engine(0).stats().stream_bytes_sent, 0);
    let records: usize =
        net.log.iter().flat_map(|(_, _, datagram)| &datagram.updates).map(update_bytes).sum();
    let bytes: u64 = sent(&mut net).iter().map(|(_, bytes)| bytes).sum();
    let besides = (bytes as f64 - records as f64) / 1_000.0;
    assert!(besides < 40.0, "{besides} bytes for each of 1,000 differences");
}

#[test]
fn tables_that_hardly_share_a_member_take_a_stream() {
    let tables = [alive(0..1_600), alive(1_600..3_200)];
    let mut net = two_nodes(&config(), [&tables[0], &tables[1]]);
    exchange(&mut net, 3);
    assert_eq!(sync(&mut net, 0), sync(&mut net, 1));
    assert_eq!(net.engine(0).table().live_len(), 3_202);
    assert!(net.engine(0).stats().exchanges_stream > 0);
}

#[test]
fn where_hashes_differ_and_sketches_do_not_a_stream_is_taken() {
    let most = alive(0..2_000);
    let others = most.iter().filter(|(number, _)| **number != 77).map(|(n, held)| (*n, *held));
    let mut net = two_nodes(&config(), [&most, &others.collect()]);
    // Found by search: in this life its mark is that of the life which the first node knows.
    let life = Life { generation: 1, instance: Instance::from_u64(25_150_159).expect("not zero") };
    let there = SocketAddr::from(([10, 9, 0, 77], 7946));
    let namesake = net::told(net::attributes("member-77", there, life, 0), 0, Status::Alive);
    let now = net.now;
    net.engine(1).know(now, &[namesake]);
    let marks = [0, 1].map(|place| net.engine(place).table().marked(MemberId::of("member-77")));
    assert_eq!(marks[0], marks[1]);
    let later: Vec<Update> = alive(3_000..3_020).iter().map(|(n, h)| update(*n, *h)).collect();
    (0..2).for_each(|place| net.engine(place).know(now, &later));
    assert!(exchange(&mut net, 6) < 6);
    assert!(net.engine(0).stats().stream_bytes_sent > 0);
}

#[test]
fn where_sketches_vanish_a_stream_is_taken() {
    let tables = [alive(0..200), alive(50..250)];
    let mut net = two_nodes(&config(), [&tables[0], &tables[1]]);
    // As over a path that drops large datagrams: no datagram of the second node gets through.
    net.passes = Box::new(|from, to| !(from == 1 && to == 0));
    let opened = |net: &mut Net| net.engine(0).stats().exchanges_stream;
    for _ in 0..8 {
        exchange(&mut net, 1);
    }
    assert!(opened(&mut net) > 0);
}

#[test]
fn who_was_not_asked_gets_no_records() {
    let tables = [alive(0..200), alive(50..250)];
    let mut net = two_nodes(&config(), [&tables[0], &tables[1]]);
    let now = net.now + Duration::from_secs(1);
    let table = net.engine(0).table();
    let live = table.live().filter_map(|record| table.marked(record.id()));
    let keys: Vec<u32> = live.map(|marked| marked.key).take(50).collect();
    let cluster = net.engine(1).config().cluster;
    let forged = net::datagram(net.engine(1), cluster, &Body::Wants { keys }, &[]);
    let before = net.engine(0).stats().bytes_sent;
    net.engine(0).receive(now, address(1), &forged);
    while net.engine(0).poll_transmit(now).is_some() {}
    assert_eq!(net.engine(0).stats().bytes_sent, before);
}

#[test]
fn who_has_handed_out_much_answers_no_table_with_a_stream() {
    let (most, few) = (alive(0..6_000), alive(0..1));
    let mut net = two_nodes(&config(), [&most, &few]);
    let asks = Body::Gossip { table: Some(TablePart { complete: false, reply: true }) };
    let (now, cluster) = (net.now, config().cluster);
    let answered = [3, 4, 5].map(|number: u8| {
        let instance = u64::from(number) * 8 + 1;
        let there = SocketAddr::from(([10, 9, 0, number], 7946));
        let own = net::identity(&format!("member-{number}"), there, 1, instance);
        let speaker = Engine::new(config(), own, 1, now).expect("an engine");
        let table = net::datagram(&speaker, cluster, &asks, &[]);
        net.engine(0).receive(now, there, &table);
        net.engine(0).poll_stream().map(|open| open.to) == Some(there)
    });
    assert_eq!(answered, [true, false, false]);
}

#[test]
fn a_stream_that_breaks_again_and_again_gets_to_the_end() {
    let few = alive(0..1);
    for place in 0..2 {
        let most = alive(0..4_000);
        let mut tables = [&few, &few];
        tables[place] = &most;
        let config = Config { exchange: Exchange::Stream, ..config() };
        let mut net = two_nodes(&config, tables);
        let before = net.engine(place).stats().stream_bytes_sent;
        // Two hellos, a chunk of the caller, and at most three of a server.
        net.stream_frames = 6;
        let calls = 2 + exchange(&mut net, 12);
        assert!((4..9).contains(&calls), "{calls} calls");
        assert_eq!(net.engine(1 - place).table().live_len(), 4_002);
        let sent = net.engine(place).stats().stream_bytes_sent - before;
        let once: usize = most.iter().map(|(n, held)| update_bytes(&update(*n, *held))).sum();
        assert!(sent < once as u64 * 5 / 4, "{sent} bytes, and {once} are enough");
    }
}

/// A newcomer has said hello to the second node.
fn newcomer_calls(net: &mut Net, place: usize) -> (Engine, StreamId, StreamId) {
    let now = net.now;
    let own = net::identity(&net::name(place), address(place), 1, 9);
    let mut newcomer = Engine::new(config(), own, 1, now).expect("an engine");
    newcomer.join(now, address(1));
    let call = newcomer.poll_stream().expect("a call");
    let there = net.engine(1).stream_accepted(now, address(place)).expect("room");
    let StreamStep::Send(hello) = newcomer.stream_next(now, call.id) else { panic!("a hello") };
    net.engine(1).stream_frame(now, there, &hello[4..]);
    (newcomer, call.id, there)
}

#[test]
fn a_table_that_has_grown_much_since_it_was_promised_is_promised_anew() {
    let few = alive(0..10);
    let mut net = two_nodes(&config(), [&few, &few]);
    let (now, cluster) = (net.now, config().cluster);
    let callers = [7, 8, 9].map(|place| newcomer_calls(&mut net, place));
    let waiting = callers.map(|(mut newcomer, here, there)| {
        let StreamStep::Send(hello) = net.engine(1).stream_next(now, there) else {
            panic!("it is let in")
        };
        newcomer.stream_frame(now, here, &hello[4..]);
        let StreamStep::Send(table) = newcomer.stream_next(now, here) else { panic!("its table") };
        net.engine(1).stream_frame(now, there, &table[4..]);
        there
    });
    let most: Vec<Update> = alive(0..12_000).iter().map(|(n, held)| update(*n, *held)).collect();
    net.engine(1).know(now, &most);
    let answers = waiting.map(|there| {
        let StreamStep::Send(frame) = net.engine(1).stream_next(now, there) else {
            panic!("an answer")
        };
        match decode_frame(cluster, &frame[4..]).expect("a frame").frame {
            Frame::Chunk { .. } => None,
            Frame::Refuse(refuse) => Some((refuse.code, refuse.others.len())),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(answers, [None, Some((RefuseCode::Busy, 7)), Some((RefuseCode::Busy, 7))]);
    assert!(matches!(net.engine(1).stream_next(now, waiting[1]), StreamStep::Close));
}

#[test]
fn who_has_handed_out_its_table_answers_sketches_all_the_same() {
    let most = alive(0..12_000);
    let mut net = two_nodes(&config(), [&most, &most]);
    let now = net.now;
    let later: Vec<Update> = alive(20_000..20_020).iter().map(|(n, h)| update(*n, *h)).collect();
    net.engine(1).know(now, &later);
    let (_, _, there) = newcomer_calls(&mut net, 9);
    net.engine(1).stream_closed(now, there, StreamEnd::Finished);
    assert_eq!(exchange(&mut net, 3), 2);
    assert_eq!(net.engine(0).stats().stream_bytes_sent, 0);
}

#[test]
fn a_caller_that_is_sent_away_keeps_its_table_to_itself() {
    let most = alive(0..12_000);
    let config = Config { exchange: Exchange::Stream, ..config() };
    let mut net = two_nodes(&config, [&most, &most]);
    let now = net.now;
    // It has handed out its table to a newcomer.
    let (_, _, there) = newcomer_calls(&mut net, 9);
    net.engine(1).stream_closed(now, there, StreamEnd::Finished);
    exchange(&mut net, 2);
    assert_eq!(net.engine(1).stats().streams_redirected, 1);
    let sent = net.engine(0).stats().stream_bytes_sent;
    assert!((1..500).contains(&sent), "{sent} bytes");
}

#[test]
fn tables_that_differ_only_in_their_dead_settle_on_one_story() {
    let config = config();
    let mut net = Net::converged(3, &config);
    let now = net.now;
    let gone = |status| update(7, (1, 0, 0, status));
    for place in 0..3 {
        let story = if place == 0 { Status::Left } else { Status::Failed };
        net.engine(place).know(now, &[gone(Status::Alive), gone(story)]);
    }
    let dead = |net: &mut Net, place: usize| net.engine(place).table().summary().dead;
    assert_eq!(sync(&mut net, 0), sync(&mut net, 1), "the live are the same");
    assert_ne!(dead(&mut net, 0), dead(&mut net, 1));
    net.run(config.period * 60);
    let stories = [0, 1, 2].map(|place| dead(&mut net, place));
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[1], stories[2]);
    let held = net.engine(2).table().get(gone(Status::Left).claim.id).map(|r| r.claim.status());
    assert_eq!(held, Some(Status::Left), "the larger claim");
}

#[test]
fn who_knows_only_the_dead_process_of_a_name_learns_of_the_living_one() {
    let config = Config { exchange: Exchange::Sketch, checks: false, ..config() };
    let restarted = |held: Held| (0..10).map(move |number| (number, held));
    let others = || alive(100..140).into_iter();
    let tables = [
        others().chain(restarted((2, 0, 0, Status::Alive))).collect(),
        others().chain(restarted((1, 0, 0, Status::Alive))).collect(),
    ];
    let mut net = two_nodes(&config, [&tables[0], &tables[1]]);
    let now = net.now;
    let dead: Vec<Update> =
        (0..10).map(|number| update(number, (1, 0, 0, Status::Failed))).collect();
    net.engine(1).know(now, &dead);
    assert_eq!(net.engine(1).table().live_len(), 42);
    // The first asks; the second one knows the names, and only the dead.
    exchange(&mut net, 3);
    assert_eq!(net.engine(1).table().live_len(), 52);
}
