//! When packets with transport-wide sequence numbers came, told to their sender
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). Senders' bandwidth estimators live
//! on this; [`feedback`](crate::feedback) reads it.
//!
//! Each number is told of once, as arrived or not; one that comes after it was told as missing is
//! told again by a feedback of its own, since a change of places is no loss.

use std::time::{Duration, Instant};

const TRANSPORT_FEEDBACK: u8 = 205;
const TRANSPORT_CC: u8 = 15;
const HEADER_BYTES: usize = 20;
/// Below any path's MTU, with room for other reports and for SRTCP.
const MOST_BYTES: usize = 1100;
/// Arrivals count in ticks of 250 µs, reference times in 64 ms.
const TICK_NANOS: u64 = 250_000;
const REFERENCE_TICKS: u64 = 256;

/// libwebrtc's receivers report every 50 to 250 ms, by the rate of the stream.
const QUICK: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_millis(100);
/// With as many packets waiting as this, the next feedback goes out quickly, or at once.
const SOME: usize = 10;
const MANY: usize = 100;
/// Packets remembered when nobody asks for feedback.
const MOST_WAITING: usize = 2000;
/// A longer gap is not told: a sender that skips so many numbers has been cut off or begun anew.
const MOST_GAP: u64 = 1000;
/// How far behind what was told a late packet may be.
const TOLD: u64 = u128::BITS as u64;

#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Extended sequence number.
    seq: u64,
    tick: u64,
}

#[derive(Debug, Default)]
pub struct ArrivalLog {
    /// When the first packet came, and the last feedback went out or the first packet came.
    start: Option<(Instant, Instant)>,
    highest: u64,
    /// Not told yet; ascending by number.
    waiting: Vec<Arrival>,
    /// The first number that no feedback has told of.
    untold: u64,
    /// Which of the numbers before that have arrived; the lowest bit is the last of them.
    told: u128,
    feedbacks: u8,
}

impl ArrivalLog {
    pub fn new() -> ArrivalLog {
        ArrivalLog::default()
    }

    /// A packet has come. Duplicates are ignored, and so is one far behind what has been told.
    pub fn note(&mut self, now: Instant, seq: u16) {
        let Some((start, _)) = self.start else {
            // One turn ahead, so that the numbers just before the first one exist.
            let seq = 0x1_0000 + u64::from(seq);
            self.start = Some((now, now));
            (self.highest, self.untold) = (seq, seq);
            self.waiting.push(Arrival { seq, tick: 0 });
            return;
        };
        let ahead = seq.wrapping_sub(self.highest as u16) as i16;
        let Some(seq) = self.highest.checked_add_signed(ahead.into()) else {
            return;
        };
        if self.waiting.len() >= MOST_WAITING {
            return;
        }
        let nanos = now.saturating_duration_since(start).as_nanos() as u64;
        let tick = (nanos + TICK_NANOS / 2) / TICK_NANOS;
        let arrival = Arrival { seq, tick };
        if seq > self.highest {
            self.highest = seq;
            self.waiting.push(arrival);
        } else if (seq >= self.untold || self.was_told_missing(seq))
            && let Err(at) = self.waiting.binary_search_by_key(&seq, |each| each.seq)
        {
            self.waiting.insert(at, arrival);
        }
    }

    fn was_told_missing(&self, seq: u64) -> bool {
        let behind = self.untold - 1 - seq;
        behind < TOLD && self.told >> behind & 1 == 0
    }

    /// When feedback is due if nothing more comes; None when there is nothing to tell.
    pub fn next_due(&self) -> Option<Instant> {
        let (_, last) = self.start?;
        match self.waiting.len() {
            0 => None,
            MANY.. => Some(last),
            SOME.. => Some(last + QUICK),
            _ => Some(last + SLOW),
        }
    }

    /// True when so much waits that feedback is due at once.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MANY
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }

    /// Append feedback about all that waits: one RTCP packet or several, of at most 1,100 bytes
    /// each, which [`rtcp::packets`](crate::rtcp::packets) takes apart. `sender` is the SSRC of
    /// the reporter, `media` that of any stream of the other side.
    pub fn write(&mut self, now: Instant, out: &mut Vec<u8>, sender: u32, media: u32) {
        let mut feedback = None::<Feedback>;
        for arrival in std::mem::take(&mut self.waiting) {
            // What has been told between two late packets is not told again.
            let untold = self.untold;
            let continues = |each: &Feedback| each.next() == arrival.seq || each.next() >= untold;
            if feedback
                .as_mut()
                .is_some_and(|each| continues(each) && each.add(arrival))
            {
                self.tell(arrival.seq);
                continue;
            }
            if let Some(full) = feedback.take() {
                full.write(out, sender, media, self.feedbacks);
                self.feedbacks = self.feedbacks.wrapping_add(1);
            }
            let is_late = arrival.seq < self.untold;
            let is_far = !is_late && arrival.seq - self.untold > MOST_GAP;
            let first = if is_late || is_far {
                arrival.seq
            } else {
                self.untold
            };
            feedback = Some(Feedback::new(first, arrival));
            self.tell(arrival.seq);
        }
        if let Some(last) = feedback {
            last.write(out, sender, media, self.feedbacks);
            self.feedbacks = self.feedbacks.wrapping_add(1);
        }
        if let Some((_, last)) = &mut self.start {
            *last = now;
        }
    }

    fn tell(&mut self, seq: u64) {
        if let Some(behind) = self.untold.checked_sub(seq + 1) {
            self.told |= 1_u128.checked_shl(behind as u32).unwrap_or(0);
            return;
        }
        let ahead = seq + 1 - self.untold;
        self.told = u32::try_from(ahead)
            .ok()
            .and_then(|ahead| self.told.checked_shl(ahead))
            .unwrap_or(0)
            | 1;
        self.untold = seq + 1;
    }
}

