//! The Python module `tertulia._engine`: converts, checks and delegates. `_engine.pyi` documents it.

mod engine;
mod events;
mod in_use;
mod setup;
mod stats;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use engine::Engine;
pub(crate) use events::event_class;
use events::{
    BandwidthEstimate, DtlsConnected, EndpointFailed, IceConnected, IceRestartFailed, IceRestarted,
    SourceLayers, SourceLevels,
};
use setup::{Encoding, Limits, Source};
pub(crate) use setup::{PayloadType, check_credentials, literal, remote_setup};
use stats::{EndpointStats, EngineStats};

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
