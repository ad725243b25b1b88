//! Whose datagram is this? (RFC 7983 for the protocols, RFC 8445 §7.3 for the endpoints)
//!
//! All endpoints share one port. An address is nobody's until a STUN Binding request with the
//! username fragment of an endpoint, and with valid integrity, has come from it.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::setup::EndpointId;

/// What carries the datagrams of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    /// Framed by RFC 4571 on a connection that the peer opened (RFC 6544).
    Tcp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

impl From<Transport> for str0m::net::Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => str0m::net::Protocol::Udp,
            Transport::Tcp => str0m::net::Protocol::Tcp,
        }
    }
}

impl From<str0m::net::Protocol> for Transport {
    fn from(protocol: str0m::net::Protocol) -> Self {
        match protocol {
            str0m::net::Protocol::Udp => Transport::Udp,
            _ => Transport::Tcp,
        }
    }
}

/// The local and the remote address of a datagram, and what carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Stun,
    Dtls,
    Rtp { ssrc: u32, payload_type: u8 },
    Rtcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclassified {
    UnknownProtocol,
    MalformedRtp,
    MalformedRtcp,
}

const RTP_HEADER_BYTES: usize = 12;
/// RTCP header and sender SSRC (RFC 3711 §3.4 leaves them in clear).
const RTCP_CLEAR_BYTES: usize = 8;

/// Tell the protocol by the first bytes (RFC 7983 §7, RFC 5761 §4).
pub fn classify(datagram: &[u8]) -> Result<Protocol, Unclassified> {
    let [first, second, ..] = datagram else {
        return Err(Unclassified::UnknownProtocol);
    };
    match first {
        0..=1 => Ok(Protocol::Stun),
        20..=63 => Ok(Protocol::Dtls),
        128..=191 => {
            let payload_type = second & 0x7f;
            if (64..96).contains(&payload_type) {
                return if datagram.len() < RTCP_CLEAR_BYTES {
                    Err(Unclassified::MalformedRtcp)
                } else {
                    Ok(Protocol::Rtcp)
                };
            }
            let ssrc = rtp_ssrc(datagram).ok_or(Unclassified::MalformedRtp)?;
            Ok(Protocol::Rtp { ssrc, payload_type })
        }
        _ => Err(Unclassified::UnknownProtocol),
    }
}

