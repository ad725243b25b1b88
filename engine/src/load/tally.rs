//! What the receivers got: counts, order, and how long it took.

use std::collections::HashMap;

use super::stamp::Stamp;

const BUCKET_NS: u64 = 10_000;
const BUCKETS: usize = 20_000;

/// Delays with a resolution of 10 us up to 200 ms; of longer ones only the longest is known.
#[derive(Clone, Debug)]
pub struct Delays {
    buckets: Vec<u32>,
    samples: u64,
    most_ns: u64,
}

impl Default for Delays {
    fn default() -> Self {
        Delays {
            buckets: vec![0; BUCKETS],
            samples: 0,
            most_ns: 0,
        }
    }
}

impl Delays {
    pub fn note(&mut self, ns: u64) {
        let bucket = ((ns / BUCKET_NS) as usize).min(BUCKETS - 1);
        self.buckets[bucket] += 1;
        self.samples += 1;
        self.most_ns = self.most_ns.max(ns);
    }

    pub fn most_ns(&self) -> u64 {
        self.most_ns
    }

    /// The upper end of the bucket in which this share of the samples is reached, the longest delay
    /// where that is the last bucket; 0 without any.
    pub fn percentile_ns(&self, share: f64) -> u64 {
        let wanted = (share * self.samples as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted && index + 1 < BUCKETS {
                return ((index as u64 + 1) * BUCKET_NS).min(self.most_ns);
            }
        }
        self.most_ns
    }
}

/// Totals since the last reset.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    pub received_bytes: u64,
    /// Numbers that were left out.
    pub missing: u64,
    /// Packets behind one with a higher number; each fills one gap that was counted as missing.
    pub late: u64,
    /// Consecutive packets whose RTP sequence numbers were not consecutive.
    pub misnumbered: u64,
    /// Packets of another room: must stay 0.
    pub strangers: u64,
    /// Packets without a stamp.
    pub unstamped: u64,
    pub delays: Delays,
}

/// How far one stream has come at one receiver.
#[derive(Clone, Copy, Debug)]
struct Progress {
    next: u64,
    seq: u64,
}

/// The streams one receiver gets.
#[derive(Debug, Default)]
pub struct Progresses(HashMap<u32, Progress>);

impl Progresses {
    /// Gaps before now do not count: what comes next is the beginning.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// The streams from which something has come since [`Progresses::forget`].
    pub fn heard(&self) -> usize {
        self.0.len()
    }

    /// Count one packet of the stream `ssrc` that came in at `at_ns`.
    pub fn note(
        &mut self,
        tally: &mut Tally,
        room: u32,
        ssrc: u32,
        seq: u64,
        payload: &[u8],
        at_ns: u64,
    ) {
        let Some(stamp) = Stamp::read(payload) else {
            tally.unstamped += 1;
            return;
        };
        if stamp.room != room {
            tally.strangers += 1;
        }
        tally.received += 1;
        tally.received_bytes += payload.len() as u64;
        tally.delays.note(at_ns.saturating_sub(stamp.sent_ns));
        let begun = self.0.entry(ssrc).or_insert(Progress {
            next: stamp.count,
            seq: seq.wrapping_sub(1),
        });
        if stamp.count < begun.next {
            tally.late += 1;
            return;
        }
        let gap = stamp.count - begun.next;
        tally.missing += gap;
        if gap == 0 && seq as u16 != (begun.seq as u16).wrapping_add(1) {
            tally.misnumbered += 1;
        }
        *begun = Progress {
            next: stamp.count + 1,
            seq,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(room: u32, count: u64) -> Vec<u8> {
        let mut payload = vec![0; 64];
        Stamp {
            room,
            peer: 1,
            stream: 0,
            count,
            sent_ns: 1_000,
        }
        .write(&mut payload);
        payload
    }

    #[test]
    fn gaps_late_packets_strangers_and_breaks_of_the_sequence_are_told_apart() {
        let (mut tally, mut progresses) = (Tally::default(), Progresses::default());
        let mut came = |room, count, seq| {
            progresses.note(&mut tally, 1, 5, seq, &payload(room, count), 31_000);
        };
        came(1, 10, 65_535);
        came(1, 11, 65_536);
        came(1, 14, 65_539); // 12 and 13 are missing
        came(1, 13, 65_538);
        came(1, 15, 70_000);
        came(2, 16, 70_001);
        progresses.note(&mut tally, 1, 5, 0, &[0; 50], 0);

        let counts = (tally.received, tally.missing, tally.late);
        assert_eq!(counts, (6, 2, 1));
        let odd = (tally.misnumbered, tally.strangers, tally.unstamped);
        assert_eq!(odd, (1, 1, 1));
        assert_eq!(tally.delays.percentile_ns(0.5), 30_000);
    }

    #[test]
    fn percentiles_are_ends_of_buckets_and_never_above_the_longest() {
        let mut delays = Delays::default();
        for us in 1..=1000 {
            delays.note(us * 1000);
        }
        delays.note(900_000_000);

        assert_eq!(delays.percentile_ns(0.5), 510_000);
        assert_eq!(delays.percentile_ns(0.99), 1_000_000);
        assert_eq!(delays.most_ns(), 900_000_000);
        assert_eq!(delays.percentile_ns(1.0), 900_000_000);
    }
}
