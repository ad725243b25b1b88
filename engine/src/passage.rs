//! What is decided about the frames of one encoding: which pass, and under which numbers of the codec.

use std::collections::VecDeque;

use crate::dd::Frame;

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
