//! How one incoming stream is received, as report blocks tell it (RFC 3550 §6.4.1, A.3, A.8).

use std::time::Instant;

use crate::rtcp::ReportBlock;

/// A stream that jumps further has begun anew (MAX_DROPOUT of RFC 3550 A.1).
const JUMP: u64 = 3000;
/// A change of the transit time by this many seconds is a clock set anew, not jitter.
const CLOCK_JUMP_SECONDS: u32 = 5;

/// The counts since a stream began.
#[derive(Clone, Copy, Debug)]
struct Counts {
    first: u64,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
}

impl Counts {
    fn new(first: u64) -> Counts {
        Counts {
            first,
            highest: first,
            received: 0,
            expected_before: 0,
            received_before: 0,
        }
    }

    fn expected(&self) -> u64 {
        (self.highest - self.first).saturating_add(1)
    }
}

#[derive(Debug)]
pub struct Reception {
    clock_rate: u32,
    counts: Option<Counts>,
    /// Arrivals are counted from here.
    start: Option<Instant>,
    /// Timestamp of the newest packet, and how much later than it the packet came, in clock units.
    newest: Option<(u32, u32)>,
    /// In 16ths of a clock unit.
    jitter: u32,
    /// The middle of the last sender report's time, and when it came.
    report: Option<(u32, Instant)>,
    fraction_lost: u8,
}

impl Reception {
    /// `clock_rate` is that of the stream's timestamps, in Hz.
    pub fn new(clock_rate: u32) -> Reception {
        Reception {
            clock_rate,
            counts: None,
            start: None,
            newest: None,
            jitter: 0,
            report: None,
            fraction_lost: 0,
        }
    }

    /// A packet has come; `seq` is its extended sequence number. Duplicates count, if they are
    /// passed here, and so do late ones (A.3).
    pub fn arrived(&mut self, now: Instant, seq: u64, timestamp: u32) {
        let counts = self.counts.get_or_insert_with(|| Counts::new(seq));
        if seq.abs_diff(counts.highest) > JUMP {
            *counts = Counts::new(seq);
            self.newest = None;
        }
        let is_newest = seq >= counts.highest;
        counts.highest = counts.highest.max(seq);
        counts.received += 1;
        if is_newest {
            self.measure(now, timestamp);
        }
    }

    /// A.8, of the first packet of each frame: the others have its timestamp but are sent later,
    /// as the sender's pacing wants it, which is no jitter of the network.
    fn measure(&mut self, now: Instant, timestamp: u32) {
        if self.newest.is_some_and(|(newest, _)| newest == timestamp) {
            return;
        }
        let start = *self.start.get_or_insert(now);
        let transit = self.units(start, now).wrapping_sub(timestamp);
        if let Some((_, before)) = self.newest {
            let change = (transit.wrapping_sub(before) as i32).unsigned_abs();
            if change < self.clock_rate.saturating_mul(CLOCK_JUMP_SECONDS) {
                let decay = self.jitter.saturating_add(8) >> 4;
                self.jitter = self.jitter.saturating_add(change) - decay;
            }
        }
        self.newest = Some((timestamp, transit));
    }

    /// Time in units of the stream's clock; wraps as its timestamps do.
    fn units(&self, from: Instant, until: Instant) -> u32 {
        let span = until.saturating_duration_since(from);
        let rate = u64::from(self.clock_rate);
        let part = u64::from(span.subsec_nanos()) * rate / 1_000_000_000;
        span.as_secs().wrapping_mul(rate).wrapping_add(part) as u32
    }

    /// The sender's report of the stream has come, with this NTP time.
    pub fn sender_report(&mut self, now: Instant, ntp: u64) {
        self.report = Some(((ntp >> 16) as u32, now));
    }

