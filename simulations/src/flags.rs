//! A set of small numbers.

/// A set of small numbers, one bit for each up to the largest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    words: Vec<u64>,
}

impl Flags {
    pub(crate) fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(crate) fn insert(&mut self, number: usize) {
        if self.words.len() <= number / 64 {
            self.words.resize(number / 64 + 1, 0);
        }
        self.words[number / 64] |= 1 << (number % 64);
    }

    /// The numbers in it, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.words.len() * 64).filter(|number| self.contains(*number))
    }
}

impl FromIterator<usize> for Flags {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Flags {
        let mut flags = Flags::default();
        numbers.into_iter().for_each(|number| flags.insert(number));
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_in_it_once_it_was_put_in() {
        let flags: Flags = [200, 0, 63, 64, 0].into_iter().collect();
        assert_eq!(flags.iter().collect::<Vec<_>>(), [0, 63, 64, 200]);
        assert!(flags.contains(64) && !flags.contains(65) && !flags.contains(10_000));
    }
}
