//! A client's session: ICE, DTLS and SRTP by str0m, in the roles the signalling gave it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::crypto::Fingerprint;
use str0m::format::{Codec as FormatCodec, FormatParams};
use str0m::media::{MediaKind as StreamKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};

use super::publication::{Outgoing, PublicationSetup};
use crate::setup::{CertificateHash, Codec, MediaKind, PayloadType, frequency};
use crate::{crypto, extensions};

const MOST_TURNS: usize = 5_000;
/// Resent on request from this many packets of this age, as browsers do.
const CACHED_PACKETS: usize = 1_000;
const CACHED_FOR: Duration = Duration::from_secs(3);
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HANDSHAKE_TYPE_AT: usize = 13;

/// What signalling agreed with the server.
#[derive(Clone, Debug)]
pub struct Agreed {
    pub ours: IceCreds,
    pub theirs: IceCreds,
    pub fingerprint: CertificateHash,
    pub candidates: Vec<SocketAddr>,
    pub controlling: bool,
    pub dtls_client: bool,
    pub payload_types: Vec<PayloadType>,
    pub extensions: Vec<(u8, String)>,
}

/// A stream the peer will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub ssrc: u32,
    pub rtx: Option<u32>,
    pub is_video: bool,
}

/// When the session reached what, since it was agreed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Milestones {
    pub ice_connected: Option<Duration>,
    pub dtls_connected: Option<Duration>,
    pub first_packet: Option<Duration>,
    /// ClientHello records sent: one, or two with a cookie; more are retransmissions.
    pub client_hellos: u32,
    pub profile: Option<&'static str>,
}

/// What driving the session brought out.
#[derive(Debug, Default)]
pub struct Produced {
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub packets: Vec<RtpPacket>,
    pub keyframe_wanted: bool,
}

#[derive(Debug)]
pub struct Session {
    rtc: Rtc,
    agreed: Instant,
    pub milestones: Milestones,
    pub deadline: Instant,
    next_rid: u32,
}

fn receiving(is_video: bool) -> Mid {
    Mid::from(if is_video { "rxv" } else { "rxa" })
}

impl Session {
    pub fn new(now: Instant, local: SocketAddr, agreed: Agreed) -> Result<Session, RtcError> {
        let (extensions, has_transport_cc) = extensions::map(&agreed.extensions);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_crypto_provider(crypto::provider())
            .set_dtls_cert(crypto::certificate().clone())
            .set_local_ice_credentials(agreed.ours)
            .clear_codecs()
            .set_extension_map(extensions);
        for payload_type in &agreed.payload_types {
            add_codec(&mut config, payload_type);
        }
        let mut rtc = config.build(now);
        if let Ok(candidate) = Candidate::host(local, Protocol::Udp) {
            rtc.add_local_candidate(candidate);
        }
        for &remote in &agreed.candidates {
            if let Ok(candidate) = Candidate::host(remote, Protocol::Udp) {
                rtc.add_remote_candidate(candidate);
            }
        }
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(agreed.controlling);
        direct.set_remote_ice_credentials(agreed.theirs);
        direct.set_remote_fingerprint(Fingerprint {
            hash_func: agreed.fingerprint.hash,
            bytes: agreed.fingerprint.digest,
        });
        if has_transport_cc {
            direct.enable_twcc_feedback();
        }
        direct.declare_media(receiving(false), StreamKind::Audio);
        direct.declare_media(receiving(true), StreamKind::Video);
        rtc.handle_input(Input::Timeout(now))?;
        rtc.direct_api().start_dtls(agreed.dtls_client)?;
        rtc.handle_input(Input::Timeout(now))?;
        Ok(Session {
            rtc,
            agreed: now,
            milestones: Milestones::default(),
            deadline: now,
            next_rid: 0,
        })
    }

