//! The streams one endpoint receives.
//!
//! An output belongs to an SSRC. Its numbers outlive its source: when a source goes and comes back
//! under the same SSRC, they must go on, because the receiver's SRTP context remembers them and
//! because no number may be used twice under one key (RFC 3711 §9.1). Nothing else is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::egress::{Egress, Head};
use crate::filter::Highest;
use crate::forward::{Incoming, Numbers, Projection, Shape, Tail, Verdict};
use crate::numbers::NumberMap;
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::resend::{Resend, Sent};
use crate::rtp_extensions::Values;
use crate::setup::{Encoding, MediaKind, PayloadType, SourceId, SourceSetup, Wanted};
use crate::{vp8, vp9};

/// A stream that has sent nothing for this long is not reported on.
const REPORTED_FOR: Duration = Duration::from_millis(1_500);
/// What a packet of padding alone holds; the last byte says how much that is (RFC 3550 §5.1).
const PADDING_BYTES: u8 = 224;

/// A packet to be passed on, the same for all receivers.
#[derive(Debug)]
pub struct Media {
    pub incoming: Incoming,
    /// The sender's payload type.
    pub payload_type: Arc<PayloadType>,
    pub payload: Payload,
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
    /// The dependency descriptor, where the codec needs it.
    pub descriptor: Option<Box<[u8]>>,
    /// The new frame alone, when the codec is RED.
    pub primary: Option<Primary>,
}

/// What is in a packet of redundant audio, for receivers that did not negotiate it.
#[derive(Clone, Debug)]
pub struct Primary {
    /// The sender's payload type.
    pub payload_type: Arc<PayloadType>,
    /// Where it begins in the payload.
    pub start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    Held,
    /// The receiver was not offered the codec.
    NotOffered,
}

/// How a packet is passed on: under which number, and from where on in its payload.
#[derive(Clone, Copy, Debug)]
struct Fit {
    payload_type: u8,
    start: usize,
}

/// A stream to be reported on (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    pub ssrc: u32,
    /// The RTP time of now.
    pub timestamp: u32,
    pub packets: u32,
    pub bytes: u32,
}

/// What has been sent of one stream.
#[derive(Clone, Copy, Debug)]
struct Count {
    packets: u32,
    bytes: u32,
    timestamp: u32,
    /// When the packet with this timestamp was captured, and when it was sent.
    captured: Instant,
    sent: Instant,
    clock_rate: u32,
}

/// What has to be known of a stream whose source has gone, in case it returns.
#[derive(Clone, Copy, Debug)]
struct Rest {
    tail: Tail,
    rtx_seq: u64,
    packets: u32,
    bytes: u32,
}

#[derive(Debug)]
struct Output {
    /// None until one has been given.
    source: Option<SourceId>,
    kind: MediaKind,
    stream: Encoding,
    projection: Projection,
    count: Option<Count>,
    /// Packets and bytes sent before the source had gone and returned.
    earlier: (u32, u32),
    /// Of the last retransmission, extended.
    rtx_seq: u64,
    resend: Resend,
    /// The receiver's number for the payload type the sender used last.
    fit: Option<(u8, u8)>,
}

#[derive(Debug)]
pub struct Outputs {
    by_ssrc: NumberMap<u32, Output>,
    by_source: NumberMap<SourceId, u32>,
    resting: NumberMap<u32, Rest>,
    numbers: fastrand::Rng,
}

impl Outputs {
    pub fn new(seed: u64) -> Outputs {
        Outputs {
            by_ssrc: NumberMap::default(),
            by_source: NumberMap::default(),
            resting: NumberMap::default(),
            numbers: fastrand::Rng::with_seed(seed),
        }
    }

    /// The source that comes out under this SSRC now.
    pub fn source_of(&self, ssrc: u32) -> Option<SourceId> {
        let output = self.by_ssrc.get(&ssrc)?;
        output.source.filter(|_| !output.projection.is_suspended())
    }

    /// Sources that are passed on or wait to be.
    pub fn active(&self) -> impl Iterator<Item = SourceId> {
        self.by_ssrc
            .values()
            .filter(|output| !output.projection.is_suspended())
            .filter_map(|output| output.source)
    }

