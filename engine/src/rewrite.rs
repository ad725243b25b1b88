//! Renumbering: what was left out on purpose must not look like loss, and what was lost must.
//!
//! Sequence numbers and VP8 picture ids obey the same rule. Numbers taken out in order close up;
//! a number that never came keeps its gap, so that it still fits when it comes late. Once a later
//! number has been passed on, taking out an earlier one can no longer close the gap.

use std::collections::VecDeque;

/// How far back late numbers are still understood. More than any retransmission needs.
const WINDOW: u64 = 2048;

/// A map from input to output numbers that never gives one output number to two inputs.
///
/// Under AES-GCM a repeated sequence number with another payload would give the key stream away
/// (RFC 7714 §8), so that property is more than cosmetic.
#[derive(Clone, Debug)]
pub struct Renumbering {
    in_base: u64,
    out_base: u64,
    /// One more than the highest input number seen.
    next: u64,
    /// Numbers taken out, in runs; a muted source makes one run, however long.
    removed: VecDeque<Run>,
    /// How many were taken out before the oldest run.
    forgotten: u64,
}

/// Consecutive numbers taken out.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    end: u64,
    /// How many were taken out before `start`.
    before: u64,
}

impl Renumbering {
    /// From here on `input` becomes `output`; whatever came before `input` is not mapped any more.
    pub fn starting(input: u64, output: u64) -> Renumbering {
        Renumbering {
            in_base: input,
            out_base: output,
            next: input,
            removed: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// Take `input` out. Without effect when it comes late: its gap has been shown already.
    pub fn remove(&mut self, input: u64) {
        if input < self.next {
            return;
        }
        let before = self.removed_before(input);
        match self.removed.back_mut() {
            Some(last) if last.end == input => last.end = input + 1,
            _ => self.removed.push_back(Run {
                start: input,
                end: input + 1,
                before,
            }),
        }
        self.advance(input);
    }

    /// The output number of `input`, or None when it is older than the start or the window.
    pub fn map(&mut self, input: u64) -> Option<u64> {
        if input < self.in_base || input + WINDOW < self.next {
            return None;
        }
        if input >= self.next {
            self.advance(input);
        }
        Some(self.out_base + (input - self.in_base) - self.removed_before(input))
    }

    fn removed_before(&self, input: u64) -> u64 {
        let runs = self.removed.partition_point(|run| run.start < input);
        match runs.checked_sub(1).and_then(|last| self.removed.get(last)) {
            Some(run) => run.before + run.end.min(input) - run.start,
            None => self.forgotten,
        }
    }

    fn advance(&mut self, input: u64) {
        self.next = input + 1;
        while let Some(oldest) = self.removed.front()
            && oldest.end + WINDOW < self.next
        {
            self.forgotten = oldest.before + oldest.end - oldest.start;
            self.removed.pop_front();
        }
    }
}

/// Extend a number of `bits` bits, taking the value nearest to `reference`.
pub fn extend(reference: u64, value: u16, bits: u32) -> u64 {
    let span = 1_u64 << bits;
    let ahead = u64::from(value).wrapping_sub(reference) & (span - 1);
    if ahead < span / 2 || reference < span {
        reference + ahead
    } else {
        reference + ahead - span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_numbers_close_up() {
        let mut numbers = Renumbering::starting(100, 7);
        assert_eq!(numbers.map(100), Some(7));
        numbers.remove(101);
        numbers.remove(102);

        assert_eq!(numbers.map(103), Some(8));
    }

    #[test]
    fn a_lost_number_keeps_its_gap_and_fits_when_it_comes_late() {
        let mut numbers = Renumbering::starting(100, 7);
        numbers.map(100);
        numbers.remove(101);

        assert_eq!(numbers.map(103), Some(9));
        assert_eq!(numbers.map(102), Some(8));
    }

    #[test]
    fn removing_a_late_number_changes_nothing() {
        let mut numbers = Renumbering::starting(100, 7);
        numbers.map(100);
        assert_eq!(numbers.map(102), Some(9));
        numbers.remove(101);

        assert_eq!(numbers.map(103), Some(10));
    }

    #[test]
    fn what_came_before_the_start_is_not_mapped() {
        let mut numbers = Renumbering::starting(100, 7);

        assert_eq!(numbers.map(99), None);
    }

    #[test]
    fn no_output_is_given_twice_whatever_the_order() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..50 {
            let mut numbers = Renumbering::starting(5000, 1);
            let mut inputs: Vec<u64> = (5000..9000).filter(|_| rng.u8(..) > 8).collect();
            for at in 1..inputs.len() {
                let other = at - rng.usize(..at.min(40));
                inputs.swap(at, other);
            }
            let mut seen = std::collections::HashSet::new();
            for input in inputs {
                if rng.bool() {
                    numbers.remove(input);
                } else if let Some(output) = numbers.map(input) {
                    assert!(seen.insert(output), "{input} -> {output} twice");
                }
            }
        }
    }

    #[test]
    fn a_long_silence_is_one_run() {
        let mut numbers = Renumbering::starting(10, 10);
        numbers.map(10);
        for input in 11..100_000 {
            numbers.remove(input);
        }

        assert_eq!(numbers.removed.len(), 1);
        assert_eq!(numbers.map(100_000), Some(11));
        assert_eq!(numbers.map(100_005), Some(16));
        assert_eq!(numbers.map(100_001), Some(12));
    }

    #[test]
    fn short_numbers_are_extended_to_the_nearest() {
        assert_eq!(extend(0x7fff, 2, 15), 0x8002);
        assert_eq!(extend(0x8002, 0x7fff, 15), 0x7fff);
        assert_eq!(extend(300, 44, 7), 300);
        assert_eq!(extend(300, 43, 7), 299);
    }
}
