//! Who a member is: its name, and the id that stands for the name everywhere else.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// A member's name: what people call it, and what survives its restarts and moves.
///
/// 1 to [`Name::MAX_BYTES`] bytes of UTF-8 without control characters. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a member name is empty; give it 1 to 255 bytes")]
    Empty,
    /// The text is too long.
    #[error("a member name has {0} bytes; the most is 255")]
    TooLong(usize),
    /// The text holds a control character.
    #[error("a member name holds a control character at byte {0}; use printable text")]
    Control(usize),
}

impl Name {
    /// The longest name, in bytes: room for a fully qualified host name.
    pub const MAX_BYTES: usize = 255;

    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// [`NameError`] when the text is empty, too long or holds control characters.
    pub fn new(text: &str) -> Result<Name, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Name::MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
            return Err(NameError::Control(at));
        }
        Ok(Name(Arc::from(text)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that stands for this name.
    pub fn id(&self) -> MemberId {
        MemberId::of(self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A member's id: a stable 64-bit hash (XXH3) of its name, the same on every node and for ever.
///
/// Two of 100,000 names share an id with probability 3e-10; a record whose name does not match
/// the one held under its id is refused and counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(NonZeroU64);

impl MemberId {
    /// The id of the member of this name.
    pub fn of(name: &str) -> MemberId {
        MemberId::from_u64(xxh3_64(name.as_bytes())).unwrap_or(MemberId(NonZeroU64::MIN))
    }

    /// The id with this number, if it is one (zero stands for no member).
    pub fn from_u64(raw: u64) -> Option<MemberId> {
        NonZeroU64::new(raw).map(MemberId)
    }

    /// The id as a number, never zero.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One start of one process: 64 random bits drawn once, never zero.
///
/// It tells two lives apart that happen to carry the same generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(NonZeroU64);

impl Instance {
    /// The instance with this number, if it is one (zero stands for none).
    pub fn from_u64(raw: u64) -> Option<Instance> {
        NonZeroU64::new(raw).map(Instance)
    }

    /// The instance as a number, never zero.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
