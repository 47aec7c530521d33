//! Small tables and claims to state laws about.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use headcount_state::{
    Attributes, AttributesVersion, Claim, Grace, Instance, Life, Limits, MemberId, Name, Outcome,
    ProtocolRange, Serving, Status, Table, Tags, Time, Update, Version,
};
use proptest::prelude::*;
use proptest::sample::select;

/// When most tests happen.
pub(crate) const NOW: Time = Time::from_millis(1_000_000);

pub(crate) fn name(of: &str) -> Name {
    Name::new(of).unwrap()
}

pub(crate) fn id(of: &str) -> MemberId {
    name(of).id()
}

pub(crate) fn life(generation: u64, instance: u64) -> Life {
    Life { generation, instance: Instance::from_u64(instance).unwrap() }
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// What the process of `life` says of itself for the `counter`-th time.
pub(crate) fn attributes(of: &str, life: Life, counter: u32) -> Attributes {
    let port = u16::try_from(life.instance.as_u64()).unwrap_or(u16::MAX);
    Attributes {
        version: AttributesVersion { life, counter },
        name: name(of),
        address: address(port),
        serving: Serving::Serving,
        zone: String::new(),
        tags: Tags::from([("counter".to_owned(), counter.to_string())]),
        protocol: ProtocolRange { min: 1, max: 1 },
        out_of_reach: Vec::new(),
    }
}

pub(crate) fn claim(of: &str, life: Life, incarnation: u32, status: Status) -> Claim {
    Claim { id: id(of), version: Version::new(life, incarnation, status), over: None }
}

/// A claim without attributes.
pub(crate) fn bare(of: &str, life: Life, incarnation: u32, status: Status) -> Update {
    Update::claim(claim(of, life, incarnation, status))
}

/// A claim with the attributes that the process of `life` started with.
pub(crate) fn whole(of: &str, life: Life, incarnation: u32, status: Status) -> Update {
    with_attributes(bare(of, life, incarnation, status), attributes(of, life, 0))
}

pub(crate) fn with_attributes(update: Update, attributes: Attributes) -> Update {
    Update { attributes: Some(Arc::new(attributes)), ..update }
}

/// A table of the member `me`, in life (10, 5).
pub(crate) fn table() -> Table {
    limited(Limits::default())
}

pub(crate) fn limited(limits: Limits) -> Table {
    Table::new(attributes("me", life(10, 5), 0), limits, NOW)
}

/// Merges at [`NOW`], believing dead claims at once.
pub(crate) fn merge(table: &mut Table, update: &Update) -> Outcome {
    table.merge(NOW, update, Grace::Closed).outcome
}

/// The claim of a member's record.
pub(crate) fn held(table: &Table, of: &str) -> Option<Version> {
    table.get(id(of)).map(|record| record.claim.version)
}

/// The live claims of all members but the owner.
pub(crate) fn live_claims(table: &Table) -> Vec<Claim> {
    table.live().map(|record| record.claim).filter(|claim| claim.id != table.own_id()).collect()
}

/// Makes each table the join of both, with every answer, as a whole-table exchange does.
pub(crate) fn exchange(a: &mut Table, b: &mut Table) {
    let told = a.records().map(|record| record.update(NOW)).collect();
    let back = b.records().map(|record| record.update(NOW)).collect();
    let (mut to_a, mut to_b): (Vec<Update>, Vec<Update>) = (back, told);
    for _ in 0..100 {
        if to_a.is_empty() && to_b.is_empty() {
            return;
        }
        let from_b = hear(b, &to_b);
        to_b = hear(a, &to_a);
        to_a = from_b;
    }
    panic!("answers are answered without end: {to_a:?} {to_b:?}");
}

/// Merges what was told, and says what must be answered.
fn hear(table: &mut Table, told: &[Update]) -> Vec<Update> {
    let mut answers = Vec::new();
    for update in told {
        if matches!(merge(table, update), Outcome::Answer | Outcome::Own(_)) {
            answers.extend(table.answer(update.claim.id, NOW));
        }
    }
    answers
}

/// The members that random updates speak of; never the owner.
pub(crate) const OTHERS: [&str; 3] = ["a", "b", "c"];

pub(crate) fn any_status() -> impl Strategy<Value = Status> {
    select(Status::ALL.to_vec())
}

pub(crate) fn any_version() -> impl Strategy<Value = Version> {
    (1..4_u64, 1..4_u64, 0..3_u32, any_status()).prop_map(
        |(generation, instance, incarnation, status)| {
            Version::new(life(generation, instance), incarnation, status)
        },
    )
}

/// Updates with the attributes that the life they speak of has published at some point.
pub(crate) fn any_update() -> impl Strategy<Value = Update> {
    (select(OTHERS.to_vec()), any_version(), 0..3_u32).prop_map(|(of, version, counter)| {
        let claim = Claim { id: id(of), version, over: None };
        with_attributes(Update::claim(claim), attributes(of, version.life(), counter))
    })
}

pub(crate) fn any_updates() -> impl Strategy<Value = Vec<Update>> {
    prop::collection::vec(any_update(), 0..16)
}

pub(crate) fn live_updates() -> impl Strategy<Value = Vec<Update>> {
    let live = any_update().prop_filter("live", |update| update.claim.is_live());
    prop::collection::vec(live, 0..16)
}
