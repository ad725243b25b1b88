//! A packet of media on its way through: what is the same for all receivers, and how each gets it.

use std::sync::Arc;

use crate::forward::Numbers;
use crate::incoming::{Incoming, Shape};
use crate::payload::Payload;
use crate::rtp_extensions::Values;
use crate::setup::PayloadType;
use crate::{vp8, vp9};

/// A packet to be passed on, the same for all receivers.
#[derive(Debug)]
pub struct Media {
    pub incoming: Incoming,
    /// The sender's payload type.
    pub payload_type: Arc<PayloadType>,
    pub payload: Payload,
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
    /// The dependency descriptor, where the codec needs it.
    pub descriptor: Option<Box<[u8]>>,
    /// The new frame alone, when the codec is RED.
    pub primary: Option<Primary>,
}

/// What is in a packet of redundant audio, for receivers that did not negotiate it.
#[derive(Clone, Debug)]
pub struct Primary {
    /// The sender's payload type.
    pub payload_type: Arc<PayloadType>,
    /// Where it begins in the payload.
    pub start: usize,
}

impl Media {
    /// The values that travel from sender to receiver.
    pub fn carried<'a>(&'a self, rewritten: Option<&'a [u8]>) -> Values<'a> {
        Values {
            audio_level: self.audio_level,
            orientation: self.orientation,
            descriptor: rewritten.or(self.descriptor.as_deref()),
            ..Values::default()
        }
    }

    /// The dependency descriptor with the receiver's numbers, where they differ from the sender's.
    pub fn rewritten_descriptor(&self, numbers: &Numbers) -> Option<Box<[u8]>> {
        let Shape::Described(descriptor) = &self.incoming.shape else {
            return None;
        };
        let new = numbers.frame.described?;
        let differs = !new.changes_nothing(descriptor);
        differs.then(|| descriptor.rewritten(new.frame_number, new.template_shift, new.active))
    }

    /// Append its payload, or the part of it that is given, with the receiver's numbers inside.
    pub fn write(&self, out: &mut Vec<u8>, payload: &[u8], numbers: &Numbers) {
        let start = out.len();
        out.extend_from_slice(payload);
        let Some(payload) = out.get_mut(start..) else {
            return;
        };
        let frame = &numbers.frame;
        match &self.incoming.shape {
            Shape::Vp8(header) => {
                vp8::renumber(payload, header, frame.picture_id, frame.tl0_pic_idx);
            }
            Shape::Vp9(header) => {
                vp9::renumber(payload, header, frame.picture_id, frame.tl0_pic_idx);
            }
            Shape::Audio | Shape::Described(_) | Shape::Video { .. } => {}
        }
    }
}
