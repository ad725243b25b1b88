//! The streams one endpoint receives.
//!
//! An output belongs to an SSRC and outlives its source: when a source goes and comes back under
//! the same SSRC, its numbers must go on, because the receiver's SRTP context remembers them and
//! because no number may be used twice under one key (RFC 3711 §9.1).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{MediaKind as StreamKind, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, Vp8Descriptor};

use crate::extensions;
use crate::filter::Highest;
use crate::forward::{Incoming, Numbers, Projection, Shape, Verdict};
use crate::numbers::NumberMap;
use crate::setup::{Encoding, MediaKind, PayloadType, SourceId, SourceSetup, Wanted};
use crate::vp9;

/// Packets kept for retransmission, and for how long (bridge reference 2.8).
const CACHED_PACKETS: usize = 500;
const CACHED_FOR: Duration = Duration::from_secs(2);
/// Retransmissions beyond this part of what is sent are not answered.
const MOST_RETRANSMITTED: f32 = 0.5;
/// Streams of departed sources that stay declared; more cost time on every timer.
const RETIRED_STREAMS: usize = 16;

/// A packet to be passed on, the same for all receivers.
#[derive(Debug)]
pub struct Media<'a> {
    pub incoming: Incoming,
    /// The sender's payload type.
    pub payload_type: &'a PayloadType,
    pub payload: Arc<[u8]>,
    pub extensions: ExtensionValues,
    /// The parsed payload descriptor, when the codec is VP8.
    pub vp8: Option<Vp8Descriptor>,
    /// The new frame alone, when the codec is RED.
    pub primary: Option<Primary>,
}

/// What is in a packet of redundant audio, for receivers that did not negotiate it.
#[derive(Clone, Debug)]
pub struct Primary {
    /// The sender's payload type.
    pub payload_type: PayloadType,
    pub payload: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    Held,
    /// The receiver was not offered the codec.
    NotOffered,
}

#[derive(Debug)]
struct Output {
    /// None when the source has gone.
    source: Option<SourceId>,
    /// The stream stays when sources change.
    is_slot: bool,
    kind: MediaKind,
    mid: Mid,
    stream: Encoding,
    is_declared: bool,
    projection: Projection,
}

#[derive(Debug)]
pub struct Outputs {
    by_ssrc: NumberMap<u32, Output>,
    by_source: NumberMap<SourceId, u32>,
    by_mid: HashMap<Mid, u32>,
    retired: VecDeque<u32>,
    /// Retransmission SSRCs whose counters str0m has lost.
    spent: HashSet<u32>,
    numbers: fastrand::Rng,
}

impl Outputs {
    pub fn new(seed: u64) -> Outputs {
        Outputs {
            by_ssrc: NumberMap::default(),
            by_source: NumberMap::default(),
            by_mid: HashMap::new(),
            retired: VecDeque::new(),
            spent: HashSet::new(),
            numbers: fastrand::Rng::with_seed(seed),
        }
    }

