//! What the engine tells, as Python classes.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::events::Event;

macro_rules! event_class {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[pyclass(frozen, get_all, module = "tertulia._engine")]
        pub(crate) struct $name { $($field: $type),* }

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
pub(crate) struct SourceLevels {
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

/// The event as the class of its name.
pub(super) fn to_python(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
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
