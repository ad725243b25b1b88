//! RTP header extensions (RFC 8285) the engine reads, writes or carries.
//!
//! The MID is left out on purpose: clients send mids of their own session description, which mean
//! nothing here. Streams are told apart by the SSRCs the caller signalled.

use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The greatest id of the one-byte form; 15 is reserved, and str0m would switch form for more.
const GREATEST_ID: u8 = 14;

/// The dependency descriptor as it is on the wire; `dd` reads it.
#[derive(Debug)]
struct DependencyDescriptor(Box<[u8]>);

#[derive(Debug)]
struct CarryDependencyDescriptor;

impl ExtensionSerializer for CarryDependencyDescriptor {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DependencyDescriptor(bytes)) = values.user_values.get() else {
            return 0;
        };
        match buf.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                bytes.len()
            }
            None => 0,
        }
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values
            .user_values
            .set_arc(Arc::new(DependencyDescriptor(buf.into())));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values
            .user_values
            .get::<DependencyDescriptor>()
            .is_some_and(|DependencyDescriptor(bytes)| bytes.is_empty() || bytes.len() > 16)
    }
}

/// The extensions of one endpoint, and whether transport-wide congestion control is among them.
pub fn map(offered: &[(u8, String)]) -> (ExtensionMap, bool) {
    let mut extensions = ExtensionMap::empty();
    let mut has_transport_cc = false;
    for (id, uri) in offered {
        if !(1..=GREATEST_ID).contains(id) {
            continue;
        }
        let extension = match uri.as_str() {
            AUDIO_LEVEL => Extension::AudioLevel,
            ABS_SEND_TIME => Extension::AbsoluteSendTime,
            TRANSPORT_CC => Extension::TransportSequenceNumber,
            VIDEO_ORIENTATION => Extension::VideoOrientation,
            DEPENDENCY_DESCRIPTOR => {
                Extension::with_serializer(DEPENDENCY_DESCRIPTOR, CarryDependencyDescriptor)
            }
            _ => continue,
        };
        has_transport_cc |= uri == TRANSPORT_CC;
        extensions.set(*id, extension);
    }
    (extensions, has_transport_cc)
}

/// The dependency descriptor of a packet, if it has one.
pub fn dependency_descriptor(received: &ExtensionValues) -> Option<&[u8]> {
    let value = received.user_values.get::<DependencyDescriptor>()?;
    Some(&value.0)
}

pub fn set_dependency_descriptor(values: &mut ExtensionValues, bytes: Box<[u8]>) {
    values
        .user_values
        .set_arc(Arc::new(DependencyDescriptor(bytes)));
}

/// The id under which packets carry their transport-wide sequence number; the last one counts.
pub fn transport_cc(offered: &[(u8, String)]) -> Option<u8> {
    let is_it = |(id, uri): &&(u8, String)| (1..=GREATEST_ID).contains(id) && uri == TRANSPORT_CC;
    offered.iter().rev().find(is_it).map(|&(id, _)| id)
}

/// What travels from sender to receiver: level, orientation and, when it is needed to decode, the
/// dependency descriptor.
///
/// The rest belongs to one hop, or tells a receiver more than it needs (bridge reference 2.1).
pub fn carried(received: &ExtensionValues, with_descriptor: bool) -> ExtensionValues {
    let mut carried = ExtensionValues {
        audio_level: received.audio_level,
        voice_activity: received.voice_activity,
        video_orientation: received.video_orientation,
        ..ExtensionValues::default()
    };
    if with_descriptor {
        carried.user_values = received.user_values.clone();
    }
    carried
}

/// The transport-wide sequence number of an RTP packet, if that is what the datagram is and it has
/// one under this id (RFC 8285 §4: one-byte and two-byte headers).
pub fn transport_seq(datagram: &[u8], id: u8) -> Option<u16> {
    const ONE_BYTE: u16 = 0xbede;
    let &[first @ 128..=191, kind, ..] = datagram else {
        return None;
    };
    let has_extension = first & 0x10 != 0;
    if !has_extension || (192..=223).contains(&kind) {
        return None;
    }
    let after_sources = datagram.get(12 + 4 * usize::from(first & 0x0f)..)?;
    let (&[p0, p1, l0, l1], rest) = after_sources.split_first_chunk()?;
    let is_one_byte = u16::from_be_bytes([p0, p1]) == ONE_BYTE;
    let mut rest = rest.get(..4 * usize::from(u16::from_be_bytes([l0, l1])))?;
    while let Some((&head, after)) = rest.split_first() {
        if head == 0 {
            // Padding has no length.
            rest = after;
            continue;
        }
        let (found, length, value) = if is_one_byte {
            (head >> 4, usize::from(head & 0x0f) + 1, after)
        } else {
            let (&length, value) = after.split_first()?;
            (head, usize::from(length), value)
        };
        let value = value.split_at_checked(length)?;
        if found == id {
            return Some(u16::from_be_bytes(value.0.try_into().ok()?));
        }
        rest = value.1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(extension: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 100];
        packet.resize(12, 0);
        packet.extend(extension);
        packet.extend([7; 20]);
        packet
    }

    #[test]
    fn the_transport_wide_number_is_found_in_both_forms() {
        let one = packet(&[0xbe, 0xde, 0, 2, 0x10, 9, 0, 0x51, 0x12, 0x34, 0, 0]);
        let two = packet(&[0x10, 0, 0, 2, 1, 1, 9, 5, 2, 0x12, 0x34, 0]);

        assert_eq!(transport_seq(&one, 5), Some(0x1234));
        assert_eq!(transport_seq(&two, 5), Some(0x1234));
        assert_eq!(transport_seq(&one, 6), None);
    }

    #[test]
    fn other_datagrams_have_no_transport_wide_number() {
        let mut cut = packet(&[0xbe, 0xde, 0, 1, 0x51, 0x12, 0x34, 0]);
        let whole = cut.clone();
        assert_eq!(transport_seq(&whole, 5), Some(0x1234));
        for length in 0..20 {
            cut.truncate(19 - length);
            assert_eq!(transport_seq(&cut, 5), None, "{}", cut.len());
        }
        let mut rtcp = whole.clone();
        rtcp[1] = 205;
        assert_eq!(transport_seq(&rtcp, 5), None);
    }
}
