//! One participant: a str0m session that plays the client.
//!
//! Like str0m itself it has no socket, thread or clock: datagrams and `now` come in, datagrams and
//! [`Event`]s come out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::crypto::Fingerprint;
use str0m::media::{KeyframeRequestKind, MediaData, MediaKind as StreamKind, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, CandidateKind, Event as RtcEvent, IceConnectionState, IceCreds, Input};
use str0m::{Output, Rtc, RtcConfig, RtcError};

use super::events::{Event, ReceivedFrame, ReceivedPacket};
use super::setup::StreamSetup;
use super::setup::{Frame, Mode, Packet, PeerId, PeerLimits, PeerSetup, RemoteCandidate};
use crate::crypto;
use crate::endpoint::add_codec;
use crate::extensions;
use crate::setup::{CertificateHash, DtlsSetup, MediaKind, PayloadType, RemoteSetup};
use crate::setup::{SUPPORTED_HASHES, frequency};

/// Where the estimate of what can be sent starts, as in browsers.
const INITIAL_ESTIMATE_BPS: u64 = 300_000;
/// The estimate is told when it has moved by more than this part.
const ESTIMATE_STEP: f64 = 0.05;
/// Packets kept for retransmission, and for how long.
const CACHED_PACKETS: usize = 1000;
const CACHED_FOR: Duration = Duration::from_secs(3);
/// DTLS datagrams kept that came before the other side's fingerprint was known.
const EARLY_DTLS_DATAGRAMS: usize = 16;
const CANDIDATES: usize = 64;
/// A session that wants to be polled for ever is made to wait.
const MOST_TURNS: usize = 5_000;
/// How many packets of a frame may wait for missing ones: more than the largest key frame has.
const REORDERED_PACKETS: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dtls {
    /// The other side's fingerprint is not known yet.
    Waiting,
    /// We are the client and start when the first pair is valid.
    Client,
    Started,
    Connected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    pub is_tcp: bool,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

impl Path {
    fn protocol(self) -> Protocol {
        if self.is_tcp {
            Protocol::Tcp
        } else {
            Protocol::Udp
        }
    }
}

/// Why a frame or packet could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotConnected,
    UnknownStream,
    UnknownPayloadType,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    setup: StreamSetup,
    mid: Mid,
}

#[derive(Debug)]
pub struct Peer {
    pub id: PeerId,
    /// When [`Peer::drive`] wants to be called again.
    pub deadline: Instant,
    rtc: Rtc,
    mode: Mode,
    limits: PeerLimits,
    payload_types: Vec<PayloadType>,
    dtls: Dtls,
    early_dtls: Vec<(Path, Vec<u8>)>,
    fingerprints: Vec<CertificateHash>,
    candidates: Vec<RemoteCandidate>,
    path: Option<Path>,
    sent: HashMap<u32, Stream>,
    received: HashMap<u32, Stream>,
    by_mid: HashMap<Mid, u32>,
    next_mid: u64,
    introduced: Option<Instant>,
    heard: Instant,
    is_reachable: bool,
    told_estimate_bps: u64,
    has_failed: bool,
}

