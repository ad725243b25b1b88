//! Payload types as a str0m session wants them.

use str0m::RtcConfig;
use str0m::format::{Codec as FormatCodec, FormatParams};
use str0m::media::Pt;

use crate::setup::{self, Codec, MediaKind, PayloadType};

pub(crate) fn add_codec(config: &mut RtcConfig, payload_type: &PayloadType) {
    let codec = match payload_type.codec {
        Codec::Opus => FormatCodec::Opus,
        Codec::Red => FormatCodec::Red,
        Codec::TelephoneEvent => FormatCodec::Tele,
        Codec::Vp8 => FormatCodec::Vp8,
        Codec::Vp9 => FormatCodec::Vp9,
        Codec::H264 => FormatCodec::H264,
        Codec::Av1 => FormatCodec::Av1,
    };
    let line: Vec<String> = payload_type
        .parameters
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let codecs = config.codec_config();
    codecs.add_config(
        Pt::new_with_value(payload_type.number),
        payload_type.rtx.map(Pt::new_with_value),
        codec,
        setup::frequency(payload_type.clock_rate),
        (payload_type.codec.kind() == MediaKind::Audio).then_some(payload_type.channels),
        FormatParams::parse_line(&line.join(";")),
    );
    // Probes may only be sent as retransmissions, because clients expect no other stream.
    let may_probe = payload_type.codec.kind() == MediaKind::Video && payload_type.rtx.is_some();
    if let Some(params) = codecs.last_mut() {
        params.set_fb_transport_cc(may_probe);
    }
}
