//! `ClientEngine` and its events for Python: converts, checks and delegates. `_engine.pyi` documents
//! it.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{ClockId, clock_gettime};

use super::application::Application;
use super::events::{self, Event};
use super::peers::{Counters, Peers};
use super::queue::Queue;
use super::setup::{
    Frame, Mode, Packet, PeerId, PeerLimits, PeerSetup, RemoteCandidate, StreamSetup,
};
use super::thread::ClientThread;
use crate::crypto;
use crate::python::remote_setup;
use crate::python::{PayloadType, check_credentials, event_class, literal, lock, refuse};
use crate::setup::MediaKind;

/// Bytes of frames that may wait for the thread; it takes them within a millisecond or so.
const MOST_WAITING_BYTES: usize = 16 << 20;

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Clone, Copy)]
struct Stream(StreamSetup);

#[pymethods]
impl Stream {
    #[new]
    #[pyo3(signature = (kind, ssrc, rtx=None))]
    fn new(kind: &str, ssrc: u32, rtx: Option<u32>) -> PyResult<Stream> {
        let kind = match kind {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return Err(PyValueError::new_err("kind must be 'audio' or 'video'")),
        };
        if ssrc == 0 || rtx == Some(0) || rtx == Some(ssrc) {
            return Err(PyValueError::new_err("SSRCs must differ and not be 0"));
        }
        Ok(Stream(StreamSetup { ssrc, rtx, kind }))
    }
}

/// Passes everything on to Python.
struct Relay {
    shared: Arc<Shared>,
    has_news: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    waiting: OwnedFd,
    counters: Mutex<Counters>,
    waiting_bytes: AtomicUsize,
}

impl Application for Relay {
    fn take(&mut self, _now: Instant, event: Event) {
        self.has_news = true;
        lock(&self.shared.queue).push(event);
    }

    fn work(&mut self, _now: Instant, peers: &mut Peers) {
        *lock(&self.shared.counters) = peers.counters;
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.has_news) {
            // It can only fail when the counter is full, and then it is readable already.
            let _ = rustix::io::write(&self.shared.waiting, &1_u64.to_ne_bytes());
        }
    }
}

/// The time of Python's `time.monotonic()` for an instant: both read the same clock.
#[derive(Clone, Copy)]
struct Clock {
    instant: Instant,
    monotonic_s: f64,
}

