//! Transport-wide congestion control feedback, RTCP packet type 205 with format 15
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): which packets arrived, and when.

const TRANSPORT_FEEDBACK: u8 = 205;
const TRANSPORT_CC: u8 = 15;
const HEADER_BYTES: usize = 20;
/// Reference times count in this, arrivals in a 256th of it.
const REFERENCE_US: i64 = 64_000;
const DELTA_US: i64 = 250;
/// A feedback that speaks of more packets than are in flight on any path is nonsense, and costly.
const MOST_PACKETS: usize = 4096;

/// What one feedback says. Times are on the receiver's clock, whose zero is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Microseconds; wraps at 2^24 · 64 ms, about twelve days.
    pub reference_us: i64,
    /// Transport-wide sequence number, and µs after the reference when it arrived, if it did.
    pub packets: Vec<(u16, Option<i64>)>,
}

/// The receiver's clock, whose reference times count in 24 bits (§3.1); here it goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference {
    last_us: Option<i64>,
}

impl Reference {
    /// The time of a feedback, without wraps since the first one.
    pub fn unwrapped_us(&mut self, reference_us: i64) -> i64 {
        const CYCLE_US: i64 = (1 << 24) * REFERENCE_US;
        let last = self.last_us.unwrap_or(reference_us);
        let ahead = (reference_us - last).rem_euclid(CYCLE_US);
        let step = if ahead > CYCLE_US / 2 {
            ahead - CYCLE_US
        } else {
            ahead
        };
        self.last_us = Some(last + step);
        last + step
    }
}

/// All feedbacks in one plain RTCP datagram, which may hold several packets (RFC 3550 §6.1).
pub fn parse(datagram: &[u8]) -> Vec<Feedback> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let &[first, kind, high, low, ..] = rest {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some((packet, after)) = rest.split_at_checked(length) else {
            break;
        };
        if kind == TRANSPORT_FEEDBACK && first & 0x1f == TRANSPORT_CC {
            found.extend(parse_one(packet));
        }
        rest = after;
    }
    found
}

/// One whole packet, from its header on; padding behind the last delta does no harm.
pub(crate) fn parse_one(packet: &[u8]) -> Option<Feedback> {
    let (header, body) = packet.split_at_checked(HEADER_BYTES)?;
    let first_seq = u16::from_be_bytes([header[12], header[13]]);
    let count = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let reference = i64::from(u32::from_be_bytes([0, header[16], header[17], header[18]]));
    if count > MOST_PACKETS {
        return None;
    }
    let mut symbols = Vec::with_capacity(count);
    let mut rest = body;
    while symbols.len() < count {
        let (&[high, low], after) = rest.split_first_chunk()?;
        rest = after;
        add_symbols(u16::from_be_bytes([high, low]), count, &mut symbols);
    }
    let mut at_us = 0;
    let mut packets = Vec::with_capacity(count);
    for (offset, symbol) in symbols.into_iter().enumerate() {
        let delta = match symbol {
            1 => {
                let (&delta, after) = rest.split_first()?;
                rest = after;
                Some(i64::from(delta))
            }
            2 => {
                let (&delta, after) = rest.split_first_chunk()?;
                rest = after;
                Some(i64::from(i16::from_be_bytes(delta)))
            }
            _ => None,
        };
        let arrived = delta.map(|delta| {
            at_us += delta * DELTA_US;
            at_us
        });
        packets.push((first_seq.wrapping_add(offset as u16), arrived));
    }
    Some(Feedback {
        reference_us: reference * REFERENCE_US,
        packets,
    })
}

/// The status symbols of one chunk: a run of equal ones, or a vector of short or long ones.
fn add_symbols(chunk: u16, most: usize, symbols: &mut Vec<u8>) {
    let left = most - symbols.len();
    match chunk >> 14 {
        0 | 1 => {
            let run = usize::from(chunk & 0x1fff).min(left);
            let symbol = (chunk >> 13 & 0b11) as u8;
            symbols.extend(std::iter::repeat_n(symbol, run));
        }
        2 => symbols.extend((0..14).rev().take(left).map(|at| (chunk >> at & 1) as u8)),
        _ => symbols.extend(
            (0..7)
                .rev()
                .take(left)
                .map(|at| (chunk >> (2 * at) & 0b11) as u8),
        ),
    }
    if chunk & 0x9fff == 0 {
        // A run of nothing would be read for ever.
        symbols.resize(most, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One feedback: first number, count, reference time, then chunks and deltas as bytes.
    fn feedback(first: u16, count: u16, reference: u32, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80 | TRANSPORT_CC, TRANSPORT_FEEDBACK, 0, 0];
        packet.extend([0; 8]);
        packet.extend(first.to_be_bytes());
        packet.extend(count.to_be_bytes());
        packet.extend(&reference.to_be_bytes()[1..]);
        packet.push(1);
        packet.extend(rest);
        packet.resize(packet.len().next_multiple_of(4), 0);
        let words = (packet.len() / 4 - 1) as u16;
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        packet
    }

    #[test]
    fn a_run_of_received_packets_has_their_times() {
        // Three packets, small deltas of 0, 5 and 10 ms.
        let found = parse(&feedback(65_535, 3, 2, &[0x20, 3, 0, 20, 40]));

        let packets = vec![(65_535, Some(0)), (0, Some(5_000)), (1, Some(15_000))];
        let reference_us = 128_000;
        assert_eq!(
            found,
            [Feedback {
                reference_us,
                packets
            }]
        );
    }

    #[test]
    fn vectors_tell_lost_packets_and_steps_back_in_time() {
        // One-bit vector: received, lost, received.
        let short = parse(&feedback(10, 3, 0, &[0b1010_1000, 0, 4, 4]));
        // Two-bit vector: large delta of -1 (0b10), lost (0b00), small (0b01).
        let long = parse(&feedback(10, 3, 0, &[0b1110_0001, 0, 0xff, 0xff, 8]));

        assert_eq!(
            short[0].packets,
            [(10, Some(1_000)), (11, None), (12, Some(2_000))]
        );
        assert_eq!(
            long[0].packets,
            [(10, Some(-250)), (11, None), (12, Some(1_750))]
        );
    }

    #[test]
    fn feedback_is_found_behind_other_reports() {
        let mut datagram = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
        datagram.extend(feedback(1, 1, 0, &[0x20, 1, 0]));

        assert_eq!(parse(&datagram)[0].packets, [(1, Some(0))]);
    }

    #[test]
    fn nonsense_is_no_feedback() {
        assert!(parse(&[]).is_empty());
        assert!(
            parse(&feedback(1, 9, 0, &[0x20, 9, 1])).is_empty(),
            "deltas"
        );
        assert!(
            parse(&feedback(1, 60_000, 0, &[0x20, 1])).is_empty(),
            "count"
        );
        assert_eq!(parse(&feedback(1, 2, 0, &[0, 0]))[0].packets.len(), 2);
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
            if bytes.len() > 20 {
                bytes[..4].copy_from_slice(&[0x8f, 205, 0, rng.u8(4..15)]);
                bytes[14] &= 0x0f;
            }
            parse(&bytes);
        }
    }
}
