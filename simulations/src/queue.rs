//! What is to happen, by virtual time: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987,
//! scheme 7).
//!
//! ```text
//!   level 0   256 slots of 1 us        the rest of this 256 us: each slot is one microsecond
//!   level 1   256 slots of 256 us      the rest of this 65 ms
//!   level 2   256 slots of 65 ms       the rest of this 17 s
//!   ...       level 7 reaches to the end of time
//! ```
//! An entry waits on the level of the highest byte in which its time differs from the wheel's
//! position. When the position enters a slot, the entries of that slot move to lower levels. So
//! entries of one instant always wait in one slot, in the order in which they were put in.

use headcount_state::Time;

use crate::bench::EventLog;

/// Bits of a time that one level decides.
const LEVEL_BITS: u32 = 8;
const SLOTS: usize = 1 << LEVEL_BITS;
/// With these the wheel spans every [`Time`].
const LEVELS: usize = (u64::BITS / LEVEL_BITS) as usize;

/// No entry.
const NONE: usize = usize::MAX;

/// A priority queue over virtual time; entries of one instant come out in the order in which they
/// were put in. Putting in and taking out take constant time.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// No entry is earlier, in microseconds.
    position: u64,
    levels: Vec<Level>,
    /// One bit for each level that holds something.
    occupied: u8,
    /// Entries in use, and unused ones chained from `free`.
    entries: Vec<Entry<T>>,
    free: usize,
    /// What went in and came out, if somebody wants to know.
    log: Option<EventLog>,
}

#[derive(Debug)]
struct Level {
    /// One bit for each slot that holds something.
    occupied: [u64; SLOTS / 64],
    slots: Vec<Slot>,
}

/// The first and the last entry of a chain.
#[derive(Clone, Copy, Debug)]
struct Slot {
    first: usize,
    last: usize,
}

const EMPTY: Slot = Slot { first: NONE, last: NONE };

