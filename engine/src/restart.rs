//! ICE restarted in place (RFC 8445 §9): new credentials and a new path under the same DTLS.
//!
//! str0m's session has one ICE agent, whose restart would throw the working path away. So a second
//! agent works beside it until it has found a path; from then on what the session sends goes there,
//! and the agent before it answers for a little longer. Make before break.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::{IceAgent, IceAgentEvent, StunMessage, StunPacket};
use str0m::net::{Protocol, Transmit};
use str0m::{Candidate, CandidateKind, IceCreds};

use crate::crypto;
use crate::demux::Path;

/// A restart that has found no path in this time is given up; the old path stays.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// How long the agent that was replaced still answers.
const TRANSITION: Duration = Duration::from_secs(3);

/// What became of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything is sent on this path from now on.
    Completed(Path),
    /// No path was found in time; nothing has changed.
    GivenUp,
    /// Checks with this username fragment of ours are not answered any more.
    Ended(String),
    /// The path of a completed restart was lost (false) or found again (true).
    Reachable(bool),
}

/// An ICE agent of ours, outside the session.
#[derive(Debug)]
struct Agent {
    ice: IceAgent,
    ufrag: String,
    path: Option<Path>,
}

impl Agent {
    fn new(creds: IceCreds, controlling: bool, locals: &[SocketAddr]) -> Agent {
        let ufrag = creds.ufrag.clone();
        let mut ice = IceAgent::with_hmac(creds, crypto::provider().sha1_hmac_provider);
        ice.set_controlling(controlling);
        for &local in locals {
            if let Ok(candidate) = Candidate::host(local, Protocol::Udp) {
                ice.add_local_candidate(candidate);
            }
        }
        Agent {
            ice,
            ufrag,
            path: None,
        }
    }

    /// Feed a message that is for this agent; false when it is not.
    fn receive(&mut self, now: Instant, path: Path, message: StunMessage<'_>) -> bool {
        let packet = StunPacket {
            proto: path.transport.into(),
            source: path.remote,
            destination: path.local,
            message,
        };
        self.ice.handle_packet(now, packet)
    }

    fn drive(&mut self, now: Instant, transmits: &mut Vec<Transmit>, turns: &mut Vec<Turn>) {
        if self.ice.poll_timeout().is_none_or(|at| at <= now) {
            self.ice.handle_timeout(now);
        }
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceAgentEvent::NominatedSend {
                    proto,
                    source,
                    destination,
                } => {
                    self.path = Some(Path {
                        transport: proto.into(),
                        local: source,
                        remote: destination,
                    });
                }
                IceAgentEvent::IceConnectionStateChange(state) => {
                    turns.push(Turn::Reachable(state.is_connected()));
                }
                IceAgentEvent::IceRestart(_) | IceAgentEvent::DiscoveredRecv { .. } => {}
            }
        }
        while let Some(transmit) = self.ice.poll_transmit() {
            transmits.push(transmit);
        }
    }
}

/// The agents beside the session's own one.
#[derive(Debug)]
pub struct Restarts {
    /// Of the session's own agent.
    session_ufrag: String,
    /// The agent whose path is used; None while that is the session's own.
    current: Option<Agent>,
    /// The restart under way, and until when it may take.
    next: Option<(Agent, Instant)>,
    /// What the current agent has replaced; None for the session's own agent.
    previous: Option<(Option<Agent>, Instant)>,
}

impl Restarts {
    pub fn new(session_ufrag: &str) -> Restarts {
        Restarts {
            session_ufrag: session_ufrag.to_owned(),
            current: None,
            next: None,
            previous: None,
        }
    }

    /// Begin a restart under these credentials of ours; one under way is replaced by it.
    ///
    /// No check is sent before [`Restarts::set_remote`]. Checks of the peer that come earlier wait.
    pub fn begin(
        &mut self,
        now: Instant,
        creds: IceCreds,
        controlling: bool,
        locals: &[SocketAddr],
        turns: &mut Vec<Turn>,
    ) {
        let agent = Agent::new(creds, controlling, locals);
        if let Some((replaced, _)) = self.next.replace((agent, now + GIVE_UP_AFTER)) {
            turns.push(Turn::Ended(replaced.ufrag));
        }
    }

    /// Take the peer's credentials and start to check, if a restart is under way.
    pub fn set_remote(&mut self, now: Instant, creds: IceCreds) {
        if let Some((agent, _)) = &mut self.next {
            agent.ice.set_remote_credentials(creds);
            agent.ice.handle_timeout(now);
        }
    }