    /// Pass a source on. Some(true) when a key frame is needed for it, None when another source of
    /// this receiver already comes out under the same SSRC.
    ///
    /// A slot is taken from the source that had it; its numbers go on.
    pub fn aim(&mut self, source: &SourceSetup, wanted: &Wanted) -> Option<bool> {
        let stream = wanted.slot.or(source.encodings.first().copied())?;
        let before = self.by_source.get(&source.id);
        if before.is_some_and(|&ssrc| ssrc != stream.ssrc) {
            self.retire(source.id);
        }
        let (numbers, resting) = (&mut self.numbers, &mut self.resting);
        let output = self.by_ssrc.entry(stream.ssrc).or_insert_with(|| {
            let rest = resting.remove(&stream.ssrc);
            Output {
                source: None,
                kind: source.kind,
                stream,
                projection: match rest {
                    Some(rest) => Projection::after(rest.tail),
                    None => Projection::new(numbers.u16(1..0x4000)),
                },
                count: None,
                earlier: rest.map_or((0, 0), |rest| (rest.packets, rest.bytes)),
                rtx_seq: rest.map_or_else(|| numbers.u64(1..0x4000), |rest| rest.rtx_seq),
                resend: Resend::default(),
                fit: None,
            }
        });
        match output.source {
            Some(owner) if owner == source.id => {}
            Some(_) if wanted.slot.is_none() => return None,
            Some(owner) => {
                self.by_source.remove(&owner);
                output.projection.change_source();
            }
            None => {}
        }
        output.fit = None;
        (output.stream.rtx, output.kind) = (stream.rtx, source.kind);
        output.source = Some(source.id);
        self.by_source.insert(source.id, stream.ssrc);
        let needs_keyframe = output.projection.aim(
            wanted.encoding,
            Highest {
                spatial: wanted.spatial,
                temporal: wanted.temporal,
            },
        );
        Some(needs_keyframe && source.kind == MediaKind::Video)
    }

    /// Send nothing of a source until it is aimed at again.
    pub fn suspend(&mut self, source: SourceId) {
        if let Some(output) = self.output(source) {
            output.projection.suspend();
        }
    }

    /// The receiver could not be reached for a while: everything starts with a key frame again.
    pub fn interrupt(&mut self) {
        for output in self.by_ssrc.values_mut() {
            output.projection.interrupt();
        }
    }

    /// The source has gone; the numbers of its stream are kept in case it returns.
    pub fn retire(&mut self, source: SourceId) {
        let Some(ssrc) = self.by_source.remove(&source) else {
            return;
        };
        if let Some(output) = self.by_ssrc.remove(&ssrc)
            && let Some(rest) = output.rest()
        {
            self.resting.insert(ssrc, rest);
        }
    }

