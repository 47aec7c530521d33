//! Which links let something through when, and which were sound for how long.

use std::time::Duration;

use headcount_state::Time;

/// What a link does in one direction, the worse the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    /// Everything gets through, as always.
    Sound,
    /// Something gets through.
    Poor,
    /// Nothing gets through.
    Cut,
}

#[derive(Clone, Debug)]
struct History {
    link: Link,
    /// Since when it is as it is.
    since: Time,
    /// From when until when it let something through; to the end of time while it does.
    open: Vec<(Time, Time)>,
}

impl History {
    fn new(now: Time, link: Link) -> History {
        let open = if link == Link::Cut { Vec::new() } else { vec![(now, Time::MAX)] };
        History { link, since: now, open }
    }

    fn becomes(&mut self, now: Time, link: Link) {
        match (self.link, link) {
            (Link::Cut, _) => self.open.push((now, Time::MAX)),
            (_, Link::Cut) => self.open.last_mut().into_iter().for_each(|open| open.1 = now),
            _ => {}
        }
        (self.link, self.since) = (link, now);
    }
}

/// The links between all nodes, each in both directions.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// By sender, then by receiver.
    histories: Vec<Vec<History>>,
}

impl Links {
    /// The network is as `link` says from now on, among so many nodes.
    pub(crate) fn changed(&mut self, now: Time, nodes: usize, link: impl Fn(usize, usize) -> Link) {
        self.histories.resize_with(nodes.max(self.histories.len()), Vec::new);
        for (from, histories) in self.histories.iter_mut().enumerate() {
            for to in 0..nodes {
                let link = link(from, to);
                match histories.get_mut(to) {
                    Some(before) if before.link == link => {}
                    Some(before) => before.becomes(now, link),
                    None => histories.push(History::new(now, link)),
                }
            }
        }
    }

    /// Whether two nodes could have asked and answered each other between these times: something
    /// got through each way, though not at the same time perhaps.
    pub(crate) fn joined(&self, from: Time, until: Time, a: usize, b: usize) -> bool {
        let open = |sender, receiver| {
            let open = self.history(sender, receiver).map(|history| history.open.as_slice());
            open.into_iter().flatten().any(|(opened, closed)| *opened <= until && *closed >= from)
        };
        open(a, b) && open(b, a)
    }

    /// Whether nothing was wrong between two nodes for the whole of `window`.
    pub(crate) fn sound(&self, now: Time, window: Duration, a: usize, b: usize) -> bool {
        let sound = |from, to| {
            self.history(from, to)
                .is_some_and(|history| history.link == Link::Sound && history.since + window <= now)
        };
        sound(a, b) && sound(b, a)
    }

    fn history(&self, from: usize, to: usize) -> Option<&History> {
        self.histories.get(from)?.get(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::at;

    const WINDOW: Duration = Duration::from_secs(7);

    /// Two nodes whose links, there and back, change at these seconds.
    fn links(changes: &[(u64, Link, Link)]) -> Links {
        let mut links = Links::default();
        for (secs, there, back) in changes {
            links.changed(at(*secs), 2, |from, _| if from == 0 { *there } else { *back });
        }
        links
    }

    #[test]
    fn nodes_are_apart_when_one_way_was_shut_for_the_whole_time() {
        use Link::{Cut, Poor, Sound};
        let one_way = links(&[(0, Sound, Sound), (10, Sound, Cut)]);
        assert!(one_way.joined(at(10), at(17), 0, 1));
        assert!(!one_way.joined(at(11), at(18), 0, 1));
        let in_turn = links(&[(0, Cut, Cut), (10, Poor, Cut), (11, Cut, Poor), (12, Cut, Cut)]);
        assert!(in_turn.joined(at(11), at(18), 1, 0), "a question and its answer may have passed");
        assert!(!in_turn.joined(at(12), at(19), 1, 0));
        assert!(!in_turn.joined(at(3), at(9), 1, 0));
        assert!(!links(&[(0, Cut, Sound)]).joined(at(0), at(1), 0, 1));
    }

    #[test]
    fn a_link_is_sound_when_nothing_was_wrong_with_it_for_the_whole_window() {
        use Link::{Poor, Sound};
        let healed = links(&[(0, Sound, Sound), (10, Poor, Sound), (20, Sound, Sound)]);
        for (secs, sound) in
            [(6, false), (7, true), (9, true), (10, false), (26, false), (27, true)]
        {
            let until = links(&[(0, Sound, Sound)]);
            let links = if secs < 10 { &until } else { &healed };
            assert_eq!(links.sound(at(secs), WINDOW, 0, 1), sound, "{secs}");
        }
    }
}
