//! Did observers show members as the scenario expects, at a moment of it?

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{MemberId, Status, Time};
use headcount_swim::Member;

use crate::checkers::Violations;
use crate::report::Check;
use crate::scenario::{Shown, StatusRule};

/// How an observer shows a member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    status: Status,
    serving: bool,
    recovering: bool,
    unreachable: bool,
    partial: bool,
}

impl Seen {
    pub(crate) fn of(member: &Member) -> Seen {
        Seen {
            status: member.status(),
            serving: member.is_serving(),
            recovering: member.is_recovering(),
            unreachable: member.is_unreachable(),
            partial: !member.out_of_reach_for().is_empty(),
        }
    }
}

/// What one look found.
#[derive(Clone, Debug, Default)]
struct Found {
    pairs: u64,
    wrong: Violations,
}

/// The looks so far, by rule.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    found: BTreeMap<usize, Found>,
}

impl Statuses {
    /// Rule number so and so: at `at` these members are shown like that by `observer`.
    pub(crate) fn looked(
        &mut self,
        at: Time,
        (number, rule): (usize, &StatusRule),
        observer: usize,
        shown: impl Fn(MemberId) -> Option<Seen>,
        about: &BTreeSet<MemberId>,
    ) {
        let found = self.found.entry(number).or_default();
        for member in about {
            found.pairs += 1;
            let seen = shown(*member);
            if !matches(rule.shown, seen) {
                found.wrong.add(|| {
                    let status = seen.map_or("not at all", |seen| seen.status.as_str());
                    format!("{at}: node {observer} shows {member} as {status}")
                });
            }
        }
    }

    pub(crate) fn finish(&self, rules: &[StatusRule]) -> Vec<Check> {
        let judged = rules.iter().enumerate().map(|(number, rule)| {
            let name = format!("status_{:?}", rule.shown).to_lowercase();
            let Some(found) = self.found.get(&number).filter(|found| found.pairs > 0) else {
                return Check::new(&name, false, "nobody was there to look at it");
            };
            let right = found.pairs - found.wrong.count();
            let told = format!("{right} of {} as expected", found.pairs);
            let pass = right as f64 / found.pairs as f64 >= rule.share;
            let detail = match found.wrong.check("", "").detail {
                examples if pass || examples.is_empty() => told,
                examples => format!("{told}\n{examples}"),
            };
            Check::new(&name, pass, detail)
        });
        judged.collect()
    }
}

fn matches(expected: Shown, seen: Option<Seen>) -> bool {
    let status = seen.map(|seen| seen.status);
    let is = |what: fn(Seen) -> bool| seen.is_some_and(what);
    match expected {
        Shown::Serving => is(|seen| seen.serving),
        Shown::Recovering => is(|seen| seen.recovering),
        Shown::Unreachable => is(|seen| seen.unreachable),
        Shown::Partial => is(|seen| seen.partial),
        Shown::Alive => status == Some(Status::Alive),
        Shown::Suspect => status == Some(Status::Suspect),
        Shown::Failed => status == Some(Status::Failed),
        Shown::Left => status == Some(Status::Left),
        Shown::Absent => status.is_none(),
        Shown::Here => matches!(status, Some(Status::Alive | Status::Suspect)),
        Shown::Gone => !matches!(status, Some(Status::Alive | Status::Suspect)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::truth::fixture::{at, member};

    fn rule(shown: Shown, share: f64) -> StatusRule {
        let about = vec!["n1".to_owned()];
        StatusRule { at: Duration::from_secs(5), about, by: None, shown, share }
    }

    /// Ten observers, so many of which show the member as failed and the others as alive.
    fn check(rule: StatusRule, failed: usize) -> bool {
        let mut statuses = Statuses::default();
        for observer in 0..10 {
            let status = if observer < failed { Status::Failed } else { Status::Alive };
            let about = BTreeSet::from([member(1)]);
            let seen = Seen {
                status,
                serving: false,
                recovering: status == Status::Alive,
                unreachable: observer == 0,
                partial: observer < 9,
            };
            statuses.looked(at(5), (0, &rule), observer, |_| Some(seen), &about);
        }
        statuses.finish(&[rule])[0].pass
    }

    #[test]
    fn a_member_that_all_show_as_expected_passes() {
        assert!(check(rule(Shown::Failed, 1.0), 10));
        assert!(check(rule(Shown::Gone, 0.9), 9));
        assert!(check(rule(Shown::Here, 1.0), 0));
        assert!(check(rule(Shown::Recovering, 0.7), 3));
        assert!(check(rule(Shown::Unreachable, 0.1), 0));
        assert!(check(rule(Shown::Partial, 0.9), 0));
    }

    #[test]
    fn one_observer_too_many_that_shows_it_otherwise_is_noticed() {
        assert!(!check(rule(Shown::Failed, 1.0), 9));
        assert!(!check(rule(Shown::Gone, 0.9), 8));
        assert!(!check(rule(Shown::Here, 1.0), 1));
        assert!(!check(rule(Shown::Absent, 1.0), 0));
        assert!(!check(rule(Shown::Recovering, 0.8), 3));
        assert!(!check(rule(Shown::Unreachable, 0.2), 0));
        assert!(!check(rule(Shown::Partial, 1.0), 0));
        assert!(!check(rule(Shown::Serving, 0.1), 0));
    }

    #[test]
    fn a_rule_that_nobody_looked_at_does_not_pass() {
        assert!(!Statuses::default().finish(&[rule(Shown::Here, 1.0)])[0].pass);
    }
}
