//! The Python module `tertulia._engine`, put together.

use pyo3::prelude::*;

use crate::python::{
    BandwidthEstimate, DtlsConnected, Encoding, EndpointFailed, EndpointStats, Engine, EngineError,
    EngineStats, IceConnected, IceRestartFailed, IceRestarted, Limits, PayloadType, Source,
    SourceLayers, SourceLevels,
};

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
