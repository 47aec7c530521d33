//! Small numbers for large ids.

/// The number that each id was given. Ids are hashes or random already and never 0, so their bits
/// say where to look: a table with open addressing and linear probing. It is never walked through,
/// so its order never shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// A power of two of them, or none; at most half of them in use. An id of 0 is none.
    slots: Vec<(u64, usize)>,
    used: usize,
}

impl Numbers {
    /// The number of `id`, if it has one.
    pub(crate) fn get(&self, id: u64) -> Option<usize> {
        let (held, number) = *self.slots.get(self.place(id)?)?;
        (held == id).then_some(number)
    }

    /// Gives `id` a number, in place of the one that it had.
    pub(crate) fn set(&mut self, id: u64, number: usize) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        if let Some(slot) = self.place(id).and_then(|place| self.slots.get_mut(place)) {
            self.used += usize::from(slot.0 == 0);
            *slot = (id, number);
        }
    }

    /// Where `id` is, or would be; `None` while there is no slot at all.
    fn place(&self, id: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut place = id as usize & mask;
        while self.slots[place].0 != 0 && self.slots[place].0 != id {
            place = (place + 1) & mask;
        }
        Some(place)
    }

    fn grow(&mut self) {
        let larger = vec![(0, 0); (self.slots.len() * 2).max(16)];
        for (id, number) in std::mem::replace(&mut self.slots, larger) {
            if let Some(place) = self.place(id).filter(|_| id != 0) {
                self.slots[place] = (id, number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    #[test]
    fn every_id_keeps_its_latest_number() {
        let mut random = Random::new(5, "test");
        let (mut numbers, mut model) = (Numbers::default(), BTreeMap::new());
        assert_eq!(numbers.get(1), None);
        for number in 0..3_000 {
            // Few different ids, which also crowd at the ends of the table.
            let id = (random.bits() >> 53 << 3 | 1).rotate_right(random.below(2) as u32 * 3);
            numbers.set(id, number);
            model.insert(id, number);
        }
        assert!(model.len() > 1_000);
        assert!(model.iter().all(|(id, number)| numbers.get(*id) == Some(*number)));
        assert_eq!(numbers.get(2), None);
    }
}
