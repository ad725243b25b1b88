//! Plain RTCP, read and written: reports, names and goodbyes (RFC 3550 §6), negative
//! acknowledgements and picture loss (RFC 4585 §6), full intra requests (RFC 5104 §4.3.1),
//! REMB (draft-alvestrand-rmcat-remb-03 §2.2) and, read only, [transport-wide
//! feedback](crate::feedback).

use std::time::{Duration, SystemTime};

use crate::feedback::{self, Feedback};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION_LAYER: u8 = 15;
const CNAME: u8 = 1;

const HEADER_BYTES: usize = 4;
const BLOCK_BYTES: usize = 24;
/// The count of blocks is a number of five bits.
const MOST_BLOCKS: usize = 31;
/// A datagram that asks for more packets than this is not answered beyond; nobody keeps more.
const MOST_LOST: usize = 1000;
/// Entries in one NACK that is written: it stays below any path's MTU.
const MOST_ENTRIES: usize = 250;
/// Keyframes asked for in one datagram; one per stream that a receiver can have.
const MOST_KEYFRAMES: usize = 256;
/// Packets that the transport feedback of one datagram tells of. Twenty bytes can tell of
/// thousands, and a datagram can hold many times twenty bytes.
const MOST_REPORTED: usize = 4096;

/// What one receiver says of one stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// In 256ths, since the report before.
    pub fraction_lost: u8,
    /// Since the beginning; a number of 24 bits with a sign, as duplicates count as received.
    pub lost: i32,
    /// The highest sequence number, with the count of its turns in the upper half.
    pub highest: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 before the first.
    pub last_report: u32,
    /// In 65,536ths of a second, since that report came.
    pub delay: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    SenderReport {
        ssrc: u32,
        /// Seconds since 1900 in the upper half, fractions in the lower.
        ntp: u64,
        rtp_time: u32,
        packets: u32,
        bytes: u32,
        blocks: Vec<ReportBlock>,
    },
    ReceiverReport {
        ssrc: u32,
        blocks: Vec<ReportBlock>,
    },
    /// Sequence numbers in the order in which they are asked for.
    Nack {
        media: u32,
        lost: Vec<u16>,
    },
    /// A picture loss indication, or one entry of a full intra request.
    KeyframeRequest {
        media: u32,
    },
    /// The receiver's estimate of what the path carries, for all these streams together.
    Remb {
        bps: u64,
        ssrcs: Vec<u32>,
    },
    Transport(Feedback),
    Bye {
        ssrcs: Vec<u32>,
    },
}

impl Message {
    /// How many packets and streams it names.
    pub fn named(&self) -> usize {
        match self {
            Message::SenderReport { blocks, .. } => 1 + blocks.len(),
            Message::ReceiverReport { blocks, .. } => blocks.len(),
            Message::Nack { lost, .. } => lost.len(),
            Message::KeyframeRequest { .. } => 1,
            Message::Remb { ssrcs, .. } | Message::Bye { ssrcs } => ssrcs.len(),
            Message::Transport(feedback) => feedback.packets.len(),
        }
    }
}

/// The packets of a compound datagram, each with its header, up to the first that does not fit.
pub fn packets(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let &[first, _, high, low, ..] = rest else {
            return None;
        };
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, after) = rest.split_at_checked(length)?;
        rest = after;
        (first >> 6 == 2).then_some(packet)
    })
}

/// Everything understood in one datagram. Packets that are unknown or malformed are left out; from
/// one whose length or version is wrong on, nothing is read.
pub fn parse(plain: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    let (mut lost, mut keyframes, mut reported) = (MOST_LOST, MOST_KEYFRAMES, MOST_REPORTED);
    for packet in packets(plain) {
        let (count, kind) = (packet[0] & 0x1f, packet[1]);
        if (kind, count) == (TRANSPORT_FEEDBACK, TRANSPORT_CC) {
            if reported > 0
                && let Some(told) = feedback::parse_one(packet)
            {
                reported = reported.saturating_sub(told.packets.len());
                found.push(Message::Transport(told));
            }
            continue;
        }
        let Some(body) = unpadded(packet) else {
            continue;
        };
        match (kind, count) {
            (SENDER_REPORT, _) => found.extend(sender_report(body, count)),
            (RECEIVER_REPORT, _) => found.extend(receiver_report(body, count)),
            (BYE, _) => found.extend(bye(body, count)),
            (TRANSPORT_FEEDBACK, NACK) => found.extend(nack(body, &mut lost)),
            (PAYLOAD_FEEDBACK, PLI) if keyframes > 0 => {
                keyframes -= 1;
                found.extend(media_of(body).map(|(media, _)| Message::KeyframeRequest { media }));
            }
            (PAYLOAD_FEEDBACK, FIR) => {
                // The stream meant is named by each entry, not by the header.
                let entries = media_of(body).map_or(&[][..], |(_, entries)| entries);
                for entry in entries.chunks_exact(8).take(keyframes) {
                    keyframes -= 1;
                    let media = word(entry, 0);
                    found.push(Message::KeyframeRequest { media });
                }
            }
            (PAYLOAD_FEEDBACK, APPLICATION_LAYER) => found.extend(remb(body)),
            _ => {}
        }
    }
    found
}