    /// Another address of the peer.
    pub fn add_candidate(&mut self, remote: SocketAddr) {
        let next = self.next.iter_mut().map(|(agent, _)| agent);
        for agent in next.chain(&mut self.current) {
            let candidate = Candidate::from_parts(
                "r".into(),
                1,
                Protocol::Udp,
                1,
                remote,
                CandidateKind::Host,
                None,
                None,
                None,
            );
            agent.ice.add_remote_candidate(candidate);
        }
    }

    /// A further address of ours: that of a connection the peer has opened.
    pub fn add_local(&mut self, local: &Candidate) {
        for agent in self.agents_mut() {
            agent.ice.add_local_candidate(local.clone());
        }
    }

    /// The agent that may be told of candidates on the path in use, if it is not the session's own.
    pub fn current(&mut self) -> Option<&mut IceAgent> {
        self.current.as_mut().map(|agent| &mut agent.ice)
    }

    /// Where the session's packets go, if not where the session says.
    pub fn path(&self) -> Option<Path> {
        self.current.as_ref()?.path
    }

    /// The session's own agent has been replaced, and its time is over.
    pub fn has_silenced_session(&self) -> bool {
        self.current.is_some() && !matches!(self.previous, Some((None, _)))
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.current.as_ref()?.ice.nominated_pair_rtt()
    }

    /// Whether one of these agents takes this STUN message for its own.
    pub fn accepts(&self, datagram: &[u8]) -> bool {
        self.agents().next().is_some()
            && StunMessage::parse(datagram)
                .is_ok_and(|message| self.agents().any(|each| each.ice.accepts_message(&message)))
    }

    /// Feed a STUN message; false when none of these agents takes it.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        self.agents_mut().any(|agent| {
            StunMessage::parse(datagram).is_ok_and(|message| agent.receive(now, path, message))
        })
    }

    /// When [`Restarts::drive`] has to be called at the latest.
    pub fn deadline(&mut self) -> Option<Instant> {
        let times = [
            self.next.as_ref().map(|(_, until)| *until),
            self.previous.as_ref().map(|(_, until)| *until),
        ];
        let agents = self
            .agents_mut()
            .filter_map(|agent| agent.ice.poll_timeout());
        let agents = agents.min();
        times.into_iter().flatten().chain(agents).min()
    }

    pub fn drive(&mut self, now: Instant, transmits: &mut Vec<Transmit>, turns: &mut Vec<Turn>) {
        if let Some(current) = &mut self.current {
            current.drive(now, transmits, turns);
        }
        let mut ignored = Vec::new();
        if let Some((Some(previous), _)) = &mut self.previous {
            previous.drive(now, transmits, &mut ignored);
        }
        if let Some((_, until)) = &self.previous
            && now >= *until
        {
            self.end_previous(turns);
        }
        let Some((next, until)) = &mut self.next else {
            return;
        };
        next.drive(now, transmits, &mut ignored);
        if let Some(path) = next.path {
            let agent = self.next.take().map(|(agent, _)| agent);
            self.end_previous(turns);
            let replaced = mem::replace(&mut self.current, agent);
            self.previous = Some((replaced, now + TRANSITION));
            turns.push(Turn::Completed(path));
        } else if now >= *until
            && let Some((agent, _)) = self.next.take()
        {
            turns.push(Turn::Ended(agent.ufrag));
            turns.push(Turn::GivenUp);
        }
    }

    fn end_previous(&mut self, turns: &mut Vec<Turn>) {
        if let Some((agent, _)) = self.previous.take() {
            let ufrag = agent.map_or_else(|| mem::take(&mut self.session_ufrag), |each| each.ufrag);
            turns.push(Turn::Ended(ufrag));
        }
    }

    fn agents(&self) -> impl Iterator<Item = &Agent> {
        let next = self.next.as_ref().map(|(agent, _)| agent);
        let previous = self.previous.as_ref().and_then(|(agent, _)| agent.as_ref());
        next.into_iter().chain(&self.current).chain(previous)
    }

    fn agents_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        let next = self.next.as_mut().map(|(agent, _)| agent);
        let previous = self.previous.as_mut().and_then(|(agent, _)| agent.as_mut());
        next.into_iter().chain(&mut self.current).chain(previous)
    }
}
