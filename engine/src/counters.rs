//! Numbers the engine keeps about itself and about each endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demux::Path;
use crate::setup::EndpointId;

/// Why a datagram or a packet was not used. The text is part of the contract with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drop {
    UnknownUfrag,
    NotStunFirst,
    BadStun,
    BadDtls,
    UnknownProtocol,
    UnknownSsrc,
    UnknownPayloadType,
    MalformedRtp,
    MalformedRtcp,
    MalformedPayload,
    /// No structure is known that its dependency descriptor could refer to.
    Undescribed,
    SrtpAuth,
    /// The same encrypted packet came before, or it is too old to tell.
    Replayed,
    NotReady,
    Muted,
    /// What follows the first packets of a silence.
    Silence,
    CodecNotOffered,
    SsrcConflict,
    /// Its sender reports and asks for more than is read.
    TooMuchReported,
    SendQueueFull,
    SendError,
    /// A bug: what the endpoint was doing when it panicked. It has been given up.
    Internal,
}

impl Drop {
    pub fn name(self) -> &'static str {
        match self {
            Drop::UnknownUfrag => "unknown-ufrag",
            Drop::NotStunFirst => "not-stun-first",
            Drop::BadStun => "bad-stun",
            Drop::BadDtls => "bad-dtls",
            Drop::UnknownProtocol => "unknown-protocol",
            Drop::UnknownSsrc => "unknown-ssrc",
            Drop::UnknownPayloadType => "unknown-payload-type",
            Drop::MalformedRtp => "malformed-rtp",
            Drop::MalformedRtcp => "malformed-rtcp",
            Drop::MalformedPayload => "malformed-payload",
            Drop::Undescribed => "undescribed",
            Drop::SrtpAuth => "srtp-auth",
            Drop::Replayed => "replayed",
            Drop::NotReady => "not-ready",
            Drop::Muted => "muted",
            Drop::Silence => "silence",
            Drop::CodecNotOffered => "codec-not-offered",
            Drop::SsrcConflict => "ssrc-conflict",
            Drop::TooMuchReported => "too-much-reported",
            Drop::SendQueueFull => "send-queue-full",
            Drop::SendError => "send-error",
            Drop::Internal => "internal",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Counters {
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    /// One per receiver.
    pub packets_forwarded: u64,
    /// Of any encoding; of layers in one stream, those that begin it anew.
    pub keyframes_received: u64,
    /// As of endpoints that are gone; those that are here count for themselves.
    pub unmatched_feedback: u64,
    pub dropped: BTreeMap<Drop, u64>,
}

impl Counters {
    pub fn drop(&mut self, reason: Drop) {
        self.drop_many(reason, 1);
    }

    pub fn drop_many(&mut self, reason: Drop, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason).or_default() += count;
        }
    }

    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped.get(&reason).copied().unwrap_or(0)
    }
}

#[derive(Clone, Debug, Default)]
pub struct EndpointCounters {
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub rtt: Option<Duration>,
    pub loss_in: f32,
    pub loss_out: f32,
    pub estimate_bps: u64,
    pub nacks_received: u64,
    pub nacks_sent: u64,
    pub retransmissions_sent: u64,
    pub keyframe_requests_received: u64,
    pub keyframe_requests_sent: u64,
    /// Packets that its feedback says arrived and that are not known to have been sent.
    pub unmatched_feedback: u64,
}

/// How connections came and went.
#[derive(Clone, Debug, Default)]
pub struct TcpCounters {
    pub open: u64,
    pub opened: u64,
    /// By reason; the words are part of the contract with the caller.
    pub closed: BTreeMap<&'static str, u64>,
}

/// One endpoint as the snapshot shows it.
#[derive(Clone, Debug)]
pub struct EndpointSnapshot {
    pub endpoint: EndpointId,
    pub idle: Duration,
    /// Where everything is sent; None before one has been found.
    pub path: Option<Path>,
    pub counters: EndpointCounters,
}

/// What the engine's thread publishes several times a second.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub endpoints: Vec<EndpointSnapshot>,
    pub counters: Counters,
    pub tcp: TcpCounters,
    pub wakeups: u64,
    pub cpu: Duration,
}