    /// Pass a packet on if this receiver wants it; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        source: SourceId,
        media: &Arc<Media>,
    ) -> (Outcome, bool) {
        let Some(output) = self
            .by_source
            .get(&source)
            .and_then(|ssrc| self.by_ssrc.get_mut(ssrc))
        else {
            return (Outcome::Held, false);
        };
        if output.projection.is_suspended() {
            return (Outcome::Held, false);
        }
        let Some(fit) = output.fitting(offered, media) else {
            return (Outcome::NotOffered, false);
        };
        let Verdict {
            forward,
            needs_keyframe,
        } = output.projection.accept(now, &media.incoming);
        let Some(numbers) = forward else {
            return (Outcome::Held, needs_keyframe);
        };
        output.send(now, egress, outbox, fit, &numbers, media);
        (Outcome::Sent, needs_keyframe)
    }

    /// Send again what the receiver misses of a stream, as far as it may be; how many packets.
    pub fn resend(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        ssrc: u32,
        missing: &[u16],
    ) -> u64 {
        let Some(output) = self.by_ssrc.get_mut(&ssrc) else {
            return 0;
        };
        let round_trip = egress.counters.rtt;
        let mut resent = 0;
        for &seq in missing {
            let affords = |bytes| egress.may_repeat(bytes);
            if let Some(sent) = output.resend.take(now, seq, round_trip, affords)
                && output.repeat(now, egress, outbox, offered, &sent).is_some()
            {
                resent += 1;
            }
        }
        resent
    }

    /// Fill the line with about so many bytes: repeat what was sent, or send padding alone under
    /// the SSRC of retransmissions, because clients expect no other stream.
    pub fn pad(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        bytes: usize,
    ) {
        let may_pad = |output: &&mut Output| {
            output.kind == MediaKind::Video && output.stream.rtx.is_some() && output.count.is_some()
        };
        let latest = self.by_ssrc.values_mut().filter(may_pad);
        let Some(output) = latest.max_by_key(|output| output.count.map(|count| count.sent)) else {
            return;
        };
        let mut left = bytes;
        while left > 0 {
            let filler = output.resend.filler().cloned();
            let sent = match filler {
                Some(sent) => output.repeat(now, egress, outbox, offered, &sent),
                None => output.send_padding(now, egress, outbox, offered),
            };
            let Some(sent) = sent else {
                return;
            };
            egress.padded(sent);
            left = left.saturating_sub(sent);
        }
    }

    /// The streams that have sent something of late.
    pub fn reports(&self, now: Instant) -> impl Iterator<Item = Report> {
        self.by_ssrc.values().filter_map(move |output| {
            let count = output
                .count
                .filter(|count| now < count.sent + REPORTED_FOR)?;
            let since = now.saturating_duration_since(count.captured);
            let ticks = since.as_micros() * u128::from(count.clock_rate) / 1_000_000;
            Some(Report {
                ssrc: output.stream.ssrc,
                timestamp: count.timestamp.wrapping_add(ticks as u32),
                packets: count.packets,
                bytes: count.bytes,
            })
        })
    }

    /// How many sources it holds streams for.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.by_ssrc.len().max(self.by_source.len())
    }

    fn output(&mut self, source: SourceId) -> Option<&mut Output> {
        self.by_ssrc.get_mut(self.by_source.get(&source)?)
    }
}

impl Output {
    /// None when nothing was sent: then no number is taken.
    fn rest(&self) -> Option<Rest> {
        let (packets, bytes) = self.sent();
        Some(Rest {
            tail: self.projection.tail()?,
            rtx_seq: self.rtx_seq,
            packets,
            bytes,
        })
    }

    /// Packets and bytes of payload so far.
    fn sent(&self) -> (u32, u32) {
        self.count
            .map_or(self.earlier, |count| (count.packets, count.bytes))
    }

    fn send(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        fit: Fit,
        numbers: &Numbers,
        media: &Arc<Media>,
    ) {
        let payload = media.payload.get(fit.start..).unwrap_or_default();
        let rewritten = rewritten_descriptor(numbers, media);
        let head = Head {
            payload_type: fit.payload_type,
            marker: numbers.marker,
            is_padding: false,
            seq: numbers.seq,
            timestamp: numbers.timestamp,
            ssrc: self.stream.ssrc,
            values: carried(media, rewritten.as_deref()),
        };
        let sent = egress.send(now, head, outbox, |out| {
            write_payload(out, payload, numbers, media)
        });
        if sent.is_none() {
            return;
        }
        let before = self.sent();
        self.count = Some(Count {
            packets: before.0.wrapping_add(1),
            bytes: before.1.wrapping_add(payload.len() as u32),
            timestamp: numbers.timestamp,
            captured: media.incoming.captured,
            sent: now,
            clock_rate: media.incoming.clock_rate,
        });
        if self.kind == MediaKind::Video && self.stream.rtx.is_some() {
            self.resend.keep(now, *numbers, fit.payload_type, media);
        }
    }

    /// Send a packet again under the SSRC of retransmissions; how many bytes that were.
    fn repeat(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        sent: &Sent,
    ) -> Option<usize> {
        let (numbers, media) = (&sent.numbers, &sent.media);
        let rewritten = rewritten_descriptor(numbers, media);
        let head = Head {
            payload_type: rtx_number(offered, sent.payload_type)?,
            marker: numbers.marker,
            is_padding: false,
            seq: self.rtx_seq + 1,
            timestamp: numbers.timestamp,
            ssrc: self.stream.rtx?,
            values: carried(media, rewritten.as_deref()),
        };
        let original = numbers.seq as u16;
        let bytes = egress.send(now, head, outbox, |out| {
            out.extend_from_slice(&original.to_be_bytes());
            write_payload(out, &media.payload, numbers, media);
        })?;
        self.rtx_seq += 1;
        egress.counters.retransmissions_sent += 1;
        Some(bytes)
    }