/// The SSRC of an RTP packet whose header, contributing sources and extension included, is whole.
fn rtp_ssrc(datagram: &[u8]) -> Option<u32> {
    let contributing = usize::from(datagram[0] & 0x0f) * 4;
    let mut header = RTP_HEADER_BYTES + contributing;
    if datagram[0] & 0x10 != 0 {
        let words = datagram.get(header + 2..header + 4)?;
        header += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    if datagram.len() < header {
        return None;
    }
    let ssrc = datagram.get(8..12)?;
    Some(u32::from_be_bytes(ssrc.try_into().ok()?))
}

/// Addresses and username fragments of all endpoints.
#[derive(Debug, Default)]
pub struct Directory {
    ufrags: HashMap<String, EndpointId>,
    paths: HashMap<Path, EndpointId>,
    candidates: HashMap<SocketAddr, Vec<EndpointId>>,
}

/// More addresses than this one endpoint does not keep; the oldest is forgotten.
pub const PATHS_PER_ENDPOINT: usize = 16;
/// More signalled candidates than this of one endpoint are ignored.
pub const CANDIDATES_PER_ENDPOINT: usize = 32;

impl Directory {
    /// False when the username fragment is taken.
    pub fn add(&mut self, ufrag: &str, id: EndpointId) -> bool {
        if self.ufrags.contains_key(ufrag) {
            return false;
        }
        self.ufrags.insert(ufrag.to_owned(), id);
        true
    }

    pub fn by_ufrag(&self, ufrag: &str) -> Option<EndpointId> {
        self.ufrags.get(ufrag).copied()
    }

    pub fn by_path(&self, path: Path) -> Option<EndpointId> {
        self.paths.get(&path).copied()
    }

    /// The endpoints that signalled `remote` as a candidate of theirs.
    pub fn by_candidate(&self, remote: SocketAddr) -> &[EndpointId] {
        self.candidates.get(&remote).map_or(&[], Vec::as_slice)
    }

    /// From now on `path` belongs to `id`.
    pub fn bind(&mut self, path: Path, id: EndpointId) {
        self.paths.insert(path, id);
    }

    pub fn unbind(&mut self, path: Path, id: EndpointId) {
        if self.by_path(path) == Some(id) {
            self.paths.remove(&path);
        }
    }

    pub fn expect_candidate(&mut self, remote: SocketAddr, id: EndpointId) {
        let owners = self.candidates.entry(remote).or_default();
        if !owners.contains(&id) {
            owners.push(id);
        }
    }

    /// A username fragment leads to `id` no longer.
    pub fn forget(&mut self, ufrag: &str, id: EndpointId) {
        if self.by_ufrag(ufrag) == Some(id) {
            self.ufrags.remove(ufrag);
        }
    }

    /// Forget an endpoint with everything that led to it.
    pub fn remove(
        &mut self,
        ufrags: &[String],
        id: EndpointId,
        paths: &[Path],
        candidates: &[SocketAddr],
    ) {
        for ufrag in ufrags {
            self.forget(ufrag, id);
        }
        for &path in paths {
            self.unbind(path, id);
        }
        for remote in candidates {
            if let Some(owners) = self.candidates.get_mut(remote) {
                owners.retain(|&owner| owner != id);
                if owners.is_empty() {
                    self.candidates.remove(remote);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtp(first: u8, second: u8, length: usize) -> Vec<u8> {
        let mut packet = vec![first, second, 0, 1, 0, 0, 0, 2, 0xde, 0xad, 0xbe, 0xef];
        packet.resize(length, 0);
        packet
    }

    #[test]
    fn protocols_are_told_apart() {
        assert_eq!(classify(&[0, 1, 0, 0]), Ok(Protocol::Stun));
        assert_eq!(classify(&[22, 254, 253]), Ok(Protocol::Dtls));
        assert_eq!(classify(&rtp(0x80, 200, 40)), Ok(Protocol::Rtcp));
        assert_eq!(
            classify(&rtp(0x80, 111 | 0x80, 40)),
            Ok(Protocol::Rtp {
                ssrc: 0xdead_beef,
                payload_type: 111
            })
        );
        assert_eq!(classify(&[64, 0, 0]), Err(Unclassified::UnknownProtocol));
        assert_eq!(classify(&[]), Err(Unclassified::UnknownProtocol));
    }

    #[test]
    fn a_header_longer_than_the_packet_is_malformed() {
        assert_eq!(
            classify(&rtp(0x80, 100, 11)),
            Err(Unclassified::MalformedRtp)
        );
        assert_eq!(
            classify(&rtp(0x8f, 100, 40)),
            Err(Unclassified::MalformedRtp)
        );
        let mut extended = rtp(0x90, 100, 40);
        extended[15] = 200;
        assert_eq!(classify(&extended), Err(Unclassified::MalformedRtp));
        assert_eq!(
            classify(&rtp(0x80, 201, 7)),
            Err(Unclassified::MalformedRtcp)
        );
    }

    #[test]
    fn random_datagrams_never_panic() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..100_000 {
            let datagram: Vec<u8> = (0..rng.usize(..48)).map(|_| rng.u8(..)).collect();
            let _ = classify(&datagram);
        }
    }

    #[test]
    fn removing_an_endpoint_leaves_what_others_took_over() {
        let (a, b) = (EndpointId(1), EndpointId(2));
        let path = Path {
            transport: Transport::Udp,
            local: "127.0.0.1:10000".parse().unwrap(),
            remote: "127.0.0.1:5000".parse().unwrap(),
        };
        let mut directory = Directory::default();
        assert!(directory.add("aaaa", a));
        assert!(!directory.add("aaaa", b));
        directory.bind(path, a);
        directory.bind(path, b);

        directory.remove(&["aaaa".to_owned()], a, &[path], &[]);

        assert_eq!(directory.by_path(path), Some(b));
        assert_eq!(directory.by_ufrag("aaaa"), None);
    }
}
