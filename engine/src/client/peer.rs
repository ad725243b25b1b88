//! One participant: a str0m session that plays the client.
//!
//! Like str0m itself it has no socket, thread or clock: datagrams and `now` come in, datagrams and
//! [`Event`]s come out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event as RtcEvent, IceConnectionState, IceCreds, Input};
use str0m::{Output, Rtc, RtcConfig, RtcError};

use super::candidates::{self, Candidates, protocol};
use super::events::Event;
use super::formats::add_codec;
use super::setup::StreamSetup;
use super::setup::{Frame, Mode, Packet, PeerId, PeerLimits, PeerSetup, RemoteCandidate};
use super::streams::{self, Refused, Streams};
use crate::crypto;
use crate::extensions;
use crate::fingerprints::Announced;
use crate::setup::{DtlsSetup, RemoteSetup};

/// Where the estimate of what can be sent starts, as in browsers.
const INITIAL_ESTIMATE_BPS: u64 = 300_000;
/// The estimate is told when it has moved by more than this part.
const ESTIMATE_STEP: f64 = 0.05;
/// DTLS datagrams kept that came before the other side's fingerprint was known.
const EARLY_DTLS_DATAGRAMS: usize = 16;
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

#[derive(Debug)]
pub struct Peer {
    pub id: PeerId,
    /// When [`Peer::drive`] wants to be called again.
    pub deadline: Instant,
    rtc: Rtc,
    limits: PeerLimits,
    streams: Streams,
    dtls: Dtls,
    early_dtls: Vec<(Path, Vec<u8>)>,
    announced: Announced,
    candidates: Candidates,
    path: Option<Path>,
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
            candidates::add_socket(&mut rtc, local);
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
            limits: setup.limits,
            streams: Streams::new(id, setup.mode, setup.payload_types),
            dtls: Dtls::Waiting,
            early_dtls: Vec::new(),
            announced: Announced::default(),
            candidates: Candidates::default(),
            path: None,
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
        self.streams.mode()
    }

    /// Take the other side's credentials; checking starts now, and again when they have changed.
    pub fn set_remote(&mut self, now: Instant, remote: RemoteSetup) -> Result<(), RtcError> {
        self.introduced = Some(now);
        self.heard = now;
        self.announced = Announced::strongest(remote.fingerprints);
        let mut direct = self.rtc.direct_api();
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: remote.ufrag,
            pass: remote.pwd,
        });
        self.announced.tell(&mut self.rtc);
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
            let receive = Receive::new(protocol(path.is_tcp), path.remote, path.local, &datagram);
            if let Ok(receive) = receive {
                self.rtc.handle_input(Input::Receive(now, receive))?;
            }
        }
        Ok(())
    }

    /// Check this address of the other side; false when it is known or there are too many.
    pub fn add_remote_candidate(&mut self, remote: RemoteCandidate) -> bool {
        self.candidates.add(&mut self.rtc, remote)
    }

    /// A TCP connection stands.
    pub fn add_connection(&mut self, local: SocketAddr) {
        candidates::add_connection(&mut self.rtc, local);
    }

    /// Say all streams that are received; a stream that stays keeps its state.
    pub fn subscribe(&mut self, streams: &[StreamSetup]) {
        self.streams.subscribe(&mut self.rtc, streams);
    }

    /// Say all streams that are sent; a stream that stays keeps its state.
    pub fn publish(&mut self, streams: &[StreamSetup]) {
        self.streams.publish(&mut self.rtc, streams);
    }

    /// Ask for a key frame of a stream that is received.
    pub fn request_keyframe(&mut self, ssrc: u32) {
        streams::request_keyframe(&mut self.rtc, ssrc);
    }

    /// Say how much is going to be sent, so that the estimate looks for as much.
    pub fn desire(&mut self, bps: u64) {
        self.rtc
            .bwe()
            .set_bitrate(Bitrate::bps(bps), Bitrate::bps(bps));
    }

    pub fn send_frame(&mut self, now: Instant, frame: Frame) -> Result<(), Refused> {
        if !self.is_connected() {
            return Err(Refused::NotConnected);
        }
        self.streams.send_frame(&mut self.rtc, now, frame)
    }

    pub fn send_packet(&mut self, now: Instant, packet: Packet) -> Result<(), Refused> {
        if !self.is_connected() {
            return Err(Refused::NotConnected);
        }
        self.streams.send_packet(&mut self.rtc, now, packet)
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
        let receive = Receive::new(protocol(path.is_tcp), path.remote, path.local, datagram)?;
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
            RtcEvent::RtpPacket(packet) => out.push(Event::Packet(self.streams.packet(packet))),
            RtcEvent::MediaData(data) => out.extend(self.streams.frame(data).map(Event::Frame)),
            RtcEvent::IceConnectionStateChange(state) => self.note_ice(now, state, out),
            RtcEvent::Connected => self.verify(out),
            RtcEvent::KeyframeRequest(request) => {
                if let Some(ssrc) = self.streams.ssrc(request.mid) {
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
        if !self.announced.has_shown_itself(&mut self.rtc) {
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
