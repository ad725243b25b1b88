//! Streams with a dependency descriptor: one decode target at a time passes (bridge reference 2.5).
//!
//! Frame numbers keep their distances, because frames name the ones they need by distance; they
//! and the template numbers are moved by a constant only when the stream starts anew.

use std::sync::Arc;

use crate::dd::{Frame, Structure};
use crate::incoming::Incoming;
use crate::passage::{Decisions, Described, FrameNumbers, Highest, LastNumbers, Passage};

/// Frames may name others this far back when the decode target is to change.
const REMEMBERED_FRAMES: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Decision {
    passes: bool,
    active: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct DescribedFilter {
    number_offset: u16,
    template_shift: u8,
    structure: Arc<Structure>,
    target: u8,
    /// What the sender produces now.
    active: u32,
    /// The active decode targets the receiver has been told.
    told: u32,
    /// Timestamp of the last picture of which the last packet has been marked.
    ended: Option<u32>,
    /// By frame number.
    frames: Decisions<u16, Decision>,
}

impl DescribedFilter {
    pub fn starting(frame: &Frame, last: &LastNumbers) -> DescribedFilter {
        let number_offset = last
            .frame_number
            .map_or(0, |last| last.wrapping_add(1).wrapping_sub(frame.number));
        // Templates of the old structure must not be taken for those of the new one.
        let template_shift = last.frame_number.map_or(0, |_| {
            last.next_template
                .wrapping_sub(frame.structure.template_offset)
                & 0x3f
        });
        DescribedFilter {
            number_offset,
            template_shift,
            structure: Arc::clone(&frame.structure),
            target: 0,
            active: frame.active,
            told: frame.structure.all(),
            ended: None,
            frames: Decisions::keeping(REMEMBERED_FRAMES),
        }
    }

    pub fn next_template(&self) -> u8 {
        let structure = &self.structure;
        let next = structure
            .template_offset
            .wrapping_add(structure.template_count());
        next.wrapping_add(self.template_shift) & 0x3f
    }

    pub fn is_settled(&self, highest: Highest) -> bool {
        self.target == self.best(highest)
    }

    /// True when the wanted spatial layer can, as far as is known, be reached by a key frame only.
    pub fn needs_keyframe(&self, highest: Highest) -> bool {
        let best = self.best(highest);
        self.spatial(best) != self.spatial(self.target)
            && self.structure.within(self.target) >> best & 1 == 0
    }

    fn best(&self, highest: Highest) -> u8 {
        self.structure
            .best(highest.spatial, highest.temporal, self.active)
    }

    fn spatial(&self, target: u8) -> u8 {
        let layers = self.structure.targets.get(usize::from(target));
        layers.map_or(0, |layers| layers.0)
    }

    pub fn admit(
        &mut self,
        packet: &Incoming,
        frame: &Frame,
        highest: Highest,
        is_leaving: bool,
    ) -> Passage {
        let mut needs_keyframe = false;
        let decision = match self.frames.get(frame.number) {
            Some(decision) => decision,
            None => {
                needs_keyframe = self.choose_target(packet.timestamp, frame, highest);
                let is_stuck = self.spatial(self.target) > self.spatial(self.best(highest));
                let decision = self.decide(frame, is_leaving || is_stuck);
                self.frames.add(frame.number, decision);
                decision
            }
        };
        if !decision.passes {
            return Passage::LeaveOut { needs_keyframe };
        }
        let ends_picture = frame.ends_frame && frame.spatial == self.spatial(self.target);
        if ends_picture {
            self.ended = Some(packet.timestamp);
        }
        Passage::Pass {
            numbers: FrameNumbers {
                described: Some(Described {
                    frame_number: frame.number.wrapping_add(self.number_offset),
                    template_shift: self.template_shift,
                    active: decision
                        .active
                        .filter(|_| frame.starts_frame || frame.has_mask()),
                }),
                ..FrameNumbers::default()
            },
            ends_picture,
        }
    }

    /// Move to the wanted decode target if this frame allows it. True when it never will.
    fn choose_target(&mut self, timestamp: u32, frame: &Frame, highest: Highest) -> bool {
        self.active = frame.active;
        let is_new = !Arc::ptr_eq(&self.structure, &frame.structure);
        if is_new || frame.has_structure {
            self.structure = Arc::clone(&frame.structure);
            self.target = self.best(highest);
            self.told = self.structure.all();
            return false;
        }
        let best = self.best(highest);
        if best == self.target {
            return false;
        }
        let bit = 1 << best;
        let is_part = self.structure.within(self.target) & bit != 0;
        let has_references = || {
            frame.references.iter().all(|back| {
                let earlier = self.frames.get(frame.number.wrapping_sub(back));
                earlier.is_some_and(|decision| decision.passes)
            })
        };
        let is_open = self.ended != Some(timestamp);
        if is_part || frame.indications.switch & bit != 0 && is_open && has_references() {
            self.target = best;
            return false;
        }
        let (spatial, temporal) = (frame.spatial, frame.temporal);
        frame.indications.present & bit != 0 && temporal == 0 && self.spatial(best) == spatial
    }

    fn decide(&mut self, frame: &Frame, is_leaving: bool) -> Decision {
        let bit = 1 << self.target;
        let passes = frame.indications.present & bit != 0
            && !(is_leaving && frame.indications.discardable & bit != 0);
        if !passes {
            return Decision {
                passes,
                active: None,
            };
        }
        let active = self.structure.within(self.target) & self.active;
        let is_news = active != self.told || frame.has_mask();
        self.told = active;
        Decision {
            passes,
            active: is_news.then_some(active),
        }
    }
}
