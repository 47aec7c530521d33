//! What things take on the heap.

/// About the bytes of an ordered map or set with so many entries of `entry_bytes` each: nodes are
/// two thirds full on average when entries come in random order (Yao, Acta Informatica 9, 1978).
pub fn tree_bytes(entries: usize, entry_bytes: usize) -> usize {
    entries * entry_bytes * 3 / 2
}
