//! One stream to one receiver: what is sent of it, sent again, and said of it in reports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::egress::{Egress, Head};
use crate::forward::{Numbers, Projection, Tail, Verdict};
use crate::media::Media;
use crate::outbox::Outbox;
use crate::passage::Highest;
use crate::resend::{Resend, Sent};
use crate::rtp_extensions::Values;
use crate::setup::{Encoding, MediaKind, PayloadType, SourceId, SourceSetup, Wanted};

/// A stream that has sent nothing for this long is not reported on.
const REPORTED_FOR: Duration = Duration::from_millis(1_500);
/// What a packet of padding alone holds; the last byte says how much that is (RFC 3550 §5.1).
const PADDING_BYTES: u8 = 224;

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
pub struct Rest {
    tail: Tail,
    rtx_seq: u64,
    packets: u32,
    bytes: u32,
}

/// One stream to one receiver.
#[derive(Debug)]
pub struct Output {
    /// None until one has been given.
    pub source: Option<SourceId>,
    kind: MediaKind,
    stream: Encoding,
    pub projection: Projection,
    count: Option<Count>,
    /// Packets and bytes sent before the source had gone and returned.
    earlier: (u32, u32),
    /// Of the last retransmission, extended.
    pub rtx_seq: u64,
    resend: Resend,
    /// The receiver's number for the payload type the sender used last.
    fit: Option<(u8, u8)>,
}

impl Output {
    /// `rest` is what is known of it from before, `numbers` chooses where others start.
    pub fn new(
        kind: MediaKind,
        stream: Encoding,
        rest: Option<Rest>,
        numbers: &mut fastrand::Rng,
    ) -> Output {
        Output {
            source: None,
            kind,
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
    }

    /// Pass a source on as this stream; true when a key frame is needed for it.
    pub fn aim(&mut self, source: &SourceSetup, stream: Encoding, wanted: &Wanted) -> bool {
        if self.source.is_some_and(|owner| owner != source.id) {
            self.projection.change_source();
        }
        self.fit = None;
        (self.stream.rtx, self.kind) = (stream.rtx, source.kind);
        self.source = Some(source.id);
        let highest = Highest {
            spatial: wanted.spatial,
            temporal: wanted.temporal,
        };
        let needs_keyframe = self.projection.aim(wanted.encoding, highest);
        needs_keyframe && source.kind == MediaKind::Video
    }

    /// True when padding may go out with its retransmissions.
    pub fn may_pad(&self) -> bool {
        self.kind == MediaKind::Video && self.stream.rtx.is_some() && self.count.is_some()
    }

    /// When it last sent something.
    pub fn last_sent(&self) -> Option<Instant> {
        self.count.map(|count| count.sent)
    }

    /// Pass a packet on if it is wanted; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        media: &Arc<Media>,
    ) -> (Outcome, bool) {
        if self.projection.is_suspended() {
            return (Outcome::Held, false);
        }
        let Some(fit) = self.fitting(offered, media) else {
            return (Outcome::NotOffered, false);
        };
        let Verdict {
            forward,
            needs_keyframe,
        } = self.projection.accept(now, &media.incoming);
        let Some(numbers) = forward else {
            return (Outcome::Held, needs_keyframe);
        };
        self.send(now, egress, outbox, fit, &numbers, media);
        (Outcome::Sent, needs_keyframe)
    }

    /// Send the packet with this number again, if it is here and may be; true when it was sent.
    pub fn resend(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        seq: u16,
    ) -> bool {
        let round_trip = egress.counters.rtt;
        let affords = |bytes| egress.may_repeat(bytes);
        let sent = self.resend.take(now, seq, round_trip, affords);
        sent.is_some_and(|sent| self.repeat(now, egress, outbox, offered, &sent).is_some())
    }

    /// Fill the line with one packet: repeat what was sent, or padding alone; how many bytes.
    pub fn pad(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
    ) -> Option<usize> {
        match self.resend.filler().cloned() {
            Some(sent) => self.repeat(now, egress, outbox, offered, &sent),
            None => self.send_padding(now, egress, outbox, offered),
        }
    }

    /// What is to be reported of it, if it has sent something of late.
    pub fn report(&self, now: Instant) -> Option<Report> {
        let count = self.count.filter(|count| now < count.sent + REPORTED_FOR)?;
        let since = now.saturating_duration_since(count.captured);
        let ticks = since.as_micros() * u128::from(count.clock_rate) / 1_000_000;
        Some(Report {
            ssrc: self.stream.ssrc,
            timestamp: count.timestamp.wrapping_add(ticks as u32),
            packets: count.packets,
            bytes: count.bytes,
        })
    }

    /// None when nothing was sent: then no number is taken.
    pub fn rest(&self) -> Option<Rest> {
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
        let rewritten = media.rewritten_descriptor(numbers);
        let head = Head {
            payload_type: fit.payload_type,
            marker: numbers.marker,
            is_padding: false,
            seq: numbers.seq,
            timestamp: numbers.timestamp,
            ssrc: self.stream.ssrc,
            values: media.carried(rewritten.as_deref()),
        };
        let sent = egress.send(now, head, outbox, |out| media.write(out, payload, numbers));
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
        let rewritten = media.rewritten_descriptor(numbers);
        let head = Head {
            payload_type: rtx_number(offered, sent.payload_type)?,
            marker: numbers.marker,
            is_padding: false,
            seq: self.rtx_seq + 1,
            timestamp: numbers.timestamp,
            ssrc: self.stream.rtx?,
            values: media.carried(rewritten.as_deref()),
        };
        let original = numbers.seq as u16;
        let bytes = egress.send(now, head, outbox, |out| {
            out.extend_from_slice(&original.to_be_bytes());
            media.write(out, &media.payload, numbers);
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