impl Peer {
    pub fn new(now: Instant, id: PeerId, setup: PeerSetup, locals: &[SocketAddr]) -> Peer {
        let (map, has_transport_cc) = extensions::map(&setup.extensions);
        let mut config = RtcConfig::new()
            .set_rtp_mode(setup.mode == Mode::Packets)
            .set_crypto_provider(crypto::provider())
            .set_dtls_cert(crypto::certificate().clone())
            .set_fingerprint_verification(false)
            .set_reordering_size_video(REORDERED_PACKETS)
            .set_local_ice_credentials(IceCreds {
                ufrag: setup.ufrag,
                pass: setup.pwd,
            })
            .clear_codecs()
            .set_extension_map(map);
        if setup.estimate && has_transport_cc {
            config = config.enable_bwe(Some(Bitrate::bps(INITIAL_ESTIMATE_BPS)));
        }
        for payload_type in &setup.payload_types {
            add_codec(&mut config, payload_type);
        }
        let mut rtc = config.build(now);
        for &local in locals {
            if let Ok(candidate) = Candidate::host(local, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(setup.controlling);
        if has_transport_cc {
            direct.enable_twcc_feedback();
        }
        Peer {
            id,
            deadline: now,
            rtc,
            mode: setup.mode,
            limits: setup.limits,
            payload_types: setup.payload_types,
            dtls: Dtls::Waiting,
            early_dtls: Vec::new(),
            fingerprints: Vec::new(),
            candidates: Vec::new(),
            path: None,
            sent: HashMap::new(),
            received: HashMap::new(),
            by_mid: HashMap::new(),
            next_mid: 0,
            introduced: None,
            heard: now,
            is_reachable: false,
            told_estimate_bps: 0,
            has_failed: false,
        }
    }

    /// True when media can be sent.
    pub fn is_connected(&self) -> bool {
        self.dtls == Dtls::Connected && self.is_reachable && !self.has_failed
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Take the other side's credentials; checking starts now, and again when they have changed.
    pub fn set_remote(&mut self, now: Instant, remote: RemoteSetup) -> Result<(), RtcError> {
        self.introduced = Some(now);
        self.heard = now;
        let strongest = SUPPORTED_HASHES
            .iter()
            .find(|hash| remote.fingerprints.iter().any(|each| each.hash == **hash));
        self.fingerprints = remote.fingerprints;
        self.fingerprints
            .retain(|each| Some(&each.hash.as_str()) == strongest);
        let mut direct = self.rtc.direct_api();
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: remote.ufrag,
            pass: remote.pwd,
        });
        if let Some(first) = self.fingerprints.first() {
            // Only its hash function matters: which of the list matches is checked in `verify`.
            direct.set_remote_fingerprint(Fingerprint {
                hash_func: first.hash.clone(),
                bytes: first.digest.clone(),
            });
        }
        if self.dtls == Dtls::Waiting {
            // An offer of both sides is answered with the active one (RFC 5763 §5).
            if remote.setup == DtlsSetup::Active {
                self.start_dtls(now, false)?;
            } else {
                self.dtls = Dtls::Client;
                if self.is_reachable {
                    self.start_dtls(now, true)?;
                }
            }
        }
        self.rtc.handle_input(Input::Timeout(now))
    }

    fn start_dtls(&mut self, now: Instant, is_client: bool) -> Result<(), RtcError> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.rtc.direct_api().start_dtls(is_client)?;
        self.dtls = Dtls::Started;
        for (path, datagram) in std::mem::take(&mut self.early_dtls) {
            let receive = Receive::new(path.protocol(), path.remote, path.local, &datagram);
            if let Ok(receive) = receive {
                self.rtc.handle_input(Input::Receive(now, receive))?;
            }
        }
        Ok(())
    }

    /// Check this address of the other side; false when it is known or there are too many.
    pub fn add_remote_candidate(&mut self, remote: RemoteCandidate) -> bool {
        let is_known = self
            .candidates
            .iter()
            .any(|known| (known.is_tcp, known.address) == (remote.is_tcp, remote.address));
        if is_known || self.candidates.len() >= CANDIDATES {
            return false;
        }
        let kind = match remote.kind.as_str() {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            _ => CandidateKind::Relayed,
        };
        self.rtc.add_remote_candidate(Candidate::from_parts(
            "r".into(),
            1,
            if remote.is_tcp {
                Protocol::Tcp
            } else {
                Protocol::Udp
            },
            remote.priority.max(1),
            remote.address,
            kind,
            None,
            remote.is_tcp.then_some(TcpType::Passive),
            None,
        ));
        self.candidates.push(remote);
        true
    }

    /// A TCP connection stands: its local end is a candidate of ours (RFC 6544 §5.1).
    pub fn add_connection(&mut self, local: SocketAddr) {
        let candidate = Candidate::builder()
            .tcp()
            .host(local)
            .tcptype(TcpType::Active)
            .build();
        if let Ok(candidate) = candidate {
            self.rtc.add_local_candidate(candidate);
        }
    }

