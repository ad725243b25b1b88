//! One participant's transport: its ICE, its DTLS, and the packets of both directions.
//!
//! It has no socket, thread or clock: datagrams and `now` come in, datagrams and [`Happening`]s
//! come out.

mod addresses;
mod arrivals;
#[cfg(test)]
mod tests;
mod turns;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::IceCreds;

use crate::counters::EndpointCounters;
use crate::demux::Path;
use crate::dtls::{Broken, Handshake};
use crate::egress::Egress;
use crate::fingerprints::Announced;
use crate::ice::{Ice, Turn};
use crate::ingress::{Inbound, Ingress};
use crate::outputs::Outputs;
use crate::reports::Reporter;
use crate::rtp_extensions::Ids;
use crate::setup::{
    DtlsSetup, EndpointId, EndpointSetup, Limits, MediaKind, PayloadType, RemoteSetup, SourceId,
    SourceSetup,
};

/// DTLS datagrams that wait for a path; what is beyond is lost, as on the way, and repeated.
const UNSENT_DTLS_DATAGRAMS: usize = 32;

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
        limits: &Limits,
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
            reporter: Reporter::new(now, seed, limits.reported_per_s),
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
