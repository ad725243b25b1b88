//! The Python module `tertulia._engine`: converts, checks and delegates. `_engine.pyi` documents it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::counters::{EndpointSnapshot, Snapshot};
use crate::crypto;
use crate::engine_loop::{EngineThread, Order, StartError};
use crate::events::Event;
use crate::setup::{
    self, CertificateHash, Codec, DtlsSetup, EndpointId, EndpointSetup, MAX_ENCODINGS, MediaKind,
    RemoteSetup, SUPPORTED_HASHES, SourceId, SourceSetup, Wanted,
};
use crate::tcp::TcpSetup;

pyo3::create_exception!(
    tertulia._engine,
    EngineError,
    PyException,
    "An order that cannot be carried out: an id used twice, a fingerprint that is not hex, ..."
);

pub(crate) fn refuse(message: impl Into<String>) -> PyErr {
    EngineError::new_err(message.into())
}

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Clone)]
pub(crate) struct PayloadType(pub(crate) setup::PayloadType);

#[pymethods]
impl PayloadType {
    #[new]
    #[pyo3(signature = (number, codec, clock_rate, *, channels=1, rtx=None, parameters=None))]
    fn new(
        number: u8,
        codec: &str,
        clock_rate: u32,
        channels: u8,
        rtx: Option<u8>,
        parameters: Option<BTreeMap<String, String>>,
    ) -> PyResult<PayloadType> {
        let is_payload_type = |number: u8| number < 128 && !(64..96).contains(&number);
        if !is_payload_type(number) || rtx.is_some_and(|rtx| !is_payload_type(rtx)) {
            return Err(PyValueError::new_err(
                "a payload type is 0..63 or 96..127 (RFC 5761 §4)",
            ));
        }
        if clock_rate == 0 {
            return Err(PyValueError::new_err("the clock rate must be positive"));
        }
        let codec = Codec::from_name(codec)
            .ok_or_else(|| PyValueError::new_err(format!("unknown codec {codec:?}")))?;
        let parameters = parameters.unwrap_or_default().into_iter().collect();
        Ok(PayloadType(setup::PayloadType {
            number,
            codec,
            clock_rate,
            channels,
            rtx,
            parameters,
        }))
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Clone, Copy)]
struct Encoding(setup::Encoding);

#[pymethods]
impl Encoding {
    #[new]
    #[pyo3(signature = (ssrc, rtx=None))]
    fn new(ssrc: u32, rtx: Option<u32>) -> PyResult<Encoding> {
        if ssrc == 0 || rtx == Some(0) || rtx == Some(ssrc) {
            return Err(PyValueError::new_err("SSRCs must differ and not be 0"));
        }
        Ok(Encoding(setup::Encoding { ssrc, rtx }))
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Clone)]
struct Source(SourceSetup);

#[pymethods]
impl Source {
    #[new]
    fn new(source: u64, kind: &str, encodings: Vec<PyRef<'_, Encoding>>) -> PyResult<Source> {
        let kind = match kind {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return Err(PyValueError::new_err("kind must be 'audio' or 'video'")),
        };
        if encodings.is_empty() || encodings.len() > MAX_ENCODINGS {
            return Err(PyValueError::new_err(format!(
                "1 to {MAX_ENCODINGS} encodings are needed"
            )));
        }
        let encodings = encodings.iter().map(|encoding| encoding.0).collect();
        Ok(Source(SourceSetup {
            id: SourceId(source),
            kind,
            encodings,
        }))
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
#[derive(Clone)]
struct Limits(setup::Limits);

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (
        *,
        keyframe_interval_ms=200,
        keyframes_per_receiver_10s=3,
        dtls_timeout_ms=30_000,
        ice_timeout_ms=120_000,
        activity_timeout_ms=60_000,
        max_datagrams_per_wakeup=512,
    ))]
    fn new(
        keyframe_interval_ms: u64,
        keyframes_per_receiver_10s: usize,
        dtls_timeout_ms: u64,
        ice_timeout_ms: u64,
        activity_timeout_ms: u64,
        max_datagrams_per_wakeup: usize,
    ) -> Limits {
        Limits(setup::Limits {
            keyframe_interval: Duration::from_millis(keyframe_interval_ms),
            keyframes_per_receiver_10s,
            dtls_timeout: Duration::from_millis(dtls_timeout_ms),
            ice_timeout: Duration::from_millis(ice_timeout_ms),
            activity_timeout: Duration::from_millis(activity_timeout_ms),
            max_datagrams_per_wakeup: max_datagrams_per_wakeup.max(1),
        })
    }
}