impl Clock {
    fn new() -> Clock {
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

#[pyclass(frozen, module = "tertulia._engine")]
struct ClientEngine {
    thread: Mutex<ClientThread>,
    shared: Arc<Shared>,
    peers: Mutex<std::collections::HashSet<u64>>,
    clock: Clock,
}

impl ClientEngine {
    fn act(&self, peer: u64, act: impl FnOnce(Instant, &mut Peers) + Send + 'static) {
        lock(&self.thread).act(Some(PeerId(peer)), act);
    }

    /// Like `act`, for media: false when too much of it waits.
    fn act_with(
        &self,
        peer: u64,
        bytes: usize,
        act: impl FnOnce(Instant, &mut Peers) + Send + 'static,
    ) -> bool {
        let waiting = &self.shared.waiting_bytes;
        if waiting.load(Ordering::Relaxed) + bytes > MOST_WAITING_BYTES {
            return false;
        }
        waiting.fetch_add(bytes, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        self.act(peer, move |now, peers| {
            shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            act(now, peers);
        });
        true
    }
}

#[allow(
    clippy::too_many_arguments,
    reason = "in Python they are arguments with names"
)]
#[pymethods]
impl ClientEngine {
    #[new]
    fn new() -> PyResult<ClientEngine> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            waiting: eventfd(0, flags).map_err(std::io::Error::from)?,
            counters: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
        });
        let relay = Relay {
            shared: Arc::clone(&shared),
            has_news: false,
        };
        Ok(ClientEngine {
            thread: Mutex::new(ClientThread::start(relay)?),
            shared,
            peers: Mutex::default(),
            clock: Clock::new(),
        })
    }

    #[getter]
    fn fingerprint(&self) -> (&'static str, String) {
        ("sha-256", crypto::fingerprint())
    }

    fn fileno(&self) -> i32 {
        self.shared.waiting.as_raw_fd()
    }

    fn take_events(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let events = {
            let mut queue = lock(&self.shared.queue);
            let _ = rustix::io::read(&self.shared.waiting, &mut [0_u8; 8]);
            queue.take()
        };
        let mut peers = lock(&self.peers);
        events
            .into_iter()
            .map(|event| {
                if let Event::Failed { peer, .. } = event {
                    peers.remove(&peer.0);
                }
                to_python(py, self.clock, event)
            })
            .collect()
    }

    #[pyo3(signature = (
        peer, *, ufrag, pwd, controlling, payload_types, extensions, bind,
        mode="frames", estimate=false, connect_timeout_ms=30_000, silence_timeout_ms=30_000,
    ))]
    fn add_peer(
        &self,
        peer: u64,
        ufrag: String,
        pwd: String,
        controlling: bool,
        payload_types: Vec<PyRef<'_, PayloadType>>,
        extensions: Vec<(u8, String)>,
        bind: Vec<String>,
        mode: &str,
        estimate: bool,
        connect_timeout_ms: u64,
        silence_timeout_ms: u64,
    ) -> PyResult<Vec<(String, u16)>> {
        check_credentials(&ufrag, &pwd)?;
        if peer >= PeerId::LIMIT {
            return Err(PyValueError::new_err("a peer's number is less than 2^56"));
        }
        let mode = match mode {
            "frames" => Mode::Frames,
            "packets" => Mode::Packets,
            _ => return Err(PyValueError::new_err("mode must be 'frames' or 'packets'")),
        };
        let bind = bind
            .iter()
            .map(|address| literal(address))
            .collect::<PyResult<Vec<_>>>()?;
        let setup = PeerSetup {
            ufrag,
            pwd,
            controlling,
            mode,
            payload_types: payload_types.iter().map(|each| each.0.clone()).collect(),
            extensions,
            bind,
            estimate,
            limits: PeerLimits {
                connect: Duration::from_millis(connect_timeout_ms),
                silence: Duration::from_millis(silence_timeout_ms),
            },
        };
        let mut peers = lock(&self.peers);
        if peers.contains(&peer) {
            return Err(refuse(format!("peer {peer} exists")));
        }
        let bound = lock(&self.thread).add_peer(PeerId(peer), setup);
        let bound = bound.map_err(|error| PyOSError::new_err(error.to_string()))?;
        peers.insert(peer);
        Ok(bound
            .iter()
            .map(|each| (each.ip().to_string(), each.port()))
            .collect())
    }

    #[pyo3(signature = (peer, *, ufrag, pwd, fingerprints, setup))]
    fn set_remote(
        &self,
        peer: u64,
        ufrag: String,
        pwd: String,
        fingerprints: Vec<(String, String)>,
        setup: &str,
    ) -> PyResult<()> {
        let remote = remote_setup(ufrag, pwd, fingerprints, setup)?;
        self.act(peer, move |now, peers| {
            peers.set_remote(now, PeerId(peer), remote);
        });
        Ok(())
    }

    #[pyo3(signature = (peer, address, port, *, protocol, kind, priority))]
    fn add_remote_candidate(
        &self,
        peer: u64,
        address: &str,
        port: u16,
        protocol: &str,
        kind: String,
        priority: u32,
    ) -> PyResult<()> {
        let is_tcp = match protocol {
            "udp" => false,
            "tcp" => true,
            _ => return Err(PyValueError::new_err("protocol must be 'udp' or 'tcp'")),
        };
        let candidate = RemoteCandidate {
            is_tcp,
            address: SocketAddr::new(literal(address)?, port),
            kind,
            priority,
        };
        self.act(peer, move |now, peers| {
            peers.add_remote_candidate(now, PeerId(peer), candidate);
        });
        Ok(())
    }

    fn publish(&self, peer: u64, streams: Vec<PyRef<'_, Stream>>) {
        let streams: Vec<StreamSetup> = streams.iter().map(|each| each.0).collect();
        self.act(peer, move |_, peers| peers.publish(PeerId(peer), &streams));
    }

    fn subscribe(&self, peer: u64, streams: Vec<PyRef<'_, Stream>>) {
        let streams: Vec<StreamSetup> = streams.iter().map(|each| each.0).collect();
        self.act(peer, move |_, peers| {
            peers.subscribe(PeerId(peer), &streams);
        });
    }

    #[pyo3(signature = (peer, ssrc, payload_type, timestamp, data, *, level=None))]
    fn send_frame(
        &self,
        peer: u64,
        ssrc: u32,
        payload_type: u8,
        timestamp: u64,
        data: &[u8],
        level: Option<u8>,
    ) -> PyResult<bool> {
        check_payload_type(payload_type)?;
        let frame = Frame {
            ssrc,
            payload_type,
            timestamp,
            payload: data.into(),
            level,
        };
        Ok(self.act_with(peer, data.len(), move |now, peers| {
            // What cannot be sent is counted there.
            let _ = peers.send_frame(now, PeerId(peer), frame);
        }))
    }

    #[pyo3(signature = (
        peer, ssrc, payload_type, sequence, timestamp, payload, *, marker=false, level=None
    ))]
    fn send_packet(
        &self,
        peer: u64,
        ssrc: u32,
        payload_type: u8,
        sequence: u64,
        timestamp: u32,
        payload: &[u8],
        marker: bool,
        level: Option<u8>,
    ) -> PyResult<bool> {
        check_payload_type(payload_type)?;
        let packet = Packet {
            ssrc,
            payload_type,
            sequence,
            timestamp,
            marker,
            payload: payload.into(),
            level,
        };
        Ok(self.act_with(peer, payload.len(), move |now, peers| {
            // What cannot be sent is counted there.
            let _ = peers.send_packet(now, PeerId(peer), packet);
        }))
    }

    fn request_keyframe(&self, peer: u64, ssrc: u32) {
        self.act(peer, move |_, peers| {
            peers.request_keyframe(PeerId(peer), ssrc);
        });
    }

    fn desire(&self, peer: u64, bps: u64) {
        self.act(peer, move |_, peers| peers.desire(PeerId(peer), bps));
    }

    fn remove_peer(&self, peer: u64) {
        lock(&self.peers).remove(&peer);
        self.act(peer, move |now, peers| peers.remove(now, PeerId(peer)));
    }

    fn stats(&self) -> ClientStats {
        ClientStats {
            counters: *lock(&self.shared.counters),
            dropped: lock(&self.shared.queue).dropped(),
        }
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| lock(&self.thread).close());
    }
}

fn check_payload_type(number: u8) -> PyResult<()> {
    if number < 128 {
        Ok(())
    } else {
        Err(PyValueError::new_err("a payload type is less than 128"))
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
struct ClientStats {
    counters: Counters,
    dropped: u64,
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

fn to_python(py: Python<'_>, clock: Clock, event: Event) -> PyResult<Py<PyAny>> {
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

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<Stream>()?;
    module.add_class::<ClientEngine>()?;
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
