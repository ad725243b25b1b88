//! RTP header extensions (RFC 8285) of the packets an endpoint receives and sends.
//!
//! What travels from sender to receiver is the audio level, the orientation and, where it is needed
//! to decode, the dependency descriptor. The rest belongs to one hop, or tells a receiver more than
//! it needs (bridge reference 2.1). The MID is left out on purpose: clients send mids of their own
//! session description, which mean nothing here.

use crate::extensions::{
    ABS_SEND_TIME, AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, GREATEST_ID, TRANSPORT_CC, VIDEO_ORIENTATION,
};

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
/// The lower four bits of a two-byte profile are the application's.
const TWO_BYTES_MASK: u16 = 0xfff0;
/// What an element of the one-byte form can hold.
const MOST_IN_ONE_BYTE_FORM: usize = 16;

/// The numbers one endpoint has agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids {
    audio_level: Option<u8>,
    abs_send_time: Option<u8>,
    pub transport_cc: Option<u8>,
    orientation: Option<u8>,
    descriptor: Option<u8>,
}

impl Ids {
    /// Of what was offered; the last one counts.
    pub fn of(offered: &[(u8, String)]) -> Ids {
        let mut ids = Ids::default();
        for (id, uri) in offered {
            if !(1..=GREATEST_ID).contains(id) {
                continue;
            }
            let slot = match uri.as_str() {
                AUDIO_LEVEL => &mut ids.audio_level,
                ABS_SEND_TIME => &mut ids.abs_send_time,
                TRANSPORT_CC => &mut ids.transport_cc,
                VIDEO_ORIENTATION => &mut ids.orientation,
                DEPENDENCY_DESCRIPTOR => &mut ids.descriptor,
                _ => continue,
            };
            *slot = Some(*id);
        }
        ids
    }
}

/// What a packet says beside its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// As on the wire: the voice flag and the level (RFC 6464).
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
    pub descriptor: Option<&'a [u8]>,
    /// Belongs to one hop.
    pub transport_seq: Option<u16>,
    /// Belongs to one hop; 24 bits.
    pub abs_send_time: Option<u32>,
}

/// Read the elements of a block; what is cut off or unknown is left out.
pub fn read<'a>(ids: &Ids, profile: u16, elements: &'a [u8]) -> Values<'a> {
    let mut values = Values::default();
    let is_one_byte = profile == ONE_BYTE;
    if !is_one_byte && profile & TWO_BYTES_MASK != TWO_BYTES {
        return values;
    }
    let mut rest = elements;
    while let Some((&head, after)) = rest.split_first() {
        if head == 0 {
            // Padding has no length.
            rest = after;
            continue;
        }
        let (id, length, after) = if is_one_byte {
            (head >> 4, usize::from(head & 0x0f) + 1, after)
        } else {
            match after.split_first() {
                Some((&length, after)) => (head, usize::from(length), after),
                None => break,
            }
        };
        let Some((value, after)) = after.split_at_checked(length) else {
            break;
        };
        rest = after;
        let id = Some(id);
        if id == ids.transport_cc {
            if let &[high, low, ..] = value {
                values.transport_seq = Some(u16::from_be_bytes([high, low]));
            }
        } else if id == ids.audio_level {
            values.audio_level = value.first().copied();
        } else if id == ids.orientation {
            values.orientation = value.first().copied();
        } else if id == ids.descriptor {
            values.descriptor = Some(value);
        } else if id == ids.abs_send_time
            && let &[a, b, c, ..] = value
        {
            values.abs_send_time = Some(u32::from_be_bytes([0, a, b, c]));
        }
    }
    values
}

/// Whether any of these values would be written.
pub fn is_empty(ids: &Ids, values: &Values<'_>) -> bool {
    let has = |id: Option<u8>, value: bool| id.is_some() && value;
    !(has(ids.audio_level, values.audio_level.is_some())
        || has(ids.abs_send_time, values.abs_send_time.is_some())
        || has(ids.transport_cc, values.transport_seq.is_some())
        || has(ids.orientation, values.orientation.is_some())
        || has(ids.descriptor, values.descriptor.is_some()))
}

