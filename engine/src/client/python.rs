//! `ClientEngine` and its events for Python: converts, checks and delegates. `_engine.pyi` documents
//! it.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};

use super::application::Application;
use super::events::{Event, Listener};
use super::peers::{Counters, Peers};
use super::python_events::{self, ClientStats, Clock, to_python};
use super::queue::Queue;
use super::setup::{
    Frame, Mode, Packet, PeerId, PeerLimits, PeerSetup, RemoteCandidate, StreamSetup,
};
use super::thread::ClientThread;
use crate::crypto;
use crate::python::remote_setup;
use crate::python::{PayloadType, check_credentials, literal, lock, refuse};
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

impl Listener for Relay {
    fn take(&mut self, _now: Instant, event: Event) {
        self.has_news = true;
        lock(&self.shared.queue).push(event);
    }
}

impl Application for Relay {
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
    fn fingerprint(&self) -> (&'static str, &'static str) {
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

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Stream>()?;
    module.add_class::<ClientEngine>()?;
    python_events::add_to(module)
}