/// What is between the header and the padding (RFC 3550 §6.4.1), None if that is longer than all.
fn unpadded(packet: &[u8]) -> Option<&[u8]> {
    let body = packet.get(HEADER_BYTES..)?;
    if packet[0] & 0x20 == 0 {
        return Some(body);
    }
    let padding = usize::from(*body.last()?);
    if padding == 0 || padding % 4 != 0 {
        return None;
    }
    body.get(..body.len().checked_sub(padding)?)
}

/// The word at a place that is known to be there; callers have checked the length.
fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(<[u8]>::first_chunk);
    word.map_or(0, |&word| u32::from_be_bytes(word))
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|each| word(each, 0)).collect()
}

fn sender_report(body: &[u8], count: u8) -> Option<Message> {
    let (sender, rest) = body.split_at_checked(24)?;
    Some(Message::SenderReport {
        ssrc: word(sender, 0),
        ntp: u64::from(word(sender, 4)) << 32 | u64::from(word(sender, 8)),
        rtp_time: word(sender, 12),
        packets: word(sender, 16),
        bytes: word(sender, 20),
        blocks: report_blocks(rest, count)?,
    })
}

fn receiver_report(body: &[u8], count: u8) -> Option<Message> {
    let (ssrc, rest) = body.split_at_checked(4)?;
    Some(Message::ReceiverReport {
        ssrc: word(ssrc, 0),
        blocks: report_blocks(rest, count)?,
    })
}

/// Profile-specific extensions may follow them.
fn report_blocks(bytes: &[u8], count: u8) -> Option<Vec<ReportBlock>> {
    let blocks = bytes.get(..usize::from(count) * BLOCK_BYTES)?;
    let read = |block: &[u8]| ReportBlock {
        ssrc: word(block, 0),
        fraction_lost: block[4],
        // 24 bits, the uppermost of which is the sign.
        lost: (word(block, 4) << 8) as i32 >> 8,
        highest: word(block, 8),
        jitter: word(block, 12),
        last_report: word(block, 16),
        delay: word(block, 20),
    };
    Some(blocks.chunks_exact(BLOCK_BYTES).map(read).collect())
}

fn bye(body: &[u8], count: u8) -> Option<Message> {
    let ssrcs = words(body.get(..4 * usize::from(count))?);
    Some(Message::Bye { ssrcs })
}

/// The stream that feedback is about, and its entries (RFC 4585 §6.1).
fn media_of(body: &[u8]) -> Option<(u32, &[u8])> {
    let (ssrcs, entries) = body.split_at_checked(8)?;
    Some((word(ssrcs, 4), entries))
}

/// RFC 4585 §6.2.1: a number, and a mask of those of the 16 after it that are lost too.
fn nack(body: &[u8], most: &mut usize) -> Option<Message> {
    let (media, entries) = media_of(body)?;
    let numbers = entries.chunks_exact(4).flat_map(|entry| {
        let first = u16::from_be_bytes([entry[0], entry[1]]);
        let mask = u16::from_be_bytes([entry[2], entry[3]]);
        let others = (0..16_u16).filter(move |bit| mask >> bit & 1 == 1);
        std::iter::once(first).chain(others.map(move |bit| first.wrapping_add(bit + 1)))
    });
    let lost: Vec<u16> = numbers.take(*most).collect();
    *most -= lost.len();
    (!lost.is_empty()).then_some(Message::Nack { media, lost })
}

fn remb(body: &[u8]) -> Option<Message> {
    let (_, entries) = media_of(body)?;
    let rest = entries.strip_prefix(b"REMB")?;
    let (&[count, high, middle, low], ssrcs) = rest.split_first_chunk()?;
    let mantissa = u64::from(u32::from_be_bytes([0, high & 0b11, middle, low]));
    // A mantissa of 18 bits; what does not fit any more is more than any path carries.
    let bps = match high >> 2 {
        exponent @ ..=46 => mantissa << exponent,
        _ if mantissa == 0 => 0,
        _ => u64::MAX,
    };
    let ssrcs = words(ssrcs.get(..4 * usize::from(count))?);
    Some(Message::Remb { bps, ssrcs })
}

// ---- writing -----------------------------------------------------------------------------------

/// Begin a packet; [`end`] puts its length in.
fn begin(out: &mut Vec<u8>, count: u8, kind: u8) -> usize {
    let at = out.len();
    out.extend([0x80 | count, kind, 0, 0]);
    at
}

