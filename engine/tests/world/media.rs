//! What is negotiated and sent: payload types, sources, packets.

use _engine::setup::{Codec, Encoding, MediaKind, PayloadType, SourceId, SourceSetup, Wanted};
use str0m::rtp::ExtensionValues;

use super::{dependency, svc};

pub const OPUS: u8 = 111;
pub const RED: u8 = 112;
pub const VP8: u8 = 100;
pub const VP8_RTX: u8 = 96;
pub const VP9: u8 = 101;
pub const VP9_RTX: u8 = 97;
pub const H264: u8 = 107;
pub const H264_RTX: u8 = 99;
pub const AV1: u8 = 41;
pub const AV1_RTX: u8 = 42;

pub fn payload_types() -> Vec<PayloadType> {
    let video = |number, codec, rtx| PayloadType {
        number,
        codec,
        clock_rate: 90_000,
        channels: 1,
        rtx: Some(rtx),
        parameters: vec![],
    };
    vec![
        PayloadType {
            number: OPUS,
            codec: Codec::Opus,
            clock_rate: 48_000,
            channels: 2,
            rtx: None,
            parameters: vec![],
        },
        PayloadType {
            number: RED,
            codec: Codec::Red,
            clock_rate: 48_000,
            channels: 2,
            rtx: None,
            parameters: vec![],
        },
        video(VP8, Codec::Vp8, VP8_RTX),
        video(VP9, Codec::Vp9, VP9_RTX),
        video(H264, Codec::H264, H264_RTX),
        video(AV1, Codec::Av1, AV1_RTX),
    ]
}

pub fn extensions() -> Vec<(u8, String)> {
    [
        (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        (3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
        (10, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        (
            11,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        ),
        (13, "urn:3gpp:video-orientation"),
    ]
    .map(|(id, uri)| (id, uri.to_owned()))
    .to_vec()
}

/// A video source whose encodings have SSRCs 1000, 1001.. and retransmissions 2000, 2001.. more.
pub fn video(id: u64, base: u32, encodings: u32) -> SourceSetup {
    SourceSetup {
        id: SourceId(id),
        kind: MediaKind::Video,
        encodings: (0..encodings)
            .map(|n| Encoding {
                ssrc: base + n,
                rtx: Some(base + 1000 + n),
            })
            .collect(),
    }
}

pub fn audio(id: u64, ssrc: u32) -> SourceSetup {
    SourceSetup {
        id: SourceId(id),
        kind: MediaKind::Audio,
        encodings: vec![Encoding { ssrc, rtx: None }],
    }
}

pub fn wanted(source: u64, encoding: usize, temporal: u8) -> Wanted {
    Wanted {
        source: SourceId(source),
        encoding,
        spatial: 7,
        temporal,
        slot: None,
    }
}

/// A packet a client sends.
pub struct Sent {
    pub payload_type: u8,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
    pub extensions: ExtensionValues,
}

pub fn opus(timestamp: u32, level: i8) -> Sent {
    Sent {
        payload_type: OPUS,
        timestamp,
        marker: false,
        payload: vec![0xfc; 80],
        extensions: ExtensionValues {
            audio_level: Some(level),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        },
    }
}

/// One frame of one packet.
#[derive(Clone, Copy)]
pub struct Frame {
    pub timestamp: u32,
    pub is_key: bool,
    pub picture: u16,
    pub tl0: u8,
    pub temporal: u8,
    pub sync: bool,
}

pub fn vp8(frame: Frame) -> Sent {
    let [high, low] = frame.picture.to_be_bytes();
    let layer = frame.temporal << 6 | if frame.sync { 0x20 } else { 0 };
    let mut payload = vec![0x90, 0xe0, 0x80 | high, low, frame.tl0, layer];
    payload.extend(if frame.is_key {
        vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00]
    } else {
        vec![0x31, 0x02, 0x00]
    });
    // Marks the frame, so that a test can tell which one arrived.
    payload.extend(frame.timestamp.to_be_bytes());
    payload.resize(200, 0x55);
    Sent {
        payload_type: VP8,
        timestamp: frame.timestamp,
        marker: true,
        payload,
        extensions: ExtensionValues::default(),
    }
}

/// A packet of an encoder with layers; with a dependency descriptor when it is AV1.
pub fn layered(payload_type: u8, packet: &svc::Packet) -> Sent {
    let mut extensions = ExtensionValues::default();
    let payload = if payload_type == AV1 {
        let descriptor = dependency::Descriptor(packet.descriptor.clone());
        extensions.user_values.set(descriptor);
        packet.av1.clone()
    } else {
        packet.vp9.clone()
    };
    Sent {
        payload_type,
        timestamp: packet.id.0,
        marker: packet.marker,
        payload,
        extensions,
    }
}
