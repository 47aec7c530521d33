//! A value for each process and member: what the one was told of the other.

use headcount_state::MemberId;

use crate::numbers::Numbers;

/// One value at most for each process and member, in four bytes: most processes are told the same
/// few things of one member, so each of these is kept once for all of them.
#[derive(Debug)]
pub(crate) struct Pairs<V> {
    members: Numbers,
    rows: Vec<Row<V>>,
}

/// What is kept of one member.
#[derive(Debug)]
struct Row<V> {
    /// The different values that it ever had.
    values: Vec<V>,
    /// By process: 0 for no value, else one more than its place among the values.
    held: Vec<u32>,
}

/// The place of one value.
#[derive(Debug)]
pub(crate) struct Place<'a, V> {
    row: &'a mut Row<V>,
    process: usize,
}

impl<V> Default for Pairs<V> {
    fn default() -> Pairs<V> {
        Pairs { members: Numbers::default(), rows: Vec::new() }
    }
}

impl<V: Copy + PartialEq> Pairs<V> {
    /// The place of the value of `process` and `member`.
    pub(crate) fn of(&mut self, process: usize, member: MemberId) -> Place<'_, V> {
        let number = self.members.get(member.as_u64()).unwrap_or(self.rows.len());
        if number == self.rows.len() {
            self.members.set(member.as_u64(), number);
            self.rows.push(Row { values: Vec::new(), held: Vec::new() });
        }
        Place { row: &mut self.rows[number], process }
    }
}

impl<V: Copy + PartialEq> Place<'_, V> {
    pub(crate) fn get(&self) -> Option<V> {
        let held = *self.row.held.get(self.process)?;
        self.row.values.get((held as usize).checked_sub(1)?).copied()
    }

    pub(crate) fn set(&mut self, value: V) {
        let Row { values, held } = &mut *self.row;
        // The latest is the likeliest.
        let known = values.iter().rposition(|known| *known == value);
        let place = known.unwrap_or_else(|| {
            values.push(value);
            values.len() - 1
        });
        if held.len() <= self.process {
            held.resize(self.process + 1, 0);
        }
        held[self.process] = place as u32 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::member;

    #[test]
    fn each_pair_has_its_own_value() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.of(3, member(1)).get(), None);
        for (process, of, value) in [(3, 1, 'a'), (0, 1, 'b'), (3, 2, 'b'), (3, 1, 'b')] {
            pairs.of(process, member(of)).set(value);
            assert_eq!(pairs.of(process, member(of)).get(), Some(value));
        }
        let mut held = |process, of| pairs.of(process, member(of)).get();
        let all = [held(0, 1), held(1, 1), held(3, 1), held(0, 2), held(3, 2), held(9, 2)];
        assert_eq!(all, [Some('b'), None, Some('b'), None, Some('b'), None]);
    }
}
