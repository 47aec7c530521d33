//! What is to happen, by virtual time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use headcount_state::Time;

/// A priority queue over virtual time; entries of one instant come out in the order in which they
/// were put in.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Time,
    order: u64,
    item: T,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { heap: BinaryHeap::new(), count: 0 }
    }

    pub(crate) fn push(&mut self, at: Time, item: T) {
        self.heap.push(Entry { at, order: self.count, item });
        self.count += 1;
    }

    /// The earliest entry, if it is due at `until` or before.
    pub(crate) fn pop_due(&mut self, until: Time) -> Option<(Time, T)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.item))
    }
}

impl<T> Ord for Entry<T> {
    /// Reversed: the heap gives its largest first, and the earliest is wanted.
    fn cmp(&self, other: &Entry<T>) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

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
}
