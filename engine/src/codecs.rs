//! What of a codec the engine must know without decoding: where key frames start.
//!
//! VP8 has a file of its own, because it is also rewritten.

use crate::forward::Shape;
use crate::setup::Codec;
use crate::vp8;

/// Read as much of the payload as forwarding needs; None when it is malformed.
pub fn shape(codec: Codec, payload: &[u8]) -> Option<Shape> {
    let starts_keyframe = match codec {
        Codec::Opus | Codec::TelephoneEvent => return Some(Shape::Audio),
        Codec::Vp8 => return vp8::parse(payload).map(Shape::Vp8),
        Codec::Vp9 => vp9_keyframe(payload),
        Codec::H264 => h264_keyframe(payload),
        Codec::Av1 => av1_keyframe(payload),
    };
    Some(Shape::Video { starts_keyframe })
}

/// RFC 9628 §4.2: not inter-predicted (P), start of the frame (B), lowest spatial layer.
fn vp9_keyframe(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else {
        return false;
    };
    let (has_picture, inter, has_layers) =
        (first & 0x80 != 0, first & 0x40 != 0, first & 0x20 != 0);
    let starts = first & 0x08 != 0;
    if inter || !starts {
        return false;
    }
    let mut at = 1;
    if has_picture {
        at += if payload.get(1).is_some_and(|byte| byte & 0x80 != 0) {
            2
        } else {
            1
        };
    }
    !has_layers
        || payload
            .get(at)
            .is_some_and(|layers| (layers >> 1) & 0x07 == 0)
}

const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;

/// RFC 6184 §5: a sequence parameter set or the start of an IDR picture.
fn h264_keyframe(payload: &[u8]) -> bool {
    let [indicator, rest @ ..] = payload else {
        return false;
    };
    let starts = |unit: u8| matches!(unit & 0x1f, H264_IDR | H264_SPS);
    match indicator & 0x1f {
        H264_STAP_A => {
            let mut units = rest;
            while let [high, low, unit @ ..] = units {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if length > 0 && unit.first().is_some_and(|&header| starts(header)) {
                    return true;
                }
                units = unit.get(length..).unwrap_or_default();
            }
            false
        }
        H264_FU_A => rest
            .first()
            .is_some_and(|&header| header & 0x80 != 0 && starts(header)),
        _ => starts(*indicator),
    }
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
    fn keyframes_are_recognized() {
        assert!(vp9_keyframe(&[0x88, 0x05, 0x00]));
        assert!(vp9_keyframe(&[0xa8, 0x85, 0x00, 0x00]));
        assert!(
            !vp9_keyframe(&[0xa8, 0x85, 0x00, 0x02]),
            "an upper spatial layer"
        );
        assert!(!vp9_keyframe(&[0xc8, 0x05]), "inter-predicted");
        assert!(h264_keyframe(&[0x67, 0x42]));
        assert!(h264_keyframe(&[
            0x78, 0x00, 0x02, 0x06, 0x00, 0x00, 0x01, 0x65
        ]));
        assert!(h264_keyframe(&[0x7c, 0x85]));
        assert!(
            !h264_keyframe(&[0x7c, 0x05]),
            "not the start of the picture"
        );
        assert!(!h264_keyframe(&[0x41, 0x9a]));
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