    /// What to report, and begin the next interval; None as long as nothing has come.
    pub fn block(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        let counts = self.counts.as_mut()?;
        let expected = counts.expected();
        let expected_since = expected - counts.expected_before;
        let received_since = counts.received - counts.received_before;
        let lost_since = expected_since.saturating_sub(received_since);
        self.fraction_lost = (lost_since.saturating_mul(256))
            .checked_div(expected_since)
            .map_or(0, |fraction| fraction.min(255) as u8);
        counts.expected_before = expected;
        counts.received_before = counts.received;
        let lost = i128::from(expected) - i128::from(counts.received);
        let (last_report, delay) = self.report.map_or((0, 0), |(middle, came)| {
            let span = now.saturating_duration_since(came);
            let part = (u64::from(span.subsec_nanos()) << 16) / 1_000_000_000;
            let delay = span.as_secs().saturating_mul(1 << 16).saturating_add(part);
            (middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: self.fraction_lost,
            lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            // Turns are counted from the first packet on.
            highest: (counts.highest - (counts.first & !0xffff)) as u32,
            jitter: self.jitter >> 4,
            last_report,
            delay,
        })
    }

    /// The share of packets lost in the interval that the last block ended, 0 to 1.
    pub fn fraction_lost(&self) -> f32 {
        f32::from(self.fraction_lost) / 256.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SSRC: u32 = 7;

    #[test]
    fn loss_is_told_of_the_interval_and_of_all() {
        let start = Instant::now();
        let mut stream = Reception::new(90_000);
        assert_eq!(stream.block(start, SSRC), None);
        // From 65,530 on: 100 packets of which every fourth is lost, then 100 without loss.
        let first = 3 * 65_536 + 65_530;
        for n in (0..100).filter(|n| n % 4 != 1) {
            stream.arrived(start, first + n, 0);
        }
        let one = stream.block(start, SSRC).unwrap();
        assert_eq!((one.ssrc, one.fraction_lost, one.lost), (SSRC, 64, 25));
        assert_eq!(one.highest, 65_536 + 93, "one turn");
        assert_eq!(stream.fraction_lost(), 0.25);

        for n in 100..200 {
            stream.arrived(start, first + n, 0);
        }
        let two = stream.block(start, SSRC).unwrap();
        assert_eq!((two.fraction_lost, two.lost), (0, 25));
        let nothing_new = stream.block(start, SSRC).unwrap();
        assert_eq!((nothing_new.fraction_lost, nothing_new.lost), (0, 25));
    }

    #[test]
    fn late_ones_and_duplicates_are_no_loss() {
        let start = Instant::now();
        let mut stream = Reception::new(90_000);
        for seq in [10, 12, 11, 12, 12, 9] {
            stream.arrived(start, seq, 0);
        }
        let block = stream.block(start, SSRC).unwrap();
        assert_eq!(
            (block.fraction_lost, block.lost, block.highest),
            (0, -3, 12)
        );
    }

    #[test]
    fn jitter_follows_the_changes_of_the_transit_time() {
        let start = Instant::now();
        let mut stream = Reception::new(90_000);
        for n in 0..200_u32 {
            // Two packets of each frame, every second frame 8 ms late.
            let at = start + 20 * MS * n + 8 * MS * (n % 2);
            let timestamp = 0xffff_f000_u32.wrapping_add(n * 1800);
            stream.arrived(at, u64::from(2 * n), timestamp);
            stream.arrived(at + 5 * MS, u64::from(2 * n + 1), timestamp);
        }
        let jitter = stream.block(start, SSRC).unwrap().jitter;
        assert!(jitter.abs_diff(720) <= 2, "{jitter} of 720");

        stream.arrived(start + 4_000 * MS, 400, 1_000_000_000);
        assert_eq!(stream.block(start, SSRC).unwrap().jitter, jitter);
    }

    #[test]
    fn the_last_sender_report_is_named_with_its_age() {
        let start = Instant::now();
        let mut stream = Reception::new(48_000);
        stream.arrived(start, 1, 0);
        let block = stream.block(start, SSRC).unwrap();
        assert_eq!((block.last_report, block.delay), (0, 0));

        stream.sender_report(start, 0x1122_3344_5566_7788);
        let block = stream.block(start + 1500 * MS, SSRC).unwrap();
        assert_eq!((block.last_report, block.delay), (0x3344_5566, 98_304));
        let later = start + Duration::from_secs(100_000);
        assert_eq!(stream.block(later, SSRC).unwrap().delay, u32::MAX);
    }

    #[test]
    fn a_stream_that_jumps_begins_anew() {
        let start = Instant::now();
        let mut stream = Reception::new(90_000);
        for seq in [10_000, 10_002, 20_000, 20_001] {
            stream.arrived(start, seq, 0);
        }
        assert_eq!(stream.block(start, SSRC).unwrap().lost, 0);
        stream.arrived(start, 5, 0);
        let block = stream.block(start, SSRC).unwrap();
        assert_eq!((block.lost, block.highest, block.fraction_lost), (0, 5, 0));
    }

    #[test]
    fn any_numbers_at_any_times_can_be_reported() {
        let mut rng = fastrand::Rng::with_seed(6);
        for rate in [0, 1, 8_000, 90_000, u32::MAX] {
            let mut stream = Reception::new(rate);
            let (start, mut seq) = (Instant::now(), rng.u64(..));
            for _ in 0..20_000 {
                let now = start + MS * rng.u32(..);
                seq = match rng.u8(..50) {
                    0 => rng.u64(..),
                    1 => [0, u64::MAX][rng.usize(..2)],
                    2..10 => seq.wrapping_sub(rng.u64(..100)),
                    _ => seq.wrapping_add(rng.u64(..3)),
                };
                stream.arrived(now, seq, rng.u32(..));
                stream.sender_report(now, rng.u64(..));
                if rng.u8(..10) == 0 {
                    assert!(stream.block(now, SSRC).is_some());
                    assert!((0.0..1.0).contains(&stream.fraction_lost()));
                }
            }
        }
    }
}
