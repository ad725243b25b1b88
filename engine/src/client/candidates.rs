//! Where the other side of a peer may be found, and the local ends of its connections.

use std::net::SocketAddr;

use str0m::net::{Protocol, TcpType};
use str0m::{Candidate, CandidateKind, Rtc};

use super::setup::RemoteCandidate;

const MOST: usize = 64;

/// The addresses the other side has named so far.
#[derive(Debug, Default)]
pub struct Candidates(Vec<RemoteCandidate>);

impl Candidates {
    /// Let the session check this address; false when it is known or there are too many.
    pub fn add(&mut self, rtc: &mut Rtc, remote: RemoteCandidate) -> bool {
        let is_known = self
            .0
            .iter()
            .any(|known| (known.is_tcp, known.address) == (remote.is_tcp, remote.address));
        if is_known || self.0.len() >= MOST {
            return false;
        }
        let kind = match remote.kind.as_str() {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            _ => CandidateKind::Relayed,
        };
        rtc.add_remote_candidate(Candidate::from_parts(
            "r".into(),
            1,
            protocol(remote.is_tcp),
            remote.priority.max(1),
            remote.address,
            kind,
            None,
            remote.is_tcp.then_some(TcpType::Passive),
            None,
        ));
        self.0.push(remote);
        true
    }
}

/// A TCP connection stands: its local end is a candidate of ours (RFC 6544 §5.1).
pub fn add_connection(rtc: &mut Rtc, local: SocketAddr) {
    let candidate = Candidate::builder()
        .tcp()
        .host(local)
        .tcptype(TcpType::Active)
        .build();
    if let Ok(candidate) = candidate {
        rtc.add_local_candidate(candidate);
    }
}

/// A UDP socket of ours.
pub fn add_socket(rtc: &mut Rtc, local: SocketAddr) {
    if let Ok(candidate) = Candidate::host(local, Protocol::Udp) {
        rtc.add_local_candidate(candidate);
    }
}

pub fn protocol(is_tcp: bool) -> Protocol {
    if is_tcp { Protocol::Tcp } else { Protocol::Udp }
}
