//! Which frames of one encoding pass to one receiver, and under which numbers of the codec.
//!
//! One kind per way in which streams tell their layers: [`vp8_filter`](crate::vp8_filter),
//! [`vp9_filter`](crate::vp9_filter), [`dd_filter`](crate::dd_filter), or none.

use std::collections::VecDeque;

use crate::dd::Frame;
use crate::dd_filter::DescribedFilter;
use crate::forward::{Incoming, Shape};
use crate::vp8_filter::Vp8Filter;
use crate::vp9_filter::Vp9Filter;

/// The highest layers to pass on; 7 is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highest {
    pub spatial: u8,
    pub temporal: u8,
}

pub const ALL_LAYERS: Highest = Highest {
    spatial: 7,
    temporal: 7,
};

/// The numbers of the codec that a frame goes out with. All of one frame's packets share them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNumbers {
    /// VP8 and VP9, as wide as it came.
    pub picture_id: Option<u16>,
    pub tl0_pic_idx: Option<u8>,
    /// Of the dependency descriptor.
    pub described: Option<Described>,
}

/// Changes to a dependency descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    pub frame_number: u16,
    /// To be added to template numbers.
    pub template_shift: u8,
    /// The active decode targets to name; None leaves them as they are.
    pub active: Option<u32>,
}

impl Described {
    /// True when the descriptor may go out as it came.
    pub fn changes_nothing(&self, frame: &Frame) -> bool {
        self.frame_number == frame.number && self.template_shift == 0 && self.active.is_none()
    }
}

/// The last numbers that went out; the next start continues from here.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastNumbers {
    pub picture_id: Option<u16>,
    pub tl0_pic_idx: Option<u8>,
    pub frame_number: Option<u16>,
    /// The template number after those of the structure that was sent last.
    pub next_template: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Pass {
        numbers: FrameNumbers,
        /// The last packet of its picture, for this receiver.
        ends_picture: bool,
    },
    LeaveOut {
        /// The wanted layer is here but can be decoded from a key frame on only.
        needs_keyframe: bool,
    },
}

/// The state of the encoding that is passed on now.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Audio, and video that does not tell its layers.
    Whole,
    Vp8(Vp8Filter),
    Vp9(Vp9Filter),
    Described(DescribedFilter),
}

impl Filter {
    /// Continue `last` with the first packet of a key frame, or of audio.
    pub fn starting(packet: &Incoming, last: &LastNumbers) -> Filter {
        match &packet.shape {
            Shape::Audio | Shape::Video { .. } => Filter::Whole,
            Shape::Vp8(vp8) => Filter::Vp8(Vp8Filter::starting(vp8, last)),
            Shape::Vp9(vp9) => Filter::Vp9(Vp9Filter::starting(vp9, last)),
            Shape::Described(frame) => Filter::Described(DescribedFilter::starting(frame, last)),
        }
    }

    /// False when the sender has changed its codec, which only a key frame can do.
    pub fn fits(&self, shape: &Shape) -> bool {
        matches!(
            (self, shape),
            (Filter::Whole, Shape::Audio | Shape::Video { .. })
                | (Filter::Vp8(_), Shape::Vp8(_))
                | (Filter::Vp9(_), Shape::Vp9(_))
                | (Filter::Described(_), Shape::Described(_))
        )
    }

    /// Decide about one packet of the encoding.
    ///
    /// `is_leaving` says that a lower encoding is waited for, so the least that can be decoded is
    /// enough.
    pub fn admit(&mut self, packet: &Incoming, highest: Highest, is_leaving: bool) -> Passage {
        match (self, &packet.shape) {
            (Filter::Vp8(filter), Shape::Vp8(vp8)) => filter.admit(packet, vp8, highest),
            (Filter::Vp9(filter), Shape::Vp9(vp9)) => filter.admit(packet, vp9, highest),
            (Filter::Described(filter), Shape::Described(frame)) => {
                filter.admit(packet, frame, highest, is_leaving)
            }
            _ => Passage::Pass {
                numbers: FrameNumbers::default(),
                ends_picture: false,
            },
        }
    }

    /// True when the layers passed on are the wanted ones, as far as the sender has them.
    pub fn is_settled(&self, highest: Highest) -> bool {
        match self {
            Filter::Whole | Filter::Vp8(_) => true,
            Filter::Vp9(filter) => filter.is_settled(highest),
            Filter::Described(filter) => filter.is_settled(highest),
        }
    }

    /// True when a key frame is needed to change to these layers.
    pub fn needs_keyframe(&self, highest: Highest) -> bool {
        match self {
            Filter::Whole | Filter::Vp8(_) => false,
            Filter::Vp9(filter) => filter.needs_keyframe(highest),
            Filter::Described(filter) => filter.needs_keyframe(highest),
        }
    }

    pub fn note_sent(&self, numbers: &FrameNumbers, last: &mut LastNumbers) {
        last.picture_id = numbers.picture_id.or(last.picture_id);
        last.tl0_pic_idx = numbers.tl0_pic_idx.or(last.tl0_pic_idx);
        if let (Filter::Described(filter), Some(described)) = (self, numbers.described) {
            last.frame_number = Some(described.frame_number);
            last.next_template = filter.next_template();
        }
    }
}

/// What was decided about the latest frames, for their other packets, late ones included.
#[derive(Clone, Debug)]
pub struct Decisions<K, V> {
    frames: VecDeque<(K, V)>,
    capacity: usize,
}

impl<K: Copy + PartialEq, V: Copy> Decisions<K, V> {
    pub fn keeping(capacity: usize) -> Decisions<K, V> {
        Decisions {
            frames: VecDeque::new(),
            capacity,
        }
    }

    pub fn get(&self, frame: K) -> Option<V> {
        let known = self.frames.iter().rev().find(|(known, _)| *known == frame);
        known.map(|(_, decision)| *decision)
    }

    pub fn add(&mut self, frame: K, decision: V) {
        if self.frames.len() == self.capacity {
            self.frames.pop_front();
        }
        self.frames.push_back((frame, decision));
    }
}
