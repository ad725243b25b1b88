//! Which frames of one encoding pass to one receiver, and under which numbers of the codec.
//!
//! One kind per way in which streams tell their layers: [`vp8_filter`](crate::vp8_filter),
//! [`vp9_filter`](crate::vp9_filter), [`dd_filter`](crate::dd_filter), or none.

use crate::dd_filter::DescribedFilter;
use crate::incoming::{Incoming, Shape};
use crate::passage::{FrameNumbers, Highest, LastNumbers, Passage};
use crate::vp8_filter::Vp8Filter;
use crate::vp9_filter::Vp9Filter;

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
