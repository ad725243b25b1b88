//! A sender's clock, as its sender reports show it (RFC 3550 §6.4.1).
//!
//! Audio and video of one sender are captured at times only the sender knows; its reports say
//! them on its own clock. One common translation of that clock for all its streams keeps them in
//! sync at the receivers, whatever the network did to single packets.

use std::time::{Duration, Instant, SystemTime};

/// A clock that is further off than this has been set anew.
const JUMP: Duration = Duration::from_secs(1);
/// The estimate follows slower reports by this part, so that it can follow drift.
const FOLLOW: u32 = 64;

#[derive(Clone, Copy, Debug, Default)]
pub struct SenderClock {
    anchor: Option<(SystemTime, Instant)>,
}

impl SenderClock {
    /// A report that was sent at `sent` on the sender's clock has arrived.
    pub fn report(&mut self, sent: SystemTime, received: Instant) {
        let Some(expected) = self.local(sent) else {
            self.anchor = Some((sent, received));
            return;
        };
        // The report that took least time on the way tells most about the clock.
        let local = match received.checked_duration_since(expected) {
            Some(late) if late < JUMP => expected + late / FOLLOW,
            _ => received,
        };
        self.anchor = Some((sent, local));
    }

    /// Our time for a time of the sender; None before the first report.
    pub fn local(&self, at: SystemTime) -> Option<Instant> {
        let (sent, local) = self.anchor?;
        match at.duration_since(sent) {
            Ok(later) => local.checked_add(later),
            Err(earlier) => local.checked_sub(earlier.duration()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_fastest_report_sets_the_clock_and_drift_is_followed() {
        let (theirs, ours) = (
            SystemTime::UNIX_EPOCH + 9_000_000 * MS,
            Instant::now() + 10_000 * MS,
        );
        let mut clock = SenderClock::default();
        assert_eq!(clock.local(theirs), None);
        clock.report(theirs, ours + 80 * MS);
        clock.report(theirs + 1000 * MS, ours + 1020 * MS);
        assert_eq!(clock.local(theirs + 1040 * MS), Some(ours + 1060 * MS));

        clock.report(theirs + 2000 * MS, ours + 2084 * MS);
        assert_eq!(clock.local(theirs + 2000 * MS), Some(ours + 2021 * MS));
    }

    #[test]
    fn a_clock_that_was_set_anew_is_taken_over() {
        let (theirs, ours) = (
            SystemTime::UNIX_EPOCH + 9_000_000 * MS,
            Instant::now() + 10_000 * MS,
        );
        let mut clock = SenderClock::default();
        clock.report(theirs, ours);
        clock.report(theirs - 5000 * MS, ours + 100 * MS);

        assert_eq!(clock.local(theirs - 5000 * MS), Some(ours + 100 * MS));
    }
}
