//! Scale: what a cluster costs and how fast it is, by its size. Each [`Measurement`] is one row of
//! the table that `headcount sim scale` prints; `docs/scale.md` says what each means.
//!
//! All of them run the engines as they are, on real bytes, with a period of one second and a latency
//! of 0.5 to 1.5 ms. Bytes are those on the network ([`crate::Packets::wire_bytes`]).

mod change;
mod churn;
mod heal;
mod idle;
mod join;
mod join_one;
mod member;
mod pair;
mod phantoms;
mod row;

use crate::scenario::ScenarioError;

pub use crate::measuring::Measures;
pub use row::Row;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A cluster to which nothing happens.
    Idle,
    /// Attributes that change so many times a second, somewhere in the cluster.
    Churn(u32),
    /// Nodes that all start at once and join through one seed.
    Join,
    /// One node that joins all others.
    JoinOne,
    /// Single changes in a calm cluster, at a loss of so many percent.
    Change(u32),
    /// Two halves that were apart for ten minutes.
    Heal,
    /// Two engines whose tables differ in so many members.
    Pair(usize),
    /// The memory of one engine.
    Member,
}

/// One row: what is measured, and at which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// What is measured.
    pub kind: Kind,
    /// How many members the cluster or the tables have.
    pub size: usize,
}

/// Every row of the table, in its order.
pub fn measurements() -> Vec<Measurement> {
    let mut all = Vec::new();
    let mut add = |kind, sizes: &[usize]| {
        all.extend(sizes.iter().map(|size| Measurement { kind, size: *size }));
    };
    add(Kind::Idle, &[3, 10, 100, 1_000, 10_000]);
    add(Kind::Churn(10), &[100, 1_000]);
    add(Kind::Churn(200), &[100, 1_000]);
    add(Kind::Join, &[1_000, 2_000]);
    add(Kind::JoinOne, &[1_000]);
    add(Kind::Change(0), &[1_000, 10_000]);
    add(Kind::Change(5), &[1_000, 10_000]);
    add(Kind::Heal, &[1_000]);
    [1, 30, 1_000].into_iter().for_each(|differ| add(Kind::Pair(differ), &[100_000]));
    add(Kind::Member, &[100_000]);
    all
}

impl Kind {
    /// Its name in lower case: that of the table it stands in.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Idle => "idle",
            Kind::Churn(_) => "churn",
            Kind::Join => "join",
            Kind::JoinOne => "join-one",
            Kind::Change(_) => "change",
            Kind::Heal => "heal",
            Kind::Pair(_) => "pair",
            Kind::Member => "member",
        }
    }
}

impl Measurement {
    /// The row of this name, of any size: `idle-50`, `churn-10-50`, `change-50-loss-5`,
    /// `pair-5000-30`. `None` if it is the name of none.
    pub fn named(name: &str) -> Option<Measurement> {
        let (words, numbers): (Vec<&str>, Vec<&str>) =
            name.split('-').partition(|word| word.parse::<usize>().is_err());
        let numbers: Vec<usize> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
        let small = |number: usize| u32::try_from(number).ok();
        let (kind, size) = match (words.as_slice(), numbers.as_slice()) {
            (["idle"], [size]) => (Kind::Idle, *size),
            (["churn"], [rate, size]) => (Kind::Churn(small(*rate)?), *size),
            (["join"], [size]) => (Kind::Join, *size),
            (["join", "one"], [size]) => (Kind::JoinOne, *size),
            (["change"], [size]) => (Kind::Change(0), *size),
            (["change", "loss"], [size, percent]) => (Kind::Change(small(*percent)?), *size),
            (["heal"], [size]) => (Kind::Heal, *size),
            (["pair"], [size, differ]) => (Kind::Pair(*differ), *size),
            (["member"], [size]) => (Kind::Member, *size),
            _ => return None,
        };
        let named = Measurement { kind, size };
        (named.name() == name && named.is_possible()).then_some(named)
    }

    /// What it is called: its kind, its size and what else it depends on.
    pub fn name(&self) -> String {
        let (kind, size) = (self.kind.as_str(), self.size);
        match self.kind {
            Kind::Churn(rate) => format!("{kind}-{rate}-{size}"),
            Kind::Change(percent) if percent > 0 => format!("{kind}-{size}-loss-{percent}"),
            Kind::Pair(differ) => format!("{kind}-{size}-{differ}"),
            _ => format!("{kind}-{size}"),
        }
    }

    /// How many nodes are simulated.
    pub fn nodes(&self) -> usize {
        match self.kind {
            Kind::Pair(_) => 2,
            Kind::Member => 1,
            _ => self.size,
        }
    }

    fn is_possible(&self) -> bool {
        (2..=1_000_000).contains(&self.size)
            && match self.kind {
                Kind::Churn(rate) => (1..=100_000).contains(&rate),
                Kind::Change(percent) => percent < 100,
                Kind::Pair(differ) => (1..self.size).contains(&differ),
                _ => true,
            }
    }

    /// Measures it. Every random number follows from `seed`.
    ///
    /// # Errors
    /// [`ScenarioError`] if there can be no such cluster.
    pub fn run(&self, seed: u64) -> Result<Row, ScenarioError> {
        let Measurement { kind, size } = *self;
        let (measures, virtual_s) = match kind {
            Kind::Idle => idle::measure(size, seed),
            Kind::Churn(rate) => churn::measure(size, rate, seed),
            Kind::Join => join::measure(size, seed),
            Kind::JoinOne => join_one::measure(size, seed),
            Kind::Change(percent) => change::measure(size, f64::from(percent) / 100.0, seed),
            Kind::Heal => heal::measure(size, seed),
            Kind::Pair(differ) => pair::measure(size, differ, seed),
            Kind::Member => member::measure(size, seed),
        }?;
        let name = self.name();
        Ok(Row { name, kind: kind.as_str(), nodes: self.nodes(), seed, virtual_s, measures })
    }
}

/// What was measured, and how many seconds of virtual time passed in all.
type Measured = Result<(Measures, f64), ScenarioError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_by_which_it_is_found() {
        let all = measurements();
        for one in &all {
            assert_eq!(Measurement::named(&one.name()), Some(*one));
            assert_eq!(all.iter().filter(|other| other.name() == one.name()).count(), 1);
        }
    }

    #[test]
    fn rows_of_other_sizes_have_names_too_and_nonsense_has_none() {
        let churn = Measurement { kind: Kind::Churn(7), size: 20 };
        assert_eq!(Measurement::named("churn-7-20"), Some(churn));
        for bad in ["idle", "idle-1", "idle-020", "20-idle", "change-20-loss-100", "pair-20-20"] {
            assert_eq!(Measurement::named(bad), None, "{bad}");
        }
    }
}
