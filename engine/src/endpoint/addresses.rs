//! Where an endpoint is reached: candidates, paths, and moving to another one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::Protocol;
use str0m::{Candidate, CandidateKind};

use super::Endpoint;
use crate::demux::{CANDIDATES_PER_ENDPOINT, PATHS_PER_ENDPOINT, Path, Transport};

/// Media from another valid address while the old one is silent for this long moves the path.
pub(super) const MEDIA_MOVES_AFTER: Duration = Duration::from_millis(300);
/// The same for checks alone, which clients also send from spare addresses.
const CHECKS_MOVE_AFTER: Duration = Duration::from_secs(3);
const MOVES_APART: Duration = Duration::from_secs(1);
/// Above the priority of every real candidate, so that the path moved to wins (RFC 8445 §5.1.2).
const MOVED_PRIORITY: u32 = 0x7f00_0000;

impl Endpoint {
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
    pub(super) fn has_been_silent(&self, now: Instant, time: Duration) -> bool {
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
