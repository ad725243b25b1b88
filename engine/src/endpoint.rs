//! One participant's transport: its ICE, its DTLS, and the packets of both directions.
//!
//! It has no socket, thread or clock: datagrams and `now` come in, datagrams and [`Happening`]s
//! come out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::net::Protocol;
use str0m::{Candidate, CandidateKind, IceCreds};

use crate::counters::{Drop, EndpointCounters};
use crate::demux::{CANDIDATES_PER_ENDPOINT, PATHS_PER_ENDPOINT, Path, Transport};
use crate::dtls::{Broken, Handshake, Progress};
use crate::egress::Egress;
use crate::fingerprints::Announced;
use crate::grid::{EARLY, WIDE};
use crate::ice::{Ice, Turn};
use crate::ingress::{Arrived, Inbound, Ingress};
use crate::outbox::Outbox;
use crate::outputs::{Media, Outcome, Outputs};
use crate::reports::{Reporter, Told};
use crate::rtp_extensions::Ids;
use crate::setup::{
    DtlsSetup, EndpointId, EndpointSetup, Limits, MediaKind, PayloadType, RemoteSetup, SourceId,
    SourceSetup,
};
use crate::srtp::{Opening, Sealing};

/// A new estimate is told when it differs by more than this part.
const ESTIMATE_STEP: f64 = 0.05;
/// DTLS datagrams that came before the peer's fingerprint was known.
const EARLY_DTLS_DATAGRAMS: usize = 16;
/// DTLS datagrams that wait for a path; what is beyond is lost, as on the way, and repeated.
const UNSENT_DTLS_DATAGRAMS: usize = 32;
/// Media from another valid address while the old one is silent for this long moves the path.
const MEDIA_MOVES_AFTER: Duration = Duration::from_millis(300);
/// The same for checks alone, which clients also send from spare addresses.
const CHECKS_MOVE_AFTER: Duration = Duration::from_secs(3);
/// SRTP from unknown addresses is tried at most this often for one endpoint.
const GUESSES_APART: Duration = Duration::from_millis(20);
const MOVES_APART: Duration = Duration::from_secs(1);
/// Above the priority of every real candidate, so that the path moved to wins (RFC 8445 §5.1.2).
const MOVED_PRIORITY: u32 = 0x7f00_0000;
/// When nothing waits.
const AT_REST: Duration = Duration::from_secs(60);
/// An exact timer may be this late.
const TIMER_STEP: Duration = Duration::from_millis(5);

/// What driving an endpoint brought to light.
#[derive(Debug)]
pub enum Happening {
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

#[derive(Debug)]
enum Dtls {
    /// The peer's fingerprint is not known yet.
    Waiting,
    /// We are the client and start when the first pair is valid.
    Client,
    Started(Handshake),
    Connected(Handshake),
}

#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    /// Username fragments of ours under which it may be called.
    pub ufrags: Vec<String>,
    pub outputs: Outputs,
    pub muted_audio: bool,
    pub muted_video: bool,
    /// Sources this endpoint sends.
    pub sources: Vec<SourceId>,
    /// What all it asked for would take at its best, as the caller says.
    pub needed_bps: u64,
    /// When [`Endpoint::drive`] wants to be called again, to the millisecond.
    pub deadline: Instant,
    /// The same for what can be done a little earlier or later ([`grid`](crate::grid)).
    pub can_wait_until: Instant,
    /// When it is going to be called, if a timer has been set for it.
    pub scheduled: Option<Instant>,
    pub candidates: Vec<SocketAddr>,
    payload_types: Vec<Arc<PayloadType>>,
    controlling: bool,
    ice: Ice,
    dtls: Dtls,
    early_dtls: Vec<Vec<u8>>,
    /// Waits for a path to be sent on.
    unsent_dtls: Vec<Vec<u8>>,
    announced: Announced,
    ingress: Ingress,
    egress: Egress,
    reporter: Reporter,
    paths: Vec<(Path, Instant)>,
    moved: Option<Instant>,
    /// When a packet from an unknown address was last tried.
    guessed: Option<Instant>,
    moves: u32,
    created: Instant,
    heard: Option<Instant>,
    ice_connected: Option<Instant>,
    is_reachable: bool,
    told_estimate_bps: u64,
}

