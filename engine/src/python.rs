//! The engine for Python: converts, checks and delegates. `_engine.pyi` documents it.

mod engine;
mod events;
mod in_use;
mod setup;
mod stats;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pub(crate) use engine::Engine;
pub(crate) use events::{
    BandwidthEstimate, DtlsConnected, EndpointFailed, IceConnected, IceRestartFailed, IceRestarted,
    SourceLayers, SourceLevels, event_class,
};
pub(crate) use setup::{
    Encoding, Limits, PayloadType, Source, check_credentials, literal, remote_setup,
};
pub(crate) use stats::{EndpointStats, EngineStats};

pyo3::create_exception!(
    tertulia._engine,
    EngineError,
    PyException,
    "An order that cannot be carried out: an id used twice, a fingerprint that is not hex, ..."
);

pub(crate) fn refuse(message: impl Into<String>) -> PyErr {
    EngineError::new_err(message.into())
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
