//! Who is ill in a row, and whose word counts.

use std::collections::BTreeSet;

/// Who is ill, if it is not simply everybody whom a fault of the scenario ever chose, and who is
/// well but sees the ill through something that is not: a path that is cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    ill: Option<BTreeSet<usize>>,
    blind: BTreeSet<usize>,
}

impl Roles {
    /// Only these are ill.
    pub(super) fn ill(nodes: impl IntoIterator<Item = usize>) -> Roles {
        Roles { ill: Some(nodes.into_iter().collect()), blind: BTreeSet::new() }
    }

    /// These are well, and are not asked.
    pub(super) fn blind(self, nodes: impl IntoIterator<Item = usize>) -> Roles {
        Roles { blind: nodes.into_iter().collect(), ..self }
    }

    /// Whether a node is ill; `faulted` are those whom faults chose so far.
    pub(super) fn is_ill(&self, node: usize, faulted: &BTreeSet<usize>) -> bool {
        self.ill.as_ref().unwrap_or(faulted).contains(&node)
    }

    /// Whether it counts what a node is told.
    pub(super) fn watches(&self, node: usize, faulted: &BTreeSet<usize>) -> bool {
        !self.blind.contains(&node) && !self.is_ill(node, faulted)
    }

    /// How many are ill when faults chose so many.
    pub(super) fn ill_count(&self, faulted: usize) -> usize {
        self.ill.as_ref().map_or(faulted, BTreeSet::len)
    }

    /// How many of `nodes` watch when faults chose so many.
    pub(super) fn watching(&self, nodes: usize, faulted: usize) -> usize {
        nodes - self.blind.len() - self.ill_count(faulted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_a_fault_chose_is_ill_unless_it_is_said_who_is() {
        let faulted = BTreeSet::from([1, 2]);
        let plain = Roles::default();
        assert!(plain.is_ill(1, &faulted) && !plain.watches(1, &faulted));
        assert!(plain.watches(0, &faulted));
        assert_eq!((plain.ill_count(2), plain.watching(5, 2)), (2, 3));
        let told = Roles::ill([0]).blind([1]);
        assert!(told.is_ill(0, &faulted) && !told.is_ill(1, &faulted));
        assert!(!told.watches(1, &faulted) && told.watches(2, &faulted));
        assert_eq!((told.ill_count(2), told.watching(5, 2)), (1, 3));
    }
}
