//! VP9: spatial and temporal layers of one stream left out (bridge reference 2.5).
//!
//! In key-frame SVC (`L3T3_KEY`) layers depend on each other in key pictures only, so that a step
//! up or down needs one. In full SVC a step down is possible at each picture of the base temporal
//! layer. Picture ids keep their distances, because frames name the ones they need by distance;
//! they are moved by a constant only when the stream starts anew.

use crate::incoming::Incoming;
use crate::passage::{Decisions, FrameNumbers, Highest, LastNumbers, Passage};
use crate::vp9::Vp9;

const REMEMBERED_FRAMES: usize = 192;

#[derive(Clone, Copy, Debug)]
struct Picture {
    timestamp: u32,
    /// Its lowest layer depends on no other picture.
    is_key: bool,
    /// Bit masks of spatial layers.
    passed: u8,
    left_out: u8,
}

#[derive(Clone, Debug)]
pub struct Vp9Filter {
    picture_offset: u16,
    tl0_offset: u8,
    /// The spatial layer shown.
    current: u8,
    /// The highest one the sender has.
    top: u8,
    /// Layers of which everything was passed on since their last base frame (bit mask).
    intact: u8,
    /// The highest temporal layer that passes.
    temporal: u8,
    picture: Option<Picture>,
    /// The picture before had layers above the one shown.
    was_cut: bool,
    /// By timestamp and spatial layer.
    frames: Decisions<(u32, u8), bool>,
}

fn bit(layer: u8) -> u8 {
    1 << (layer & 7)
}

impl Vp9Filter {
    pub fn starting(vp9: &Vp9, last: &LastNumbers) -> Vp9Filter {
        let picture_offset = match (vp9.picture_id, last.picture_id) {
            (Some((picture, _)), Some(last)) => last.wrapping_add(1).wrapping_sub(picture),
            _ => 0,
        };
        let tl0_offset = match (vp9.tl0_pic_idx, last.tl0_pic_idx) {
            (Some(tl0), Some(last)) => last.wrapping_add(1).wrapping_sub(tl0),
            _ => 0,
        };
        Vp9Filter {
            picture_offset,
            tl0_offset,
            current: 0,
            top: 0,
            intact: 0,
            temporal: 0,
            picture: None,
            was_cut: false,
            frames: Decisions::keeping(REMEMBERED_FRAMES),
        }
    }

    pub fn is_settled(&self, highest: Highest) -> bool {
        self.current == highest.spatial.min(self.top)
    }

    /// True when the wanted spatial layer can be reached by a key picture only.
    pub fn needs_keyframe(&self, highest: Highest) -> bool {
        !self.is_settled(highest) && self.intact & bit(highest.spatial.min(self.top)) == 0
    }

    pub fn admit(&mut self, packet: &Incoming, vp9: &Vp9, highest: Highest) -> Passage {
        let frame = (packet.timestamp, vp9.spatial);
        let mut needs_keyframe = false;
        let passes = match self.frames.get(frame) {
            Some(passes) => passes,
            None => {
                let passes = self.decide(packet.timestamp, vp9, highest);
                self.frames.add(frame, passes);
                needs_keyframe = !passes
                    && vp9.temporal == 0
                    && vp9.spatial == highest.spatial.min(self.top)
                    && vp9.spatial != self.current;
                passes
            }
        };
        if !passes {
            return Passage::LeaveOut { needs_keyframe };
        }
        Passage::Pass {
            numbers: FrameNumbers {
                picture_id: vp9.picture_id.map(|(number, is_wide)| {
                    let mask = if is_wide { 0x7fff } else { 0x7f };
                    number.wrapping_add(self.picture_offset) & mask
                }),
                tl0_pic_idx: vp9.tl0_pic_idx.map(|tl0| tl0.wrapping_add(self.tl0_offset)),
                described: None,
            },
            ends_picture: vp9.ends_frame && self.is_last(packet.timestamp, vp9.spatial, highest),
        }
    }

    fn decide(&mut self, timestamp: u32, vp9: &Vp9, highest: Highest) -> bool {
        match &self.picture {
            Some(picture) if timestamp.wrapping_sub(picture.timestamp) > 1 << 31 => {
                // A late frame changes nothing.
                return vp9.temporal <= self.temporal
                    && (vp9.spatial == self.current
                        || vp9.spatial < self.current && vp9.serves_upper);
            }
            _ => {}
        }
        let goal = highest.spatial.min(self.top);
        // On the way down, until the next key picture, the least that can be decoded is enough.
        let is_stuck = self.current > goal && self.intact & bit(goal) == 0;
        let wanted = if is_stuck { 0 } else { highest.temporal };
        // Frames of higher temporal layers depend on nothing before the last base frame.
        self.temporal = if vp9.temporal == 0 {
            wanted
        } else {
            self.temporal.min(wanted)
        };
        if vp9.temporal > self.temporal {
            return false;
        }
        let mut picture = match self.picture {
            Some(picture) if picture.timestamp == timestamp => picture,
            before => {
                let above = u8::MAX
                    .checked_shl(u32::from(self.current) + 1)
                    .unwrap_or(0);
                self.was_cut = before.is_some_and(|before| before.left_out & above != 0);
                Picture {
                    timestamp,
                    is_key: false,
                    passed: 0,
                    left_out: 0,
                }
            }
        };
        match vp9.structure {
            Some(structure) => self.top = structure.spatial_layers - 1,
            None => self.top = self.top.max(vp9.spatial),
        }
        if !vp9.is_inter && vp9.spatial == 0 {
            picture.is_key = true;
            self.intact &= picture.passed;
            self.current = (7_u8).saturating_sub(picture.passed.leading_zeros().min(7) as u8);
        }
        let passes = self.takes(vp9, &picture, highest);
        let own = bit(vp9.spatial);
        if passes {
            picture.passed |= own;
        } else {
            picture.left_out |= own;
        }
        if !passes {
            self.intact &= !own;
        } else if vp9.temporal == 0 {
            self.intact |= own;
        }
        self.picture = Some(picture);
        passes
    }

    /// Whether a receiver that got what was passed so far can decode this frame and should.
    fn takes(&mut self, vp9: &Vp9, picture: &Picture, highest: Highest) -> bool {
        let layer = vp9.spatial;
        let goal = highest.spatial.min(self.top);
        // A lower layer that has not been seen may still come; one that was left out will not.
        let lacks_lower = vp9.needs_lower && layer > 0 && picture.left_out & bit(layer - 1) != 0;
        let lacks_earlier = vp9.is_inter && self.intact & bit(layer) == 0;
        if layer > goal.max(self.current) || lacks_lower || lacks_earlier {
            return false;
        }
        if layer > self.current || layer == goal {
            self.current = layer;
        }
        layer == self.current || vp9.serves_upper
    }

    /// Whether no higher layer of the picture is going to pass.
    fn is_last(&self, timestamp: u32, layer: u8, highest: Highest) -> bool {
        let goal = highest.spatial.min(self.top);
        let is_key = self
            .picture
            .is_some_and(|picture| picture.timestamp == timestamp && picture.is_key);
        if is_key {
            layer == goal
        } else {
            layer == self.current && (self.was_cut || self.current == goal)
        }
    }
}