    /// Say all streams that are received; a stream that stays keeps its state.
    pub fn subscribe(&mut self, streams: &[StreamSetup]) {
        let old: Vec<u32> = self.received.keys().copied().collect();
        for ssrc in old {
            if !streams
                .iter()
                .any(|each| each == &self.received[&ssrc].setup)
            {
                self.forget(ssrc, true);
            }
        }
        for &setup in streams {
            if !self.received.contains_key(&setup.ssrc) {
                let mid = self.declare(setup);
                let rtx = setup.rtx.map(Into::into);
                let mut direct = self.rtc.direct_api();
                direct.expect_stream_rx(setup.ssrc.into(), rtx, mid, None);
                self.received.insert(setup.ssrc, Stream { setup, mid });
            }
        }
    }

    /// Say all streams that are sent; a stream that stays keeps its state.
    pub fn publish(&mut self, streams: &[StreamSetup]) {
        let old: Vec<u32> = self.sent.keys().copied().collect();
        for ssrc in old {
            if !streams.iter().any(|each| each == &self.sent[&ssrc].setup) {
                self.forget(ssrc, false);
            }
        }
        for &setup in streams {
            if !self.sent.contains_key(&setup.ssrc) {
                let mid = self.declare(setup);
                let rtx = setup.rtx.map(Into::into);
                let mut direct = self.rtc.direct_api();
                let stream = direct.declare_stream_tx(setup.ssrc.into(), rtx, mid, None);
                if setup.kind == MediaKind::Video {
                    stream.set_rtx_cache(CACHED_PACKETS, CACHED_FOR, None);
                }
                if self.mode == Mode::Packets {
                    // Whoever makes packets decides when they leave.
                    stream.set_unpaced(true);
                }
                self.sent.insert(setup.ssrc, Stream { setup, mid });
            }
        }
    }

    /// Every stream is a medium of its own, so that what comes out of one is known by its mid.
    fn declare(&mut self, setup: StreamSetup) -> Mid {
        self.next_mid += 1;
        let mid = Mid::from(format!("m{}", self.next_mid).as_str());
        let kind = match setup.kind {
            MediaKind::Audio => StreamKind::Audio,
            MediaKind::Video => StreamKind::Video,
        };
        self.rtc.direct_api().declare_media(mid, kind);
        self.by_mid.insert(mid, setup.ssrc);
        mid
    }

    fn forget(&mut self, ssrc: u32, is_received: bool) {
        let streams = if is_received {
            &mut self.received
        } else {
            &mut self.sent
        };
        if let Some(stream) = streams.remove(&ssrc) {
            self.rtc.direct_api().remove_media(stream.mid);
            self.by_mid.remove(&stream.mid);
        }
    }

