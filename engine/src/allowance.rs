//! How much of what one endpoint reports and asks for is read.
//!
//! A few bytes of RTCP can name thousands of packets, and each costs a search. So what was named is
//! counted, and whoever names more than his share is not read until that has worn off. It counts
//! only once it is known to be his: nobody else can spend it.

use std::time::{Duration, Instant};

/// What reading a datagram costs before anything in it is looked at, in things named.
const DATAGRAM: i64 = 10;

/// The share of one endpoint: what it may name in a second, saved up for one second.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    per_s: i64,
    left: i64,
    settled: Instant,
}

impl Allowance {
    pub fn new(now: Instant, per_s: u32) -> Allowance {
        Allowance {
            per_s: per_s.into(),
            left: per_s.into(),
            settled: now,
        }
    }

    /// True when another datagram may be read.
    pub fn is_left(&mut self, now: Instant) -> bool {
        const LEAST_STEP: Duration = Duration::from_millis(1);
        let passed = now.saturating_duration_since(self.settled);
        if passed >= LEAST_STEP {
            let earned = (passed.as_micros() as i64).saturating_mul(self.per_s) / 1_000_000;
            self.left = self.left.saturating_add(earned).min(self.per_s);
            self.settled = now;
        }
        self.left > 0
    }

    /// A datagram has been read that names so many packets and streams.
    pub fn spend(&mut self, named: usize) {
        self.left -= DATAGRAM + named as i64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_as_far_as_its_share_and_a_second_later_again() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start, 20_000);
        let mut read = 0;
        for ms in 0..10_000 {
            for _ in 0..10 {
                if allowance.is_left(start + Duration::from_millis(ms)) {
                    allowance.spend(990);
                    read += 1;
                }
            }
        }

        // Eleven seconds of it: one was saved up.
        assert!((215..=225).contains(&read), "{read} of 100000");
        assert!(allowance.is_left(start + Duration::from_secs(11)));
    }
}
