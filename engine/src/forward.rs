//! One source as one receiver sees it: which packets pass, and under which numbers.
//!
//! All encodings of a source come out as one stream (bridge reference 2.5). Encodings change on
//! key frames only; inside one encoding a [`Filter`] leaves out layers frame by frame.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::filter::Filter;
use crate::incoming::{Incoming, Shape};
use crate::keyframes::Repeat;
use crate::passage::{ALL_LAYERS, FrameNumbers, Highest, LastNumbers, Passage};
use crate::rewrite::Renumbering;
use crate::setup::MAX_ENCODINGS;

/// Key frames of all encodings come together; within this time of one, the others are expected.
const KEYFRAME_GROUP: Duration = Duration::from_millis(300);
/// An encoding that has been silent for so long is taken to have been switched off.
const SILENT: Duration = Duration::from_secs(1);
/// The least that the timestamp advances when the encoding changes: a frame at 30 per second.
const SWITCH_TICKS: u32 = 3000;
/// Numbers that may be left missing at once. A sender that jumps further, or again and again, gets
/// a gap of one: receivers whose SRTP missed half a round of numbers would never open another
/// packet of the stream (RFC 3711 §3.3.1), and after this sender it may carry somebody else's.
const MOST_MISSING: u64 = 1024;

/// The numbers under which a packet is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Extended sequence number.
    pub seq: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub frame: FrameNumbers,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub forward: Option<Numbers>,
    /// Ask the sender for a key frame.
    pub needs_keyframe: bool,
}

/// The last thing sent; the next encoding continues from here.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    seq: u64,
    timestamp: u32,
    captured: Instant,
    complete: bool,
    frame: LastNumbers,
}

impl Tail {
    /// The extended sequence number.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// The encoding that is passed on now.
#[derive(Clone, Debug)]
struct Current {
    encoding: usize,
    packets: Renumbering,
    timestamp_offset: u32,
    filter: Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    encoding: usize,
    highest: Highest,
}

/// The state of one source towards one receiver.
#[derive(Debug)]
pub struct Projection {
    target: Option<Target>,
    current: Option<Current>,
    tail: Option<Tail>,
    /// How many numbers may be left missing now; each packet that is passed on earns one.
    may_miss: u64,
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
            may_miss: MOST_MISSING,
            first_seq: first_seq & 0x7fff,
            seen: [None; MAX_ENCODINGS],
            keyframe_seen: None,
            repeat: Repeat::default(),
        }
    }

    /// Go on after what an earlier projection sent last.
    pub fn after(tail: Tail) -> Projection {
        Projection {
            tail: Some(tail),
            ..Projection::new(0)
        }
    }

    /// What was sent last; None when nothing was.
    pub fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// Say which encoding and layers are wanted. True when a key frame is needed for them.
    pub fn aim(&mut self, encoding: usize, highest: Highest) -> bool {
        let target = Target {
            encoding: encoding.min(MAX_ENCODINGS - 1),
            highest,
        };
        let is_new = self.target != Some(target);
        if is_new {
            self.repeat.reset();
        }
        self.target = Some(target);
        self.current.as_ref().is_none_or(|current| {
            current.encoding != target.encoding || is_new && current.filter.needs_keyframe(highest)
        })
    }

    /// Send nothing until aimed again; numbering goes on from where it stopped.
    pub fn suspend(&mut self) {
        self.target = None;
        self.current = None;
    }

    /// Send nothing until aimed again, at another source that continues the numbers.
    pub fn change_source(&mut self) {
        self.suspend();
        self.seen = [None; MAX_ENCODINGS];
        self.keyframe_seen = None;
        self.repeat.reset();
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

    /// Decide about one packet that carries media.
    pub fn accept(&mut self, now: Instant, packet: &Incoming) -> Verdict {
        let Some(target) = self.target else {
            return Verdict::default();
        };
        let is_audio = packet.shape == Shape::Audio;
        self.seen[packet.encoding] = Some(now);
        if packet.shape.starts_keyframe() {
            self.keyframe_seen = Some(now);
        }
        let continues = self.current.as_ref().is_some_and(|current| {
            current.encoding == packet.encoding && current.filter.fits(&packet.shape)
        });
        if !continues {
            if !self.prefers(packet.encoding, target, now) {
                return Verdict::default();
            }
            if !is_audio && !packet.shape.starts_keyframe() {
                return Verdict {
                    forward: None,
                    needs_keyframe: self.asks(now),
                };
            }
            self.start(packet);
            self.repeat.reset();
        }
        self.number(now, packet, target)
    }

    /// Whether `encoding` would be better than what is passed on now.
    fn prefers(&self, encoding: usize, target: Target, now: Instant) -> bool {
        if encoding > target.encoding {
            return false;
        }
        let Some(current) = &self.current else {
            return true;
        };
        if current.encoding == encoding {
            return true;
        }
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
        let last = self.tail.map(|tail| tail.frame).unwrap_or_default();
        self.current = Some(Current {
            encoding: packet.encoding,
            packets: Renumbering::starting(packet.seq, seq),
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            filter: Filter::starting(packet, &last),
        });
    }

    fn number(&mut self, now: Instant, packet: &Incoming, target: Target) -> Verdict {
        let Some(current) = self.current.as_mut() else {
            return Verdict::default();
        };
        let is_leaving = current.encoding > target.encoding;
        let highest = match current.encoding.cmp(&target.encoding) {
            // On the way down the base layer is enough, on the way up everything is.
            Ordering::Greater => Highest {
                temporal: 0,
                ..ALL_LAYERS
            },
            Ordering::Equal => target.highest,
            Ordering::Less => ALL_LAYERS,
        };
        let (frame, marker) = match current.filter.admit(packet, highest, is_leaving) {
            Passage::Pass {
                numbers,
                ends_picture,
            } => (numbers, packet.marker || ends_picture),
            Passage::LeaveOut { needs_keyframe } => {
                current.packets.remove(packet.seq);
                return Verdict {
                    forward: None,
                    needs_keyframe: needs_keyframe && self.asks(now),
                };
            }
        };
        let Some(mut seq) = current.packets.map(packet.seq) else {
            return Verdict::default();
        };
        if let Some(tail) = self.tail
            && let Some(missing) = seq.checked_sub(tail.seq + 1)
        {
            if missing > self.may_miss {
                seq = tail.seq + 2;
                current.packets = Renumbering::starting(packet.seq, seq);
            }
            self.may_miss = (self.may_miss.saturating_sub(missing) + 1).min(MOST_MISSING);
        }
        let timestamp = packet.timestamp.wrapping_add(current.timestamp_offset);
        if self.tail.is_none_or(|tail| seq > tail.seq) {
            let mut last = self.tail.map(|tail| tail.frame).unwrap_or_default();
            current.filter.note_sent(&frame, &mut last);
            self.tail = Some(Tail {
                seq,
                timestamp,
                captured: packet.captured,
                complete: marker || packet.shape == Shape::Audio,
                frame: last,
            });
            if current.encoding == target.encoding && current.filter.is_settled(highest) {
                self.repeat.reset();
            }
        }
        Verdict {
            forward: Some(Numbers {
                seq,
                timestamp,
                marker,
                frame,
            }),
            needs_keyframe: false,
        }
    }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