    /// Announce a stream this peer will send.
    pub fn publish(&mut self, setup: &PublicationSetup) {
        let kind = if setup.is_video {
            StreamKind::Video
        } else {
            StreamKind::Audio
        };
        let mid = Mid::from(setup.mid.as_str());
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, kind);
        let rtx = setup.rtx.map(Into::into);
        let stream = direct.declare_stream_tx(setup.ssrc.into(), rtx, mid, None);
        stream.set_unpaced(true);
        if setup.is_video {
            stream.set_rtx_cache(CACHED_PACKETS, CACHED_FOR, None);
        }
    }

    /// Be ready for streams of others.
    pub fn expect(&mut self, streams: &[Expected]) {
        let mut direct = self.rtc.direct_api();
        for stream in streams {
            let rid = Rid::from(format!("{}", self.next_rid % 100_000_000).as_str());
            self.next_rid += 1;
            let (ssrc, rtx) = (stream.ssrc.into(), stream.rtx.map(Into::into));
            direct
                .expect_stream_rx(ssrc, rtx, receiving(stream.is_video), Some(rid))
                .suppress_nack(!stream.is_video);
        }
    }

    pub fn send(&mut self, now: Instant, packet: Outgoing) {
        let extensions = ExtensionValues {
            audio_level: packet.audio_level,
            voice_activity: packet.audio_level.map(|_| true),
            ..ExtensionValues::default()
        };
        let write = RtpWrite::new(
            Pt::new_with_value(packet.payload_type),
            packet.seq.into(),
            packet.timestamp,
            now,
            packet.payload,
        )
        .marker(packet.marker)
        .ext_vals(extensions)
        .nackable(packet.is_video);
        if let Some(stream) = self.rtc.direct_api().stream_tx(&packet.ssrc.into()) {
            stream.write_rtp(write);
        }
    }

    /// Feed one datagram; what is wrong with it is the server's affair and shows in the counts.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        if let Ok(receive) = Receive::new(Protocol::Udp, from, to, datagram) {
            let _ = self.rtc.handle_input(Input::Receive(now, receive));
        }
    }

    /// Let the session work until it waits for time or input.
    pub fn drive(&mut self, now: Instant, produced: &mut Produced) {
        for _ in 0..MOST_TURNS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at > now => {
                    self.deadline = at;
                    return;
                }
                Ok(Output::Timeout(_)) => {
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        break;
                    }
                }
                Ok(Output::Transmit(transmit)) => {
                    let bytes = transmit.contents.to_vec();
                    if bytes.first() == Some(&HANDSHAKE)
                        && bytes.get(HANDSHAKE_TYPE_AT) == Some(&CLIENT_HELLO)
                    {
                        self.milestones.client_hellos += 1;
                    }
                    produced.datagrams.push((transmit.destination, bytes));
                }
                Ok(Output::Event(event)) => self.note(now, event, produced),
                Err(_) => break,
            }
        }
        self.deadline = now + Duration::from_millis(50);
    }

    fn note(&mut self, now: Instant, event: Event, produced: &mut Produced) {
        let since = now.saturating_duration_since(self.agreed);
        match event {
            Event::RtpPacket(packet) => {
                self.milestones.first_packet.get_or_insert(since);
                produced.packets.push(packet);
            }
            Event::IceConnectionStateChange(state) if state.is_connected() => {
                self.milestones.ice_connected.get_or_insert(since);
            }
            Event::Connected => {
                self.milestones.dtls_connected.get_or_insert(since);
                self.milestones.profile = crypto::take_profile();
            }
            Event::KeyframeRequest(_) => produced.keyframe_wanted = true,
            _ => {}
        }
    }
}

fn add_codec(config: &mut RtcConfig, payload_type: &PayloadType) {
    let codec = match payload_type.codec {
        Codec::Opus => FormatCodec::Opus,
        Codec::Red => FormatCodec::Red,
        Codec::TelephoneEvent => FormatCodec::Tele,
        Codec::Vp8 => FormatCodec::Vp8,
        Codec::Vp9 => FormatCodec::Vp9,
        Codec::H264 => FormatCodec::H264,
        Codec::Av1 => FormatCodec::Av1,
    };
    config.codec_config().add_config(
        Pt::new_with_value(payload_type.number),
        payload_type.rtx.map(Pt::new_with_value),
        codec,
        frequency(payload_type.clock_rate),
        (payload_type.codec.kind() == MediaKind::Audio).then_some(payload_type.channels),
        FormatParams::default(),
    );
}