/// What `Engine.forward` takes: (source, encoding, spatial, temporal) and perhaps a slot.
#[derive(FromPyObject)]
enum WantedTuple {
    Plain(u64, usize, u8, u8),
    Slotted(u64, usize, u8, u8, (u32, Option<u32>)),
}

impl From<WantedTuple> for Wanted {
    fn from(tuple: WantedTuple) -> Wanted {
        let (source, encoding, spatial, temporal, slot) = match tuple {
            WantedTuple::Plain(source, encoding, spatial, temporal) => {
                (source, encoding, spatial, temporal, None)
            }
            WantedTuple::Slotted(source, encoding, spatial, temporal, slot) => {
                (source, encoding, spatial, temporal, Some(slot))
            }
        };
        Wanted {
            source: SourceId(source),
            encoding,
            spatial,
            temporal,
            slot: slot.map(|(ssrc, rtx)| setup::Encoding { ssrc, rtx }),
        }
    }
}

/// Which ids and username fragments are in use, so that a clash is refused at once.
#[derive(Default)]
struct InUse {
    endpoints: HashMap<u64, Transport>,
}

struct Transport {
    ufrag: String,
    is_connected: bool,
    /// The username fragment of the restart under way.
    restart: Option<String>,
}

impl InUse {
    fn has_ufrag(&self, ufrag: &str) -> bool {
        let has = |each: &Transport| each.ufrag == ufrag || each.restart.as_deref() == Some(ufrag);
        self.endpoints.values().any(has)
    }

    /// Follow what the engine tells.
    fn note(&mut self, event: &Event) {
        if let Event::EndpointFailed { endpoint, .. } = event {
            self.endpoints.remove(&endpoint.0);
            return;
        }
        let (Event::IceConnected { endpoint, .. }
        | Event::IceRestarted { endpoint, .. }
        | Event::IceRestartFailed { endpoint }) = event
        else {
            return;
        };
        let Some(transport) = self.endpoints.get_mut(&endpoint.0) else {
            return;
        };
        match event {
            Event::IceConnected { .. } => transport.is_connected = true,
            Event::IceRestarted { .. } => {
                if let Some(ufrag) = transport.restart.take() {
                    transport.ufrag = ufrag;
                }
            }
            _ => transport.restart = None,
        }
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
struct Engine {
    thread: Mutex<EngineThread>,
    in_use: Mutex<InUse>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    fn order(&self, order: Order) {
        lock(&self.thread).order(order);
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        bind, *, tcp=vec![], tcp_handover=None, limits=None, receive_buffer_bytes=4_194_304
    ))]
    fn new(
        py: Python<'_>,
        bind: Vec<(String, u16)>,
        tcp: Vec<(String, u16)>,
        tcp_handover: Option<PathBuf>,
        limits: Option<PyRef<'_, Limits>>,
        receive_buffer_bytes: usize,
    ) -> PyResult<Engine> {
        let addresses = each_named(bind)?;
        let tcp = TcpSetup {
            listen: each_named(tcp)?,
            handover: tcp_handover,
        };
        if addresses.is_empty() {
            return Err(PyValueError::new_err(
                "at least one address to bind is needed",
            ));
        }
        let limits = limits.map(|limits| limits.0.clone()).unwrap_or_default();
        let thread = py
            .detach(|| EngineThread::start(&addresses, &tcp, limits, receive_buffer_bytes))
            .map_err(start_error)?;
        Ok(Engine {
            thread: Mutex::new(thread),
            in_use: Mutex::default(),
        })
    }

    #[getter]
    fn addresses(&self) -> Vec<(String, u16)> {
        in_words(lock(&self.thread).addresses())
    }

    #[getter]
    fn tcp_addresses(&self) -> Vec<(String, u16)> {
        in_words(lock(&self.thread).tcp_addresses())
    }

    #[getter]
    fn fingerprint(&self) -> (&'static str, String) {
        ("sha-256", crypto::fingerprint())
    }

    fn fileno(&self) -> i32 {
        lock(&self.thread).events_fd().as_raw_fd()
    }

