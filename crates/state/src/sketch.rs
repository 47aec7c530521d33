//! Rateless set sketches (Yang, Gilad, Alizadeh, SIGCOMM 2024).
use xxhash_rust::xxh3::xxh3_64;

/// One coded symbol: what the elements that are mapped to it add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// The exclusive or of the elements.
    pub sum: u64,
    /// The exclusive or of the elements' checks.
    pub check: u32,
}

/// The most symbols.
pub const SKETCH_SYMBOLS_MAX: usize = 2_048;

fn check(element: u64) -> u32 {
    xxh3_64(&element.to_le_bytes()) as u32
}

impl Symbol {
    fn toggle(&mut self, element: u64, check: u32) {
        self.sum ^= element;
        self.check ^= check;
    }
    fn is_zero(&self) -> bool {
        *self == Symbol::default()
    }
}

struct Mapping {
    state: u64,
    next: u64,
}
impl Mapping {
    fn new(element: u64) -> Mapping {
        Mapping { state: element | 1, next: 0 }
    }
}
impl Iterator for Mapping {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        let at = self.next;
        self.state =
            self.state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let r = ((self.state ^ (self.state >> 29)) >> 11) as f64 / (1u64 << 53) as f64;
        let skip = ((at as f64 + 1.5) * (1.0 / (1.0 - r).sqrt() - 1.0)).ceil().max(1.0);
        self.next = at.saturating_add(skip as u64);
        usize::try_from(at).ok()
    }
}

/// Symbols of a set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    symbols: Vec<Symbol>,
}
impl Sketch {
    pub(crate) fn len(&self) -> usize {
        self.symbols.len()
    }
    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }
    pub(crate) fn toggle(&mut self, element: u64) {
        let check = check(element);
        for at in Mapping::new(element) {
            let Some(symbol) = self.symbols.get_mut(at) else { break };
            symbol.toggle(element, check);
        }
    }
    pub(crate) fn grow(&mut self, len: usize, elements: impl Iterator<Item = u64>) {
        let from = self.symbols.len();
        self.symbols.resize(len, Symbol::default());
        for element in elements {
            let check = check(element);
            for at in Mapping::new(element) {
                let Some(symbol) = self.symbols.get_mut(at) else { break };
                if at >= from {
                    symbol.toggle(element, check);
                }
            }
        }
    }
}

/// Difference.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    symbols: Vec<Symbol>,
    elements: Vec<u64>,
    broken: bool,
}
impl Difference {
    /// New.
    pub fn new() -> Difference {
        Difference::default()
    }
    /// Extend.
    pub fn extend(&mut self, theirs: &[Symbol], mine: &[Symbol]) {
        let from = self.symbols.len();
        let mut queue = Vec::new();
        for (t, m) in theirs.iter().zip(mine) {
            self.symbols.push(Symbol { sum: t.sum ^ m.sum, check: t.check ^ m.check });
            queue.push(self.symbols.len() - 1);
        }
        for e in 0..self.elements.len() {
            let element = self.elements[e];
            let c = check(element);
            for at in Mapping::new(element) {
                let Some(symbol) = self.symbols.get_mut(at) else { break };
                if at >= from {
                    symbol.toggle(element, c);
                }
            }
        }
        while let Some(at) = queue.pop() {
            let symbol = self.symbols[at];
            if symbol.is_zero() || check(symbol.sum) != symbol.check {
                continue;
            }
            if self.elements.len() >= self.symbols.len() {
                self.broken = true;
                return;
            }
            self.elements.push(symbol.sum);
            for at in Mapping::new(symbol.sum) {
                let Some(other) = self.symbols.get_mut(at) else { break };
                other.toggle(symbol.sum, symbol.check);
                queue.push(at);
            }
        }
    }
    /// Complete.
    pub fn is_complete(&self) -> bool {
        !self.broken && !self.symbols.is_empty() && self.symbols.iter().all(Symbol::is_zero)
    }
    /// Broken.
    pub fn is_broken(&self) -> bool {
        self.broken
    }
    /// Elements.
    pub fn elements(&self) -> &[u64] {
        &self.elements
    }
    /// Taken.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }
    /// Empty.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }
}
