//! One participant's transport: a str0m session, its streams in both directions, its path.
//!
//! Like str0m itself it has no socket, thread or clock: datagrams and `now` come in, datagrams and
//! [`Happening`]s come out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::crypto::Fingerprint;
use str0m::format::{Codec as FormatCodec, FormatParams};
use str0m::media::{KeyframeRequestKind, MediaKind as StreamKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, CandidateKind, Event, IceConnectionState, IceCreds, Input, Output, Rtc};
use str0m::{PacerReason, Reason, RtcConfig, RtcError};

use crate::clock::SenderClock;
use crate::congestion::{self, Congestion};
use crate::counters::EndpointCounters;
use crate::demux::{CANDIDATES_PER_ENDPOINT, PATHS_PER_ENDPOINT, Path, Transport};
use crate::extensions;
use crate::numbers::NumberMap;
use crate::outputs::Outputs;
use crate::patience::{Mood, patience};
use crate::restart::{Restarts, Turn};
use crate::setup::{
    CertificateHash, Codec, DtlsSetup, EndpointId, EndpointSetup, Limits, MediaKind, PayloadType,
    RemoteSetup, SUPPORTED_HASHES, SourceId, SourceSetup,
};
use crate::{crypto, setup};

/// A new estimate is told when it differs by more than this part.
const ESTIMATE_STEP: f64 = 0.05;
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// DTLS datagrams that came before the peer's fingerprint was known.
const EARLY_DTLS_DATAGRAMS: usize = 16;
/// Checks that came before the peer's password was known; str0m answers one per time-out.
const EARLY_CHECKS: usize = 100;
/// Media from another valid address while the old one is silent for this long moves the path.
const MEDIA_MOVES_AFTER: Duration = Duration::from_millis(300);
/// The same for checks alone, which clients also send from spare addresses.
const CHECKS_MOVE_AFTER: Duration = Duration::from_secs(3);
/// SRTP from unknown addresses is tried at most this often for one endpoint.
const GUESSES_APART: Duration = Duration::from_millis(20);
const MOVES_APART: Duration = Duration::from_secs(1);
/// Above the priority of every real candidate, so that the path moved to wins (RFC 8445 §5.1.2).
const MOVED_PRIORITY: u32 = 0x7f00_0000;
/// A sender report older than this does not date a packet any more.
const OLDEST_CAPTURE: Duration = Duration::from_secs(10);
/// Feedback that waits for the next turn of an idle session.
const HELD_BACK: usize = 16;
/// For so long after connecting or moving, every timer is served on time.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// Media that was sent or received this long ago does not flow any more.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// A probe that has sent nothing for this long is over.
const PROBE_ENDS: Duration = Duration::from_millis(50);
/// str0m's pacer passes one packet on at a time and wants time to advance in between.
const NEXT_PACKET: Duration = Duration::from_micros(1);
/// A session that wants to be polled for ever is made to wait.
const MOST_TURNS: usize = 5_000;

