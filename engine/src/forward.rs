//! One source as one receiver sees it: which packets pass, and under which numbers.
//!
//! All encodings of a source come out as one stream (bridge reference 2.5). Encodings change on
//! key frames only; VP8 temporal layers are left out frame by frame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::keyframes::Repeat;
use crate::rewrite::{Renumbering, extend};
use crate::setup::MAX_ENCODINGS;
use crate::vp8::Vp8;

/// Key frames of all encodings come together; within this time of one, the others are expected.
const KEYFRAME_GROUP: Duration = Duration::from_millis(300);
/// An encoding that has been silent for so long is taken to have been switched off.
const SILENT: Duration = Duration::from_secs(1);
/// The least that the timestamp advances when the encoding changes: a frame at 30 per second.
const SWITCH_TICKS: u32 = 3000;
const REMEMBERED_FRAMES: usize = 64;

/// What the forwarder has to know about the inside of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Audio,
    Vp8(Vp8),
    /// Video of another codec, of which only the starts of key frames are known.
    Video {
        starts_keyframe: bool,
    },
}

impl Shape {
    pub fn starts_keyframe(&self) -> bool {
        match self {
            Shape::Audio => false,
            Shape::Vp8(vp8) => vp8.starts_keyframe,
            Shape::Video { starts_keyframe } => *starts_keyframe,
        }
    }
}

/// A packet of one encoding, as the projections see it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    pub encoding: usize,
    /// Extended sequence number.
    pub seq: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub shape: Shape,
    /// When it was captured, on our clock; the same for all encodings of an endpoint.
    pub captured: Instant,
    pub clock_rate: u32,
}

/// The numbers under which a packet is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Extended sequence number.
    pub seq: u64,
    pub timestamp: u32,
    pub picture_id: Option<u16>,
    pub tl0_pic_idx: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub forward: Option<Numbers>,
    /// Ask the sender for a key frame.
    pub needs_keyframe: bool,
}

/// The last thing sent; the next encoding continues from here.
#[derive(Clone, Copy, Debug)]
struct Tail {
    seq: u64,
    timestamp: u32,
    captured: Instant,
    picture: u64,
    tl0_pic_idx: u8,
    complete: bool,
}

/// The numbering of the encoding that is passed on now.
#[derive(Clone, Debug)]
struct Current {
    encoding: usize,
    packets: Renumbering,
    timestamp_offset: u32,
    pictures: Option<(Renumbering, u64)>,
    tl0_offset: u8,
    frames: VecDeque<Frame>,
    /// Which temporal layers have all they depend on.
    decodable: [bool; 4],
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    timestamp: u32,
    /// Picture id and TL0PICIDX it goes out with; None when it is left out.
    passes: Option<(Option<u64>, Option<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    encoding: usize,
    temporal: u8,
}

/// The state of one source towards one receiver.
#[derive(Debug)]
pub struct Projection {
    target: Option<Target>,
    current: Option<Current>,
    tail: Option<Tail>,
    first_seq: u16,
    seen: [Option<Instant>; MAX_ENCODINGS],
    keyframe_seen: Option<Instant>,
    repeat: Repeat,
}

impl Projection {
    /// `first_seq` is where sequence numbers start; below 2^15, as SRTP receivers assume that the
    /// rollover counter starts at 0 and may miss the first packets (RFC 3711 §3.3.1).
    pub fn new(first_seq: u16) -> Projection {
        Projection {
            target: None,
            current: None,
            tail: None,
            first_seq: first_seq & 0x7fff,
            seen: [None; MAX_ENCODINGS],
            keyframe_seen: None,
            repeat: Repeat::default(),
        }
    }

    /// Say which encoding and temporal layer is wanted. True when a key frame is needed for it.
    pub fn aim(&mut self, encoding: usize, temporal: u8) -> bool {
        let target = Target {
            encoding: encoding.min(MAX_ENCODINGS - 1),
            temporal,
        };
        if self
            .target
            .is_none_or(|old| old.encoding != target.encoding)
        {
            self.repeat.reset();
        }
        self.target = Some(target);
        self.current
            .as_ref()
            .is_none_or(|current| current.encoding != target.encoding)
    }

