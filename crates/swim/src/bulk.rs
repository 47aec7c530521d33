//! How much of its table a node hands out in bulk, so that a cluster that starts through one seed
//! does not melt it: who comes too early is sent on to other members.
//!
//! ```text
//!   bytes  burst ┐╲      a table handed out takes its bytes; below zero nobody gets one,
//!              0 ┼─╲╱╲╱─ but for one every five periods
//!                └────── refilled at a steady rate
//! ```

use std::time::Duration;

use headcount_state::Time;

/// About the bytes of a record as it is told.
const RECORD_BYTES: i64 = 64;

/// What may be handed out at once.
const BURST_BYTES: i64 = 256 * 1_024;

/// What may be handed out in each period.
const PERIOD_BYTES: i64 = 64 * 1_024;

/// However large the table is, somebody gets it once in so many periods.
const TABLE_EVERY_PERIODS: u32 = 5;

/// The bytes that are left, and when they were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    period: Duration,
    left: i64,
    counted: Time,
    table_given: Option<Time>,
}

impl Bulk {
    /// Refills by the clock of these periods.
    pub(crate) fn new(period: Duration, now: Time) -> Bulk {
        Bulk { period, left: BURST_BYTES, counted: now, table_given: None }
    }

    /// Whether somebody gets the table of so many records now; if so it is taken account of.
    pub(crate) fn take_table(&mut self, now: Time, records: usize) -> bool {
        self.refill(now);
        let overdue = self.table_given.is_none_or(|given| {
            now.since(given) >= self.period.saturating_mul(TABLE_EVERY_PERIODS)
        });
        if self.left <= 0 && !overdue {
            return false;
        }
        self.table_given = Some(now);
        self.spend(records);
        true
    }

    /// Whether nobody is told anything in bulk now.
    pub(crate) fn is_spent(&mut self, now: Time) -> bool {
        self.refill(now);
        self.left < RECORD_BYTES
    }

    /// How many of `wanted` records somebody is told now; they are taken account of.
    pub(crate) fn take_records(&mut self, now: Time, wanted: usize) -> usize {
        self.refill(now);
        let granted = wanted.min((self.left.max(0) / RECORD_BYTES) as usize);
        self.spend(granted);
        granted
    }

    fn spend(&mut self, records: usize) {
        let bytes = i64::try_from(records).unwrap_or(i64::MAX).saturating_mul(RECORD_BYTES);
        // A debt is paid before the next table is due in any case.
        let debt_max = PERIOD_BYTES * i64::from(TABLE_EVERY_PERIODS);
        self.left = self.left.saturating_sub(bytes).max(-debt_max);
    }

    fn refill(&mut self, now: Time) {
        let micros = now.since(self.counted).as_micros();
        let period = self.period.as_micros().max(1);
        let earned = micros.saturating_mul(PERIOD_BYTES as u128) / period;
        if earned > 0 {
            let earned = i64::try_from(earned).unwrap_or(BURST_BYTES * 2);
            self.left = self.left.saturating_add(earned).min(BURST_BYTES);
            self.counted = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn tables_are_handed_out_while_there_is_something_left_and_again_when_it_is_refilled() {
        let mut bulk = Bulk::new(SECOND, Time::ZERO);
        let records = (BURST_BYTES / RECORD_BYTES) as usize;
        assert!(bulk.take_table(Time::ZERO, records));
        assert!(!bulk.take_table(Time::ZERO, records));
        let later = Time::from_millis(100);
        assert!(bulk.take_table(later, records));
        assert!(!bulk.take_table(later, 1));
    }

    #[test]
    fn however_deep_in_debt_a_table_is_given_every_five_periods() {
        let mut bulk = Bulk::new(SECOND, Time::ZERO);
        assert!(bulk.take_table(Time::ZERO, 1 << 40));
        assert!(!bulk.take_table(Time::from_millis(4_999), 1 << 40));
        assert!(bulk.take_table(Time::from_millis(5_000), 1 << 40));
    }

    #[test]
    fn records_are_granted_as_far_as_the_bytes_go() {
        let mut bulk = Bulk::new(SECOND, Time::ZERO);
        let all = (BURST_BYTES / RECORD_BYTES) as usize;
        assert_eq!(bulk.take_records(Time::ZERO, 10), 10);
        assert_eq!(bulk.take_records(Time::ZERO, all), all - 10);
        assert_eq!(bulk.take_records(Time::ZERO, 1), 0);
        let refilled = (PERIOD_BYTES / RECORD_BYTES) as usize;
        assert_eq!(bulk.take_records(Time::from_millis(1_000), usize::MAX), refilled);
    }
}
