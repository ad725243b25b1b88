//! The events and counters of `ClientEngine` as Python objects.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::time::{ClockId, clock_gettime};

use super::events::{self, Event};
use super::peers::Counters;
use crate::python::event_class;

/// The time of Python's `time.monotonic()` for an instant: both read the same clock.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    instant: Instant,
    monotonic_s: f64,
}

impl Clock {
    pub(super) fn new() -> Clock {
        let time = clock_gettime(ClockId::Monotonic);
        Clock {
            instant: Instant::now(),
            monotonic_s: time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
        }
    }

    fn seconds(self, at: Instant) -> f64 {
        let later = at.saturating_duration_since(self.instant).as_secs_f64();
        let earlier = self.instant.saturating_duration_since(at).as_secs_f64();
        self.monotonic_s + later - earlier
    }
}

event_class!(PeerPath {
    peer: u64,
    protocol: String,
    local: String,
    remote: String,
});
event_class!(PeerConnected {
    peer: u64,
    srtp_profile: String,
});
event_class!(PeerFailed {
    peer: u64,
    reason: String,
});
event_class!(CandidateFailed {
    peer: u64,
    address: String,
    port: u16,
    errno: i32,
});
event_class!(KeyframeRequested {
    peer: u64,
    ssrc: u32,
});
event_class!(SendEstimate {
    peer: u64,
    bps: u64,
});

#[pyclass(frozen, module = "tertulia._engine")]
struct FrameReceived {
    frame: events::ReceivedFrame,
    #[pyo3(get)]
    arrived: f64,
}

#[pymethods]
impl FrameReceived {
    #[getter]
    fn peer(&self) -> u64 {
        self.frame.peer.0
    }

    #[getter]
    fn ssrc(&self) -> u32 {
        self.frame.ssrc
    }

    #[getter]
    fn payload_type(&self) -> u8 {
        self.frame.payload_type
    }

    #[getter]
    fn timestamp(&self) -> u64 {
        self.frame.timestamp
    }

    #[getter]
    fn keyframe(&self) -> bool {
        self.frame.is_keyframe
    }

    #[getter]
    fn contiguous(&self) -> bool {
        self.frame.is_contiguous
    }

    #[getter]
    fn level(&self) -> Option<u8> {
        self.frame.level
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.frame.data)
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
struct PacketReceived {
    packet: events::ReceivedPacket,
    #[pyo3(get)]
    arrived: f64,
}

#[pymethods]
impl PacketReceived {
    #[getter]
    fn peer(&self) -> u64 {
        self.packet.peer.0
    }

    #[getter]
    fn ssrc(&self) -> u32 {
        self.packet.ssrc
    }

    #[getter]
    fn payload_type(&self) -> u8 {
        self.packet.payload_type
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.packet.sequence
    }

    #[getter]
    fn timestamp(&self) -> u32 {
        self.packet.timestamp
    }

    #[getter]
    fn marker(&self) -> bool {
        self.packet.marker
    }

    #[getter]
    fn level(&self) -> Option<u8> {
        self.packet.level
    }

    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.packet.payload)
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
pub(super) struct ClientStats {
    pub(super) counters: Counters,
    pub(super) dropped: u64,
}

#[pymethods]
impl ClientStats {
    #[getter]
    fn datagrams_received(&self) -> u64 {
        self.counters.datagrams_received
    }

    #[getter]
    fn bytes_received(&self) -> u64 {
        self.counters.bytes_received
    }

    #[getter]
    fn datagrams_sent(&self) -> u64 {
        self.counters.datagrams_sent
    }

    #[getter]
    fn bytes_sent(&self) -> u64 {
        self.counters.bytes_sent
    }

    #[getter]
    fn datagrams_refused(&self) -> u64 {
        self.counters.datagrams_refused
    }

    #[getter]
    fn not_sent(&self) -> u64 {
        self.counters.not_sent
    }

    #[getter]
    fn events_dropped(&self) -> u64 {
        self.dropped
    }
}

pub(super) fn to_python(py: Python<'_>, clock: Clock, event: Event) -> PyResult<Py<PyAny>> {
    Ok(match event {
        Event::Path {
            peer,
            is_tcp,
            local,
            remote,
        } => {
            let path = PeerPath {
                peer: peer.0,
                protocol: if is_tcp { "tcp" } else { "udp" }.into(),
                local: local.to_string(),
                remote: remote.to_string(),
            };
            Py::new(py, path)?.into_any()
        }
        Event::Connected { peer, srtp_profile } => {
            let connected = PeerConnected {
                peer: peer.0,
                srtp_profile: srtp_profile.into(),
            };
            Py::new(py, connected)?.into_any()
        }
        Event::Failed { peer, reason } => {
            let failed = PeerFailed {
                peer: peer.0,
                reason: reason.into(),
            };
            Py::new(py, failed)?.into_any()
        }
        Event::CandidateFailed {
            peer,
            remote,
            errno,
        } => {
            let failed = CandidateFailed {
                peer: peer.0,
                address: remote.ip().to_string(),
                port: remote.port(),
                errno,
            };
            Py::new(py, failed)?.into_any()
        }
        Event::Frame(frame) => {
            let arrived = clock.seconds(frame.arrived);
            Py::new(py, FrameReceived { frame, arrived })?.into_any()
        }
        Event::Packet(packet) => {
            let arrived = clock.seconds(packet.arrived);
            Py::new(py, PacketReceived { packet, arrived })?.into_any()
        }
        Event::KeyframeRequested { peer, ssrc } => {
            let requested = KeyframeRequested { peer: peer.0, ssrc };
            Py::new(py, requested)?.into_any()
        }
        Event::Estimate { peer, bps } => {
            Py::new(py, SendEstimate { peer: peer.0, bps })?.into_any()
        }
    })
}

pub(super) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<ClientStats>()?;
    let classes = [
        py.get_type::<PeerPath>(),
        py.get_type::<PeerConnected>(),
        py.get_type::<PeerFailed>(),
        py.get_type::<CandidateFailed>(),
        py.get_type::<FrameReceived>(),
        py.get_type::<PacketReceived>(),
        py.get_type::<KeyframeRequested>(),
        py.get_type::<SendEstimate>(),
    ];
    let mut union: Option<Bound<'_, PyAny>> = None;
    for class in classes {
        module.add(class.name()?, &class)?;
        union = Some(match union {
            None => class.into_any(),
            Some(union) => union.bitor(class)?,
        });
    }
    module.add("ClientEvent", union)
}