/// One feedback packet in the making.
#[derive(Debug)]
struct Feedback {
    first: u64,
    reference: u64,
    tick: u64,
    /// A symbol for each number from the first on: 0 missing, 1 and 2 with as many bytes of delta.
    symbols: Vec<u8>,
    deltas: Vec<u8>,
}

impl Feedback {
    /// About the numbers from `first` up to that of the arrival.
    fn new(first: u64, arrival: Arrival) -> Feedback {
        let reference = arrival.tick / REFERENCE_TICKS;
        let mut feedback = Feedback {
            first,
            reference,
            tick: reference * REFERENCE_TICKS,
            symbols: Vec::new(),
            deltas: Vec::new(),
        };
        // The delta to the reference is a small one, and a gap is not longer than MOST_GAP.
        feedback.add(arrival);
        feedback
    }

    /// The number behind the last one.
    fn next(&self) -> u64 {
        self.first + self.symbols.len() as u64
    }

    /// False if it does not fit: the packet is full, the gap too long or the delta too large.
    fn add(&mut self, arrival: Arrival) -> bool {
        let delta = arrival.tick.wrapping_sub(self.tick) as i64;
        let Ok(large) = i16::try_from(delta) else {
            return false;
        };
        let gap = arrival.seq - self.next();
        let symbols = self.symbols.len() + gap.min(MOST_GAP) as usize + 1;
        // Chunks take two bytes each and tell of seven symbols at least, but for the last one.
        let bytes = HEADER_BYTES + 2 * symbols.div_ceil(7) + self.deltas.len() + 2 + 3;
        if gap > MOST_GAP || bytes > MOST_BYTES {
            return false;
        }
        self.symbols.resize(symbols - 1, 0);
        if let Ok(small) = u8::try_from(delta) {
            self.symbols.push(1);
            self.deltas.push(small);
        } else {
            self.symbols.push(2);
            self.deltas.extend(large.to_be_bytes());
        }
        self.tick = arrival.tick;
        true
    }

    fn write(&self, out: &mut Vec<u8>, sender: u32, media: u32, number: u8) {
        let at = out.len();
        out.extend([0x80 | TRANSPORT_CC, TRANSPORT_FEEDBACK, 0, 0]);
        out.extend(sender.to_be_bytes());
        out.extend(media.to_be_bytes());
        out.extend((self.first as u16).to_be_bytes());
        out.extend((self.symbols.len() as u16).to_be_bytes());
        // 24 bits; wraps after twelve days.
        out.extend(&(self.reference as u32).to_be_bytes()[1..]);
        out.push(number);
        let mut rest = &self.symbols[..];
        while !rest.is_empty() {
            let (chunk, symbols) = chunk(rest);
            out.extend(chunk.to_be_bytes());
            rest = &rest[symbols..];
        }
        out.extend(&self.deltas);
        let padding = (out.len() - at).next_multiple_of(4) - (out.len() - at);
        if padding > 0 {
            // RFC 3550 §6.4.1; the last byte is the count.
            out[at] |= 0x20;
            out.resize(out.len() + padding - 1, 0);
            out.push(padding as u8);
        }
        let words = (out.len() - at) / 4 - 1;
        out[at + 2..at + 4].copy_from_slice(&(words as u16).to_be_bytes());
    }
}

/// The chunk that tells of the most of these symbols, and of how many.
fn chunk(symbols: &[u8]) -> (u16, usize) {
    let run = symbols
        .iter()
        .take_while(|&&each| each == symbols[0])
        .count();
    let ones = symbols
        .iter()
        .take(14)
        .take_while(|&&each| each < 2)
        .count();
    let (bits, most) = match ones == symbols.len().min(14) {
        true => (1, 14),
        false => (2, 7),
    };
    let most = most.min(symbols.len());
    if run >= most {
        let run = run.min(0x1fff);
        return (u16::from(symbols[0]) << 13 | run as u16, run);
    }
    let vector = symbols[..most]
        .iter()
        .fold(0, |vector, &each| vector << bits | u16::from(each));
    let kind = 0b10 << 14 | (bits - 1) << 14;
    (kind | vector << (14 - bits * most as u16), most)
}

#[cfg(test)]
#[path = "arrival_log_tests.rs"]
mod tests;
