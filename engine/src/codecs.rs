//! What of a codec the engine must know without decoding, for all codecs.

use crate::incoming::Shape;
use crate::setup::Codec;
use crate::{h264, red, vp8, vp9};

/// Read as much of the payload as forwarding needs; None when it is malformed.
pub fn shape(codec: Codec, payload: &[u8]) -> Option<Shape> {
    Some(match codec {
        Codec::Opus | Codec::TelephoneEvent => Shape::Audio,
        Codec::Red => red::primary(payload).map(|_| Shape::Audio)?,
        Codec::Vp8 => Shape::Vp8(vp8::parse(payload)?),
        Codec::Vp9 => Shape::Vp9(vp9::parse(payload)?),
        Codec::H264 => {
            let h264 = h264::parse(payload);
            Shape::Video {
                starts_keyframe: h264.starts_keyframe,
                height: h264.height,
            }
        }
        Codec::Av1 => Shape::Video {
            starts_keyframe: av1_keyframe(payload),
            height: None,
        },
    })
}

/// True for codecs whose layers only the dependency descriptor tells. The others tell them in the
/// payload, by which receivers go too when the descriptor is not passed on.
pub fn needs_descriptor(codec: Codec) -> bool {
    matches!(codec, Codec::H264 | Codec::Av1)
}

/// RTP payload format for AV1 §4.4: N, the first packet of a coded video sequence.
fn av1_keyframe(payload: &[u8]) -> bool {
    payload
        .first()
        .is_some_and(|aggregation| aggregation & 0x08 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_coded_video_sequence_of_av1_is_recognized() {
        assert!(av1_keyframe(&[0x18]));
        assert!(!av1_keyframe(&[0x10]));
    }

    #[test]
    fn random_payloads_never_panic() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..50_000 {
            let payload: Vec<u8> = (0..rng.usize(..24)).map(|_| rng.u8(..)).collect();
            for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus] {
                let _ = shape(codec, &payload);
            }
        }
    }
}