    fn take_events(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let events = lock(&self.thread).take_events();
        let mut in_use = lock(&self.in_use);
        events
            .into_iter()
            .map(|event| {
                in_use.note(&event);
                to_python(py, event)
            })
            .collect()
    }

    #[pyo3(signature = (endpoint, *, ufrag, pwd, controlling, payload_types, extensions))]
    fn add_endpoint(
        &self,
        endpoint: u64,
        ufrag: String,
        pwd: String,
        controlling: bool,
        payload_types: Vec<PyRef<'_, PayloadType>>,
        extensions: Vec<(u8, String)>,
    ) -> PyResult<()> {
        check_credentials(&ufrag, &pwd)?;
        let mut in_use = lock(&self.in_use);
        if in_use.endpoints.contains_key(&endpoint) {
            return Err(refuse(format!("endpoint {endpoint} exists")));
        }
        if in_use.has_ufrag(&ufrag) {
            return Err(refuse(format!("username fragment {ufrag:?} is in use")));
        }
        let transport = Transport {
            ufrag: ufrag.clone(),
            is_connected: false,
            restart: None,
        };
        in_use.endpoints.insert(endpoint, transport);
        let payload_types = payload_types
            .iter()
            .map(|payload_type| payload_type.0.clone())
            .collect();
        let setup = EndpointSetup {
            ufrag,
            pwd,
            controlling,
            payload_types,
            extensions,
        };
        self.order(Order::AddEndpoint(EndpointId(endpoint), Box::new(setup)));
        Ok(())
    }

    #[pyo3(signature = (endpoint, *, ufrag, pwd, fingerprints, setup))]
    fn set_remote(
        &self,
        endpoint: u64,
        ufrag: String,
        pwd: String,
        fingerprints: Vec<(String, String)>,
        setup: &str,
    ) -> PyResult<()> {
        let remote = remote_setup(ufrag, pwd, fingerprints, setup)?;
        self.order(Order::SetRemote(EndpointId(endpoint), remote));
        Ok(())
    }

    #[pyo3(signature = (endpoint, *, ufrag, pwd))]
    fn restart_ice(&self, endpoint: u64, ufrag: String, pwd: String) -> PyResult<()> {
        check_credentials(&ufrag, &pwd)?;
        let mut in_use = lock(&self.in_use);
        if in_use.has_ufrag(&ufrag) {
            return Err(refuse(format!("username fragment {ufrag:?} is in use")));
        }
        match in_use.endpoints.get_mut(&endpoint) {
            Some(transport) if transport.is_connected => transport.restart = Some(ufrag.clone()),
            Some(_) => return Err(refuse(format!("endpoint {endpoint} was never connected"))),
            None => return Err(refuse(format!("there is no endpoint {endpoint}"))),
        }
        self.order(Order::RestartIce {
            endpoint: EndpointId(endpoint),
            ufrag,
            pwd,
        });
        Ok(())
    }

    #[pyo3(signature = (endpoint, *, ufrag, pwd))]
    fn set_remote_credentials(&self, endpoint: u64, ufrag: String, pwd: String) -> PyResult<()> {
        check_credentials(&ufrag, &pwd)?;
        let in_use = lock(&self.in_use);
        let transport = in_use.endpoints.get(&endpoint);
        if transport.is_none_or(|each| each.restart.is_none()) {
            return Err(refuse(format!(
                "no restart of endpoint {endpoint} is under way"
            )));
        }
        self.order(Order::SetRemoteCredentials {
            endpoint: EndpointId(endpoint),
            ufrag,
            pwd,
        });
        Ok(())
    }

    #[pyo3(signature = (endpoint, address, port, *, kind, priority))]
    fn add_remote_candidate(
        &self,
        endpoint: u64,
        address: &str,
        port: u16,
        kind: String,
        priority: u32,
    ) {
        // Names (mDNS) are not resolved; the peer is found by its own checks (bridge reference 1.1).
        if let Ok(ip) = address.parse() {
            let remote = SocketAddr::new(ip, port);
            let endpoint = EndpointId(endpoint);
            self.order(Order::AddRemoteCandidate {
                endpoint,
                remote,
                kind,
                priority,
            });
        }
    }