impl Endpoint {
    pub fn new(
        now: Instant,
        id: EndpointId,
        setup: EndpointSetup,
        locals: &[SocketAddr],
        seed: u64,
    ) -> Endpoint {
        let ids = Ids::of(&setup.extensions);
        let creds = IceCreds {
            ufrag: setup.ufrag.clone(),
            pass: setup.pwd,
        };
        Endpoint {
            id,
            ufrags: vec![setup.ufrag],
            outputs: Outputs::new(seed),
            muted_audio: false,
            muted_video: false,
            sources: Vec::new(),
            needed_bps: 0,
            deadline: now,
            can_wait_until: now,
            scheduled: None,
            candidates: Vec::new(),
            payload_types: setup.payload_types.into_iter().map(Arc::new).collect(),
            controlling: setup.controlling,
            ice: Ice::new(creds, setup.controlling, locals),
            dtls: Dtls::Waiting,
            early_dtls: Vec::new(),
            unsent_dtls: Vec::new(),
            announced: Announced::default(),
            ingress: Ingress::new(ids),
            egress: Egress::new(now, id.0, ids),
            reporter: Reporter::new(now, seed),
            paths: Vec::new(),
            moved: None,
            guessed: None,
            moves: 0,
            created: now,
            heard: None,
            ice_connected: None,
            is_reachable: false,
            told_estimate_bps: 0,
        }
    }

    pub fn counters(&self) -> &EndpointCounters {
        &self.egress.counters
    }

    /// True when packets can be sent to it.
    pub fn is_ready(&self) -> bool {
        matches!(self.dtls, Dtls::Connected(_)) && self.is_reachable
    }

