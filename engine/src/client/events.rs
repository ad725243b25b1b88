//! What a peer tells.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::setup::PeerId;

#[derive(Clone, Debug)]
pub enum Event {
    /// Packets go this way now: the pair ICE has selected.
    Path {
        peer: PeerId,
        is_tcp: bool,
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// The handshake is over; media can be sent.
    Connected {
        peer: PeerId,
        srtp_profile: &'static str,
    },
    /// The peer has been given up and dropped.
    Failed {
        peer: PeerId,
        reason: &'static str,
    },
    /// No TCP connection to this candidate.
    CandidateFailed {
        peer: PeerId,
        remote: SocketAddr,
        errno: i32,
    },
    Frame(ReceivedFrame),
    Packet(ReceivedPacket),
    /// The other side wants a key frame of a stream we send.
    KeyframeRequested {
        peer: PeerId,
        ssrc: u32,
    },
    /// How much can be sent.
    Estimate {
        peer: PeerId,
        bps: u64,
    },
}

#[derive(Clone, Debug)]
pub struct ReceivedFrame {
    pub peer: PeerId,
    pub ssrc: u32,
    pub payload_type: u8,
    pub timestamp: u64,
    pub is_keyframe: bool,
    /// False when frames between this and the one before are missing.
    pub is_contiguous: bool,
    /// RFC 6464: 0 (loudest) to 127 (silence).
    pub level: Option<u8>,
    pub arrived: Instant,
    pub data: Arc<[u8]>,
}

#[derive(Clone, Debug)]
pub struct ReceivedPacket {
    pub peer: PeerId,
    pub ssrc: u32,
    pub payload_type: u8,
    /// Extended: its low 16 bits are the sequence number.
    pub sequence: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub level: Option<u8>,
    pub arrived: Instant,
    pub payload: Arc<[u8]>,
}

/// Who is told.
pub trait Listener {
    /// Something came out of a peer.
    fn take(&mut self, now: Instant, event: Event);
}
