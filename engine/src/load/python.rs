//! `tertulia._engine.Load`: the load generator as the benchmarks drive it.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use str0m::IceCreds;

use super::generator::{Generator, Order, peer};
use super::pattern::Pattern;
use super::publication::PublicationSetup;
use super::tally::Tally;
use super::webrtc::{Agreed, Expected, Milestones};
use crate::crypto;
use crate::setup::{CertificateHash, Codec, PayloadType};

/// Number, encoding name in lower case, clock rate, channels, payload type of retransmissions.
type Format = (u8, String, u32, u8, Option<u8>);
/// SSRC, SSRC of retransmissions, whether it is video.
type Stream = (u32, Option<u32>, bool);

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Debug)]
pub struct Load {
    generator: Mutex<Generator>,
    ip: std::net::IpAddr,
    next_id: AtomicU32,
}

/// What a peer tells its server by signalling.
#[pyclass(frozen, get_all, module = "tertulia._engine")]
#[derive(Debug)]
pub struct LoadPeer {
    id: u32,
    ip: String,
    port: u16,
    ufrag: String,
    pwd: String,
    fingerprint: String,
}

fn address(text: &str) -> PyResult<SocketAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("not an address with port: {text:?}")))
}

#[pymethods]
impl Load {
    #[new]
    #[pyo3(signature = (ip="127.0.0.1"))]
    fn new(ip: &str) -> PyResult<Load> {
        let ip = ip
            .parse()
            .map_err(|_| PyValueError::new_err(format!("not an IP address: {ip:?}")))?;
        let generator = Generator::start().map_err(PyOSError::new_err)?;
        Ok(Load {
            generator: Mutex::new(generator),
            ip,
            next_id: AtomicU32::new(1),
        })
    }

    fn add_peer(&self, room: u32) -> PyResult<LoadPeer> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let peer = peer(id, room, self.ip).map_err(PyOSError::new_err)?;
        let address = peer.socket.address;
        self.order(Order::Add(peer))?;
        let IceCreds { ufrag, pass } = IceCreds::new();
        Ok(LoadPeer {
            id,
            ip: address.ip().to_string(),
            port: address.port(),
            ufrag,
            pwd: pass,
            fingerprint: crypto::fingerprint().to_owned(),
        })
    }

    #[pyo3(signature = (
        peer, *, ufrag, pwd, fingerprint, candidates, controlling, payload_types, extensions
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn connect(
        &self,
        peer: &LoadPeer,
        ufrag: String,
        pwd: String,
        fingerprint: (String, String),
        candidates: Vec<String>,
        controlling: bool,
        payload_types: Vec<Format>,
        extensions: Vec<(u8, String)>,
    ) -> PyResult<()> {
        let fingerprint = CertificateHash::parse(&fingerprint.0, &fingerprint.1)
            .ok_or_else(|| PyValueError::new_err("not a certificate fingerprint"))?;
        let agreed = Agreed {
            ours: IceCreds {
                ufrag: peer.ufrag.clone(),
                pass: peer.pwd.clone(),
            },
            theirs: IceCreds { ufrag, pass: pwd },
            fingerprint,
            candidates: candidates
                .iter()
                .map(|each| address(each))
                .collect::<PyResult<_>>()?,
            controlling,
            dtls_client: true,
            payload_types: payload_types
                .into_iter()
                .map(payload_type)
                .collect::<PyResult<_>>()?,
            extensions,
        };
        self.order(Order::Connect(peer.id, Box::new(agreed)))
    }

    fn connect_bare(&self, peer: &LoadPeer, server: &str) -> PyResult<()> {
        self.order(Order::ConnectBare(peer.id, address(server)?))
    }

    #[pyo3(signature = (
        peer, *, mid, is_video, payload_type, ssrc, rtx, frames_per_s, frame_bytes, variation=0.0,
        packet_bytes=1100, key_factor=1.0, key_every_s=0.0
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn publish(
        &self,
        peer: &LoadPeer,
        mid: String,
        is_video: bool,
        payload_type: u8,
        ssrc: u32,
        rtx: Option<u32>,
        frames_per_s: f64,
        frame_bytes: usize,
        variation: f64,
        packet_bytes: usize,
        key_factor: f64,
        key_every_s: f64,
    ) -> PyResult<()> {
        if !(frames_per_s > 0.0 && frames_per_s.is_finite()) || packet_bytes == 0 {
            return Err(PyValueError::new_err(
                "frames_per_s and packet_bytes must be positive",
            ));
        }
        let pattern = Pattern {
            frames_per_s,
            frame_bytes,
            variation,
            packet_bytes,
            key_factor,
            key_every: Duration::from_secs_f64(key_every_s.max(0.0)),
        };
        let setup = PublicationSetup {
            mid,
            is_video,
            payload_type,
            ssrc,
            rtx,
            pattern,
        };
        self.order(Order::Publish(peer.id, Box::new(setup)))
    }

    fn expect(&self, peer: &LoadPeer, streams: Vec<Stream>) -> PyResult<()> {
        let streams = streams
            .into_iter()
            .map(|(ssrc, rtx, is_video)| Expected {
                ssrc,
                rtx,
                is_video,
            })
            .collect();
        self.order(Order::Expect(peer.id, streams))
    }

    fn start(&self, peers: Vec<PyRef<'_, LoadPeer>>) -> PyResult<()> {
        self.order(Order::Start(peers.iter().map(|peer| peer.id).collect()))
    }

    fn stop(&self) -> PyResult<()> {
        self.order(Order::StopAll)
    }

    fn remove(&self, peer: &LoadPeer) -> PyResult<()> {
        self.order(Order::Remove(peer.id))
    }

    fn poll_every(&self, us: u64) -> PyResult<()> {
        self.order(Order::PollEvery(Duration::from_micros(us)))
    }

    fn reset(&self) -> PyResult<()> {
        self.order(Order::Reset)
    }

    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = py
            .detach(|| self.lock().report())
            .ok_or_else(|| PyRuntimeError::new_err("the generator is closed"))?;
        let found = PyDict::new(py);
        fill(&found, &report.tally)?;
        found.set_item("cpu_ns", report.cpu.as_nanos() as u64)?;
        let peers = PyDict::new(py);
        for (id, milestones, heard) in &report.peers {
            peers.set_item(id, peer_report(py, milestones, *heard)?)?;
        }
        found.set_item("peers", peers)?;
        Ok(found)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.lock().close());
    }
}

