use headcount_state::Instance;

/// What happened to a member, as its observer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is a member now.
    Joined,
    /// It is suspected; it may still refute, and counts as up.
    Suspected,
    /// It was suspected and is alive after all.
    Refuted,
    /// It is declared dead.
    Failed,
    /// It was declared dead and is back: the same process.
    Recovered,
    /// Another process took over its name.
    Restarted,
    /// It said goodbye, which is no failure.
    Left,
    /// The observer shows it no longer.
    Forgotten,
    /// The observer itself stopped: what becomes of the member is not seen until it is told of again.
    Unseen,
}

impl What {
    /// Everything that can happen.
    pub const ALL: [What; 9] = [
        What::Joined,
        What::Suspected,
        What::Refuted,
        What::Failed,
        What::Recovered,
        What::Restarted,
        What::Left,
        What::Forgotten,
        What::Unseen,
    ];

    /// In lower case, as shown and as written in files. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Joined => "joined",
            What::Suspected => "suspected",
            What::Refuted => "refuted",
            What::Failed => "failed",
            What::Recovered => "recovered",
            What::Restarted => "restarted",
            What::Left => "left",
            What::Forgotten => "forgotten",
            What::Unseen => "unseen",
        }
    }

    /// What is called so.
    pub fn from_name(name: &str) -> Option<What> {
        What::ALL.into_iter().find(|what| what.as_str() == name)
    }

    /// Whether the member is not in the observer's view from then on.
    pub(crate) fn ends(self) -> bool {
        matches!(self, What::Left | What::Forgotten | What::Unseen)
    }
}

/// One thing that happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// What.
    pub what: What,
    /// Which process of the member was spoken of, if that was said.
    pub instance: Option<Instance>,
    /// How much the observer had watched by then, in milliseconds.
    pub(crate) watched_ms: u64,
    /// The observer watched nobody at that time.
    pub(crate) blind: bool,
}
