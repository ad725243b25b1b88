//! Which packets of a peer have been seen: the sliding windows of RFC 3711 §3.3.2, one per SSRC.

use std::collections::HashMap;

/// How many SSRCs of one peer are remembered. A window that was forgotten would let its packets be
/// replayed, so further SSRCs are refused instead.
pub const MOST_SSRCS: usize = 1024;

/// The packets of an SSRC that can be told apart: the newest and those before it. What is older
/// counts as seen. RFC 3711 §3.3.2 asks for 64 at least.
pub const WIDTH: u64 = u128::BITS as u64;

const HALF: u64 = 1 << 15;
const ROUND: u64 = 1 << 16;
const INDEX_MASK: u64 = (1 << 48) - 1;

/// The indices of one SSRC.
#[derive(Debug)]
struct Window {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
}

impl Window {
    fn admit(&mut self, index: u64) -> bool {
        if index > self.highest {
            let step = index - self.highest;
            self.seen = match step < WIDTH {
                true => self.seen << step | 1,
                false => 1,
            };
            self.highest = index;
            return true;
        }
        let age = self.highest - index;
        if age >= WIDTH || self.seen >> age & 1 == 1 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}

/// The windows of one direction and protocol.
#[derive(Debug, Default)]
pub struct Windows(HashMap<u32, Window>);

impl Windows {
    /// The 48-bit index a sequence number most likely stands for (RFC 3711 §3.3.1 and appendix A).
    /// An SSRC not seen yet is in its first round, and nothing is before the first round.
    pub fn estimate(&self, ssrc: u32, seq: u16) -> u64 {
        let seq = u64::from(seq);
        let Some(Window { highest, .. }) = self.0.get(&ssrc) else {
            return seq;
        };
        let last = highest % ROUND;
        let same_round = highest - last + seq;
        if last < HALF && seq > last + HALF {
            same_round.checked_sub(ROUND).unwrap_or(same_round)
        } else if last >= HALF && seq < last - HALF {
            (same_round + ROUND) & INDEX_MASK
        } else {
            same_round
        }
    }

    /// Remember an authentic packet. False when it was seen before, may have been, or when its SSRC
    /// is one too many.
    pub fn admit(&mut self, ssrc: u32, index: u64) -> bool {
        if let Some(window) = self.0.get_mut(&ssrc) {
            return window.admit(index);
        }
        if self.0.len() >= MOST_SSRCS {
            return false;
        }
        let first = Window {
            highest: index,
            seen: 1,
        };
        self.0.insert(ssrc, first);
        true
    }
}
