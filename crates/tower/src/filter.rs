//! Which members are asked for.

use headcount::Member;

/// Tags that a member must carry, and zones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) zones: Zones,
}

/// In which zones members may be.
#[derive(Clone, Debug, Default)]
pub(crate) enum Zones {
    /// Anywhere.
    #[default]
    Any,
    /// In this one.
    Only(String),
    /// In this one while so many of them are there, else anywhere.
    Prefer { zone: String, at_least: usize },
}

impl Filter {
    /// Whether `member` may be used at all.
    pub(crate) fn admits(&self, member: &Member) -> bool {
        let carries =
            |(key, value): &(String, String)| member.tags().get(key).is_some_and(|v| v == value);
        let there = match &self.zones {
            Zones::Only(zone) => member.zone() == zone,
            Zones::Any | Zones::Prefer { .. } => true,
        };
        member.is_serving() && there && self.tags.iter().all(carries)
    }
}

impl Zones {
    /// The zone to which the choice is narrowed, if there are enough there.
    pub(crate) fn narrowed<'a>(&'a self, zones: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let Zones::Prefer { zone, at_least } = self else { return None };
        (zones.filter(|there| there == zone).count() >= *at_least).then_some(zone)
    }
}