    /// The source that comes out under this mid.
    pub fn source_of(&self, mid: Mid) -> Option<SourceId> {
        let output = self.by_ssrc.get(self.by_mid.get(&mid)?)?;
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
    pub fn aim(&mut self, rtc: &mut Rtc, source: &SourceSetup, wanted: &Wanted) -> Option<bool> {
        let stream = wanted.slot.or(source.encodings.first().copied())?;
        let before = self.by_source.get(&source.id);
        if before.is_some_and(|&ssrc| ssrc != stream.ssrc) {
            self.retire(rtc, source.id);
        }
        if !self.by_ssrc.contains_key(&stream.ssrc) {
            let mid = Mid::from(format!("s{}", self.by_ssrc.len()).as_str());
            let output = Output {
                source: None,
                is_slot: false,
                kind: source.kind,
                mid,
                stream,
                is_declared: false,
                projection: Projection::new(self.numbers.u16(1..0x4000)),
            };
            self.by_ssrc.insert(stream.ssrc, output);
            self.by_mid.insert(mid, stream.ssrc);
        }
        let output = self.by_ssrc.get_mut(&stream.ssrc)?;
        match output.source {
            Some(owner) if owner == source.id => {}
            Some(_) if wanted.slot.is_none() => return None,
            Some(owner) => {
                self.by_source.remove(&owner);
                output.projection.change_source();
            }
            None => {
                self.retired.retain(|&ssrc| ssrc != stream.ssrc);
                output.projection.change_source();
            }
        }
        output.is_slot = wanted.slot.is_some();
        if (output.stream.rtx, output.kind) != (stream.rtx, source.kind) {
            withdraw(rtc, output, &mut self.spent);
            (output.stream, output.kind) = (stream, source.kind);
        }
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

    /// The source has gone; its stream is kept for a while in case it returns.
    pub fn retire(&mut self, rtc: &mut Rtc, source: SourceId) {
        let Some(ssrc) = self.by_source.remove(&source) else {
            return;
        };
        let Some(output) = self.by_ssrc.get_mut(&ssrc) else {
            return;
        };
        output.projection.suspend();
        output.source = None;
        if output.is_slot {
            return;
        }
        self.retired.push_back(ssrc);
        if self.retired.len() > RETIRED_STREAMS
            && let Some(oldest) = self.retired.pop_front()
            && let Some(output) = self.by_ssrc.get_mut(&oldest)
        {
            withdraw(rtc, output, &mut self.spent);
        }
    }

    /// Pass a packet on if this receiver wants it; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        rtc: &mut Rtc,
        offered: &[PayloadType],
        source: SourceId,
        media: &Media<'_>,
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
        let Some((payload_type, payload)) = fitting(offered, media) else {
            return (Outcome::NotOffered, false);
        };
        let Verdict {
            forward,
            needs_keyframe,
        } = output.projection.accept(now, &media.incoming);
        let Some(numbers) = forward else {
            return (Outcome::Held, needs_keyframe);
        };
        if !output.is_declared {
            declare(rtc, output, &self.spent);
        }
        if let Some(stream) = rtc.direct_api().stream_tx(&output.stream.ssrc.into()) {
            stream.write_rtp(packet(payload_type, payload, &numbers, media, output.kind));
        }
        (Outcome::Sent, needs_keyframe)
    }

    fn output(&mut self, source: SourceId) -> Option<&mut Output> {
        self.by_ssrc.get_mut(self.by_source.get(&source)?)
    }
}

fn packet(
    payload_type: u8,
    payload: &Arc<[u8]>,
    numbers: &Numbers,
    media: &Media<'_>,
    kind: MediaKind,
) -> RtpWrite {
    let frame = &numbers.frame;
    let mut payload = Arc::clone(payload);
    let mut values = media.extensions.clone();
    match &media.incoming.shape {
        Shape::Vp9(vp9) => {
            let own = vp9.picture_id.map(|(number, _)| number);
            if (frame.picture_id, frame.tl0_pic_idx) != (own, vp9.tl0_pic_idx)
                && let Some(renumbered) =
                    vp9::renumbered(&payload, frame.picture_id, frame.tl0_pic_idx)
            {
                payload = renumbered.into();
            }
        }
        Shape::Described(descriptor) => {
            if let Some(new) = frame.described
                && !new.changes_nothing(descriptor)
            {
                let bytes = descriptor.rewritten(new.frame_number, new.template_shift, new.active);
                extensions::set_dependency_descriptor(&mut values, bytes);
            }
        }
        Shape::Audio | Shape::Vp8(_) | Shape::Video { .. } => {}
    }
    let write = RtpWrite::new(
        Pt::new_with_value(payload_type),
        numbers.seq.into(),
        numbers.timestamp,
        media.incoming.captured,
        payload,
    )
    .marker(numbers.marker)
    .ext_vals(values)
    .nackable(kind == MediaKind::Video);
    let Some(descriptor) = &media.vp8 else {
        return write;
    };
    let mut patch = descriptor.patch();
    if let Some(picture_id) = frame.picture_id {
        patch = patch.picture_id(picture_id);
    }
    if let Some(tl0_pic_idx) = frame.tl0_pic_idx {
        patch = patch.tl0_pic_idx(tl0_pic_idx);
    }
    match patch.build() {
        Ok(patch) => write.vp8_patch(patch),
        Err(_) => write,
    }
}

/// Declared with the first packet, not before: str0m reports on a stream from its declaration on,
/// and a report that names no time of the stream misleads lip sync.
fn declare(rtc: &mut Rtc, output: &mut Output, spent: &HashSet<u32>) {
    let kind = match output.kind {
        MediaKind::Audio => StreamKind::Audio,
        MediaKind::Video => StreamKind::Video,
    };
    let rtx = output
        .stream
        .rtx
        .filter(|rtx| !spent.contains(rtx))
        .map(Into::into);
    let mut direct = rtc.direct_api();
    direct.declare_media(output.mid, kind);
    let stream = direct.declare_stream_tx(output.stream.ssrc.into(), rtx, output.mid, None);
    // Senders pace already; a queue here would only add delay.
    stream.set_unpaced(true);
    if output.kind == MediaKind::Video {
        stream.set_rtx_cache(CACHED_PACKETS, CACHED_FOR, Some(MOST_RETRANSMITTED));
    }
    output.is_declared = true;
}

/// str0m forgets the stream, and with it how far its retransmissions have counted.
fn withdraw(rtc: &mut Rtc, output: &mut Output, spent: &mut HashSet<u32>) {
    if output.is_declared {
        rtc.direct_api().remove_media(output.mid);
        output.is_declared = false;
        spent.extend(output.stream.rtx);
    }
}

/// What of a packet the receiver negotiated: its payload type number and payload.
///
/// Redundant audio names payload types inside, so it passes whole only where they mean the same.
fn fitting<'a>(offered: &[PayloadType], media: &'a Media<'_>) -> Option<(u8, &'a Arc<[u8]>)> {
    let whole = matching(offered, media.payload_type);
    let Some(primary) = &media.primary else {
        return Some((whole?, &media.payload));
    };
    let inner = matching(offered, &primary.payload_type)?;
    match whole {
        Some(number) if inner == primary.payload_type.number => Some((number, &media.payload)),
        _ => Some((inner, &primary.payload)),
    }
}

/// The receiver's number for the sender's payload type.
fn matching(offered: &[PayloadType], sent: &PayloadType) -> Option<u8> {
    let same = |pt: &&PayloadType| pt.codec == sent.codec && pt.clock_rate == sent.clock_rate;
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