    fn set_sources(&self, endpoint: u64, sources: Vec<PyRef<'_, Source>>) {
        let sources = sources.iter().map(|source| source.0.clone()).collect();
        self.order(Order::SetSources(EndpointId(endpoint), sources));
    }

    #[pyo3(signature = (endpoint, *, audio, video))]
    fn set_muted(&self, endpoint: u64, audio: bool, video: bool) {
        self.order(Order::SetMuted {
            endpoint: EndpointId(endpoint),
            audio,
            video,
        });
    }

    fn forward(&self, endpoint: u64, wanted: Vec<WantedTuple>) {
        let wanted = wanted.into_iter().map(WantedTuple::into).collect();
        self.order(Order::Forward(EndpointId(endpoint), wanted));
    }

    fn request_keyframe(&self, source: u64) {
        self.order(Order::RequestKeyframe(SourceId(source)));
    }

    fn remove_endpoint(&self, endpoint: u64) {
        lock(&self.in_use).endpoints.remove(&endpoint);
        self.order(Order::RemoveEndpoint(EndpointId(endpoint)));
    }

    fn stats(&self) -> EngineStats {
        let snapshot = lock(&self.thread).snapshot();
        EngineStats(snapshot)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| lock(&self.thread).close());
    }
}

fn in_words(addresses: &[SocketAddr]) -> Vec<(String, u16)> {
    let in_words = |each: &SocketAddr| (each.ip().to_string(), each.port());
    addresses.iter().map(in_words).collect()
}

fn each_named(addresses: Vec<(String, u16)>) -> PyResult<Vec<SocketAddr>> {
    let named = |(address, port): (String, u16)| {
        let ip = literal(&address)?;
        if ip.is_unspecified() {
            let message = format!("{address} stands for all addresses; name each one");
            return Err(PyValueError::new_err(message));
        }
        Ok(SocketAddr::new(ip, port))
    };
    addresses.into_iter().map(named).collect()
}

pub(crate) fn literal(address: &str) -> PyResult<IpAddr> {
    address
        .parse()
        .map_err(|_| PyValueError::new_err(format!("{address:?} is not a literal IP address")))
}

/// RFC 8839 §5.4: 4 to 256 and 22 to 256 ice-chars; the peer's are only bounded.
pub(crate) fn check_credentials(ufrag: &str, pwd: &str) -> PyResult<()> {
    let is_fit = |text: &str, least: usize| {
        (least..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !is_fit(ufrag, 4) || ufrag.contains(':') || !is_fit(pwd, 22) {
        return Err(refuse("not ICE credentials (RFC 8839 §5.4)"));
    }
    Ok(())
}

pub(crate) fn remote_setup(
    ufrag: String,
    pwd: String,
    fingerprints: Vec<(String, String)>,
    setup: &str,
) -> PyResult<RemoteSetup> {
    check_credentials(&ufrag, &pwd)?;
    let setup = match setup {
        "active" => DtlsSetup::Active,
        "passive" => DtlsSetup::Passive,
        "actpass" => DtlsSetup::ActPass,
        _ => return Err(refuse(format!("unknown setup {setup:?}"))),
    };
    let fingerprints = fingerprints
        .iter()
        .map(|(hash, text)| {
            CertificateHash::parse(hash, text)
                .ok_or_else(|| refuse(format!("not a {hash} fingerprint: {text:?}")))
        })
        .collect::<PyResult<Vec<_>>>()?;
    if !fingerprints
        .iter()
        .any(|each| SUPPORTED_HASHES.contains(&each.hash.as_str()))
    {
        return Err(refuse(format!(
            "one of {SUPPORTED_HASHES:?} is needed as fingerprint"
        )));
    }
    Ok(RemoteSetup {
        ufrag,
        pwd,
        fingerprints,
        setup,
    })
}

fn start_error(error: StartError) -> PyErr {
    let (error, what) = match error {
        StartError::Bind(bind) => (bind.error, bind.address.to_string()),
        StartError::Tcp(open) => (open.error, open.what),
        StartError::Io(error) => return error.into(),
    };
    let Some(errno) = error.raw_os_error() else {
        return PyOSError::new_err(format!("{what}: {error}"));
    };
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    PyOSError::new_err((errno, text.to_owned(), what))
}

macro_rules! event_class {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[pyclass(frozen, get_all, module = "tertulia._engine")]
        struct $name { $($field: $type),* }

        #[pymethods]
        impl $name {
            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let mut fields = Vec::new();
                $(
                    let value = self.$field.clone().into_pyobject(py)?;
                    fields.push(format!("{}={}", stringify!($field), value.into_any().repr()?));
                )*
                Ok(format!("{}({})", stringify!($name), fields.join(", ")))
            }
        }
    };
}