    /// Send nothing until aimed again; numbering goes on from where it stopped.
    pub fn suspend(&mut self) {
        self.target = None;
        self.current = None;
    }

    /// Start again with a key frame, without having been suspended.
    pub fn interrupt(&mut self) {
        self.current = None;
        self.repeat.reset();
    }

    pub fn is_suspended(&self) -> bool {
        self.target.is_none()
    }

    /// True while nothing passes for want of a key frame.
    pub fn waits_for_keyframe(&self) -> bool {
        self.target.is_some() && self.current.is_none()
    }

    /// Leave one packet out, so that it does not look lost (it is muted, or padding only).
    pub fn skip(&mut self, packet: &Incoming) {
        if let Some(current) = &mut self.current
            && current.encoding == packet.encoding
        {
            current.packets.remove(packet.seq);
        }
    }

    /// Decide about one packet that carries media.
    pub fn accept(&mut self, now: Instant, packet: &Incoming) -> Verdict {
        let Some(target) = self.target else {
            return Verdict::default();
        };
        if packet.shape == Shape::Audio {
            if self.current.is_none() {
                self.start(packet);
            }
            return Verdict {
                forward: self.number(packet, target),
                needs_keyframe: false,
            };
        }
        self.seen[packet.encoding] = Some(now);
        if packet.shape.starts_keyframe() {
            self.keyframe_seen = Some(now);
        }
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.encoding != packet.encoding)
        {
            if !self.prefers(packet.encoding, target, now) {
                return Verdict::default();
            }
            if !packet.shape.starts_keyframe() {
                return Verdict {
                    forward: None,
                    needs_keyframe: self.asks(now),
                };
            }
            self.start(packet);
            self.repeat.reset();
        }
        Verdict {
            forward: self.number(packet, target),
            needs_keyframe: false,
        }
    }

    /// Whether `encoding` would be better than what is passed on now.
    fn prefers(&self, encoding: usize, target: Target, now: Instant) -> bool {
        if encoding > target.encoding {
            return false;
        }
        let Some(current) = &self.current else {
            return true;
        };
        let is_silent = self.seen[current.encoding].is_none_or(|at| now >= at + SILENT);
        current.encoding > target.encoding || encoding > current.encoding || is_silent
    }

    fn asks(&mut self, now: Instant) -> bool {
        let in_group = self
            .keyframe_seen
            .is_some_and(|at| now < at + KEYFRAME_GROUP);
        let first_wait = Duration::from_millis(200);
        (self.current.is_none() || !in_group) && self.repeat.due(now, first_wait)
    }

    /// Continue the output with this packet as the first one of its encoding.
    fn start(&mut self, packet: &Incoming) {
        let (seq, timestamp) = match self.tail {
            None => (u64::from(self.first_seq), packet.timestamp),
            Some(tail) => {
                let elapsed = packet.captured.saturating_duration_since(tail.captured);
                let ticks = elapsed.as_micros() * u128::from(packet.clock_rate) / 1_000_000;
                let least = if packet.shape == Shape::Audio {
                    1
                } else {
                    SWITCH_TICKS
                };
                // A frame that was cut off must not look complete, so its end stays missing.
                let seq = tail.seq + if tail.complete { 1 } else { 2 };
                (seq, tail.timestamp.wrapping_add((ticks as u32).max(least)))
            }
        };
        let mut pictures = None;
        let mut tl0_offset = 0;
        if let Shape::Vp8(vp8) = packet.shape {
            pictures = vp8.picture_id.map(|(picture, _)| {
                // Far from zero, so that late pictures stay positive.
                let input = extend(1 << 16, picture, 15);
                let output = self
                    .tail
                    .map_or(u64::from(picture), |tail| tail.picture + 1);
                (Renumbering::starting(input, output), input)
            });
            if let (Some(tl0), Some(tail)) = (vp8.tl0_pic_idx, self.tail) {
                tl0_offset = tail.tl0_pic_idx.wrapping_add(1).wrapping_sub(tl0);
            }
        }
        self.current = Some(Current {
            encoding: packet.encoding,
            packets: Renumbering::starting(packet.seq, seq),
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            pictures,
            tl0_offset,
            frames: VecDeque::new(),
            decodable: [true; 4],
        });
    }

