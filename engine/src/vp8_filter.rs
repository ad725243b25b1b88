//! VP8: temporal layers left out frame by frame, picture ids and TL0PICIDX closed up.

use crate::incoming::Incoming;
use crate::passage::{Decisions, FrameNumbers, Highest, LastNumbers, Passage};
use crate::rewrite::{Renumbering, extend};
use crate::vp8::Vp8;

const REMEMBERED_FRAMES: usize = 64;

#[derive(Clone, Debug)]
pub struct Vp8Filter {
    /// The map of picture ids and the highest one, extended.
    pictures: Option<(Renumbering, u64)>,
    tl0_offset: u8,
    /// By timestamp; None is a frame that was left out.
    frames: Decisions<u32, Option<FrameNumbers>>,
    /// Which temporal layers have all they depend on.
    decodable: [bool; 4],
}

impl Vp8Filter {
    pub fn starting(vp8: &Vp8, last: &LastNumbers) -> Vp8Filter {
        let pictures = vp8.picture_id.map(|(picture, _)| {
            // Far from zero, so that late pictures stay positive.
            let input = extend(1 << 16, picture, 15);
            let output = last.picture_id.map_or(picture, |last| last + 1);
            (
                Renumbering::starting(input, (1 << 16) + u64::from(output)),
                input,
            )
        });
        let tl0_offset = match (vp8.tl0_pic_idx, last.tl0_pic_idx) {
            (Some(tl0), Some(last)) => last.wrapping_add(1).wrapping_sub(tl0),
            _ => 0,
        };
        Vp8Filter {
            pictures,
            tl0_offset,
            frames: Decisions::keeping(REMEMBERED_FRAMES),
            decodable: [true; 4],
        }
    }

    /// Whether the packet's frame passes, decided with the first packet of it that is seen.
    pub fn admit(&mut self, packet: &Incoming, vp8: &Vp8, highest: Highest) -> Passage {
        let numbers = match self.frames.get(packet.timestamp) {
            Some(decision) => decision,
            None => {
                let decision = self.decide(vp8, highest);
                self.frames.add(packet.timestamp, decision);
                decision
            }
        };
        match numbers {
            Some(numbers) => Passage::Pass {
                numbers,
                ends_picture: false,
            },
            None => Passage::LeaveOut {
                needs_keyframe: false,
            },
        }
    }

    fn decide(&mut self, vp8: &Vp8, highest: Highest) -> Option<FrameNumbers> {
        let passes = self.is_decodable_and_wanted(vp8, highest);
        let mut picture_id = None;
        if let (Some((number, is_wide)), Some((pictures, last))) =
            (vp8.picture_id, &mut self.pictures)
        {
            let input = extend(*last, number, if is_wide { 15 } else { 7 });
            *last = input.max(*last);
            if passes {
                let mask = if is_wide { 0x7fff } else { 0x7f };
                picture_id = pictures.map(input).map(|picture| (picture & mask) as u16);
            } else {
                pictures.remove(input);
            }
        }
        passes.then(|| FrameNumbers {
            picture_id,
            tl0_pic_idx: vp8.tl0_pic_idx.map(|tl0| tl0.wrapping_add(self.tl0_offset)),
            described: None,
        })
    }

    /// Whether a receiver that got what was passed so far can decode this frame and should.
    fn is_decodable_and_wanted(&mut self, vp8: &Vp8, highest: Highest) -> bool {
        if vp8.starts_keyframe {
            self.decodable = [true; 4];
        }
        let layer = usize::from(vp8.temporal & 3);
        if layer == 0 {
            return true;
        }
        if vp8.temporal > highest.temporal {
            self.decodable[layer..].fill(false);
            return false;
        }
        self.decodable[layer] |= vp8.layer_sync;
        self.decodable[layer]
    }
}
