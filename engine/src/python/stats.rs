//! Counters of the engine and its endpoints, as they were when asked for.

use std::collections::{BTreeMap, HashMap};

use pyo3::prelude::*;

use crate::counters::{EndpointSnapshot, Snapshot};

#[pyclass(frozen, module = "tertulia._engine")]
pub(crate) struct EndpointStats(EndpointSnapshot);

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

    #[getter]
    fn path(&self) -> Option<(String, String, &'static str)> {
        let path = self.0.path?;
        let name = path.transport.name();
        Some((path.local.to_string(), path.remote.to_string(), name))
    }
}

#[pyclass(frozen, module = "tertulia._engine")]
pub(crate) struct EngineStats(pub(super) Snapshot);

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
    fn keyframes_received(&self) -> u64 {
        self.0.counters.keyframes_received
    }

    #[getter]
    fn unmatched_feedback(&self) -> u64 {
        let here = self.0.endpoints.iter();
        let here: u64 = here.map(|each| each.counters.unmatched_feedback).sum();
        self.0.counters.unmatched_feedback + here
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