    /// Ask for a key frame of a stream that is received.
    pub fn request_keyframe(&mut self, ssrc: u32) {
        if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Say how much is going to be sent, so that the estimate looks for as much.
    pub fn desire(&mut self, bps: u64) {
        self.rtc
            .bwe()
            .set_bitrate(Bitrate::bps(bps), Bitrate::bps(bps));
    }

    fn payload_type(&self, number: u8) -> Result<&PayloadType, Refused> {
        let found = self.payload_types.iter().find(|pt| pt.number == number);
        found.ok_or(Refused::UnknownPayloadType)
    }

    pub fn send_frame(&mut self, now: Instant, frame: Frame) -> Result<(), Refused> {
        if !self.is_connected() {
            return Err(Refused::NotConnected);
        }
        let clock_rate = self.payload_type(frame.payload_type)?.clock_rate;
        let mid = self
            .sent
            .get(&frame.ssrc)
            .ok_or(Refused::UnknownStream)?
            .mid;
        let mut writer = self.rtc.writer(mid).ok_or(Refused::NotConnected)?;
        if let Some(level) = frame.level {
            writer = writer.audio_level(in_decibel(level), level < SILENCE);
        }
        let pt = Pt::new_with_value(frame.payload_type);
        let time = MediaTime::new(frame.timestamp, frequency(clock_rate));
        writer
            .write(pt, now, time, frame.payload)
            .map_err(|_| Refused::NotConnected)
    }

    pub fn send_packet(&mut self, now: Instant, packet: Packet) -> Result<(), Refused> {
        if !self.is_connected() {
            return Err(Refused::NotConnected);
        }
        self.payload_type(packet.payload_type)?;
        let stream = self.sent.get(&packet.ssrc).ok_or(Refused::UnknownStream)?;
        let is_video = stream.setup.kind == MediaKind::Video;
        let mut write = RtpWrite::new(
            Pt::new_with_value(packet.payload_type),
            packet.sequence.into(),
            packet.timestamp,
            now,
            packet.payload,
        )
        .marker(packet.marker)
        .nackable(is_video);
        if let Some(level) = packet.level {
            write = write.ext_vals(ExtensionValues {
                audio_level: Some(in_decibel(level)),
                voice_activity: Some(level < SILENCE),
                ..ExtensionValues::default()
            });
        }
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx(&packet.ssrc.into());
        stream.ok_or(Refused::UnknownStream)?.write_rtp(write);
        Ok(())
    }

    /// Feed one datagram. An error is the datagram's, the peer goes on.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), RtcError> {
        self.heard = now;
        let is_dtls = matches!(datagram, [20..=63, ..]);
        if is_dtls && matches!(self.dtls, Dtls::Waiting | Dtls::Client) {
            if self.early_dtls.len() < EARLY_DTLS_DATAGRAMS {
                self.early_dtls.push((path, datagram.to_vec()));
            }
            return Ok(());
        }
        let receive = Receive::new(path.protocol(), path.remote, path.local, datagram)?;
        self.rtc.handle_input(Input::Receive(now, receive))
    }

    /// End it: the other side is told.
    pub fn close(&mut self) {
        // A session that never came up has nobody to tell.
        let _ = self.rtc.close();
    }

