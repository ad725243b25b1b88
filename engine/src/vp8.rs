//! The VP8 payload descriptor (RFC 7741 §4.2) and the few clear bytes of a frame behind it.
//!
//! Only these are read: under end-to-end encryption everything after a key frame's first ten
//! bytes, and after an inter frame's first three, is unreadable.

/// What one packet says about its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8 {
    /// The packet is the first one of its frame.
    pub starts_frame: bool,
    /// The packet is the first one of a key frame.
    pub starts_keyframe: bool,
    /// Picture ID and whether it is 15 bits wide (otherwise 7).
    pub picture_id: Option<(u16, bool)>,
    pub tl0_pic_idx: Option<u8>,
    pub temporal: u8,
    /// The frame depends on the base layer alone (Y bit), so a receiver may climb here.
    pub layer_sync: bool,
    /// The shorter side in pixels, on the first packet of a key frame.
    pub height: Option<u16>,
}

/// Read the descriptor; None when it is truncated.
pub fn parse(payload: &[u8]) -> Option<Vp8> {
    let mut bytes = payload.iter();
    let first = *bytes.next()?;
    let mut header = Vp8 {
        starts_frame: first & 0x10 != 0 && first & 0x07 == 0,
        ..Vp8::default()
    };
    if first & 0x80 != 0 {
        let extension = *bytes.next()?;
        if extension & 0x80 != 0 {
            let high = *bytes.next()?;
            header.picture_id = Some(if high & 0x80 != 0 {
                (u16::from_be_bytes([high & 0x7f, *bytes.next()?]), true)
            } else {
                (u16::from(high), false)
            });
        }
        if extension & 0x40 != 0 {
            header.tl0_pic_idx = Some(*bytes.next()?);
        }
        if extension & 0x30 != 0 {
            let byte = *bytes.next()?;
            if extension & 0x20 != 0 {
                header.temporal = byte >> 6;
                header.layer_sync = byte & 0x20 != 0;
            }
        }
    }
    let frame = bytes.as_slice();
    let tag = *frame.first()?;
    header.starts_keyframe = header.starts_frame && tag & 0x01 == 0;
    if header.starts_keyframe {
        // RFC 6386 §9.1: frame tag (3), start code (3), width and scale (2), height and scale (2).
        if let [_, _, _, 0x9d, 0x01, 0x2a, w, wide, h, high, ..] = frame {
            let side = |low: &u8, high: &u8| u16::from_le_bytes([*low, *high]) & 0x3fff;
            header.height = Some(side(w, wide).min(side(h, high)));
        }
    }
    Some(header)
}

/// Put other numbers into the descriptor of a payload that reads as `header`, each as wide as before.
pub fn renumber(
    payload: &mut [u8],
    header: &Vp8,
    picture_id: Option<u16>,
    tl0_pic_idx: Option<u8>,
) {
    let mut tl0_at = 2;
    if let Some((own, is_wide)) = header.picture_id {
        let number = picture_id.unwrap_or(own);
        if is_wide {
            if let Some(place) = payload.get_mut(2..4) {
                place.copy_from_slice(&(number | 0x8000).to_be_bytes());
            }
            tl0_at = 4;
        } else {
            if let Some(place) = payload.get_mut(2) {
                *place = (number & 0x7f) as u8;
            }
            tl0_at = 3;
        }
    }
    if header.tl0_pic_idx.is_some()
        && let (Some(place), Some(number)) = (payload.get_mut(tl0_at), tl0_pic_idx)
    {
        *place = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYFRAME: [u8; 16] = [
        0x90, 0xe0, 0x81, 0x02, 0x33, 0x00, // S, I|L|T, picture 258, tl0 51, tid 0
        0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, // key frame, 320x180
    ];

    #[test]
    fn a_keyframe_tells_its_picture_and_its_height() {
        assert_eq!(
            parse(&KEYFRAME),
            Some(Vp8 {
                starts_frame: true,
                starts_keyframe: true,
                picture_id: Some((258, true)),
                tl0_pic_idx: Some(0x33),
                temporal: 0,
                layer_sync: false,
                height: Some(180),
            })
        );
    }

    #[test]
    fn a_temporal_layer_tells_its_number_and_its_sync_bit() {
        let header = parse(&[0x90, 0xa0, 0x05, 0xa0, 0x31]).unwrap();

        assert_eq!((header.temporal, header.layer_sync), (2, true));
        assert_eq!(header.picture_id, Some((5, false)));
        assert!(!header.starts_keyframe);
    }

    #[test]
    fn numbers_are_replaced_where_they_are() {
        let mut wide = KEYFRAME;
        let header = parse(&wide).unwrap();
        renumber(&mut wide, &header, Some(0x7ffe), Some(9));
        let after = parse(&wide).unwrap();
        assert_eq!(after.picture_id, Some((0x7ffe, true)));
        assert_eq!(after.tl0_pic_idx, Some(9));
        assert_eq!(wide[6..], KEYFRAME[6..]);

        let mut narrow = [0x90, 0xe0, 0x05, 0x33, 0xa0, 0x31, 1];
        let header = parse(&narrow).unwrap();
        renumber(&mut narrow, &header, Some(0xff), Some(1));
        assert_eq!(narrow, [0x90, 0xe0, 0x7f, 0x01, 0xa0, 0x31, 1]);

        let mut alone = [0x90, 0x40, 0x33, 0x31, 1];
        let header = parse(&alone).unwrap();
        renumber(&mut alone, &header, None, Some(2));
        assert_eq!(alone, [0x90, 0x40, 0x02, 0x31, 1]);
    }

    #[test]
    fn a_continuation_starts_nothing() {
        let header = parse(&[0x80, 0x80, 0x05, 0x00]).unwrap();

        assert!(!header.starts_frame && !header.starts_keyframe);
    }

    #[test]
    fn a_truncated_descriptor_is_refused() {
        for end in 0..7 {
            assert!(parse(&KEYFRAME[..end]).is_none(), "cut at {end}");
        }
        assert_eq!(parse(&KEYFRAME[..12]).unwrap().height, None);
    }

    #[test]
    fn random_payloads_never_panic() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..50_000 {
            let payload: Vec<u8> = (0..rng.usize(..20)).map(|_| rng.u8(..)).collect();
            let _ = parse(&payload);
        }
    }
}