fn end(out: &mut [u8], at: usize) {
    let words = (out.len() - at) / 4 - 1;
    out[at + 2..at + 4].copy_from_slice(&(words as u16).to_be_bytes());
}

/// A sender report and, as far as the blocks do not fit into it, receiver reports after it.
pub fn write_sender_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    ntp: u64,
    rtp_time: u32,
    packets: u32,
    bytes: u32,
    blocks: &[ReportBlock],
) {
    let (own, others) = blocks.split_at(blocks.len().min(MOST_BLOCKS));
    let at = begin(out, own.len() as u8, SENDER_REPORT);
    out.extend(ssrc.to_be_bytes());
    out.extend(ntp.to_be_bytes());
    for word in [rtp_time, packets, bytes] {
        out.extend(word.to_be_bytes());
    }
    write_blocks(out, own);
    end(out, at);
    if !others.is_empty() {
        write_receiver_report(out, ssrc, others);
    }
}

/// A receiver report, an empty one too; or several, of 31 blocks each.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let (own, others) = blocks.split_at(blocks.len().min(MOST_BLOCKS));
    for blocks in std::iter::once(own).chain(others.chunks(MOST_BLOCKS)) {
        let at = begin(out, blocks.len() as u8, RECEIVER_REPORT);
        out.extend(ssrc.to_be_bytes());
        write_blocks(out, blocks);
        end(out, at);
    }
}

fn write_blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) {
    for block in blocks {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        for word in [
            block.ssrc,
            u32::from(block.fraction_lost) << 24 | lost,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        ] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// The canonical name of a source (RFC 3550 §6.5.1), of which the first 255 bytes are sent.
pub fn write_name(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let fits = |&end: &usize| cname.is_char_boundary(end);
    let length = (0..=cname.len().min(255)).rev().find(fits).unwrap_or(0);
    let at = begin(out, 1, SOURCE_DESCRIPTION);
    out.extend(ssrc.to_be_bytes());
    out.extend([CNAME, length as u8]);
    out.extend(&cname.as_bytes()[..length]);
    // The list of items ends with one to four zeros.
    let bytes = (out.len() - at + 1).next_multiple_of(4);
    out.resize(at + bytes, 0);
    end(out, at);
}

/// Ask for packets again, by numbers that ascend (modulo 2^16); nothing is written for none.
pub fn write_nack(out: &mut Vec<u8>, sender: u32, media: u32, lost: &[u16]) {
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for &number in lost {
        match entries.last_mut() {
            Some((first, mask)) if number.wrapping_sub(*first) <= 16 => {
                // The first number again is no news.
                if let Some(bit) = number.wrapping_sub(*first).checked_sub(1) {
                    *mask |= 1 << bit;
                }
            }
            _ => entries.push((number, 0)),
        }
    }
    for entries in entries.chunks(MOST_ENTRIES) {
        let at = begin(out, NACK, TRANSPORT_FEEDBACK);
        out.extend(sender.to_be_bytes());
        out.extend(media.to_be_bytes());
        for (first, mask) in entries {
            out.extend(first.to_be_bytes());
            out.extend(mask.to_be_bytes());
        }
        end(out, at);
    }
}

/// Ask for a keyframe (RFC 4585 §6.3.1).
pub fn write_pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    let at = begin(out, PLI, PAYLOAD_FEEDBACK);
    out.extend(sender.to_be_bytes());
    out.extend(media.to_be_bytes());
    end(out, at);
}

// ---- time --------------------------------------------------------------------------------------

/// Seconds from 1900 to 1970.
const EPOCH: u64 = 2_208_988_800;
const NANOS: u64 = 1_000_000_000;

/// Seconds since 1900 in the upper half, which wraps in 2036, and fractions (RFC 3550 §4).
pub fn ntp(at: SystemTime) -> u64 {
    let fixed =
        |span: Duration| (span.as_secs() << 32) | ((u64::from(span.subsec_nanos()) << 32) / NANOS);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (EPOCH << 32).wrapping_add(fixed(after)),
        Err(before) => (EPOCH << 32).wrapping_sub(fixed(before.duration())),
    }
}

/// The time from 1968 to 2104 that has this NTP time (RFC 4330 §3).
pub fn system_time(ntp: u64) -> SystemTime {
    let era = u64::from(ntp >> 63 == 0) << 32;
    let seconds = (ntp >> 32) + era;
    let nanos = ((ntp & 0xffff_ffff) * NANOS + (1 << 31)) >> 32;
    let epoch = SystemTime::UNIX_EPOCH - Duration::from_secs(EPOCH.saturating_sub(seconds));
    epoch + Duration::from_secs(seconds.saturating_sub(EPOCH)) + Duration::from_nanos(nanos)
}

#[cfg(test)]
#[path = "rtcp_tests.rs"]
mod tests;
