//! The bridge's engine as Python calls it.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use super::events::to_python;
use super::in_use::{InUse, Transport};
use super::setup::{
    Limits, PayloadType, Source, WantedTuple, check_credentials, each_named, remote_setup,
};
use super::stats::EngineStats;
use super::{lock, refuse};
use crate::crypto;
use crate::engine_loop::{EngineThread, Order, StartError};
use crate::setup::{EndpointId, EndpointSetup, SourceId};
use crate::tcp::TcpSetup;

#[pyclass(frozen, module = "tertulia._engine")]
pub(crate) struct Engine {
    thread: Mutex<EngineThread>,
    in_use: Mutex<InUse>,
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
    fn fingerprint(&self) -> (&'static str, &'static str) {
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

    #[pyo3(signature = (endpoint, *, payload_types, extensions))]
    fn extend_endpoint(
        &self,
        endpoint: u64,
        payload_types: Vec<PyRef<'_, PayloadType>>,
        extensions: Vec<(u8, String)>,
    ) {
        let payload_types = payload_types.iter().map(|each| each.0.clone()).collect();
        self.order(Order::ExtendEndpoint {
            endpoint: EndpointId(endpoint),
            payload_types,
            extensions,
        });
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

    fn set_needed(&self, endpoint: u64, bps: u64) {
        self.order(Order::SetNeeded {
            endpoint: EndpointId(endpoint),
            bps,
        });
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
