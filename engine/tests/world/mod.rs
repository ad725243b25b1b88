//! A small world for tests: the engine's core, clients made of str0m sessions, a network and a
//! clock that stands still unless told otherwise.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod svc;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use _engine::demux::{Path, Transport};
use _engine::events::Event;
use _engine::setup::{
    CertificateHash, Codec, DtlsSetup, Encoding, EndpointId, EndpointSetup, Limits, MediaKind,
    PayloadType, RemoteSetup, SourceId, SourceSetup, Wanted,
};
use _engine::sfu::Sfu;
use str0m::format::{Codec as FormatCodec, FormatParams};
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind as StreamKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event as RtcEvent, IceCreds, Input, Output, Rtc, RtcConfig};

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
pub const MS: Duration = Duration::from_millis(1);
const LATENCY: Duration = Duration::from_millis(5);
/// What a narrow link holds before it drops.
const LONGEST_QUEUE: Duration = Duration::from_millis(400);

pub fn server() -> SocketAddr {
    "192.0.2.1:10000".parse().unwrap()
}

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
    outbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    seqs: BTreeMap<u32, u64>,
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

type Late = Box<dyn FnMut(Instant, SocketAddr) -> Instant>;
type Filter = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub sfu: Sfu,
    pub clients: Vec<Client>,
    pub events: Vec<Event>,
    /// Says false of datagrams the network loses.
    pub passes: Filter,
    /// The rate of the link towards one address, in bits per second.
    pub narrow: Option<(SocketAddr, u64)>,
    narrow_free_at: Instant,
    /// When a datagram for this address arrives that would have arrived then.
    pub late: Late,
    flights: BTreeMap<(Instant, u64), Flight>,
    flown: u64,
}

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

