use headcount_state::Symbol;

use crate::datagram::{Body, MAX_BUDGET, MIN_BUDGET};
use crate::encode::varint_bytes;
use crate::error::DecodeError;
use crate::header::HEADER_BYTES;
use crate::heartbeat::MAX_HEARTBEAT_BYTES;
use crate::proto;

/// The bytes of one coded symbol: its three sums, little endian.
pub const SYMBOL_BYTES: usize = 12;

/// The bytes of one wanted key.
pub(crate) const KEY_BYTES: usize = 4;

/// The most bytes of a number of 32 bits in a field, its key included.
const MAX_NUMBER_BYTES: usize = 6;

/// Some of the coded symbols of the sender's live records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchPart {
    /// The number of the first symbol here; the first of all is 0.
    pub first: u32,
    /// How many live records the sender holds.
    pub live: u32,
    /// The symbols, in a row from `first` on.
    pub symbols: Vec<Symbol>,
}

/// How many symbols fit a datagram of `budget` bytes, whatever else a sketch and its heartbeat
/// say. The budget is taken as by [`DatagramBuilder::new`](crate::DatagramBuilder::new).
pub fn sketch_room(budget: usize) -> usize {
    most_items(SYMBOL_BYTES, 2 * MAX_NUMBER_BYTES, body_room(budget))
}

/// How many wanted keys fit a datagram of `budget` bytes that has no updates, whatever its
/// heartbeat says. The budget is taken as by [`DatagramBuilder::new`](crate::DatagramBuilder::new).
pub fn wants_room(budget: usize) -> usize {
    most_items(KEY_BYTES, 0, body_room(budget))
}

/// How many of its symbols or keys `body` can have within `room` bytes, all if they fit; any
/// number for bodies without.
pub(crate) fn items_within(body: &Body, room: usize) -> usize {
    let number = |value: u32| if value == 0 { 0 } else { 1 + varint_bytes(value.into()) };
    match body {
        Body::Sketch(SketchPart { first, live, .. }) => {
            most_items(SYMBOL_BYTES, number(*first) + number(*live), room)
        }
        Body::Wants { .. } => most_items(KEY_BYTES, 0, room),
        _ => usize::MAX,
    }
}

fn body_room(budget: usize) -> usize {
    budget.clamp(MIN_BUDGET, MAX_BUDGET) - HEADER_BYTES - MAX_HEARTBEAT_BYTES
}

/// How many items of `size` bytes fit a body of `room` bytes beside `others`, the bytes of its
/// other fields.
fn most_items(size: usize, others: usize, room: usize) -> usize {
    let field = |content: usize| 1 + varint_bytes(content as u64) + content;
    let mut count = room / size;
    // What surrounds the items takes a few bytes, so that this goes on for a round or two.
    while count > 0 && field(others + field(count * size)) > room {
        count -= 1;
    }
    count
}

pub(crate) fn from_proto(sketch: &proto::Sketch) -> Result<SketchPart, DecodeError> {
    let (symbols, rest) = sketch.symbols.as_chunks::<SYMBOL_BYTES>();
    if !rest.is_empty() {
        return Err(DecodeError::invalid("sketch.symbols"));
    }
    let symbols = symbols.iter().map(symbol).collect();
    Ok(SketchPart { first: sketch.first, live: sketch.live, symbols })
}

fn symbol(&[a, b, c, d, e, f, g, h, i, j, k, l]: &[u8; SYMBOL_BYTES]) -> Symbol {
    Symbol::new([[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes))
}
