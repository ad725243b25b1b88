//! A client made of a str0m session, as a browser is one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use _engine::setup::{EndpointId, MediaKind, SourceSetup};
use str0m::bwe::Bitrate;
use str0m::format::{Codec as FormatCodec, FormatParams};
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind as StreamKind, Mid, Pt, Rid};
use str0m::net::Protocol;
use str0m::rtp::{Extension, ExtensionMap, RtpPacket, RtpWrite};
use str0m::{Candidate, Event as RtcEvent, IceCreds, Input, Output, Rtc, RtcConfig};

use super::media::{AV1, AV1_RTX, H264, H264_RTX, OPUS, RED, Sent, VP8, VP8_RTX, VP9, VP9_RTX};
use super::{MS, dependency, server};

/// A client in the controlled role and the active DTLS role, as a browser behind a focus is.
pub struct Client {
    pub rtc: Rtc,
    pub id: EndpointId,
    /// Where the network sees it; a NAT may change this.
    pub address: SocketAddr,
    /// Where it believes to be.
    pub inside: SocketAddr,
    pub packets: Vec<RtpPacket>,
    pub keyframe_requests: Vec<(Mid, KeyframeRequestKind)>,
    pub is_connected: bool,
    pub dtls_sent: Vec<Instant>,
    pub deadline: Instant,
    pub outbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    seqs: BTreeMap<u32, u64>,
}

impl Client {
    pub fn new(
        now: Instant,
        id: EndpointId,
        address: SocketAddr,
        ours: IceCreds,
        theirs: IceCreds,
        is_dtls_client: bool,
    ) -> Client {
        let mut map = ExtensionMap::empty();
        map.set(1, Extension::AudioLevel);
        map.set(3, Extension::AbsoluteSendTime);
        map.set(5, Extension::TransportSequenceNumber);
        map.set(10, Extension::RtpMid);
        map.set(11, dependency::extension());
        map.set(13, Extension::VideoOrientation);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .set_extension_map(map)
            .set_fingerprint_verification(false)
            .set_local_ice_credentials(ours);
        let codecs = config.codec_config();
        let format = FormatParams::default;
        codecs.add_config(
            Pt::new_with_value(OPUS),
            None,
            FormatCodec::Opus,
            Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            format(),
        );
        codecs.add_config(
            Pt::new_with_value(RED),
            None,
            FormatCodec::Red,
            Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            format(),
        );
        for (number, rtx, codec) in [
            (VP8, VP8_RTX, FormatCodec::Vp8),
            (VP9, VP9_RTX, FormatCodec::Vp9),
            (H264, H264_RTX, FormatCodec::H264),
            (AV1, AV1_RTX, FormatCodec::Av1),
        ] {
            codecs.add_config(
                Pt::new_with_value(number),
                Some(Pt::new_with_value(rtx)),
                codec,
                Frequency::NINETY_KHZ,
                None,
                format(),
            );
        }
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(false);
        direct.set_remote_ice_credentials(theirs);
        direct.set_remote_fingerprint(str0m::crypto::Fingerprint {
            hash_func: "sha-256".into(),
            bytes: vec![0; 32],
        });
        direct.enable_twcc_feedback();
        direct.start_dtls(is_dtls_client).unwrap();
        direct.declare_media(Mid::from("ca"), StreamKind::Audio);
        direct.declare_media(Mid::from("cv"), StreamKind::Video);
        rtc.handle_input(Input::Timeout(now)).unwrap();
        Client {
            rtc,
            id,
            address,
            inside: address,
            packets: Vec::new(),
            keyframe_requests: Vec::new(),
            is_connected: false,
            dtls_sent: Vec::new(),
            deadline: now,
            outbox: Vec::new(),
            seqs: BTreeMap::new(),
        }
    }

    /// Send checks to the engine.
    pub fn call(&mut self) {
        let candidate = Candidate::host(server(), Protocol::Udp).unwrap();
        self.rtc.add_remote_candidate(candidate);
    }