    /// Let the session work until it waits for time or input.
    pub fn drive(&mut self, now: Instant, transmits: &mut Vec<Transmit>, out: &mut Vec<Event>) {
        for _ in 0..MOST_TURNS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at > now => {
                    self.deadline = at.min(self.overdue_at());
                    self.check(now, out);
                    return;
                }
                Ok(Output::Timeout(_)) => {
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        break;
                    }
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
                Ok(Output::Transmit(transmit)) => {
                    self.note_path(&transmit, out);
                    transmits.push(transmit);
                }
                Ok(Output::Event(event)) => self.note(now, event, out),
                Err(_) => {
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
            }
        }
        self.deadline = now + Duration::from_millis(50);
        self.check(now, out);
    }

    fn note_path(&mut self, transmit: &Transmit, out: &mut Vec<Event>) {
        // Checks go everywhere; DTLS and media take the selected pair.
        if transmit.contents.first().is_none_or(|&byte| byte < 20) {
            return;
        }
        let path = Path {
            is_tcp: transmit.proto == Protocol::Tcp,
            local: transmit.source,
            remote: transmit.destination,
        };
        if self.path != Some(path) {
            self.path = Some(path);
            out.push(Event::Path {
                peer: self.id,
                is_tcp: path.is_tcp,
                local: path.local,
                remote: path.remote,
            });
        }
    }

    fn note(&mut self, now: Instant, event: RtcEvent, out: &mut Vec<Event>) {
        match event {
            RtcEvent::RtpPacket(packet) => out.push(Event::Packet(self.packet(packet))),
            RtcEvent::MediaData(data) => {
                if let Some(&ssrc) = self.by_mid.get(&data.mid) {
                    out.push(Event::Frame(self.frame(ssrc, data)));
                }
            }
            RtcEvent::IceConnectionStateChange(state) => self.note_ice(now, state, out),
            RtcEvent::Connected => self.verify(out),
            RtcEvent::KeyframeRequest(request) => {
                if let Some(&ssrc) = self.by_mid.get(&request.mid) {
                    out.push(Event::KeyframeRequested {
                        peer: self.id,
                        ssrc,
                    });
                }
            }
            RtcEvent::EgressBitrateEstimate(
                BweKind::Twcc { estimate, .. } | BweKind::Remb { estimate, .. },
            ) => self.note_estimate(estimate.as_u64(), out),
            RtcEvent::Closed => self.fail("closed", out),
            _ => {}
        }
    }

    fn note_ice(&mut self, now: Instant, state: IceConnectionState, out: &mut Vec<Event>) {
        self.is_reachable = state.is_connected();
        if self.is_reachable && self.dtls == Dtls::Client && self.start_dtls(now, true).is_err() {
            self.fail("dtls-failed", out);
        }
    }

    /// The handshake is over: only a certificate that was announced may stay (RFC 8122 §6.2).
    fn verify(&mut self, out: &mut Vec<Event>) {
        let profile = crypto::take_profile();
        let direct = self.rtc.direct_api();
        let is_announced = direct.remote_dtls_fingerprint().is_some_and(|seen| {
            self.fingerprints.iter().any(|each| {
                each.hash.eq_ignore_ascii_case(&seen.hash_func) && each.digest == seen.bytes
            })
        });
        if !is_announced {
            self.rtc.disconnect();
            self.fail("fingerprint-mismatch", out);
            return;
        }
        self.dtls = Dtls::Connected;
        out.push(Event::Connected {
            peer: self.id,
            srtp_profile: profile.unwrap_or("unknown"),
        });
    }

    fn note_estimate(&mut self, bps: u64, out: &mut Vec<Event>) {
        let told = self.told_estimate_bps;
        if bps.abs_diff(told) as f64 > told as f64 * ESTIMATE_STEP {
            self.told_estimate_bps = bps;
            out.push(Event::Estimate { peer: self.id, bps });
        }
    }

    fn frame(&self, ssrc: u32, data: MediaData) -> ReceivedFrame {
        ReceivedFrame {
            peer: self.id,
            ssrc,
            payload_type: *data.pt,
            timestamp: data.time.numer(),
            is_keyframe: data.is_keyframe(),
            is_contiguous: data.contiguous,
            level: data.ext_vals.audio_level.map(from_decibel),
            arrived: data.network_time,
            data: data.data,
        }
    }

    fn packet(&self, packet: RtpPacket) -> ReceivedPacket {
        ReceivedPacket {
            peer: self.id,
            ssrc: *packet.header.ssrc,
            payload_type: *packet.header.payload_type,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            level: packet.header.ext_vals.audio_level.map(from_decibel),
            arrived: packet.timestamp,
            payload: packet.payload,
        }
    }

    fn overdue_at(&self) -> Instant {
        match self.introduced {
            // Nothing is known of the other side; the caller waits as long as it likes.
            None => self.heard + Duration::from_secs(3600),
            Some(at) if self.dtls != Dtls::Connected => at + self.limits.connect,
            Some(_) => self.heard + self.limits.silence,
        }
    }

    fn check(&mut self, now: Instant, out: &mut Vec<Event>) {
        if !self.rtc.is_alive() {
            let is_connected = self.dtls == Dtls::Connected;
            self.fail(
                if is_connected {
                    "closed"
                } else {
                    "dtls-failed"
                },
                out,
            );
        } else if self.introduced.is_some() && now >= self.overdue_at() {
            let reason = match self.dtls {
                Dtls::Connected => "silent",
                _ if self.is_reachable => "dtls-failed",
                _ => "ice-failed",
            };
            self.fail(reason, out);
        }
    }

    fn fail(&mut self, reason: &'static str, out: &mut Vec<Event>) {
        if !self.has_failed {
            self.has_failed = true;
            out.push(Event::Failed {
                peer: self.id,
                reason,
            });
        }
    }

    /// True once it is of no use any more.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }
}

/// The level of digital silence (RFC 6464 §3).
const SILENCE: u8 = 127;

fn in_decibel(level: u8) -> i8 {
    -(level.min(SILENCE) as i8)
}

fn from_decibel(level: i8) -> u8 {
    level.unsigned_abs().min(SILENCE)
}
