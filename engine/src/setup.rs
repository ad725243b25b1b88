//! What the caller tells the engine, as plain data that is valid from the moment it exists.

use std::time::Duration;

use str0m::media::Frequency;

/// One participant's transport. The caller chooses the number and never uses it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub u64);

/// One audio or video origin. The caller chooses the number and never uses it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    Audio,
    Video,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    /// Redundant audio (RFC 2198) around another codec.
    Red,
    Vp8,
    Vp9,
    H264,
    Av1,
    TelephoneEvent,
}

impl Codec {
    /// The codec of an encoding name, as SDP and the contract with Python spell it.
    pub fn from_name(name: &str) -> Option<Codec> {
        Some(match name {
            "opus" => Codec::Opus,
            "red" => Codec::Red,
            "vp8" => Codec::Vp8,
            "vp9" => Codec::Vp9,
            "h264" => Codec::H264,
            "av1" => Codec::Av1,
            "telephone-event" => Codec::TelephoneEvent,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Red => "red",
            Codec::Vp8 => "vp8",
            Codec::Vp9 => "vp9",
            Codec::H264 => "h264",
            Codec::Av1 => "av1",
            Codec::TelephoneEvent => "telephone-event",
        }
    }

    pub fn kind(self) -> MediaKind {
        match self {
            Codec::Opus | Codec::Red | Codec::TelephoneEvent => MediaKind::Audio,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::Av1 => MediaKind::Video,
        }
    }
}

/// One RTP payload type (RFC 3551) and the one that repairs it (RFC 4588).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadType {
    pub number: u8,
    pub codec: Codec,
    pub clock_rate: u32,
    pub channels: u8,
    pub rtx: Option<u8>,
    /// The `fmtp` parameters; kept sorted so that two lists can be compared.
    pub parameters: Vec<(String, String)>,
}

/// One encoding of a source: its SSRC and the SSRC of its retransmissions (FID group).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    pub ssrc: u32,
    pub rtx: Option<u32>,
}

/// One audio or video origin, its encodings in SIM-group order, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSetup {
    pub id: SourceId,
    pub kind: MediaKind,
    pub encodings: Vec<Encoding>,
}

/// The most encodings a source may have; three are what browsers send.
pub const MAX_ENCODINGS: usize = 8;

/// What is wanted of one source: an encoding, the highest spatial and temporal layer (7 is all).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub source: SourceId,
    pub encoding: usize,
    pub spatial: u8,
    pub temporal: u8,
    /// The stream to send it as; None: as its first encoding.
    pub slot: Option<Encoding>,
}

/// Everything needed to create one transport.
#[derive(Clone, Debug)]
pub struct EndpointSetup {
    pub ufrag: String,
    pub pwd: String,
    pub controlling: bool,
    pub payload_types: Vec<PayloadType>,
    pub extensions: Vec<(u8, String)>,
}

/// The `setup` attribute of the peer (RFC 4145): which side of DTLS it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsSetup {
    Active,
    Passive,
    ActPass,
}

/// A certificate fingerprint (RFC 8122 §5): hash name in lower case, digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateHash {
    pub hash: String,
    pub digest: Vec<u8>,
}

impl CertificateHash {
    /// Read `"AB:CD:.."`; None when it is not hex or not as long as the hash says.
    pub fn parse(hash: &str, text: &str) -> Option<CertificateHash> {
        let hash = hash.to_ascii_lowercase();
        let length = match hash.as_str() {
            "sha-1" => 20,
            "sha-256" => 32,
            "sha-384" => 48,
            "sha-512" => 64,
            _ => return None,
        };
        let digest = text
            .split(':')
            .map(|pair| match pair.len() {
                2 if pair.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    u8::from_str_radix(pair, 16).ok()
                }
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()?;
        (digest.len() == length).then_some(CertificateHash { hash, digest })
    }
}

/// A clock rate as str0m wants it; zero, which no codec has, counts as the video clock.
pub fn frequency(clock_rate: u32) -> Frequency {
    Frequency::new(clock_rate).unwrap_or(Frequency::NINETY_KHZ)
}

/// What the peer said about itself.
#[derive(Clone, Debug)]
pub struct RemoteSetup {
    pub ufrag: String,
    pub pwd: String,
    /// Any of these may match; must contain one with a hash of [`SUPPORTED_HASHES`].
    pub fingerprints: Vec<CertificateHash>,
    pub setup: DtlsSetup,
}

/// Hashes that can be checked, the strongest first. Only those of the strongest one offered count.
pub const SUPPORTED_HASHES: [&str; 2] = ["sha-256", "sha-1"];

/// Numbers of the mechanism.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Per source, over all receivers.
    pub keyframe_interval: Duration,
    pub keyframes_per_receiver_10s: usize,
    /// Per source, over all receivers; what the bridge itself needs is not refused.
    pub keyframes_per_source_10s: usize,
    /// Per source and receiver, of what the bridge needs to begin or to switch what it is sent.
    pub keyframes_per_switching_10s: usize,
    /// Packets and streams that one endpoint's reports may name; a datagram counts as ten.
    pub reported_per_s: u32,
    pub dtls_timeout: Duration,
    /// Nothing ever received after the endpoint was added.
    pub ice_timeout: Duration,
    /// Nothing received any more.
    pub activity_timeout: Duration,
    pub max_datagrams_per_wakeup: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            keyframe_interval: Duration::from_millis(200),
            keyframes_per_receiver_10s: 3,
            keyframes_per_source_10s: 20,
            keyframes_per_switching_10s: 10,
            reported_per_s: 20_000,
            dtls_timeout: Duration::from_secs(30),
            ice_timeout: Duration::from_secs(120),
            activity_timeout: Duration::from_secs(60),
            max_datagrams_per_wakeup: 512,
        }
    }
}