    /// Send a source: all its encodings, each under its own rid.
    pub fn publish(&mut self, source: &SourceSetup) {
        let mid = match source.kind {
            MediaKind::Audio => Mid::from("ca"),
            MediaKind::Video => Mid::from("cv"),
        };
        let mut direct = self.rtc.direct_api();
        for encoding in &source.encodings {
            let rid = Rid::from(format!("{}", encoding.ssrc).as_str());
            let rtx = encoding.rtx.map(Into::into);
            let stream = direct.declare_stream_tx(encoding.ssrc.into(), rtx, mid, Some(rid));
            stream.set_rtx_cache(1000, 3000 * MS, None);
        }
    }

    /// Be ready for a source as the engine sends it: one stream under its first SSRCs.
    pub fn expect(&mut self, source: &SourceSetup) {
        let mid = match source.kind {
            MediaKind::Audio => Mid::from("ca"),
            MediaKind::Video => Mid::from("cv"),
        };
        let first = source.encodings[0];
        let rtx = first.rtx.map(Into::into);
        let rid = Some(Rid::from(format!("{}", first.ssrc).as_str()));
        self.rtc
            .direct_api()
            .expect_stream_rx(first.ssrc.into(), rtx, mid, rid);
    }

    /// Send one packet with the next sequence number of its SSRC.
    pub fn send(&mut self, now: Instant, ssrc: u32, packet: Sent) {
        let seq = self
            .seqs
            .entry(ssrc)
            .or_insert(u64::from(ssrc % 1000) * 10 + 500);
        *seq += 1;
        let seq = *seq;
        let write = RtpWrite::new(
            Pt::new_with_value(packet.payload_type),
            seq.into(),
            packet.timestamp,
            now,
            packet.payload,
        )
        .marker(packet.marker)
        .ext_vals(packet.extensions)
        .nackable(packet.payload_type != OPUS);
        self.rtc
            .direct_api()
            .stream_tx(&ssrc.into())
            .expect("a published stream")
            .write_rtp(write);
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    /// Leave out one sequence number: the packet that had it was lost on the way.
    pub fn lose_one(&mut self, ssrc: u32) {
        *self.seqs.get_mut(&ssrc).expect("a stream that has sent") += 1;
    }

    pub fn request_keyframe(&mut self, now: Instant, ssrc: u32) {
        let mut direct = self.rtc.direct_api();
        direct
            .stream_rx(&ssrc.into())
            .unwrap()
            .request_keyframe(KeyframeRequestKind::Pli);
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    /// Tell how much can be received, by REMB.
    pub fn tell_estimate(&mut self, now: Instant, ssrc: u32, bps: u64) {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc.into()).unwrap();
        stream.request_remb(Bitrate::bps(bps));
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    /// Packets received under this SSRC, in order of arrival.
    pub fn received(&self, ssrc: u32) -> Vec<&RtpPacket> {
        self.packets
            .iter()
            .filter(|packet| *packet.header.ssrc == ssrc)
            .collect()
    }

    /// What the client sends now.
    pub fn take_outbox(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        self.poll(now, &mut sent);
        sent.into_iter().map(|(_, _, bytes)| bytes).collect()
    }

    pub fn poll(&mut self, now: Instant, sent: &mut Vec<(SocketAddr, SocketAddr, Vec<u8>)>) {
        sent.append(&mut self.outbox);
        loop {
            match self.rtc.poll_output().expect("the client to work") {
                Output::Timeout(at) if at > now => {
                    self.deadline = at;
                    return;
                }
                Output::Timeout(_) => self.rtc.handle_input(Input::Timeout(now)).unwrap(),
                Output::Transmit(transmit) => {
                    if (20..64).contains(&transmit.contents[0]) {
                        self.dtls_sent.push(now);
                    }
                    sent.push((
                        self.address,
                        transmit.destination,
                        transmit.contents.to_vec(),
                    ));
                }
                Output::Event(RtcEvent::Connected) => self.is_connected = true,
                Output::Event(RtcEvent::RtpPacket(packet)) => self.packets.push(packet),
                Output::Event(RtcEvent::KeyframeRequest(request)) => {
                    self.keyframe_requests.push((request.mid, request.kind));
                }
                Output::Event(_) => {}
            }
        }
    }
}
