//! A packet as the projections see it: its numbers, and what is known of its inside.

use std::sync::Arc;
use std::time::Instant;

use crate::dd;
use crate::vp8::Vp8;
use crate::vp9::Vp9;

/// What the forwarder has to know about the inside of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Audio,
    Vp8(Vp8),
    Vp9(Vp9),
    /// Video with a dependency descriptor.
    Described(Arc<dd::Frame>),
    /// Other video, of which only the starts of key frames are known.
    Video {
        starts_keyframe: bool,
        /// In pixels, where the packet tells it.
        height: Option<u16>,
    },
}

impl Shape {
    pub fn starts_keyframe(&self) -> bool {
        match self {
            Shape::Audio => false,
            Shape::Vp8(vp8) => vp8.starts_keyframe,
            Shape::Vp9(vp9) => vp9.starts_keyframe(),
            Shape::Described(frame) => frame.has_structure && frame.starts_frame,
            Shape::Video {
                starts_keyframe, ..
            } => *starts_keyframe,
        }
    }
}

/// A packet of one encoding, as the projections see it.
#[derive(Clone, Debug)]
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
