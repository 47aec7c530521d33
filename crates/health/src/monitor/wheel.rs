//! Which places are to be looked at next, for a million of them.
//!
//! ```text
//!   level 0   64 slots of a tick        |.|.|x|.| ...   looked at when its tick comes
//!   level 1   64 slots of 64 ticks      |.|x|x|.| ...   looked at when its first tick comes,
//!   ...                                                 and put where it belongs by then
//!   level 4   64 slots of 64^4 ticks
//! ```
//! Hierarchical timing wheels (Varghese and Lauck, SOSP 1987, scheme 7). A slot is a list that runs
//! through the places, so that any place leaves its slot at once. A tick is 1.024 ms.

use headcount_state::Time;

/// When each of some places is to be looked at. Constant time for every change.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    /// The tick up to which everything was given out; of this one there may be more.
    tick: u64,
    links: Vec<Link>,
    /// The first place in each slot.
    heads: [u32; LEVELS * SLOTS],
    /// Which slots of a level are not empty.
    filled: [u64; LEVELS],
}

/// Where a place is.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
    slot: u16,
}

const LEVELS: usize = 5;
const SLOTS: usize = 64;
const DIGIT: u32 = SLOTS.trailing_zeros();

/// A tick is 2^10 microseconds.
const TICK: u32 = 10;

/// The furthest that a place is put away: half of what the slots span, 6 days. Whatever is due
/// later is looked at then, and put away again.
const FURTHEST: u64 = 1 << (DIGIT * LEVELS as u32 - 1);

const NONE: u32 = u32::MAX;
const NOWHERE: u16 = u16::MAX;

impl Wheel {
    pub(super) fn new() -> Wheel {
        let (heads, filled) = ([NONE; LEVELS * SLOTS], [0; LEVELS]);
        Wheel { tick: 0, links: Vec::new(), heads, filled }
    }

    /// Lets a place be looked at when `at` has come, and no more at another time. It answers by
    /// when it will be: within a tick, or earlier if `at` is far away.
    pub(super) fn schedule(&mut self, place: usize, at: Time) -> Time {
        self.cancel(place);
        let wanted = tick_after(at).min(self.tick + FURTHEST);
        let tick = wanted.max(self.tick);
        // The highest digit in which it differs from now.
        let digits = (u64::BITS - 1 - (tick ^ self.tick | 1).leading_zeros()) / DIGIT;
        let level = (digits as usize).min(LEVELS - 1);
        let slot = level * SLOTS + digit(tick, level);
        let after = std::mem::replace(&mut self.heads[slot], place as u32);
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = place as u32;
        }
        self.links[place] = Link { before: NONE, after, slot: slot as u16 };
        self.filled[level] |= 1 << (slot % SLOTS);
        time(wanted)
    }

    /// Lets a place, which may be a new one, be looked at no more.
    pub(super) fn cancel(&mut self, place: usize) {
        if self.links.len() <= place {
            self.links.resize(place + 1, Link { before: NONE, after: NONE, slot: NOWHERE });
        }
        let Link { before, after, slot } = self.links[place];
        if slot == NOWHERE {
            return;
        }
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = before;
        }
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => self.heads[usize::from(slot)] = after,
        }
        let (level, number) = (usize::from(slot) / SLOTS, usize::from(slot) % SLOTS);
        if self.heads[usize::from(slot)] == NONE {
            self.filled[level] &= !(1 << number);
        }
        self.links[place].slot = NOWHERE;
    }

    /// Takes out a place that is to be looked at by `now`. It may be due later than that.
    pub(super) fn take(&mut self, now: Time) -> Option<usize> {
        let now = now.as_micros() >> TICK;
        match self.first() {
            Some((tick, slot)) if tick <= now => {
                self.tick = self.tick.max(tick);
                let place = self.heads[slot] as usize;
                self.cancel(place);
                Some(place)
            }
            _ => {
                self.tick = self.tick.max(now);
                None
            }
        }
    }

    /// When there is something to look at.
    pub(super) fn next(&self) -> Option<Time> {
        self.first().map(|(tick, _)| time(tick))
    }

    /// Makes room for so many more places, and no more than that.
    pub(super) fn make_room(&mut self, more: usize) {
        self.links.reserve_exact(more);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    /// The slot whose time comes first, and that time.
    fn first(&self) -> Option<(u64, usize)> {
        let filled = |level: &usize| self.filled[*level] != 0;
        let first = |level| {
            let from = digit(self.tick, level);
            let ahead = self.filled[level].rotate_right(from as u32).trailing_zeros();
            let bits = DIGIT * level as u32;
            let tick = ((self.tick >> bits) + u64::from(ahead)) << bits;
            (tick, level * SLOTS + (from + ahead as usize) % SLOTS)
        };
        (0..LEVELS).filter(filled).map(first).min()
    }
}

