//! The lines of a history file: JSON, each an object whose `line` says what it is. `docs/analytics.md`
//! describes them for their readers.

use headcount_health::history::{
    History, HistoryLimits, SavedHistory, SavedMember, Unusable, What,
};
use headcount_state::{Instance, Name};
use serde::{Deserialize, Serialize};

/// The version of the file. Other versions are not read.
pub(super) const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first one.
    Head { version: u32, cluster: String },
    /// What the history held beside its members when the file was last written anew.
    Sum(SavedHistory),
    /// What it held of a member then.
    Member(SavedMember),
    /// Something happened to a member.
    Event {
        at_ms: u64,
        member: String,
        event: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
    },
    /// Something happened to the observer itself.
    Observer { at_ms: u64, event: Observer },
}

/// What happens to an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Observer {
    /// It watches from now on.
    Started,
    /// It still does: written once a minute, so that it is known how far it got.
    Watching,
    /// It hears nobody, or did not run.
    Isolated,
    /// It hears somebody again.
    Reconnected,
    /// It ended in good order.
    Stopped,
}

impl Line {
    /// The line about an event of a member.
    pub(super) fn event(at_ms: u64, name: &Name, instance: Option<Instance>, what: What) -> Line {
        Line::Event {
            at_ms,
            member: name.to_string(),
            event: what.as_str().to_owned(),
            instance: instance.map(|instance| instance.to_string()),
        }
    }

    /// As it stands in the file.
    pub(super) fn text(&self) -> String {
        // Text and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Takes what it says into a history.
    pub(super) fn apply(&self, history: &mut History) -> Result<(), LineError> {
        match self {
            Line::Head { .. } => return Err(LineError::Head),
            Line::Sum(saved) => *history = History::continued(HistoryLimits::default(), saved)?,
            Line::Member(saved) => history.restore(saved)?,
            Line::Event { at_ms, member, event, instance } => {
                let name = Name::new(member)?;
                let what = What::from_name(event).ok_or_else(|| LineError::Event(event.clone()))?;
                let process = instance.as_deref().map(parse_instance).transpose()?;
                history.record(*at_ms, name.id(), &name, process, what);
            }
            Line::Observer { at_ms, event } => event.apply(*at_ms, history),
        }
        Ok(())
    }
}

impl Observer {
    pub(super) fn apply(self, at_ms: u64, history: &mut History) {
        match self {
            Observer::Started => history.started(at_ms),
            Observer::Watching => history.watching(at_ms),
            Observer::Isolated => history.isolated(at_ms),
            Observer::Reconnected => history.reconnected(at_ms),
            Observer::Stopped => history.stopped(at_ms),
        }
    }
}

fn parse_instance(text: &str) -> Result<Instance, LineError> {
    let parsed = u64::from_str_radix(text, 16).ok().and_then(Instance::from_u64);
    parsed.ok_or_else(|| LineError::Instance(text.to_owned()))
}

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("is not JSON of this version: {0}")]
    Json(#[from] serde_json::Error),
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    #[error("is a second head")]
    Head,
    #[error("tells of an event called {0:?}, which there is not")]
    Event(String),
    #[error("has {0:?} for an instance, which is 16 hexadecimal digits")]
    Instance(String),
    #[error("holds no name: {0}")]
    Name(#[from] headcount_state::NameError),
    #[error("holds what cannot be: {0}")]
    Unusable(#[from] Unusable),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_as_they_are_documented() {
        let name = Name::new("orders-7").expect("a name");
        let event = Line::event(1_700_000_000_000, &name, Instance::from_u64(255), What::Failed);
        assert_eq!(
            event.text(),
            "{\"line\":\"event\",\"at_ms\":1700000000000,\"member\":\"orders-7\",\
             \"event\":\"failed\",\"instance\":\"00000000000000ff\"}\n"
        );
        let head = Line::Head { version: 1, cluster: "orders".to_owned() };
        assert_eq!(head.text(), "{\"line\":\"head\",\"version\":1,\"cluster\":\"orders\"}\n");
        let observer = Line::Observer { at_ms: 5, event: Observer::Watching };
        assert_eq!(observer.text(), "{\"line\":\"observer\",\"at_ms\":5,\"event\":\"watching\"}\n");
        for line in [event, head, observer] {
            assert_eq!(serde_json::from_str::<Line>(&line.text()).expect("its own"), line);
        }
    }
}
