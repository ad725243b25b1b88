//! The ICE of one endpoint (RFC 8445), restarted in place (§9) when its caller wants that.
//!
//! An agent whose restart threw the working path away would cost every restart a gap. So a second
//! agent with the new credentials works beside the first until it has found a path; from then on
//! everything goes there, and the agent before it answers for a little longer. Make before break.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::{IceAgent, IceAgentEvent, StunMessage, StunPacket};
use str0m::net::{Protocol, Transmit};
use str0m::{Candidate, IceCreds};

use crate::crypto;
use crate::demux::Path;

/// A restart that has found no path in this time is given up; the old path stays.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// How long the agent that was replaced still answers.
const TRANSITION: Duration = Duration::from_secs(3);
/// More are not answered.
const EARLY_CHECKS: usize = 100;

/// What became of the path, or of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything is sent on this path from now on.
    Completed(Path),
    /// No path was found in time; nothing has changed.
    GivenUp,
    /// Checks with this username fragment of ours are not answered any more.
    Ended(String),
    /// The path in use was lost (false), or found (true).
    Reachable(bool),
}

/// One generation of credentials and what has been found with them.
#[derive(Debug)]
struct Agent {
    ice: IceAgent,
    ufrag: String,
    path: Option<Path>,
    /// Checks that came before the peer's password was known.
    early: usize,
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
            early: 0,
        }
    }

    /// Start to check.
    fn connect(&mut self, now: Instant, creds: IceCreds) {
        self.ice.set_remote_credentials(creds);
        // One turn starts the checks, each further one answers a check that came too early.
        for _ in 0..=std::mem::take(&mut self.early).min(EARLY_CHECKS) {
            self.ice.handle_timeout(now);
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
        let takes = self.ice.handle_packet(now, packet);
        if takes && self.ice.remote_credentials().is_none() {
            self.early += 1;
        }
        takes
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

/// All agents of one endpoint.
#[derive(Debug)]
pub struct Ice {
    /// The agent whose path is used.
    current: Agent,
    /// The restart under way, and until when it may take.
    next: Option<(Agent, Instant)>,
    /// What the current agent has replaced, and until when it answers.
    previous: Option<(Agent, Instant)>,
}

impl Ice {
    pub fn new(creds: IceCreds, controlling: bool, locals: &[SocketAddr]) -> Ice {
        Ice {
            current: Agent::new(creds, controlling, locals),
            next: None,
            previous: None,
        }
    }

    /// Take the peer's first credentials: checking starts.
    pub fn connect(&mut self, now: Instant, creds: IceCreds) {
        self.current.connect(now, creds);
    }

    /// Begin a restart under these credentials of ours; one under way is replaced by it.
    ///
    /// No check is sent before [`Ice::continue_restart`]. Checks of the peer that come earlier wait.
    pub fn begin_restart(
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
    pub fn continue_restart(&mut self, now: Instant, creds: IceCreds) {
        if let Some((agent, _)) = &mut self.next {
            agent.connect(now, creds);
        }
    }

    /// Another address of the peer.
    pub fn add_remote(&mut self, candidate: &Candidate) {
        let next = self.next.iter_mut().map(|(agent, _)| agent);
        for agent in next.chain([&mut self.current]) {
            agent.ice.add_remote_candidate(candidate.clone());
        }
    }

    /// Another address of the peer, for the agent in use alone.
    pub fn prefer_remote(&mut self, candidate: Candidate) {
        self.current.ice.add_remote_candidate(candidate);
    }

    /// A further address of ours: that of a connection the peer has opened.
    pub fn add_local(&mut self, local: &Candidate) {
        for agent in self.agents_mut() {
            agent.ice.add_local_candidate(local.clone());
        }
    }

    /// Where everything goes; None before a path has been found.
    pub fn path(&self) -> Option<Path> {
        self.current.path
    }

    pub fn round_trip(&self) -> Option<Duration> {
        self.current.ice.nominated_pair_rtt()
    }

    /// Whether one of these agents takes this STUN message for its own.
    pub fn accepts(&self, datagram: &[u8]) -> bool {
        StunMessage::parse(datagram)
            .is_ok_and(|message| self.agents().any(|each| each.ice.accepts_message(&message)))
    }

    /// Feed a STUN message; false when none of these agents takes it.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        self.agents_mut().any(|agent| {
            StunMessage::parse(datagram).is_ok_and(|message| agent.receive(now, path, message))
        })
    }

    /// True while two sets of credentials are in use.
    pub fn is_restarting(&self) -> bool {
        self.next.is_some() || self.previous.is_some()
    }

    /// When [`Ice::drive`] has to be called at the latest.
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
        self.current.drive(now, transmits, turns);
        let mut ignored = Vec::new();
        if let Some((previous, _)) = &mut self.previous {
            previous.drive(now, transmits, &mut ignored);
        }
        if self
            .previous
            .as_ref()
            .is_some_and(|(_, until)| now >= *until)
        {
            self.end_previous(turns);
        }
        let Some((next, until)) = &mut self.next else {
            return;
        };
        next.drive(now, transmits, &mut ignored);
        if let Some(path) = next.path {
            self.end_previous(turns);
            if let Some((agent, _)) = self.next.take() {
                let replaced = mem::replace(&mut self.current, agent);
                self.previous = Some((replaced, now + TRANSITION));
                turns.push(Turn::Completed(path));
            }
        } else if now >= *until
            && let Some((agent, _)) = self.next.take()
        {
            turns.push(Turn::Ended(agent.ufrag));
            turns.push(Turn::GivenUp);
        }
    }

    fn end_previous(&mut self, turns: &mut Vec<Turn>) {
        if let Some((agent, _)) = self.previous.take() {
            turns.push(Turn::Ended(agent.ufrag));
        }
    }

    fn agents(&self) -> impl Iterator<Item = &Agent> {
        let next = self.next.as_ref().map(|(agent, _)| agent);
        let previous = self.previous.as_ref().map(|(agent, _)| agent);
        next.into_iter().chain([&self.current]).chain(previous)
    }

    fn agents_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        let next = self.next.as_mut().map(|(agent, _)| agent);
        let previous = self.previous.as_mut().map(|(agent, _)| agent);
        next.into_iter().chain([&mut self.current]).chain(previous)
    }
}
