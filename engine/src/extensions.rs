//! The RTP header extensions (RFC 8285) we know, and how a client's session is told of them.

use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};

pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
pub const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
pub const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The greatest id of the one-byte form; 15 is reserved, and str0m would switch form for more.
pub const GREATEST_ID: u8 = 14;

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