    fn send_padding(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
    ) -> Option<usize> {
        let (_, number) = self.fit?;
        let head = Head {
            payload_type: rtx_number(offered, number)?,
            marker: false,
            is_padding: true,
            seq: self.rtx_seq + 1,
            timestamp: self.count?.timestamp,
            ssrc: self.stream.rtx?,
            values: Values::default(),
        };
        let bytes = egress.send(now, head, outbox, |out| {
            out.resize(out.len() + usize::from(PADDING_BYTES) - 1, 0);
            out.push(PADDING_BYTES);
        })?;
        self.rtx_seq += 1;
        Some(bytes)
    }

    /// What of a packet the receiver negotiated.
    ///
    /// Redundant audio names payload types inside, so it passes whole only where they mean the same.
    fn fitting(&mut self, offered: &[Arc<PayloadType>], media: &Media) -> Option<Fit> {
        let sent = &media.payload_type;
        let whole = |payload_type| Fit {
            payload_type,
            start: 0,
        };
        let Some(primary) = &media.primary else {
            let known = self.fit.filter(|(number, _)| *number == sent.number);
            let number = known
                .map(|(_, own)| own)
                .or_else(|| matching(offered, sent))?;
            self.fit = Some((sent.number, number));
            return Some(whole(number));
        };
        let inner = matching(offered, &primary.payload_type)?;
        match matching(offered, sent) {
            Some(number) if inner == primary.payload_type.number => Some(whole(number)),
            _ => Some(Fit {
                payload_type: inner,
                start: primary.start,
            }),
        }
    }
}

/// The values that travel from sender to receiver.
fn carried<'a>(media: &'a Media, rewritten: Option<&'a [u8]>) -> Values<'a> {
    Values {
        audio_level: media.audio_level,
        orientation: media.orientation,
        descriptor: rewritten.or(media.descriptor.as_deref()),
        ..Values::default()
    }
}

/// The dependency descriptor with the receiver's numbers, where they differ from the sender's.
fn rewritten_descriptor(numbers: &Numbers, media: &Media) -> Option<Box<[u8]>> {
    let Shape::Described(descriptor) = &media.incoming.shape else {
        return None;
    };
    let new = numbers.frame.described?;
    let differs = !new.changes_nothing(descriptor);
    differs.then(|| descriptor.rewritten(new.frame_number, new.template_shift, new.active))
}

/// Append a payload with the receiver's numbers in its descriptor.
fn write_payload(out: &mut Vec<u8>, payload: &[u8], numbers: &Numbers, media: &Media) {
    let start = out.len();
    out.extend_from_slice(payload);
    let Some(payload) = out.get_mut(start..) else {
        return;
    };
    let frame = &numbers.frame;
    match &media.incoming.shape {
        Shape::Vp8(header) => {
            vp8::renumber(payload, header, frame.picture_id, frame.tl0_pic_idx);
        }
        Shape::Vp9(header) => {
            vp9::renumber(payload, header, frame.picture_id, frame.tl0_pic_idx);
        }
        Shape::Audio | Shape::Described(_) | Shape::Video { .. } => {}
    }
}

/// The number of retransmissions of packets with this number.
fn rtx_number(offered: &[Arc<PayloadType>], number: u8) -> Option<u8> {
    offered.iter().find(|pt| pt.number == number)?.rtx
}

/// The receiver's number for the sender's payload type.
fn matching(offered: &[Arc<PayloadType>], sent: &PayloadType) -> Option<u8> {
    let same = |pt: &&Arc<PayloadType>| pt.codec == sent.codec && pt.clock_rate == sent.clock_rate;
    offered
        .iter()
        .find(|pt| pt.number == sent.number && same(pt))
        .or_else(|| {
            offered
                .iter()
                .find(|pt| same(pt) && pt.parameters == sent.parameters)
        })
        .or_else(|| offered.iter().find(same))
        .map(|pt| pt.number)
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