#[derive(Debug)]
struct Entry<T> {
    at: u64,
    next: usize,
    item: Option<T>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        let level = || Level { occupied: [0; SLOTS / 64], slots: vec![EMPTY; SLOTS] };
        Queue {
            position: 0,
            levels: (0..LEVELS).map(|_| level()).collect(),
            occupied: 0,
            entries: Vec::new(),
            free: NONE,
            log: None,
        }
    }

    /// Puts `item` in. A time before that of the last entry taken out counts as that time.
    pub(crate) fn push(&mut self, at: Time, item: T) {
        let at = at.as_micros().max(self.position);
        let entry = Entry { at, next: NONE, item: Some(item) };
        let index = match self.entries.get_mut(self.free) {
            Some(unused) => {
                let index = self.free;
                self.free = unused.next;
                *unused = entry;
                index
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        self.chain(index, at);
        if let Some(log) = &mut self.log {
            log.put_in(at - self.position);
        }
    }

    /// The earliest entry, if it is due at `until` or before.
    pub(crate) fn pop_due(&mut self, until: Time) -> Option<(Time, T)> {
        loop {
            if self.occupied == 0 {
                return None;
            }
            let level = self.occupied.trailing_zeros();
            let number = self.levels[level as usize].first_occupied();
            let begins = self.begins(level, number);
            if begins > until.as_micros() {
                return None;
            }
            self.position = begins;
            if level == 0 {
                return self.take_first(number);
            }
            self.spread(level as usize, number);
        }
    }

    /// Begins to log what goes in and comes out; what waits already counts as just put in.
    pub(crate) fn begin_log(&mut self) {
        let waiting = self.entries.iter().filter(|entry| entry.item.is_some());
        let mut times: Vec<u64> = waiting.map(|entry| entry.at).collect();
        times.sort_unstable();
        let mut log = EventLog::default();
        times.into_iter().for_each(|at| log.put_in(at - self.position));
        self.log = Some(log);
    }

    /// The log since [`Queue::begin_log`]; it ends here.
    pub(crate) fn end_log(&mut self) -> EventLog {
        self.log.take().unwrap_or_default()
    }

    /// The time at which slot `number` of `level` begins, in the turn of the wheel that the
    /// position is in.
    fn begins(&self, level: u32, number: usize) -> u64 {
        let shift = level * LEVEL_BITS;
        let turn = self.position >> shift >> LEVEL_BITS << LEVEL_BITS << shift;
        turn | ((number as u64) << shift)
    }

    /// Takes the first entry of a slot of level 0 out.
    fn take_first(&mut self, number: usize) -> Option<(Time, T)> {
        let level = &mut self.levels[0];
        let index = level.slots[number].first;
        let entry = self.entries.get_mut(index)?;
        level.slots[number].first = entry.next;
        if entry.next == NONE {
            level.slots[number].last = NONE;
            level.vacate(number);
            self.occupied &= !u8::from(level.is_empty());
        }
        entry.next = self.free;
        self.free = index;
        if let Some(log) = &mut self.log {
            log.taken_out();
        }
        entry.item.take().map(|item| (Time::from_micros(entry.at), item))
    }

    /// Moves the entries of a slot that the position has entered to lower levels.
    fn spread(&mut self, level: usize, number: usize) {
        let mut index = self.levels[level].slots[number].first;
        self.levels[level].slots[number] = EMPTY;
        self.levels[level].vacate(number);
        if self.levels[level].is_empty() {
            self.occupied &= !(1 << level);
        }
        while let Some(entry) = self.entries.get_mut(index) {
            let (at, next) = (entry.at, entry.next);
            entry.next = NONE;
            self.chain(index, at);
            index = next;
        }
    }

    /// Appends an entry to the chain of the slot that its time has, seen from the position.
    fn chain(&mut self, index: usize, at: u64) {
        // The lowest bit counts as different, so that an entry that is due now has a level too.
        let differs = (at ^ self.position) | 1;
        let level = ((u64::BITS - 1 - differs.leading_zeros()) / LEVEL_BITS) as usize;
        let number = (at >> (level as u32 * LEVEL_BITS)) as usize % SLOTS;
        self.occupied |= 1 << level;
        let level = &mut self.levels[level];
        let slot = &mut level.slots[number];
        match self.entries.get_mut(slot.last) {
            Some(last) => last.next = index,
            None => {
                slot.first = index;
                level.occupied[number / 64] |= 1 << (number % 64);
            }
        }
        slot.last = index;
    }
}

impl Level {
    fn first_occupied(&self) -> usize {
        let words = self.occupied.iter().enumerate();
        let mut set = words.filter(|(_, word)| **word != 0);
        set.next().map_or(0, |(n, word)| n * 64 + word.trailing_zeros() as usize)
    }

    fn vacate(&mut self, number: usize) {
        self.occupied[number / 64] &= !(1 << (number % 64));
    }

    fn is_empty(&self) -> bool {
        self.occupied == [0; SLOTS / 64]
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use super::*;
    use crate::random::Random;

    #[test]
    fn entries_come_out_by_time_then_in_the_order_put_in() {
        let mut queue = Queue::new();
        for (ms, name) in [(5, "late"), (1, "first"), (1, "second"), (9, "last")] {
            queue.push(Time::from_millis(ms), name);
        }
        let due: Vec<_> =
            std::iter::from_fn(|| queue.pop_due(Time::from_millis(5))).map(|(_, n)| n).collect();
        assert_eq!(due, ["first", "second", "late"]);
        assert_eq!(queue.pop_due(Time::MAX), Some((Time::from_millis(9), "last")));
        assert_eq!(queue.pop_due(Time::MAX), None);
    }

    #[test]
    fn times_that_are_over_count_as_now_and_the_end_of_time_is_in_reach() {
        let mut queue = Queue::new();
        queue.push(Time::MAX, "end");
        queue.push(Time::from_millis(7), "now");
        assert_eq!(queue.pop_due(Time::from_millis(8)), Some((Time::from_millis(7), "now")));
        queue.push(Time::from_millis(3), "over");
        assert_eq!(queue.pop_due(Time::from_millis(8)), Some((Time::from_millis(7), "over")));
        assert_eq!(queue.pop_due(Time::from_millis(8)), None);
        assert_eq!(queue.pop_due(Time::MAX), Some((Time::MAX, "end")));
    }

    /// What a heap over (time, number of the entry) does, in small and large steps.
    #[test]
    fn it_does_what_a_heap_does() {
        let mut random = Random::new(11, "test");
        for round in 0..40 {
            let (mut queue, mut heap) = (Queue::new(), BinaryHeap::new());
            let mut now = 0;
            for number in 0..2_000_u64 {
                // Delays of up to 47 bits; many entries of one instant in the rounds of few bits.
                let bits = random.below(if round % 2 == 0 { 4 } else { 48 });
                let at = now + (random.bits() >> (63 - bits) >> 1);
                queue.push(Time::from_micros(at), number);
                heap.push(Reverse((at, number)));
                if random.below(3) > 0 {
                    let until = now + (random.bits() >> (63 - random.below(bits + 1)) >> 1);
                    while let Some(Reverse((at, number))) = heap.peek().copied() {
                        if at > until {
                            break;
                        }
                        heap.pop();
                        let expected = Some((Time::from_micros(at), number));
                        assert_eq!(queue.pop_due(Time::from_micros(until)), expected);
                    }
                    assert_eq!(queue.pop_due(Time::from_micros(until)), None);
                    now = until;
                }
            }
            let rest = std::iter::from_fn(|| heap.pop()).map(|Reverse(entry)| entry);
            for (at, number) in rest {
                let expected = Some((Time::from_micros(at), number));
                assert_eq!(queue.pop_due(Time::MAX), expected);
            }
            assert_eq!(queue.pop_due(Time::MAX), None);
        }
    }
}
