//! Which packets of an incoming stream to ask for again (generic NACK, RFC 4585 §6.2.1).
//!
//! The RFC leaves the times to the receiver. As jitsi-videobridge does, at most ten requests per
//! packet; unlike it, the first waits for packets that have only changed places, and the others
//! for the round trip that an answer takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that have only changed places mostly come within this.
const REORDERING: Duration = Duration::from_millis(15);
/// What is due this soon is asked for now, so that one request tells of neighbouring gaps.
const TOGETHER: Duration = Duration::from_millis(5);
/// An answer takes the round trip and the sender's pacing.
const PACING: Duration = Duration::from_millis(10);
const REPEAT_LEAST: Duration = Duration::from_millis(40);
const MOST_TRIES: u8 = 10;
/// No decoder waits longer; it asks for a keyframe.
const OLDEST: Duration = Duration::from_millis(1500);
const MOST_BEHIND: u64 = 500;
/// A stream that jumps further has been interrupted or begun anew.
const JUMP: u64 = 1000;

#[derive(Clone, Copy, Debug)]
struct Lost {
    seq: u64,
    noticed: Instant,
    due: Instant,
    tries: u8,
}

#[derive(Debug, Default)]
pub struct Missing {
    highest: Option<u64>,
    /// Ascending; at most [`MOST_BEHIND`].
    lost: VecDeque<Lost>,
    /// Not later than any `due`.
    soonest: Option<Instant>,
}

impl Missing {
    pub fn new() -> Missing {
        Missing::default()
    }

