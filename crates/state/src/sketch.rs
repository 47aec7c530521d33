//! Coded symbols: what two tables exchange to find out where they differ.

/// One coded symbol: what the elements that are mapped to it add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// The exclusive or of the elements.
    pub sum: u64,
    /// The exclusive or of the elements' checks.
    pub check: u32,
}