    fn number(&mut self, packet: &Incoming, target: Target) -> Option<Numbers> {
        let current = self.current.as_mut()?;
        let (mut picture, mut tl0_pic_idx) = (None, None);
        if let Shape::Vp8(vp8) = &packet.shape {
            let Some(passes) = current.frame(packet, vp8, target) else {
                current.packets.remove(packet.seq);
                return None;
            };
            (picture, tl0_pic_idx) = passes;
        }
        let seq = current.packets.map(packet.seq)?;
        let timestamp = packet.timestamp.wrapping_add(current.timestamp_offset);
        if self.tail.is_none_or(|tail| seq > tail.seq) {
            let before = self.tail;
            self.tail = Some(Tail {
                seq,
                timestamp,
                captured: packet.captured,
                picture: picture.or(before.map(|tail| tail.picture)).unwrap_or(0),
                tl0_pic_idx: tl0_pic_idx
                    .or(before.map(|tail| tail.tl0_pic_idx))
                    .unwrap_or(0),
                complete: packet.marker || packet.shape == Shape::Audio,
            });
        }
        let wide = matches!(
            packet.shape,
            Shape::Vp8(Vp8 {
                picture_id: Some((_, true)),
                ..
            })
        );
        let mask = if wide { 0x7fff } else { 0x7f };
        let picture_id = picture.map(|picture| (picture & mask) as u16);
        Some(Numbers {
            seq,
            timestamp,
            picture_id,
            tl0_pic_idx,
        })
    }
}

impl Current {
    /// Whether the packet's frame passes, decided with the first packet of it that is seen.
    fn frame(
        &mut self,
        packet: &Incoming,
        vp8: &Vp8,
        target: Target,
    ) -> Option<(Option<u64>, Option<u8>)> {
        let known = self
            .frames
            .iter()
            .rev()
            .find(|frame| frame.timestamp == packet.timestamp);
        if let Some(frame) = known {
            return frame.passes;
        }
        let passes = self.admits(vp8, target);
        let mut picture = None;
        if let (Some((number, wide)), Some((pictures, last))) = (vp8.picture_id, &mut self.pictures)
        {
            let input = extend(*last, number, if wide { 15 } else { 7 });
            *last = input.max(*last);
            if passes {
                picture = pictures.map(input);
            } else {
                pictures.remove(input);
            }
        }
        let frame = Frame {
            timestamp: packet.timestamp,
            passes: passes.then(|| {
                (
                    picture,
                    vp8.tl0_pic_idx.map(|tl0| tl0.wrapping_add(self.tl0_offset)),
                )
            }),
        };
        if self.frames.len() == REMEMBERED_FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
        frame.passes
    }

    /// Whether a receiver that got what was passed so far can decode this frame and should.
    fn admits(&mut self, vp8: &Vp8, target: Target) -> bool {
        if vp8.starts_keyframe {
            self.decodable = [true; 4];
        }
        let layer = usize::from(vp8.temporal & 3);
        if layer == 0 {
            return true;
        }
        let highest = match self.encoding.cmp(&target.encoding) {
            // On the way down the base layer is enough, on the way up everything is.
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Equal => target.temporal,
            std::cmp::Ordering::Less => 3,
        };
        if vp8.temporal > highest {
            self.decodable[layer..].fill(false);
            return false;
        }
        self.decodable[layer] |= vp8.layer_sync;
        self.decodable[layer]
    }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