    /// A packet has come, for the first time or again; `seq` is its extended sequence number.
    pub fn arrived(&mut self, now: Instant, seq: u64) {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return;
        };
        if seq.abs_diff(highest) > JUMP {
            *self = Missing {
                highest: Some(seq),
                ..Missing::default()
            };
        } else if seq > highest {
            self.highest = Some(seq);
            if seq - highest > 1 {
                self.lose(now, highest + 1, seq);
            }
        } else if let Ok(at) = self.lost.binary_search_by_key(&seq, |lost| lost.seq) {
            self.lost.remove(at);
        }
    }

    /// The packets from one number up to another, which has come, are missing.
    fn lose(&mut self, now: Instant, from: u64, until: u64) {
        let oldest = until.saturating_sub(MOST_BEHIND);
        self.forget_before(oldest);
        let due = now + REORDERING;
        self.lost.extend((from.max(oldest)..until).map(|seq| Lost {
            seq,
            noticed: now,
            due,
            tries: 0,
        }));
        self.soonest = Some(self.soonest.map_or(due, |soonest| soonest.min(due)));
    }

    fn forget_before(&mut self, oldest: u64) {
        while self.lost.front().is_some_and(|lost| lost.seq < oldest) {
            self.lost.pop_front();
        }
    }

    /// When to look again; now and then that is for nothing, as what was missing has come.
    pub fn next_due(&self) -> Option<Instant> {
        self.soonest.filter(|_| !self.lost.is_empty())
    }

    /// Append the numbers to ask for now, ascending; true if there are any. Call it when
    /// [`next_due`](Self::next_due) says so, or at any other time.
    pub fn due(&mut self, now: Instant, round_trip: Duration, out: &mut Vec<u16>) -> bool {
        if self.next_due().is_none_or(|due| due > now) {
            return false;
        }
        let before = out.len();
        let oldest = self.highest.unwrap_or(0).saturating_sub(MOST_BEHIND);
        self.forget_before(oldest);
        let again = now + (round_trip.min(OLDEST) + PACING).max(REPEAT_LEAST);
        self.lost.retain_mut(|lost| {
            if now.saturating_duration_since(lost.noticed) > OLDEST {
                return false;
            }
            if lost.due <= now + TOGETHER {
                out.push(lost.seq as u16);
                lost.due = again;
                lost.tries += 1;
            }
            lost.tries < MOST_TRIES
        });
        self.soonest = self.lost.iter().map(|lost| lost.due).min();
        out.len() > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Run the clock until nothing is left to ask for: when was what asked for?
    fn asked(missing: &mut Missing, start: Instant, round_trip: Duration) -> Vec<(u128, Vec<u16>)> {
        let mut asked = Vec::new();
        while let Some(due) = missing.next_due() {
            let mut numbers = Vec::new();
            if missing.due(due, round_trip, &mut numbers) {
                asked.push(((due - start).as_millis(), numbers));
            }
            assert!(missing.next_due().is_none_or(|next| next > due));
        }
        asked
    }

    #[test]
    fn a_gap_is_asked_for_soon_and_then_each_round_trip() {
        let start = Instant::now();
        let mut missing = Missing::new();
        missing.arrived(start, 65_534);
        assert_eq!(missing.next_due(), None, "nothing before the beginning");
        missing.arrived(start, 65_537);

        let asked = asked(&mut missing, start, 90 * MS);

        let times: Vec<u128> = asked.iter().map(|(at, _)| *at).collect();
        assert_eq!(
            times,
            [15, 115, 215, 315, 415, 515, 615, 715, 815, 915],
            "ten times"
        );
        assert!(asked.iter().all(|(_, numbers)| *numbers == [65_535, 0]));
    }

    #[test]
    fn repetitions_have_a_least_distance_and_an_end() {
        let start = Instant::now();
        for (round_trip, times) in [(1, 10), (700, 3), (100_000, 1)] {
            let mut missing = Missing::new();
            missing.arrived(start, 1);
            missing.arrived(start, 3);
            let asked = asked(&mut missing, start, round_trip * MS);
            assert_eq!(asked.len(), times, "{round_trip} ms");
            assert!(asked.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 40));
        }
    }

    #[test]
    fn what_has_only_changed_places_is_not_asked_for() {
        let start = Instant::now();
        let mut missing = Missing::new();
        for seq in [10, 12, 13, 11] {
            missing.arrived(start, seq);
        }
        assert_eq!(missing.next_due(), None);
        missing.arrived(start, 15);
        assert!(!missing.due(start + 14 * MS, MS, &mut Vec::new()));
        missing.arrived(start + 14 * MS, 14);

        assert!(!missing.due(start + 15 * MS, MS, &mut Vec::new()));
    }

    #[test]
    fn gaps_close_to_each_other_are_asked_for_together() {
        let start = Instant::now();
        let mut missing = Missing::new();
        for (at, seq) in [(0, 1), (0, 3), (4, 5), (9, 7)] {
            missing.arrived(start + at * MS, seq);
        }
        let mut numbers = vec![99];
        assert!(missing.due(start + 15 * MS, 200 * MS, &mut numbers));
        assert_eq!(numbers, [99, 2, 4]);
        assert_eq!(missing.next_due(), Some(start + 24 * MS));
    }

    #[test]
    fn a_jump_forgets_everything_and_a_long_gap_its_beginning() {
        let start = Instant::now();
        let mut missing = Missing::new();
        for seq in [5_000, 5_002, 6_003] {
            missing.arrived(start, seq);
        }
        assert_eq!(missing.next_due(), None, "forward");
        for seq in [6_005, 5_004] {
            missing.arrived(start, seq);
        }
        assert_eq!(missing.next_due(), None, "back");
        missing.arrived(start, 6_004);
        let mut numbers = Vec::new();
        missing.due(start + 15 * MS, MS, &mut numbers);
        assert_eq!(numbers, (5_504..6_004).collect::<Vec<u16>>());
    }

    #[test]
    fn what_is_far_behind_is_forgotten() {
        let start = Instant::now();
        let mut missing = Missing::new();
        missing.arrived(start, 1);
        for seq in 3..600 {
            missing.arrived(start, seq);
        }
        assert!(!missing.due(start + 15 * MS, MS, &mut Vec::new()));
        assert_eq!(missing.next_due(), None);
    }

    #[test]
    fn any_numbers_at_any_times_stay_within_bounds() {
        let mut rng = fastrand::Rng::with_seed(8);
        let mut missing = Missing::new();
        let (mut now, mut seq) = (Instant::now(), 70_000_u64);
        let mut numbers = Vec::new();
        for _ in 0..100_000 {
            now += MS * rng.u32(..10);
            seq = match rng.u8(..100) {
                0 => rng.u64(..),
                1..5 => seq.wrapping_add(rng.u64(..1_100)),
                5..15 => seq.saturating_sub(rng.u64(..600)),
                _ => seq.wrapping_add(1),
            };
            missing.arrived(now, seq);
            missing.due(now, MS * rng.u32(..500), &mut numbers);
            assert!(missing.lost.len() <= MOST_BEHIND as usize);
            let ascends = |(one, two): (&Lost, &Lost)| one.seq < two.seq;
            assert!(
                missing
                    .lost
                    .iter()
                    .zip(missing.lost.iter().skip(1))
                    .all(ascends)
            );
        }
        assert!(numbers.len() > 10_000, "{}", numbers.len());
    }
}
