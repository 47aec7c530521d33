//! What a majority is a majority of.

use headcount_health::Basis;
use headcount_state::Name;

use crate::config::{ConfigError, within};

/// The most voters, and the largest expected size.
pub const VOTERS_MAX: usize = 101;

/// What a majority is a majority of: the same at every node of a cluster. See `docs/quorum.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Electorate {
    /// The members that are known: those that are live, and those that failed within 24 h and have
    /// neither come back nor left. Advisory: a majority of them is shown, never asserted.
    #[default]
    Learned,
    /// These members, 1 to 101, whether they are there or not, and whether they have left or not. No
    /// two processes of one of these names may run at a time.
    Voters(Vec<Name>),
    /// Any members, of which never more than so many run at a time: 1 to 101.
    ExpectedSize(usize),
}

impl Electorate {
    /// Its kind.
    pub fn basis(&self) -> Basis {
        match self {
            Electorate::Learned => Basis::Learned,
            Electorate::Voters(_) => Basis::Voters,
            Electorate::ExpectedSize(_) => Basis::ExpectedSize,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Electorate::Learned => Ok(()),
            Electorate::ExpectedSize(size) => within("expected_size", *size, 1, VOTERS_MAX),
            Electorate::Voters(names) => {
                let wrong = |value, range| ConfigError { field: "voters", value, range };
                if names.is_empty() || names.len() > VOTERS_MAX {
                    let range = format!("1 to {VOTERS_MAX} names, of which an odd number is best");
                    return Err(wrong(format!("a list of {}", names.len()), range));
                }
                let mut sorted: Vec<&Name> = names.iter().collect();
                sorted.sort_unstable();
                match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                    Some(pair) => {
                        let value = format!("a list with {:?} twice", pair[0].as_str());
                        Err(wrong(value, "each name once".to_owned()))
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(names: &[&str]) -> Electorate {
        Electorate::Voters(names.iter().map(|name| Name::new(name).expect("a name")).collect())
    }

    #[test]
    fn lists_and_sizes_that_cannot_be_are_named_with_their_remedy() {
        let many: Vec<String> = (0..=VOTERS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (electorate, expected) in [
            (voters(&[]), "voters: a list of 0 is out of range; use 1 to 101 names"),
            (voters(&many), "voters: a list of 102 is out of range; use 1 to 101 names"),
            (voters(&["a", "b", "a"]), "voters: a list with \"a\" twice is out of range; use each"),
            (Electorate::ExpectedSize(0), "expected_size: 0 is out of range; use 1 to 101"),
            (Electorate::ExpectedSize(102), "expected_size: 102 is out of range; use 1 to 101"),
        ] {
            let error = electorate.check().expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        for fine in [Electorate::Learned, voters(&many[1..]), Electorate::ExpectedSize(101)] {
            assert_eq!(fine.check(), Ok(()));
        }
    }
}
