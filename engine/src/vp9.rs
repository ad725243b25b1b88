//! The VP9 payload descriptor (RFC 9628 §4.2). Nothing behind it is read, so it may be encrypted.

/// As many as the three bits of SID can name.
const SPATIAL_LAYERS: usize = 8;

/// What one packet says about its frame: one spatial layer of one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9 {
    pub starts_frame: bool,
    pub ends_frame: bool,
    /// P: depends on earlier pictures.
    pub is_inter: bool,
    /// D: depends on the next lower spatial layer of the same picture.
    pub needs_lower: bool,
    /// Not Z: the next higher spatial layer of the same picture depends on it.
    pub serves_upper: bool,
    pub spatial: u8,
    pub temporal: u8,
    /// Picture ID and whether it is 15 bits wide (otherwise 7).
    pub picture_id: Option<(u16, bool)>,
    pub tl0_pic_idx: Option<u8>,
    pub structure: Option<Structure>,
}

/// The scalability structure, as far as it concerns spatial layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    /// 1 to 8.
    pub spatial_layers: u8,
    /// The shorter side of each layer in pixels, 0 where not told.
    pub heights: [u16; SPATIAL_LAYERS],
}

impl Vp9 {
    /// The first packet of a picture that needs no other picture.
    pub fn starts_keyframe(&self) -> bool {
        self.starts_frame && !self.is_inter && self.spatial == 0
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn pair(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.next()?, self.next()?]))
    }
}

/// Read the descriptor; None when it is truncated.
pub fn parse(payload: &[u8]) -> Option<Vp9> {
    let mut bytes = Bytes(payload);
    let first = bytes.next()?;
    let has = |bit: u8| first & bit != 0;
    let mut header = Vp9 {
        is_inter: has(0x40),
        starts_frame: has(0x08),
        ends_frame: has(0x04),
        serves_upper: !has(0x01),
        ..Vp9::default()
    };
    if has(0x80) {
        let high = bytes.next()?;
        header.picture_id = Some(if high & 0x80 != 0 {
            (u16::from_be_bytes([high & 0x7f, bytes.next()?]), true)
        } else {
            (u16::from(high), false)
        });
    }
    let is_flexible = has(0x10);
    if has(0x20) {
        let layers = bytes.next()?;
        header.temporal = layers >> 5;
        header.spatial = (layers >> 1) & 0x07;
        header.needs_lower = layers & 0x01 != 0;
        if !is_flexible {
            header.tl0_pic_idx = Some(bytes.next()?);
        }
    }
    if is_flexible && header.is_inter {
        // At most three references, each telling whether another follows.
        for _ in 0..3 {
            if bytes.next()? & 0x01 == 0 {
                break;
            }
        }
    }
    if has(0x02) {
        header.structure = Some(structure(&mut bytes)?);
    }
    (!bytes.0.is_empty()).then_some(header)
}

fn structure(bytes: &mut Bytes<'_>) -> Option<Structure> {
    let first = bytes.next()?;
    let mut structure = Structure {
        spatial_layers: (first >> 5) + 1,
        ..Structure::default()
    };
    if first & 0x10 != 0 {
        let count = usize::from(structure.spatial_layers);
        for height in structure.heights.iter_mut().take(count) {
            *height = bytes.pair()?.min(bytes.pair()?);
        }
    }
    if first & 0x08 != 0 {
        for _ in 0..bytes.next()? {
            let references = (bytes.next()? >> 2) & 0x03;
            for _ in 0..references {
                bytes.next()?;
            }
        }
    }
    Some(structure)
}

/// Put other numbers into the descriptor of a payload that reads as `header`, each as wide as before.
pub fn renumber(
    payload: &mut [u8],
    header: &Vp9,
    picture_id: Option<u16>,
    tl0_pic_idx: Option<u8>,
) {
    let mut layers_at = 1;
    if let Some((own, is_wide)) = header.picture_id {
        let number = picture_id.unwrap_or(own);
        if is_wide {
            if let Some(place) = payload.get_mut(1..3) {
                place.copy_from_slice(&(number | 0x8000).to_be_bytes());
            }
            layers_at = 3;
        } else {
            if let Some(place) = payload.get_mut(1) {
                *place = (number & 0x7f) as u8;
            }
            layers_at = 2;
        }
    }
    if header.tl0_pic_idx.is_some()
        && let (Some(place), Some(number)) = (payload.get_mut(layers_at + 1), tl0_pic_idx)
    {
        *place = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First packet of a key picture of Chromium with three spatial layers, cut after the header.
    const KEY: [u8; 20] = [
        0xaa, 0x81, 0x02, 0x00, 0x33, // I|L|B|V, picture 258, tid 0 sid 0, tl0 51
        0x50, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02,
        0xd0, // 3 sizes
        0x83, 0x49, // frame
    ];

    #[test]
    fn a_key_picture_tells_its_layers_and_their_heights() {
        let header = parse(&KEY).unwrap();

        assert!(header.starts_keyframe() && header.serves_upper && !header.ends_frame);
        assert_eq!(header.picture_id, Some((258, true)));
        assert_eq!(header.tl0_pic_idx, Some(51));
        let structure = header.structure.unwrap();
        assert_eq!(structure.spatial_layers, 3);
        assert_eq!(structure.heights[..4], [180, 360, 720, 0]);
    }

    #[test]
    fn an_upper_layer_tells_what_it_depends_on() {
        // I|P|L|B|E|Z, picture 5, tid 2 U sid 1 D, tl0 7.
        let header = parse(&[0xed, 0x05, 0x53, 0x07, 0xff]).unwrap();

        assert!(header.is_inter && header.needs_lower && !header.serves_upper);
        assert_eq!((header.spatial, header.temporal), (1, 2));
        assert_eq!(header.picture_id, Some((5, false)));
        assert!(!header.starts_keyframe());
    }

    #[test]
    fn references_of_the_flexible_mode_are_skipped() {
        // I|P|L|F|B, picture 5, tid 0, P_DIFF 1 and another, P_DIFF 2.
        let header = parse(&[0xf8, 0x05, 0x00, 0x03, 0x04, 0xff]).unwrap();

        assert_eq!(header.tl0_pic_idx, None);
        assert!(parse(&[0xf8, 0x05, 0x00, 0x03, 0x04]).is_none());
    }

    #[test]
    fn a_truncated_descriptor_is_refused() {
        for end in 0..=18 {
            assert_eq!(parse(&KEY[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn renumbering_changes_the_numbers_alone() {
        let mut renumbered = KEY;
        renumber(
            &mut renumbered,
            &parse(&KEY).unwrap(),
            Some(0x7fff),
            Some(9),
        );

        let mut expected = KEY;
        (expected[1], expected[2], expected[4]) = (0xff, 0xff, 9);
        assert_eq!(renumbered, expected);
    }
}