pub(crate) use event_class;

event_class!(IceConnected {
    endpoint: u64,
    local: String,
    remote: String,
    protocol: String
});
event_class!(IceRestarted {
    endpoint: u64,
    local: String,
    remote: String,
    protocol: String
});
event_class!(IceRestartFailed { endpoint: u64 });
event_class!(DtlsConnected {
    endpoint: u64,
    srtp_profile: String
});
event_class!(EndpointFailed {
    endpoint: u64,
    reason: String
});
event_class!(SourceLayers {
    source: u64,
    codec: String,
    layers: Vec<(usize, u8, u8, u64, u16, f64)>,
});
event_class!(BandwidthEstimate {
    endpoint: u64,
    bps: u64
});

#[pyclass(frozen, module = "tertulia._engine")]
struct SourceLevels {
    #[pyo3(get)]
    source: u64,
    levels: Vec<u8>,
}

#[pymethods]
impl SourceLevels {
    #[getter]
    fn levels<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.levels)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let levels = self.levels(py).repr()?;
        Ok(format!(
            "SourceLevels(source={}, levels={levels})",
            self.source
        ))
    }
}

fn to_python(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    Ok(match event {
        Event::IceConnected { endpoint, path } => {
            let event = IceConnected {
                endpoint: endpoint.0,
                local: path.local.to_string(),
                remote: path.remote.to_string(),
                protocol: path.transport.name().into(),
            };
            Py::new(py, event)?.into_any()
        }
        Event::IceRestarted { endpoint, path } => {
            let event = IceRestarted {
                endpoint: endpoint.0,
                local: path.local.to_string(),
                remote: path.remote.to_string(),
                protocol: path.transport.name().into(),
            };
            Py::new(py, event)?.into_any()
        }
        Event::IceRestartFailed { endpoint } => {
            let endpoint = endpoint.0;
            Py::new(py, IceRestartFailed { endpoint })?.into_any()
        }
        Event::DtlsConnected {
            endpoint,
            srtp_profile,
        } => {
            let srtp_profile = srtp_profile.into();
            Py::new(
                py,
                DtlsConnected {
                    endpoint: endpoint.0,
                    srtp_profile,
                },
            )?
            .into_any()
        }
        Event::EndpointFailed { endpoint, reason } => {
            let reason = reason.into();
            Py::new(
                py,
                EndpointFailed {
                    endpoint: endpoint.0,
                    reason,
                },
            )?
            .into_any()
        }
        Event::SourceLevels { source, levels } => Py::new(
            py,
            SourceLevels {
                source: source.0,
                levels,
            },
        )?
        .into_any(),
        Event::SourceLayers {
            source,
            codec,
            layers,
        } => {
            let layers = layers
                .iter()
                .map(|each| {
                    (
                        each.encoding,
                        each.spatial,
                        each.temporal,
                        each.bps,
                        each.height,
                        each.fps.into(),
                    )
                })
                .collect();
            let codec = codec.name().into();
            Py::new(
                py,
                SourceLayers {
                    source: source.0,
                    codec,
                    layers,
                },
            )?
            .into_any()
        }
        Event::BandwidthEstimate { endpoint, bps } => Py::new(
            py,
            BandwidthEstimate {
                endpoint: endpoint.0,
                bps,
            },
        )?
        .into_any(),
    })
}

#[pyclass(frozen, module = "tertulia._engine")]
struct EndpointStats(EndpointSnapshot);

#[pymethods]
impl EndpointStats {
    #[getter]
    fn endpoint(&self) -> u64 {
        self.0.endpoint.0
    }

    #[getter]
    fn idle_ms(&self) -> u64 {
        self.0.idle.as_millis() as u64
    }

    #[getter]
    fn packets_received(&self) -> u64 {
        self.0.counters.packets_received
    }

    #[getter]
    fn bytes_received(&self) -> u64 {
        self.0.counters.bytes_received
    }