impl Load {
    fn lock(&self) -> std::sync::MutexGuard<'_, Generator> {
        self.generator
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn order(&self, order: Order) -> PyResult<()> {
        self.lock().order(order);
        Ok(())
    }
}

fn payload_type(format: Format) -> PyResult<PayloadType> {
    let (number, name, clock_rate, channels, rtx) = format;
    let codec = Codec::from_name(&name)
        .ok_or_else(|| PyValueError::new_err(format!("unknown codec {name:?}")))?;
    Ok(PayloadType {
        number,
        codec,
        clock_rate,
        channels,
        rtx,
        parameters: Vec::new(),
    })
}

fn fill(found: &Bound<'_, PyDict>, tally: &Tally) -> PyResult<()> {
    found.set_item("sent", tally.sent)?;
    found.set_item("received", tally.received)?;
    found.set_item("received_bytes", tally.received_bytes)?;
    found.set_item("missing", tally.missing)?;
    found.set_item("late", tally.late)?;
    found.set_item("misnumbered", tally.misnumbered)?;
    found.set_item("strangers", tally.strangers)?;
    found.set_item("unstamped", tally.unstamped)?;
    for (name, share) in [("delay_p50_ns", 0.5), ("delay_p99_ns", 0.99)] {
        found.set_item(name, tally.delays.percentile_ns(share))?;
    }
    found.set_item("delay_max_ns", tally.delays.most_ns())
}

fn peer_report<'py>(
    py: Python<'py>,
    milestones: &Milestones,
    heard: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    let seconds = |time: Option<Duration>| time.map(|each| each.as_secs_f64());
    found.set_item("ice_s", seconds(milestones.ice_connected))?;
    found.set_item("dtls_s", seconds(milestones.dtls_connected))?;
    found.set_item("first_packet_s", seconds(milestones.first_packet))?;
    found.set_item("client_hellos", milestones.client_hellos)?;
    found.set_item("profile", milestones.profile)?;
    found.set_item("streams_heard", heard)?;
    Ok(found)
}