/// Write the block of what was agreed; the packet's header has to announce it.
pub fn write(out: &mut Vec<u8>, ids: &Ids, values: &Values<'_>) {
    let descriptor = ids.descriptor.zip(values.descriptor);
    let needs_two = descriptor
        .is_some_and(|(_, bytes)| bytes.is_empty() || bytes.len() > MOST_IN_ONE_BYTE_FORM);
    let profile = if needs_two { TWO_BYTES } else { ONE_BYTE };
    out.extend_from_slice(&profile.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    let start = out.len();
    let mut element = |id: u8, value: &[u8]| {
        if needs_two {
            out.extend_from_slice(&[id, value.len() as u8]);
        } else {
            out.push(id << 4 | (value.len() as u8 - 1));
        }
        out.extend_from_slice(value);
    };
    if let Some((id, level)) = ids.audio_level.zip(values.audio_level) {
        element(id, &[level]);
    }
    if let Some((id, time)) = ids.abs_send_time.zip(values.abs_send_time) {
        element(id, &time.to_be_bytes()[1..]);
    }
    if let Some((id, seq)) = ids.transport_cc.zip(values.transport_seq) {
        element(id, &seq.to_be_bytes());
    }
    if let Some((id, orientation)) = ids.orientation.zip(values.orientation) {
        element(id, &[orientation]);
    }
    if let Some((id, bytes)) = descriptor {
        // Read from an element, so not longer than one can be.
        element(id, bytes.get(..255).unwrap_or(bytes));
    }
    let words = (out.len() - start).div_ceil(4);
    out.resize(start + 4 * words, 0);
    let length = (words as u16).to_be_bytes();
    out[start - 2..start].copy_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Ids {
        Ids::of(
            &[
                (1, AUDIO_LEVEL),
                (3, ABS_SEND_TIME),
                (5, TRANSPORT_CC),
                (11, DEPENDENCY_DESCRIPTOR),
                (13, VIDEO_ORIENTATION),
                (15, AUDIO_LEVEL),
                (4, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            ]
            .map(|(id, uri)| (id, uri.to_owned())),
        )
    }

    fn through(values: Values<'_>) -> (usize, Vec<u8>) {
        let mut out = vec![7; 3];
        write(&mut out, &ids(), &values);
        let profile = u16::from_be_bytes([out[3], out[4]]);
        let words = usize::from(u16::from_be_bytes([out[5], out[6]]));
        assert_eq!(out.len(), 7 + 4 * words);
        assert_eq!(read(&ids(), profile, &out[7..]), values);
        (words, out[3..].to_vec())
    }

    #[test]
    fn what_is_written_is_read_in_both_forms() {
        let long = vec![0xaa; 40];
        let all = Values {
            audio_level: Some(0x9e),
            orientation: Some(1),
            descriptor: Some(&[1, 2, 3]),
            transport_seq: Some(0x1234),
            abs_send_time: Some(0x00ab_cdef),
        };
        let (words, bytes) = through(all);
        assert_eq!((words, &bytes[..2]), (4, &[0xbe, 0xde][..]));
        let (_, bytes) = through(Values {
            descriptor: Some(&long),
            ..all
        });
        assert_eq!(&bytes[..2], [0x10, 0]);
        through(Values {
            descriptor: Some(&[]),
            ..Values::default()
        });
    }

    #[test]
    fn what_was_not_agreed_is_not_written() {
        let values = Values {
            audio_level: Some(1),
            ..Values::default()
        };
        assert!(is_empty(&Ids::default(), &values));
        assert!(is_empty(&ids(), &Values::default()));
        assert!(!is_empty(&ids(), &values));
    }

    #[test]
    fn foreign_profiles_and_nonsense_are_left_out() {
        assert_eq!(read(&ids(), 0x4321, &[0x10, 5]), Values::default());
        assert_eq!(read(&ids(), ONE_BYTE, &[0x51, 1]), Values::default());
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
            let profile = if rng.bool() { ONE_BYTE } else { TWO_BYTES };
            read(&ids(), profile, &bytes);
        }
    }
}