    pub fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard.unwrap_or(self.created))
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.egress.counters.rtt
    }

    /// Where everything is sent.
    pub fn path(&self) -> Option<Path> {
        self.ice.path()
    }

    pub fn paths(&self) -> Vec<Path> {
        self.paths.iter().map(|&(path, _)| path).collect()
    }

    pub fn inbound(&self, ssrc: u32) -> Option<Inbound> {
        self.ingress.inbound(ssrc)
    }

    /// The payload type whose number, or the number of whose retransmissions, this is.
    pub fn knows_payload_type(&self, number: u8) -> bool {
        self.payload_types
            .iter()
            .any(|pt| pt.number == number || pt.rtx == Some(number))
    }

    pub fn payload_type(&self, number: u8) -> Option<&Arc<PayloadType>> {
        self.payload_types.iter().find(|pt| pt.number == number)
    }

    pub fn is_muted(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.muted_audio,
            MediaKind::Video => self.muted_video,
        }
    }

    // ---- orders --------------------------------------------------------------------------------

    /// Take the peer's credentials; checking and, as a server, DTLS start now.
    pub fn set_remote(&mut self, now: Instant, remote: RemoteSetup) -> Result<(), Broken> {
        self.announced = Announced::strongest(remote.fingerprints);
        let creds = IceCreds {
            ufrag: remote.ufrag,
            pass: remote.pwd,
        };
        self.ice.connect(now, creds);
        if matches!(self.dtls, Dtls::Waiting) {
            if remote.setup == DtlsSetup::Passive {
                self.dtls = Dtls::Client;
                if self.ice_connected.is_some() {
                    self.start_dtls(now, true)?;
                }
            } else {
                self.start_dtls(now, false)?;
            }
        }
        Ok(())
    }

    fn start_dtls(&mut self, now: Instant, is_client: bool) -> Result<(), Broken> {
        let mut handshake = Handshake::start(now, is_client)?;
        // A ClientHello that came too early would be repeated only after a second (RFC 6347 §4.2.4).
        for datagram in std::mem::take(&mut self.early_dtls) {
            // What cannot be read is the datagram's mistake; the session goes on.
            let _ = handshake.receive(&datagram);
        }
        self.dtls = Dtls::Started(handshake);
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
        let mut turns = Vec::new();
        self.ufrags.push(creds.ufrag.clone());
        self.ice
            .begin_restart(now, creds, self.controlling, locals, &mut turns);
        self.take_turns(now, None, turns, happenings);
        true
    }

    /// The peer's answer to a restart: checking starts.
    pub fn set_remote_credentials(&mut self, now: Instant, creds: IceCreds) {
        self.ice.continue_restart(now, creds);
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
        self.ice
            .add_remote(&candidate(Transport::Udp, remote, kind, priority, None));
        true
    }

    /// Set the streams this endpoint sends; a stream that stays keeps its state.
    pub fn set_inbound(&mut self, sources: &[SourceSetup]) {
        self.ingress.set_sources(sources);
        self.sources = sources.iter().map(|source| source.id).collect();
    }

    /// What may be sent and received from now on; no number may change its meaning.
    pub fn extend(
        &mut self,
        now: Instant,
        payload_types: Vec<PayloadType>,
        extensions: &[(u8, String)],
    ) {
        let ids = Ids::of(extensions);
        self.payload_types = payload_types.into_iter().map(Arc::new).collect();
        self.ingress.agree_on(ids);
        self.egress.agree_on(now, ids);
    }

    /// Ask this endpoint for a key frame of the stream `ssrc`; it goes out with the next turn.
    pub fn request_keyframe(&mut self, ssrc: u32) {
        self.reporter.request_keyframe(ssrc);
        self.egress.counters.keyframe_requests_sent += 1;
    }

    // ---- addresses -----------------------------------------------------------------------------

    /// True when a STUN message is for this endpoint and its integrity is right.
    pub fn authenticates(&self, datagram: &[u8]) -> bool {
        self.ice.accepts(datagram)
    }

    /// Remember an address of the peer; returns the one that had to be forgotten for it.
    pub fn bind(&mut self, now: Instant, path: Path) -> Option<Path> {
        // Whoever opened a connection reached an address of ours that no candidate need have named:
        // behind NAT and at a wildcard listener it shows only now (RFC 6544 §5.1, passive).
        if path.transport == Transport::Tcp
            && let Ok(candidate) = Candidate::host(path.local, Protocol::Tcp)
        {
            self.ice.add_local(&candidate);
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
        if self.egress.path == Some(path) {
            self.moved = None;
        }
    }

    /// True when nothing has come from the address in use for this long.
    fn has_been_silent(&self, now: Instant, time: Duration) -> bool {
        let in_use = self
            .paths
            .iter()
            .find(|(known, _)| Some(*known) == self.egress.path);
        in_use.is_none_or(|&(_, heard)| now >= heard + time)
    }

    /// Move to the address the peer now uses, if the old one has fallen silent.
    ///
    /// ICE would stay with the old pair until its checks time out. Telling it a better priority
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
        self.moves = self.moves.wrapping_add(1);
        let priority = MOVED_PRIORITY + (self.moves & 0x00ff_ffff);
        // A related address of its own makes it a candidate the agent has not seen yet.
        let related = SocketAddr::from(([0, 0, 0, 0], (self.moves % 65_535 + 1) as u16));
        self.ice.prefer_remote(candidate(
            path.transport,
            path.remote,
            CandidateKind::ServerReflexive,
            priority,
            Some(related),
        ));
        self.deadline = now;
    }

    // ---- what comes ----------------------------------------------------------------------------

    /// Count a datagram and where it came from.
    fn note_arrival(&mut self, now: Instant, path: Path, is_stun: bool, datagram: &[u8]) {
        self.heard = Some(now);
        self.egress.counters.packets_received += 1;
        self.egress.counters.bytes_received += datagram.len() as u64;
        if let Some(entry) = self.paths.iter_mut().find(|(known, _)| *known == path) {
            entry.1 = now;
        }
        if self.egress.path.is_some_and(|sending| sending != path) {
            self.follow(now, path, is_stun);
        }
    }

    /// Take a STUN message. An error is the datagram's, the endpoint goes on.
    pub fn receive_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), Drop> {
        self.note_arrival(now, path, true, datagram);
        if self.ice.receive(now, path, datagram) {
            Ok(())
        } else {
            Err(Drop::BadStun)
        }
    }

    pub fn receive_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), Drop> {
        self.note_arrival(now, path, false, datagram);
        match &mut self.dtls {
            Dtls::Waiting | Dtls::Client => {
                if self.early_dtls.len() < EARLY_DTLS_DATAGRAMS {
                    self.early_dtls.push(datagram.to_vec());
                }
                Ok(())
            }
            Dtls::Started(handshake) | Dtls::Connected(handshake) => {
                handshake.receive(datagram).map_err(|Broken| Drop::BadDtls)
            }
        }
    }

    /// Take a packet of media; None when there is nothing to pass on in it.
    pub fn receive_rtp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<Option<Arrived>, Drop> {
        self.note_arrival(now, path, false, datagram);
        let arrived = self.ingress.receive(now, datagram, &self.payload_types)?;
        self.reporter.note_media(now);
        self.hasten();
        Ok(arrived)
    }

    /// Take SRTP from an address that is not this endpoint's. When it is authentic, the peer has
    /// moved there. Its old address must have been silent for a while.
    pub fn receive_rtp_from_elsewhere(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Option<Option<Arrived>> {
        let may_have_moved = self.is_ready()
            && self.has_been_silent(now, MEDIA_MOVES_AFTER)
            && self.guessed.is_none_or(|at| now >= at + GUESSES_APART);
        if !may_have_moved {
            return None;
        }
        self.guessed = Some(now);
        self.ingress
            .receive(now, datagram, &self.payload_types)
            .ok()
    }

    /// Take SRTCP.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        outbox: &mut Outbox,
        happenings: &mut Vec<Happening>,
    ) -> Result<(), Drop> {
        self.note_arrival(now, path, false, datagram);
        let told = self
            .reporter
            .read(now, datagram, &mut self.ingress, &mut self.egress)?;
        for each in told {
            match each {
                // Without consent nothing but checks may go out (RFC 7675 §5.1).
                Told::Missing { .. } if !self.is_ready() => {}
                Told::Missing { ssrc, numbers } => {
                    let offered = &self.payload_types;
                    self.outputs
                        .resend(now, &mut self.egress, outbox, offered, ssrc, &numbers);
                }
                Told::KeyframeWanted(ssrc) => {
                    self.egress.counters.keyframe_requests_received += 1;
                    if let Some(source) = self.outputs.source_of(ssrc) {
                        happenings.push(Happening::KeyframeWanted(source));
                    }
                }
                Told::Estimate(bps) => self.note_estimate(bps, happenings),
            }
        }
        Ok(())
    }

    /// When a packet of this endpoint was captured, on our clock.
    pub fn captured(&self, now: Instant, arrived: &Arrived) -> Instant {
        self.reporter.captured(now, arrived)
    }

    /// Bring the deadlines forward for what packets that came have to be answered by.
    fn hasten(&mut self) {
        if let Some(at) = self.ingress.deadline() {
            self.deadline = self.deadline.min(at);
        }
        let can_wait = [self.ingress.feedback_from(), self.reporter.deadline()];
        for at in can_wait.into_iter().flatten() {
            self.can_wait_until = self.can_wait_until.min(at);
        }
    }

    /// True when there is something to do: now, or of what can wait up to `by`.
    pub fn is_due(&self, now: Instant, by: Instant) -> bool {
        self.deadline <= now || self.can_wait_until <= by
    }

    /// True when no timer is set, or one that is later than its own grid explains.
    pub fn is_called_too_late(&self) -> bool {
        self.scheduled.is_none_or(|at| {
            at > self.deadline + TIMER_STEP || at > self.can_wait_until + WIDE + EARLY
        })
    }

    // ---- what goes -----------------------------------------------------------------------------

    /// Pass a packet on if this endpoint wants it; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        outbox: &mut Outbox,
        source: SourceId,
        media: &Arc<Media>,
    ) -> (Outcome, bool) {
        let (egress, offered) = (&mut self.egress, &self.payload_types);
        let (outcome, asks) = self
            .outputs
            .forward(now, egress, outbox, offered, source, media);
        if outcome == Outcome::Sent && self.reporter.note_media(now) {
            self.hasten();
        }
        (outcome, asks)
    }

    /// Do what is due: checks, the handshake, padding; reports when they are due by `by`.
    pub fn drive(
        &mut self,
        now: Instant,
        by: Instant,
        cause: Option<Path>,
        outbox: &mut Outbox,
        happenings: &mut Vec<Happening>,
    ) {
        let (mut transmits, mut turns) = (Vec::new(), Vec::new());
        self.ice.drive(now, &mut transmits, &mut turns);
        for transmit in transmits {
            let path = Path {
                transport: transmit.proto.into(),
                local: transmit.source,
                remote: transmit.destination,
            };
            self.egress.send_plain(path, &transmit.contents, outbox);
        }
        self.egress.path = self.ice.path();
        self.take_turns(now, cause, turns, happenings);
        self.drive_dtls(now, outbox, happenings);
        if self.is_ready() {
            self.send_reports(now, by, outbox);
            let due = self.egress.due_padding(now);
            if due > 0 {
                let (egress, offered) = (&mut self.egress, &self.payload_types);
                self.outputs.pad(now, egress, outbox, offered, due);
            }
            if let Some(bps) = self.egress.bps() {
                self.note_estimate(bps, happenings);
            }
        }
        let handshake = match &self.dtls {
            Dtls::Started(handshake) | Dtls::Connected(handshake) => handshake.deadline(),
            Dtls::Waiting | Dtls::Client => None,
        };
        // What cannot be sent now is not waited for: it would be due at once, again and again.
        let padding = self.egress.next_padding().filter(|_| self.is_ready());
        let soonest = |times: [Option<Instant>; 2]| {
            let times = times.into_iter().flatten();
            times.fold(now + AT_REST, Instant::min)
        };
        let transport = soonest([self.ice.deadline(), handshake]);
        let is_settled = self.is_ready() && !self.ice.is_restarting();
        self.can_wait_until = now + AT_REST;
        if is_settled {
            self.deadline = soonest([padding, None]);
            self.can_wait_until = transport;
        } else {
            self.deadline = soonest([padding, Some(transport)]);
        }
        if self.is_ready() {
            self.hasten();
        }
    }

    fn send_reports(&mut self, now: Instant, by: Instant, outbox: &mut Outbox) {
        if let Some(round_trip) = self.ice.round_trip() {
            self.reporter.note_round_trip(round_trip);
        }
        let (ingress, egress) = (&mut self.ingress, &mut self.egress);
        for datagram in self.reporter.due(now, by, ingress, egress, &self.outputs) {
            self.egress.send_reports(&datagram, outbox);
        }
    }

    fn drive_dtls(&mut self, now: Instant, outbox: &mut Outbox, happenings: &mut Vec<Happening>) {
        let (Dtls::Started(handshake) | Dtls::Connected(handshake)) = &mut self.dtls else {
            return;
        };
        let is_connected = handshake.is_done();
        let Ok(progress) = handshake.drive(now) else {
            let reason = if is_connected {
                "closed"
            } else {
                "dtls-failed"
            };
            happenings.push(Happening::Failed(reason));
            return;
        };
        for each in progress {
            match each {
                Progress::Datagram(datagram) => self.keep_unsent(datagram),
                Progress::Connected => self.verify(happenings),
                Progress::Closed => happenings.push(Happening::Failed("closed")),
            }
        }
        if let Some(path) = self.egress.path {
            for datagram in self.unsent_dtls.drain(..) {
                self.egress.send_plain(path, &datagram, outbox);
            }
        }
    }

    /// Keep a datagram of the handshake until there is a path.
    fn keep_unsent(&mut self, datagram: Vec<u8>) {
        if self.unsent_dtls.len() < UNSENT_DTLS_DATAGRAMS {
            self.unsent_dtls.push(datagram);
        }
    }

    /// The handshake is over: only a certificate the peer announced may stay (RFC 8122 §6.2).
    fn verify(&mut self, happenings: &mut Vec<Happening>) {
        let Dtls::Started(mut handshake) = std::mem::replace(&mut self.dtls, Dtls::Waiting) else {
            return;
        };
        let keys = handshake.take_keys();
        let is_client = handshake.is_client();
        let certificate = handshake.certificate();
        let is_announced = certificate.is_some_and(|shown| self.announced.includes(shown));
        self.dtls = Dtls::Connected(handshake);
        if !is_announced {
            happenings.push(Happening::Failed("fingerprint-mismatch"));
            return;
        }
        let directions = keys.as_ref().and_then(|keys| {
            let sealing = Sealing::new(keys, is_client)?;
            Some((sealing, Opening::new(keys, is_client)?, keys.profile))
        });
        let Some((sealing, opening, profile)) = directions else {
            happenings.push(Happening::Failed("dtls-failed"));
            return;
        };
        self.egress.secure(sealing);
        self.ingress.secure(opening);
        happenings.push(Happening::DtlsConnected(profile.name()));
        if self.is_ready() {
            happenings.push(Happening::Ready);
        }
    }

    fn take_turns(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        turns: Vec<Turn>,
        happenings: &mut Vec<Happening>,
    ) {
        for turn in turns {
            match &turn {
                Turn::Completed(path) => {
                    self.egress.path = Some(*path);
                    self.set_reachable(true, happenings);
                }
                Turn::Reachable(reachable) => {
                    self.set_reachable(*reachable, happenings);
                    if *reachable {
                        self.note_connected(now, cause, happenings);
                    }
                    continue;
                }
                Turn::Ended(ufrag) => self.ufrags.retain(|each| each != ufrag),
                Turn::GivenUp => {}
            }
            happenings.push(Happening::Restart(turn));
        }
    }

    fn note_connected(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        happenings: &mut Vec<Happening>,
    ) {
        if self.ice_connected.is_some() {
            return;
        }
        self.ice_connected = Some(now);
        let path = self.ice.path().or(cause);
        if let Some(path) = path.or(self.paths.last().map(|&(path, _)| path)) {
            happenings.push(Happening::IceConnected(path));
        }
        if matches!(self.dtls, Dtls::Client) && self.start_dtls(now, true).is_err() {
            happenings.push(Happening::Failed("dtls-failed"));
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

    fn note_estimate(&mut self, bps: u64, happenings: &mut Vec<Happening>) {
        self.egress.counters.estimate_bps = bps;
        let told = self.told_estimate_bps;
        if bps.abs_diff(told) as f64 > told as f64 * ESTIMATE_STEP {
            self.told_estimate_bps = bps;
            happenings.push(Happening::Estimate(bps));
        }
    }

    /// Look for more bandwidth if what the receiver may see would take more at its best. True when
    /// there is something to do for it.
    pub fn steer(&mut self, now: Instant, needed_bps: u64) -> bool {
        self.egress.steer(now, needed_bps)
    }

    /// Why this endpoint has to be given up, if it has.
    pub fn overdue(&self, now: Instant, limits: &Limits) -> Option<&'static str> {
        let is_secure = matches!(self.dtls, Dtls::Connected(_));
        match (self.heard, self.ice_connected) {
            (None, _) if now >= self.created + limits.ice_timeout => Some("ice-failed"),
            (Some(heard), _) if now >= heard + limits.activity_timeout => Some("idle"),
            (_, Some(connected)) if !is_secure && now >= connected + limits.dtls_timeout => {
                Some("dtls-failed")
            }
            _ => None,
        }
    }
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

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