impl World {
    pub fn new() -> World {
        World::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> World {
        // Some time has passed since the clock's zero, as on any machine.
        let now = Instant::now() + Duration::from_secs(100);
        World {
            now,
            start: now,
            sfu: Sfu::new(now, vec![server()], limits, 7),
            clients: Vec::new(),
            events: Vec::new(),
            passes: Box::new(|_, _, _| true),
            narrow: None,
            narrow_free_at: now,
            late: Box::new(|at, _| at),
            flights: BTreeMap::new(),
            flown: 0,
        }
    }

    /// Add a client and the endpoint that serves it, with the right credentials on both sides.
    pub fn join(&mut self) -> usize {
        let index = self.add_client();
        self.introduce(index, None);
        index
    }

    /// The client and its endpoint; the endpoint knows nothing of the client yet.
    pub fn add_client(&mut self) -> usize {
        let index = self.add_client_with(true);
        self.clients[index].call();
        index
    }

    fn add_client_with(&mut self, is_dtls_client: bool) -> usize {
        self.add_client_offered(is_dtls_client, payload_types())
    }

    fn add_client_offered(&mut self, is_dtls_client: bool, offered: Vec<PayloadType>) -> usize {
        let index = self.clients.len();
        let id = EndpointId(index as u64 + 1);
        let (ours, theirs) = credentials(index);
        let setup = EndpointSetup {
            ufrag: ours.ufrag.clone(),
            pwd: ours.pass.clone(),
            controlling: true,
            payload_types: offered,
            extensions: extensions(),
        };
        assert!(self.sfu.add_endpoint(self.now, id, setup));
        let address: SocketAddr = format!("198.51.100.{}:5000", index + 1).parse().unwrap();
        self.clients.push(Client::new(
            self.now,
            id,
            address,
            theirs,
            ours,
            is_dtls_client,
        ));
        index
    }

    /// A client without redundant audio.
    pub fn join_without_red(&mut self) -> usize {
        let mut offered = payload_types();
        offered.retain(|each| each.codec != Codec::Red);
        let index = self.add_client_offered(true, offered);
        self.clients[index].call();
        self.introduce(index, None);
        index
    }

    /// A client that does not know where the engine is, and waits to be called.
    pub fn join_waiting(&mut self) -> usize {
        let index = self.add_client_with(true);
        self.introduce(index, None);
        index
    }

    /// A client that takes the server's side of DTLS.
    pub fn join_passive(&mut self) -> usize {
        let index = self.add_client_with(false);
        self.clients[index].call();
        self.introduce_as(index, None, DtlsSetup::Passive);
        index
    }

    /// Tell the endpoint about its client; another digest than the client's makes it a stranger.
    pub fn introduce(&mut self, index: usize, digest: Option<Vec<u8>>) {
        self.introduce_as(index, digest, DtlsSetup::Active);
    }

    fn introduce_as(&mut self, index: usize, digest: Option<Vec<u8>>, setup: DtlsSetup) {
        let (_, theirs) = credentials(index);
        let client = &mut self.clients[index];
        let real = client
            .rtc
            .direct_api()
            .local_dtls_fingerprint()
            .bytes
            .clone();
        let fingerprints = vec![
            CertificateHash {
                hash: "sha-256".into(),
                digest: vec![0; 32],
            },
            CertificateHash {
                hash: "sha-256".into(),
                digest: digest.unwrap_or(real),
            },
        ];
        let remote = RemoteSetup {
            ufrag: theirs.ufrag,
            pwd: theirs.pass,
            fingerprints,
            setup,
        };
        self.sfu.set_remote(self.now, client.id, remote);
    }

    /// `count` clients, connected.
    pub fn connected(count: usize) -> World {
        let mut world = World::new();
        for _ in 0..count {
            world.join();
        }
        world.run(1000 * MS);
        assert!(
            world.clients.iter().all(|client| client.is_connected),
            "{:?}",
            world.events
        );
        world
    }

    /// Let time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange();
            let mut next = self.sfu.next_timeout();
            for client in &self.clients {
                next = next.min(client.deadline);
            }
            if let Some((&(at, _), _)) = self.flights.first_key_value() {
                next = next.min(at);
            }
            if next > end {
                self.now = end;
                return;
            }
            self.now = next.max(self.now);
            self.deliver();
            self.sfu.handle_timeout(self.now);
            for client in &mut self.clients {
                if client.deadline <= self.now {
                    client.rtc.handle_input(Input::Timeout(self.now)).unwrap();
                }
            }
        }
    }

    fn deliver(&mut self) {
        while let Some((&key, _)) = self.flights.first_key_value()
            && key.0 <= self.now
        {
            let flight = self.flights.remove(&key).unwrap();
            if flight.to == server() {
                let path = Path {
                    transport: Transport::Udp,
                    local: flight.to,
                    remote: flight.from,
                };
                self.sfu.receive(self.now, path, &flight.bytes);
            } else if let Some(client) = self.clients.iter_mut().find(|c| c.address == flight.to) {
                let receive =
                    Receive::new(Protocol::Udp, flight.from, client.inside, &flight.bytes);
                let input = Input::Receive(self.now, receive.unwrap());
                client.rtc.handle_input(input).unwrap();
                let mut outbox = Vec::new();
                client.poll(self.now, &mut outbox);
                client.outbox = outbox;
            }
        }
        self.sfu.flush(self.now);
    }

    /// What the engine has sent, on its way to the clients.
    pub fn put_in_flight(&mut self, transmits: Vec<Transmit>) {
        for transmit in transmits {
            self.launch(
                transmit.source,
                transmit.destination,
                transmit.contents.to_vec(),
            );
        }
    }

    fn exchange(&mut self) {
        let mut sent = Vec::new();
        for client in &mut self.clients {
            client.poll(self.now, &mut sent);
        }
        for transmit in self.sfu.take_transmits() {
            sent.push((
                transmit.source,
                transmit.destination,
                transmit.contents.to_vec(),
            ));
        }
        self.events.extend(self.sfu.take_events());
        for (from, to, bytes) in sent {
            self.launch(from, to, bytes);
        }
    }

    /// Put a datagram on its way, unless the network loses it.
    fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if !(self.passes)(from, to, &bytes) {
            return;
        }
        let mut at = self.now + LATENCY;
        if let Some((narrow, bps)) = self.narrow
            && narrow == to
        {
            let start = self.narrow_free_at.max(self.now);
            if start > self.now + LONGEST_QUEUE {
                return;
            }
            self.narrow_free_at =
                start + Duration::from_nanos(bytes.len() as u64 * 8_000_000_000 / bps);
            at = self.narrow_free_at + LATENCY;
        }
        at = (self.late)(at, to);
        self.flown += 1;
        self.flights
            .insert((at, self.flown), Flight { from, to, bytes });
    }

    /// A datagram from nowhere.
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.sfu.receive(
            self.now,
            Path {
                transport: Transport::Udp,
                local: server(),
                remote: from,
            },
            bytes,
        );
        self.sfu.flush(self.now);
    }

    pub fn set_sources(&mut self, client: usize, sources: Vec<SourceSetup>) {
        let id = self.clients[client].id;
        self.sfu.set_sources(self.now, id, sources);
    }

    pub fn forward(&mut self, client: usize, wanted: Vec<Wanted>) {
        let id = self.clients[client].id;
        self.sfu.forward(self.now, id, wanted);
    }

    pub fn count_events(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| matches(event)).count()
    }
}

/// Of the engine's and of the client's side.
pub fn credentials(index: usize) -> (IceCreds, IceCreds) {
    let creds = |side: &str| IceCreds {
        ufrag: format!("{side}{index:04}"),
        pass: format!("{side}{index:04}passwordpassword"),
    };
    (creds("srv"), creds("cli"))
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

pub mod dependency {
    use super::*;
    use str0m::rtp::ExtensionSerializer;

    #[derive(Debug, PartialEq, Eq)]
    pub struct Descriptor(pub Vec<u8>);

    #[derive(Debug)]
    struct Serializer;

    impl ExtensionSerializer for Serializer {
        fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
            let Some(Descriptor(bytes)) = values.user_values.get() else {
                return 0;
            };
            buf[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        }

        fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
            values.user_values.set(Descriptor(buf.to_vec()));
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
                .get::<Descriptor>()
                .is_some_and(|each| each.0.len() > 16)
        }
    }

    pub fn extension() -> Extension {
        Extension::with_serializer(&extensions()[4].1, Serializer)
    }
}