    #[getter]
    fn packets_sent(&self) -> u64 {
        self.0.counters.packets_sent
    }

    #[getter]
    fn bytes_sent(&self) -> u64 {
        self.0.counters.bytes_sent
    }

    #[getter]
    fn rtt_ms(&self) -> f64 {
        self.0
            .counters
            .rtt
            .map_or(0.0, |rtt| rtt.as_secs_f64() * 1000.0)
    }

    #[getter]
    fn loss_in(&self) -> f64 {
        self.0.counters.loss_in.into()
    }

    #[getter]
    fn loss_out(&self) -> f64 {
        self.0.counters.loss_out.into()
    }

    #[getter]
    fn estimate_bps(&self) -> u64 {
        self.0.counters.estimate_bps
    }

    #[getter]
    fn nacks_received(&self) -> u64 {
        self.0.counters.nacks_received
    }

    #[getter]
    fn nacks_sent(&self) -> u64 {
        self.0.counters.nacks_sent
    }

    #[getter]
    fn retransmissions_sent(&self) -> u64 {
        self.0.counters.retransmissions_sent
    }

    #[getter]
    fn keyframe_requests_received(&self) -> u64 {
        self.0.counters.keyframe_requests_received
    }

    #[getter]
    fn keyframe_requests_sent(&self) -> u64 {
        self.0.counters.keyframe_requests_sent
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
struct EngineStats(Snapshot);

#[pymethods]
impl EngineStats {
    #[getter]
    fn endpoints(&self) -> Vec<EndpointStats> {
        self.0
            .endpoints
            .iter()
            .cloned()
            .map(EndpointStats)
            .collect()
    }

    #[getter]
    fn packets_received(&self) -> u64 {
        self.0.counters.packets_received
    }

    #[getter]
    fn bytes_received(&self) -> u64 {
        self.0.counters.bytes_received
    }

    #[getter]
    fn packets_sent(&self) -> u64 {
        self.0.counters.packets_sent
    }

    #[getter]
    fn bytes_sent(&self) -> u64 {
        self.0.counters.bytes_sent
    }

    #[getter]
    fn packets_forwarded(&self) -> u64 {
        self.0.counters.packets_forwarded
    }

    #[getter]
    fn wakeups(&self) -> u64 {
        self.0.wakeups
    }

    #[getter]
    fn cpu_us(&self) -> u64 {
        self.0.cpu.as_micros() as u64
    }

    #[getter]
    fn tcp_open(&self) -> u64 {
        self.0.tcp.open
    }

    #[getter]
    fn tcp_opened(&self) -> u64 {
        self.0.tcp.opened
    }

    #[getter]
    fn tcp_closed(&self) -> BTreeMap<&'static str, u64> {
        self.0.tcp.closed.clone()
    }

    #[getter]
    fn dropped(&self) -> HashMap<&'static str, u64> {
        self.0
            .counters
            .dropped
            .iter()
            .map(|(reason, &count)| (reason.name(), count))
            .collect()
    }
}

#[pymodule]
fn _engine(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add_class::<PayloadType>()?;
    module.add_class::<Encoding>()?;
    module.add_class::<Source>()?;
    module.add_class::<Limits>()?;
    module.add_class::<Engine>()?;
    module.add_class::<IceConnected>()?;
    module.add_class::<IceRestarted>()?;
    module.add_class::<IceRestartFailed>()?;
    module.add_class::<DtlsConnected>()?;
    module.add_class::<EndpointFailed>()?;
    module.add_class::<SourceLevels>()?;
    module.add_class::<SourceLayers>()?;
    module.add_class::<BandwidthEstimate>()?;
    module.add_class::<EndpointStats>()?;
    module.add_class::<EngineStats>()?;
    module.add_class::<crate::load::python::Load>()?;
    module.add_class::<crate::load::python::LoadPeer>()?;
    let event = py
        .get_type::<IceConnected>()
        .bitor(py.get_type::<DtlsConnected>())?
        .bitor(py.get_type::<EndpointFailed>())?
        .bitor(py.get_type::<SourceLevels>())?
        .bitor(py.get_type::<SourceLayers>())?
        .bitor(py.get_type::<BandwidthEstimate>())?;
    module.add("Event", event)?;
    crate::client::python::add_to(module)?;
    Ok(())
}