/// What driving an endpoint brought to light.
#[derive(Debug)]
pub enum Happening {
    Packet(Box<RtpPacket>),
    /// The receiver asks for a key frame of this source.
    KeyframeWanted(SourceId),
    IceConnected(Path),
    DtlsConnected(&'static str),
    /// Packets can be sent (again), so waiting subscriptions need key frames.
    Ready,
    Estimate(u64),
    /// What became of an ICE restart.
    Restart(Turn),
    Failed(&'static str),
    /// A bug in what follows from a happening.
    #[cfg(test)]
    Panic,
}

/// What one SSRC of this endpoint stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    pub source: SourceId,
    pub encoding: usize,
    pub kind: MediaKind,
    primary: u32,
    rtx: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
enum Dtls {
    /// The peer's fingerprint is not known yet.
    Waiting,
    /// We are the client and start when the first pair is valid.
    Client,
    Started,
    Connected,
}

#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    /// Username fragments of ours under which it may be called.
    pub ufrags: Vec<String>,
    pub counters: EndpointCounters,
    pub outputs: Outputs,
    pub muted_audio: bool,
    pub muted_video: bool,
    /// Sources this endpoint sends.
    pub sources: Vec<SourceId>,
    /// When [`Endpoint::drive`] wants to be called again.
    pub deadline: Instant,
    /// When it is going to be called, if a timer has been set for it.
    pub scheduled: Option<Instant>,
    pub payload_types: Vec<PayloadType>,
    pub candidates: Vec<SocketAddr>,
    rtc: Rtc,
    /// What the session was last told of time; it may be some packets ahead of the clock.
    told: Instant,
    /// Packets written since the session last worked.
    written: usize,
    /// Something else than written packets waits in the session.
    is_disturbed: bool,
    settled: Instant,
    media: Option<Instant>,
    probed: Option<Instant>,
    controlling: bool,
    /// None before the first ICE restart.
    restarts: Option<Box<Restarts>>,
    dtls: Dtls,
    early_dtls: Vec<Vec<u8>>,
    early_checks: usize,
    held_back: Vec<(Instant, Path, Vec<u8>)>,
    fingerprints: Vec<CertificateHash>,
    inbound: NumberMap<u32, Inbound>,
    next_rid: u32,
    clock: SenderClock,
    paths: Vec<(Path, Instant)>,
    sending_on: Option<Path>,
    moved: Option<Instant>,
    /// When a packet from an unknown address was last tried.
    guessed: Option<Instant>,
    moves: u32,
    created: Instant,
    heard: Option<Instant>,
    ice_connected: Option<Instant>,
    is_reachable: bool,
    told_estimate_bps: u64,
    /// None without transport-wide congestion control.
    congestion: Option<Congestion>,
    stream_counts: HashMap<(Mid, Option<Rid>), StreamCounts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct StreamCounts {
    nacks_received: u64,
    nacks_sent: u64,
}

/// All receive streams belong to one medium. It is of kind audio, whatever the streams carry: str0m
/// would otherwise send bandwidth probes on SSRC 0 in its name, which clients do not expect.
fn receiving() -> Mid {
    Mid::from("rx")
}

impl Endpoint {
    pub fn new(
        now: Instant,
        id: EndpointId,
        setup: EndpointSetup,
        locals: &[SocketAddr],
        first_seq: u64,
    ) -> Endpoint {
        let (extensions, has_transport_cc) = extensions::map(&setup.extensions);
        let transport_cc = extensions::transport_cc(&setup.extensions);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_crypto_provider(crypto::provider())
            .set_dtls_cert(crypto::certificate().clone())
            .set_fingerprint_verification(false)
            .set_local_ice_credentials(IceCreds {
                ufrag: setup.ufrag.clone(),
                pass: setup.pwd,
            })
            .clear_codecs()
            .set_extension_map(extensions)
            .set_stats_interval(Some(STATS_INTERVAL));
        if has_transport_cc {
            config = config.enable_bwe(Some(Bitrate::bps(congestion::INITIAL_BPS)));
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
        direct.declare_media(receiving(), StreamKind::Audio);
        if has_transport_cc {
            direct.enable_twcc_feedback();
        }
        Endpoint {
            id,
            ufrags: vec![setup.ufrag],
            controlling: setup.controlling,
            restarts: None,
            counters: EndpointCounters::default(),
            outputs: Outputs::new(first_seq),
            muted_audio: false,
            muted_video: false,
            sources: Vec::new(),
            deadline: now,
            scheduled: None,
            payload_types: setup.payload_types,
            candidates: Vec::new(),
            rtc,
            told: now,
            written: 0,
            is_disturbed: true,
            settled: now,
            media: None,
            probed: None,
            dtls: Dtls::Waiting,
            early_dtls: Vec::new(),
            early_checks: 0,
            held_back: Vec::new(),
            fingerprints: Vec::new(),
            inbound: NumberMap::default(),
            next_rid: 0,
            clock: SenderClock::default(),
            paths: Vec::new(),
            sending_on: None,
            moved: None,
            guessed: None,
            moves: 0,
            created: now,
            heard: None,
            ice_connected: None,
            is_reachable: false,
            told_estimate_bps: 0,
            congestion: transport_cc.map(|id| Congestion::new(now, id)),
            stream_counts: HashMap::new(),
        }
    }

    /// True when packets can be sent to it.
    pub fn is_ready(&self) -> bool {
        self.dtls == Dtls::Connected && self.is_reachable
    }

    pub fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard.unwrap_or(self.created))
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.counters.rtt
    }

    pub fn paths(&self) -> Vec<Path> {
        self.paths.iter().map(|&(path, _)| path).collect()
    }

    pub fn inbound(&self, ssrc: u32) -> Option<Inbound> {
        self.inbound.get(&ssrc).copied()
    }

    /// The payload type whose number, or the number of whose retransmissions, this is.
    pub fn knows_payload_type(&self, number: u8) -> bool {
        self.payload_types
            .iter()
            .any(|pt| pt.number == number || pt.rtx == Some(number))
    }

    pub fn payload_type(&self, number: u8) -> Option<&PayloadType> {
        self.payload_types.iter().find(|pt| pt.number == number)
    }

    /// A packet has been written into [`Endpoint::sending_side`].
    pub fn note_written(&mut self, now: Instant) {
        self.written += 1;
        self.media = Some(now);
    }

    /// Let a change take effect at the next turn.
    fn disturb(&mut self) {
        self.is_disturbed = true;
    }

    fn is_padding(&self) -> bool {
        self.congestion.as_ref().is_some_and(Congestion::is_padding)
    }

    fn mood(&self, now: Instant) -> Mood {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now < at + time);
        if !self.is_ready() || now < self.settled + SETTLED_AFTER {
            Mood::Settling
        } else if self.is_padding() || within(self.probed, PROBE_ENDS) {
            Mood::Probing
        } else if !within(self.media, IDLE_AFTER) {
            Mood::Idle
        } else {
            Mood::Content
        }
    }

