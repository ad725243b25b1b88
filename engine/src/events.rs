//! What the engine tells its caller.

use crate::demux::Path;
use crate::layers::Layer;
use crate::setup::{Codec, EndpointId, SourceId};

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first validated pair; DTLS starts at this moment.
    IceConnected {
        endpoint: EndpointId,
        path: Path,
    },
    /// An ICE restart has found its path; everything is sent there from now on.
    IceRestarted {
        endpoint: EndpointId,
        path: Path,
    },
    /// An ICE restart found no path in time; the old one stays in use.
    IceRestartFailed {
        endpoint: EndpointId,
    },
    DtlsConnected {
        endpoint: EndpointId,
        srtp_profile: &'static str,
    },
    /// The endpoint has been given up and dropped.
    EndpointFailed {
        endpoint: EndpointId,
        reason: &'static str,
    },
    SourceLevels {
        source: SourceId,
        levels: Vec<u8>,
    },
    SourceLayers {
        source: SourceId,
        codec: Codec,
        layers: Vec<Layer>,
    },
    BandwidthEstimate {
        endpoint: EndpointId,
        bps: u64,
    },
}