fn digit(tick: u64, level: usize) -> usize {
    (tick >> (DIGIT * level as u32)) as usize % SLOTS
}

fn tick_after(at: Time) -> u64 {
    at.as_micros().div_ceil(1 << TICK)
}

fn time(tick: u64) -> Time {
    Time::from_micros(tick.saturating_mul(1 << TICK))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const PLACES: usize = 12;

    /// Lengths of time of all magnitudes that a wheel has a level for, and more.
    fn lengths() -> impl Strategy<Value = u64> {
        (0..44u32, any::<u64>()).prop_map(|(bits, raw)| raw & ((1 << bits) - 1))
    }

    proptest! {
        /// Places are put away again when they are taken too early, as their owner does.
        #[test]
        fn every_place_is_taken_once_within_a_tick_of_its_time_and_in_order(
            steps in prop::collection::vec((0..PLACES, 0..4u8, lengths()), 1..200),
        ) {
            let mut wheel = Wheel::new();
            let mut model = BTreeMap::new();
            let mut now = Time::ZERO;
            for (place, what, length) in steps {
                match what {
                    0 => {
                        wheel.cancel(place);
                        model.remove(&place);
                    }
                    1 => {
                        let at = Time::from_micros(now.as_micros() + length);
                        let by = wheel.schedule(place, at);
                        prop_assert!(by.as_micros() < at.as_micros() + (1 << TICK));
                        model.insert(place, at);
                    }
                    _ => {
                        let next = wheel.next();
                        let earliest = model.values().min().copied();
                        prop_assert_eq!(next.is_some(), earliest.is_some());
                        let bound = earliest.map_or(Time::MAX, |at| time(tick_after(at)));
                        prop_assert!(next.is_none_or(|next| next <= bound), "never too late");
                        now = Time::from_micros(now.as_micros() + length);
                        let mut last = 0;
                        while let Some(place) = wheel.take(now) {
                            prop_assert!(wheel.tick >= last);
                            last = wheel.tick;
                            let at = model.remove(&place).unwrap();
                            if at > now {
                                wheel.schedule(place, at);
                                model.insert(place, at);
                            }
                        }
                        let late = |at: &Time| time(tick_after(*at)) <= now;
                        prop_assert!(!model.values().any(late), "{:?} at {}", model, now);
                    }
                }
            }
        }
    }

    #[test]
    fn a_place_far_away_is_looked_at_on_the_way_and_kept() {
        let mut wheel = Wheel::new();
        let year = Time::from_millis(365 * 86_400_000);
        let by = wheel.schedule(3, year);
        assert!(by < year && wheel.next().is_some_and(|next| next <= by));
        assert_eq!(wheel.take(Time::from_millis(1)), None);
        assert_eq!(wheel.take(year), Some(3));
        assert_eq!((wheel.take(year), wheel.next()), (None, None));
        assert_eq!(wheel.schedule(3, Time::MAX), time((year.as_micros() >> TICK) + FURTHEST));
    }

    #[test]
    fn all_of_a_slot_is_looked_at_though_some_of_it_is_put_off() {
        let mut wheel = Wheel::new();
        wheel.schedule(0, time(64));
        wheel.schedule(1, time(65));
        assert_eq!(wheel.take(time(64)), Some(1), "they share a slot until its time comes");
        wheel.schedule(1, time(65));
        assert_eq!((wheel.take(time(64)), wheel.take(time(64))), (Some(0), None));
        assert_eq!(wheel.take(time(65)), Some(1));
    }

    #[test]
    fn what_is_over_is_looked_at_at_once() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.take(Time::from_millis(10_000)), None);
        assert_eq!(wheel.schedule(0, Time::from_millis(1)), Time::from_micros(1_024));
        assert_eq!(wheel.take(Time::from_millis(10_000)), Some(0));
    }
}
