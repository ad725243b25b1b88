//! What the caller says about a peer, as plain data.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::setup::{MediaKind, PayloadType};

/// One participant. The caller chooses the number, less than [`PeerId::LIMIT`], and never uses it
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

impl PeerId {
    /// Eight bits are kept for the number of a peer's socket.
    pub const LIMIT: u64 = 1 << 56;

    /// Whose socket a readiness event is about.
    pub(super) fn of_socket(data: u64) -> PeerId {
        PeerId(data >> 8)
    }
}

/// What goes in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Encoded frames; RTP is made and read here.
    Frames,
    /// RTP packets; their payload is the caller's affair.
    Packets,
}

#[derive(Clone, Debug)]
pub struct PeerSetup {
    pub ufrag: String,
    pub pwd: String,
    pub controlling: bool,
    pub mode: Mode,
    pub payload_types: Vec<PayloadType>,
    pub extensions: Vec<(u8, String)>,
    /// One UDP socket for each of these addresses; none leaves the peer to TCP.
    pub bind: Vec<IpAddr>,
    /// Estimate the bandwidth of what is sent, by transport-wide feedback, and pace by it.
    pub estimate: bool,
    pub limits: PeerLimits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// From the remote description to the end of the DTLS handshake.
    pub connect: Duration,
    /// Nothing received any more, once connected.
    pub silence: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(30),
        }
    }
}

/// One RTP stream, sent or received: its SSRC and that of its retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSetup {
    pub ssrc: u32,
    pub rtx: Option<u32>,
    pub kind: MediaKind,
}

/// Where the other side may be found (RFC 8839 §5.1, RFC 6544 §4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// True for a TCP candidate of type `passive`: we open the connection.
    pub is_tcp: bool,
    pub address: SocketAddr,
    pub kind: String,
    pub priority: u32,
}

/// An encoded frame to send.
#[derive(Clone, Debug)]
pub struct Frame {
    pub ssrc: u32,
    pub payload_type: u8,
    /// In the clock of the payload type; wraps are the caller's to avoid (64 bits last).
    pub timestamp: u64,
    pub payload: Arc<[u8]>,
    /// RFC 6464: 0 (loudest) to 127 (silence).
    pub level: Option<u8>,
}

/// An RTP packet to send.
#[derive(Clone, Debug)]
pub struct Packet {
    pub ssrc: u32,
    pub payload_type: u8,
    /// Extended: its low 16 bits are the sequence number. The first one of a stream is below 2^16,
    /// because receivers count the wraps from 0 (RFC 3711 §3.3.1).
    pub sequence: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Arc<[u8]>,
    pub level: Option<u8>,
}
