//! H.264 in RTP (RFC 6184 §5): where key frames start, and how large the picture is.
//!
//! Layers are not told by the payload; a stream that has any carries a dependency descriptor.

use crate::bits::BitReader;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// More of a parameter set than stands before the picture size, scaling lists included.
const LONGEST_SPS: usize = 512;
/// Profiles whose parameter sets tell the chroma format (ITU-T H.264, §7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];

/// What a packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct H264 {
    /// It has a parameter set or the start of an IDR picture.
    pub starts_keyframe: bool,
    /// The shorter side in pixels, where a parameter set tells it.
    pub height: Option<u16>,
}

pub fn parse(payload: &[u8]) -> H264 {
    let [indicator, rest @ ..] = payload else {
        return H264::default();
    };
    match indicator & 0x1f {
        STAP_A => aggregated(rest),
        FU_A => H264 {
            starts_keyframe: rest
                .first()
                .is_some_and(|&header| header & 0x80 != 0 && starts_keyframe(header)),
            height: None,
        },
        _ => unit(payload),
    }
}

fn starts_keyframe(header: u8) -> bool {
    matches!(header & 0x1f, IDR | SPS)
}

fn unit(unit: &[u8]) -> H264 {
    let Some((&header, body)) = unit.split_first() else {
        return H264::default();
    };
    H264 {
        starts_keyframe: starts_keyframe(header),
        height: if header & 0x1f == SPS {
            shorter_side(body)
        } else {
            None
        },
    }
}

fn aggregated(mut units: &[u8]) -> H264 {
    let mut found = H264::default();
    while let [high, low, rest @ ..] = units {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let each = unit(rest.get(..length).unwrap_or(rest));
        found.starts_keyframe |= each.starts_keyframe;
        found.height = found.height.or(each.height);
        units = rest.get(length..).unwrap_or_default();
    }
    found
}

/// The picture size of a sequence parameter set (ITU-T H.264, §7.3.2.1.1); None when malformed.
fn shorter_side(body: &[u8]) -> Option<u16> {
    let mut plain = Vec::new();
    for &byte in body.iter().take(LONGEST_SPS) {
        // Emulation prevention, §7.4.1.
        if byte != 3 || !plain.ends_with(&[0, 0]) {
            plain.push(byte);
        }
    }
    let mut bits = BitReader::new(&plain);
    let profile = bits.take(8)?;
    bits.skip(16)?;
    bits.take_golomb()?;
    let (mut chroma, mut has_planes) = (1, false);
    if HIGH_PROFILES.contains(&profile) {
        chroma = bits.take_golomb()?;
        has_planes = chroma == 3 && bits.take(1)? == 1;
        bits.take_golomb()?;
        bits.take_golomb()?;
        bits.skip(1)?;
        if bits.take(1)? == 1 {
            skip_scaling(&mut bits, if chroma == 3 { 12 } else { 8 })?;
        }
    }
    bits.take_golomb()?;
    match bits.take_golomb()? {
        0 => {
            bits.take_golomb()?;
        }
        1 => {
            bits.skip(1)?;
            bits.take_golomb()?;
            bits.take_golomb()?;
            for _ in 0..bits.take_golomb()?.min(255) {
                bits.take_golomb()?;
            }
        }
        _ => {}
    }
    bits.take_golomb()?;
    bits.skip(1)?;
    let width = bits.take_golomb()?.checked_add(1)?.checked_mul(16)?;
    let map_height = bits.take_golomb()?.checked_add(1)?.checked_mul(16)?;
    let is_frame = bits.take(1)?;
    let height = map_height.checked_mul(2 - is_frame)?;
    if is_frame == 0 {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let (mut cut_width, mut cut_height) = (0, 0);
    if bits.take(1)? == 1 {
        let mut crop = || bits.take_golomb();
        let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
        let has_colour = chroma != 0 && !has_planes;
        let unit_x = if has_colour && chroma < 3 { 2 } else { 1 };
        let unit_y = if has_colour && chroma == 1 { 2 } else { 1 } * (2 - is_frame);
        cut_width = left.checked_add(right)?.checked_mul(unit_x)?;
        cut_height = top.checked_add(bottom)?.checked_mul(unit_y)?;
    }
    let shorter = width
        .checked_sub(cut_width)?
        .min(height.checked_sub(cut_height)?);
    u16::try_from(shorter).ok()
}

/// §7.3.2.1.1.1: a list ends early when a scale becomes zero.
fn skip_scaling(bits: &mut BitReader<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if bits.take(1)? == 0 {
            continue;
        }
        let (mut last, mut next) = (8_i64, 8_i64);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let code = i64::from(bits.take_golomb()?);
                let delta = if code % 2 == 1 {
                    (code + 1) / 2
                } else {
                    -(code / 2)
                };
                next = (last + delta).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter set of a constrained baseline stream of 640x360, as x264 writes it.
    const SPS_360: [u8; 10] = [0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0];

    #[test]
    fn keyframes_are_recognized() {
        let starts = |payload: &[u8]| parse(payload).starts_keyframe;
        assert!(starts(&[0x67, 0x42]));
        assert!(starts(&[0x78, 0x00, 0x02, 0x06, 0x00, 0x00, 0x01, 0x65]));
        assert!(starts(&[0x7c, 0x85]));
        assert!(!starts(&[0x7c, 0x05]), "not the start of the picture");
        assert!(!starts(&[0x41, 0x9a]));
        assert!(!starts(&[]));
    }

    #[test]
    fn a_parameter_set_tells_the_height() {
        assert_eq!(parse(&SPS_360).height, Some(360));
        let mut packet = vec![0x78, 0x00, SPS_360.len() as u8];
        packet.extend(SPS_360);
        assert_eq!(parse(&packet).height, Some(360));
        assert_eq!(parse(&SPS_360[..6]).height, None);
    }
}