    /// Take the peer's credentials; checking and, as a server, DTLS start now.
    pub fn set_remote(&mut self, now: Instant, remote: RemoteSetup) -> Result<(), RtcError> {
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
            if remote.setup == DtlsSetup::Passive {
                self.dtls = Dtls::Client;
                if self.ice_connected.is_some() {
                    self.start_dtls(now, true)?;
                }
            } else {
                self.start_dtls(now, false)?;
            }
        }
        // One turn starts the checks, each further one answers a check that came too early.
        let turns = 1 + std::mem::take(&mut self.early_checks).min(EARLY_CHECKS);
        for _ in 0..turns {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        Ok(())
    }

    fn start_dtls(&mut self, now: Instant, is_client: bool) -> Result<(), RtcError> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.rtc.direct_api().start_dtls(is_client)?;
        self.dtls = Dtls::Started;
        // A ClientHello that came too early would be repeated only after a second (RFC 6347 §4.2.4).
        for datagram in std::mem::take(&mut self.early_dtls) {
            if let Some((path, _)) = self.paths.last().copied()
                && let Ok(receive) = received(path, &datagram)
            {
                self.rtc.handle_input(Input::Receive(now, receive))?;
            }
        }
        Ok(())
    }

    /// Prepare new ICE credentials of ours; only a connected endpoint can be restarted.
    pub fn restart_ice(
        &mut self,
        now: Instant,
        creds: IceCreds,
        locals: &[SocketAddr],
        happenings: &mut Vec<Happening>,
    ) -> bool {
        if self.ice_connected.is_none() {
            return false;
        }
        let Some(first) = self.ufrags.first() else {
            return false;
        };
        let restarts = self
            .restarts
            .get_or_insert_with(|| Box::new(Restarts::new(first)));
        let mut turns = Vec::new();
        self.ufrags.push(creds.ufrag.clone());
        restarts.begin(now, creds, self.controlling, locals, &mut turns);
        self.take_turns(turns, happenings);
        true
    }

    /// The peer's answer to a restart: checking starts.
    pub fn set_remote_credentials(&mut self, now: Instant, creds: IceCreds) {
        if let Some(restarts) = &mut self.restarts {
            restarts.set_remote(now, creds);
        }
    }

    fn take_turns(&mut self, turns: Vec<Turn>, happenings: &mut Vec<Happening>) {
        for turn in turns {
            match &turn {
                Turn::Completed(path) => {
                    self.sending_on = Some(*path);
                    self.set_reachable(true, happenings);
                }
                Turn::Reachable(reachable) => {
                    self.set_reachable(*reachable, happenings);
                    continue;
                }
                Turn::Ended(ufrag) => self.ufrags.retain(|each| each != ufrag),
                Turn::GivenUp => {}
            }
            happenings.push(Happening::Restart(turn));
        }
    }

    pub fn add_remote_candidate(&mut self, remote: SocketAddr, kind: &str, priority: u32) -> bool {
        if self.candidates.len() >= CANDIDATES_PER_ENDPOINT || self.candidates.contains(&remote) {
            return false;
        }
        let kind = match kind {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            _ => CandidateKind::Relayed,
        };
        let priority = priority.clamp(1, MOVED_PRIORITY - 1);
        self.candidates.push(remote);
        if let Some(restarts) = &mut self.restarts {
            restarts.add_candidate(remote);
        }
        self.rtc
            .add_remote_candidate(candidate(Transport::Udp, remote, kind, priority, None));
        true
    }

    /// Set the streams this endpoint sends; a stream that stays keeps its state.
    pub fn set_inbound(&mut self, sources: &[SourceSetup]) {
        self.disturb();
        let mut wanted = NumberMap::default();
        for source in sources {
            for (index, encoding) in source.encodings.iter().enumerate() {
                let inbound = Inbound {
                    source: source.id,
                    encoding: index,
                    kind: source.kind,
                    primary: encoding.ssrc,
                    rtx: encoding.rtx,
                };
                wanted.insert(encoding.ssrc, inbound);
                if let Some(rtx) = encoding.rtx {
                    wanted.entry(rtx).or_insert(inbound);
                }
            }
        }
        let mut direct = self.rtc.direct_api();
        for (&ssrc, old) in &self.inbound {
            let stays = wanted
                .get(&ssrc)
                .is_some_and(|new| (new.primary, new.rtx) == (old.primary, old.rtx));
            if ssrc == old.primary && !stays {
                direct.remove_stream_rx(ssrc.into());
            }
        }
        for (&ssrc, new) in &wanted {
            let stays = self
                .inbound
                .get(&ssrc)
                .is_some_and(|old| (new.primary, new.rtx) == (old.primary, old.rtx));
            if ssrc == new.primary && !stays {
                let rid = Rid::from(format!("{}", self.next_rid % 100_000_000).as_str());
                self.next_rid += 1;
                let rtx = new.rtx.map(Into::into);
                let stream = direct.expect_stream_rx(ssrc.into(), rtx, receiving(), Some(rid));
                stream.suppress_nack(new.kind == MediaKind::Audio);
            }
        }
        self.inbound = wanted;
        self.sources = sources.iter().map(|source| source.id).collect();
    }

    /// Ask this endpoint for a key frame of the stream `ssrc`.
    pub fn request_keyframe(&mut self, ssrc: u32) {
        self.disturb();
        if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.counters.keyframe_requests_sent += 1;
        }
    }

    /// The session and the streams towards this endpoint, for writing packets.
    pub fn sending_side(&mut self) -> (&mut Rtc, &mut Outputs, &[PayloadType]) {
        (&mut self.rtc, &mut self.outputs, &self.payload_types)
    }

    /// When a packet of this endpoint was captured, on our clock.
    pub fn captured(&self, now: Instant, packet: &RtpPacket, clock_rate: u32) -> Instant {
        let dated = packet.last_sender_info.and_then(|info| {
            let reported = self.clock.local(info.ntp_time)?;
            let ticks = packet
                .header
                .timestamp
                .wrapping_sub(info.rtp_time.numer() as u32) as i32;
            let seconds =
                Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(clock_rate));
            if ticks < 0 {
                reported.checked_sub(seconds)
            } else {
                reported.checked_add(seconds)
            }
        });
        match dated {
            Some(at) if at <= now && now - at < OLDEST_CAPTURE => at,
            _ => now,
        }
    }

    /// True when a STUN message is for this endpoint and its integrity is right.
    pub fn authenticates(&self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        let is_for_restart = |restarts: &Restarts| restarts.accepts(datagram);
        self.restarts.as_deref().is_some_and(is_for_restart)
            || received(path, datagram)
                .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Remember an address of the peer; returns the one that had to be forgotten for it.
    pub fn bind(&mut self, now: Instant, path: Path) -> Option<Path> {
        // Whoever opened a connection reached an address of ours that no candidate need have named:
        // behind NAT and at a wildcard listener it shows only now (RFC 6544 §5.1, passive).
        if path.transport == Transport::Tcp
            && let Ok(candidate) = Candidate::host(path.local, Protocol::Tcp)
        {
            if let Some(restarts) = &mut self.restarts {
                restarts.add_local(&candidate);
            }
            self.rtc.add_local_candidate(candidate);
        }
        let forgotten = if self.paths.len() >= PATHS_PER_ENDPOINT {
            let oldest = (0..self.paths.len()).min_by_key(|&at| self.paths[at].1)?;
            Some(self.paths.swap_remove(oldest).0)
        } else {
            None
        };
        self.paths.push((path, now));
        forgotten
    }

    /// A connection of the peer has ended: what it sends next moves the path at once.
    pub fn unbind(&mut self, path: Path) {
        self.paths.retain(|(known, _)| *known != path);
        if self.sending_on == Some(path) {
            self.moved = None;
        }
    }

    /// Keep feedback for the next turn while no media flows; false when it has to be fed now.
    ///
    /// Each datagram that is fed makes the session pad, padding makes the peer report on it, and
    /// the report would be fed: twenty times a second, for nothing.
    pub fn hold_back(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        let holds = self.mood(now) == Mood::Idle
            && self.sending_on == Some(path)
            && self.held_back.len() < HELD_BACK;
        if holds {
            self.heard = Some(now);
            self.counters.packets_received += 1;
            self.counters.bytes_received += datagram.len() as u64;
            if let Some(entry) = self.paths.iter_mut().find(|(known, _)| *known == path) {
                entry.1 = now;
            }
            self.held_back.push((now, path, datagram.to_vec()));
            self.disturb();
        }
        holds
    }

    /// Feed one datagram. An error is the datagram's, the endpoint goes on.
    pub fn receive(
        &mut self,
        now: Instant,
        path: Path,
        is_dtls: bool,
        is_stun: bool,
        datagram: &[u8],
    ) -> Result<(), RtcError> {
        self.heard = Some(now);
        if is_rtp(datagram) {
            self.media = Some(now);
        }
        let now = now.max(self.told);
        self.told = now;
        self.counters.packets_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        if let Some(entry) = self.paths.iter_mut().find(|(known, _)| *known == path) {
            entry.1 = now;
        }
        if self.sending_on.is_some_and(|sending| sending != path) {
            self.follow(now, path, is_stun);
        }
        if is_dtls && matches!(self.dtls, Dtls::Waiting | Dtls::Client) {
            if self.early_dtls.len() < EARLY_DTLS_DATAGRAMS {
                self.early_dtls.push(datagram.to_vec());
            }
            return Ok(());
        }
        if is_stun && self.dtls == Dtls::Waiting {
            self.early_checks += 1;
        }
        if is_stun
            && let Some(restarts) = &mut self.restarts
            && restarts.receive(now, path, datagram)
        {
            return Ok(());
        }
        self.feed(now, path, datagram)
    }

    /// Give the session a datagram, and the estimator what feedback is in it.
    fn feed(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), RtcError> {
        let receive = received(path, datagram)?;
        let congestion = self.congestion.as_mut();
        let congestion = congestion.filter(|congestion| congestion.expects(datagram));
        let result = self.rtc.handle_input(Input::Receive(now, receive));
        if let Some(congestion) = congestion {
            congestion.decrypted(now, datagram);
        }
        result
    }

    /// Take SRTP from an address that is not this endpoint's; true when it is authentic, so that
    /// the peer has moved there. Its old address must have been silent for a while.
    pub fn receive_from_elsewhere(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        let may_have_moved = self.is_ready()
            && self.has_been_silent(now, MEDIA_MOVES_AFTER)
            && self.guessed.is_none_or(|at| now >= at + GUESSES_APART);
        if !may_have_moved {
            return false;
        }
        self.guessed = Some(now);
        let opened = crypto::opened();
        let Ok(receive) = received(path, datagram) else {
            return false;
        };
        let now = now.max(self.told);
        let fed = self.rtc.handle_input(Input::Receive(now, receive));
        self.disturb();
        fed.is_ok() && crypto::opened() > opened
    }

    /// True when nothing has come from the address in use for this long.
    fn has_been_silent(&self, now: Instant, time: Duration) -> bool {
        let in_use = self
            .paths
            .iter()
            .find(|(known, _)| Some(*known) == self.sending_on);
        in_use.is_none_or(|&(_, heard)| now >= heard + time)
    }

    /// Move to the address the peer now uses, if the old one has fallen silent.
    ///
    /// str0m would stay with the old pair until its checks time out. Telling it a better priority
    /// for the same address makes it choose the new pair as soon as that one has been validated.
    pub fn follow(&mut self, now: Instant, path: Path, is_stun: bool) {
        let silence = if is_stun {
            CHECKS_MOVE_AFTER
        } else {
            MEDIA_MOVES_AFTER
        };
        if !self.has_been_silent(now, silence)
            || self.moved.is_some_and(|at| now < at + MOVES_APART)
        {
            return;
        }
        self.moved = Some(now);
        self.settled = now;
        self.moves = self.moves.wrapping_add(1);
        let priority = MOVED_PRIORITY + (self.moves & 0x00ff_ffff);
        // A related address of its own makes it a candidate str0m has not seen yet.
        let related = SocketAddr::from(([0, 0, 0, 0], (self.moves % 65_535 + 1) as u16));
        let moved = candidate(
            path.transport,
            path.remote,
            CandidateKind::ServerReflexive,
            priority,
            Some(related),
        );
        match self.restarts.as_deref_mut().and_then(Restarts::current) {
            Some(agent) => agent.add_remote_candidate(moved),
            None => self.rtc.add_remote_candidate(moved),
        }
    }

    /// Send what has been written. That is most of an engine's work, so it asks the session for
    /// nothing else while nothing else is due.
    pub fn send_written(
        &mut self,
        now: Instant,
        transmits: &mut Vec<Transmit>,
        happenings: &mut Vec<Happening>,
    ) {
        let is_plain =
            !self.is_disturbed && self.restarts.is_none() && self.mood(now) == Mood::Content;
        if !is_plain || !self.send_plainly(now, transmits, happenings) {
            self.drive(now, None, transmits, happenings);
        }
    }

    /// False when the session did not give out all that was written.
    fn send_plainly(
        &mut self,
        now: Instant,
        transmits: &mut Vec<Transmit>,
        happenings: &mut Vec<Happening>,
    ) -> bool {
        let mut now = now.max(self.told);
        while self.written > 0 {
            self.told = now;
            if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                return false;
            }
            let written = self.written;
            while self.written == written {
                match self.rtc.poll_output() {
                    Ok(Output::Transmit(transmit)) => self.give_out(now, transmit, transmits),
                    Ok(Output::Event(event)) => self.note(now, None, event, happenings),
                    Ok(Output::Timeout(_)) | Err(_) => return false,
                }
            }
            now += NEXT_PACKET;
        }
        true
    }

    /// Let the session work until it waits for time or input.
    pub fn drive(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        transmits: &mut Vec<Transmit>,
        happenings: &mut Vec<Happening>,
    ) {
        self.is_disturbed = false;
        let mut restarts_deadline = None;
        if let Some(restarts) = &mut self.restarts {
            let mut turns = Vec::new();
            restarts.drive(now, transmits, &mut turns);
            restarts_deadline = restarts.deadline();
            self.take_turns(turns, happenings);
        }
        for (at, path, datagram) in std::mem::take(&mut self.held_back) {
            // What cannot be read is the peer's mistake; the session goes on.
            let _ = self.feed(at, path, &datagram);
        }
        if let Some(bps) = self.congestion.as_ref().and_then(Congestion::bps) {
            self.note_estimate(bps, happenings);
        }
        let start = now;
        let mut now = now.max(self.told);
        if self.written > 0 && self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.written = 0;
        }
        for _ in 0..MOST_TURNS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at > now => {
                    let reason = self.rtc.last_timeout_reason();
                    if reason == Reason::Pacer(PacerReason::Immediate) && at <= now + NEXT_PACKET {
                        now = at;
                        self.told = now;
                        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                            break;
                        }
                        continue;
                    }
                    if matches!(
                        reason,
                        Reason::Pacer(PacerReason::Probe1 | PacerReason::Probe2)
                    ) {
                        self.probed = Some(start);
                    }
                    self.written = 0;
                    let at = at.max(start + patience(reason, self.mood(start)));
                    self.deadline = restarts_deadline.map_or(at, |other| other.min(at));
                    self.check_alive(happenings);
                    return;
                }
                Ok(Output::Timeout(_)) => {
                    self.told = now;
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        break;
                    }
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
                Ok(Output::Transmit(transmit)) => self.give_out(now, transmit, transmits),
                Ok(Output::Event(event)) => self.note(now, cause, event, happenings),
                Err(_) => {
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
            }
        }
        self.deadline = now + Duration::from_millis(50);
        self.check_alive(happenings);
    }

    /// Count a datagram of the session and send it where it has to go now.
    fn give_out(&mut self, now: Instant, mut transmit: Transmit, transmits: &mut Vec<Transmit>) {
        let first = transmit.contents.first().copied().unwrap_or(0);
        if first >= 128 && !self.is_reachable && !is_rtp(&transmit.contents) {
            // Reports go on in str0m; without consent nothing but checks may (RFC 7675 §5.1).
            return;
        }
        if let Some(restarts) = &self.restarts {
            if first < 2 && restarts.has_silenced_session() {
                return;
            }
            if first >= 2
                && let Some(path) = restarts.path()
            {
                (transmit.source, transmit.destination) = (path.local, path.remote);
                transmit.proto = path.transport.into();
            }
        }
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += transmit.contents.len() as u64;
        if let Some(congestion) = &mut self.congestion {
            congestion.sent(now, &transmit.contents);
        }
        if is_rtp(&transmit.contents) {
            if self.is_retransmission(&transmit.contents) {
                self.counters.retransmissions_sent += 1;
            } else {
                self.written = self.written.saturating_sub(1);
            }
        }
        if first >= 20 {
            self.sending_on = Some(Path {
                transport: transmit.proto.into(),
                local: transmit.source,
                remote: transmit.destination,
            });
        }
        transmits.push(transmit);
    }

    /// Whether this is RTP of a payload type that repairs another.
    fn is_retransmission(&self, datagram: &[u8]) -> bool {
        matches!(datagram, [128..=191, second, ..]
            if self.payload_types.iter().any(|pt| pt.rtx == Some(second & 0x7f)))
    }

    fn check_alive(&mut self, happenings: &mut Vec<Happening>) {
        if !self.rtc.is_alive() {
            let reason = if self.dtls == Dtls::Connected {
                "closed"
            } else {
                "dtls-failed"
            };
            happenings.push(Happening::Failed(reason));
        }
    }

    fn note(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        event: Event,
        happenings: &mut Vec<Happening>,
    ) {
        match event {
            Event::RtpPacket(packet) => happenings.push(Happening::Packet(Box::new(packet))),
            Event::IceConnectionStateChange(state) => {
                self.note_ice(now, cause, state, happenings);
            }
            Event::Connected => {
                self.settled = now;
                self.verify(happenings);
            }
            Event::KeyframeRequest(request) => {
                self.counters.keyframe_requests_received += 1;
                if let Some(source) = self.outputs.source_of(request.mid) {
                    happenings.push(Happening::KeyframeWanted(source));
                }
            }
            Event::SenderFeedback(feedback) => {
                self.clock
                    .report(feedback.sender_info.ntp_time, feedback.received_at);
            }
            // Only a client that gives no better feedback is asked for its own estimate.
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. })
                if self.congestion.is_none() =>
            {
                self.note_estimate(estimate.as_u64(), happenings);
            }
            Event::PeerStats(stats) => {
                let checked = match &self.restarts {
                    Some(restarts) if restarts.path().is_some() => restarts.rtt(),
                    _ => stats
                        .selected_candidate_pair
                        .and_then(|p| p.current_round_trip_time),
                };
                self.counters.rtt = stats.rtt.or(checked).or(self.counters.rtt);
                self.counters.loss_in = stats.ingress_loss_fraction.unwrap_or(0.0);
                self.counters.loss_out = stats.egress_loss_fraction.unwrap_or(0.0);
            }
            Event::MediaEgressStats(stats) => {
                let counts = self
                    .stream_counts
                    .entry((stats.mid, stats.rid))
                    .or_default();
                let new = stats.nacks.saturating_sub(counts.nacks_received);
                self.counters.nacks_received += new;
                counts.nacks_received = stats.nacks;
            }
            Event::MediaIngressStats(stats) => {
                let counts = self
                    .stream_counts
                    .entry((stats.mid, stats.rid))
                    .or_default();
                let new = stats.nacks.saturating_sub(counts.nacks_sent);
                self.counters.nacks_sent += new;
                counts.nacks_sent = stats.nacks;
            }
            Event::Closed => happenings.push(Happening::Failed("closed")),
            _ => {}
        }
    }

    fn note_ice(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        state: IceConnectionState,
        happenings: &mut Vec<Happening>,
    ) {
        if self
            .restarts
            .as_ref()
            .is_some_and(|each| each.path().is_some())
        {
            // The session's own agent has been replaced.
            return;
        }
        self.set_reachable(state.is_connected(), happenings);
        if self.is_reachable && self.ice_connected.is_none() {
            self.ice_connected = Some(now);
            let path = cause.or(self.paths.last().map(|&(path, _)| path));
            if let Some(path) = path {
                self.sending_on = Some(path);
                happenings.push(Happening::IceConnected(path));
            }
            if self.dtls == Dtls::Client && self.start_dtls(now, true).is_err() {
                happenings.push(Happening::Failed("dtls-failed"));
            }
        }
    }

    fn set_reachable(&mut self, reachable: bool, happenings: &mut Vec<Happening>) {
        let was_ready = self.is_ready();
        self.is_reachable = reachable;
        if !was_ready && self.is_ready() {
            happenings.push(Happening::Ready);
        } else if was_ready && !self.is_ready() {
            self.outputs.interrupt();
        }
    }

    /// The handshake is over: only a certificate the peer announced may stay (RFC 8122 §6.2).
    fn verify(&mut self, happenings: &mut Vec<Happening>) {
        let profile = crypto::take_profile();
        let direct = self.rtc.direct_api();
        let is_announced = direct.remote_dtls_fingerprint().is_some_and(|seen| {
            self.fingerprints.iter().any(|each| {
                each.hash.eq_ignore_ascii_case(&seen.hash_func) && each.digest == seen.bytes
            })
        });
        if !is_announced {
            self.rtc.disconnect();
            happenings.push(Happening::Failed("fingerprint-mismatch"));
            return;
        }
        self.dtls = Dtls::Connected;
        happenings.push(Happening::DtlsConnected(profile.unwrap_or("unknown")));
        if self.is_ready() {
            happenings.push(Happening::Ready);
        }
    }

    fn note_estimate(&mut self, bps: u64, happenings: &mut Vec<Happening>) {
        self.counters.estimate_bps = bps;
        let told = self.told_estimate_bps;
        if bps.abs_diff(told) as f64 > told as f64 * ESTIMATE_STEP {
            self.told_estimate_bps = bps;
            happenings.push(Happening::Estimate(bps));
        }
    }

    /// Look for more bandwidth if what the receiver may see would take more at its best.
    pub fn steer(&mut self, now: Instant, needed_bps: u64) {
        if let Some(congestion) = &mut self.congestion
            && congestion.steer(now, needed_bps, &mut self.rtc)
        {
            self.disturb();
        }
    }

    /// Why this endpoint has to be given up, if it has.
    pub fn overdue(&self, now: Instant, limits: &Limits) -> Option<&'static str> {
        match (self.heard, self.ice_connected) {
            (None, _) if now >= self.created + limits.ice_timeout => Some("ice-failed"),
            (Some(heard), _) if now >= heard + limits.activity_timeout => Some("idle"),
            (_, Some(connected))
                if self.dtls != Dtls::Connected && now >= connected + limits.dtls_timeout =>
            {
                Some("dtls-failed")
            }
            _ => None,
        }
    }
}

/// RTP, not RTCP (RFC 5761 §4).
fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(64..96).contains(&(second & 0x7f)))
}

fn received(path: Path, datagram: &[u8]) -> Result<Receive<'_>, RtcError> {
    let protocol: Protocol = path.transport.into();
    Ok(Receive::new(protocol, path.remote, path.local, datagram)?)
}

fn candidate(
    transport: Transport,
    remote: SocketAddr,
    kind: CandidateKind,
    priority: u32,
    related: Option<SocketAddr>,
) -> Candidate {
    Candidate::from_parts(
        "r".into(),
        1,
        transport.into(),
        priority,
        remote,
        kind,
        related,
        None,
        None,
    )
}

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
