//! What endpoints and sources are made of, and the checks of what Python says about them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::refuse;
use crate::setup::{
    self, CertificateHash, Codec, DtlsSetup, MAX_ENCODINGS, MediaKind, RemoteSetup,
    SUPPORTED_HASHES, SourceId, SourceSetup, Wanted,
};

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
pub(crate) struct Encoding(setup::Encoding);

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
pub(crate) struct Source(pub(crate) SourceSetup);

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
pub(crate) struct Limits(pub(crate) setup::Limits);

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (
        *,
        keyframe_interval_ms=200,
        keyframes_per_receiver_10s=3,
        keyframes_per_source_10s=20,
        keyframes_per_switching_10s=10,
        reported_per_s=20_000,
        dtls_timeout_ms=30_000,
        ice_timeout_ms=120_000,
        activity_timeout_ms=60_000,
        max_datagrams_per_wakeup=512,
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn new(
        keyframe_interval_ms: u64,
        keyframes_per_receiver_10s: usize,
        keyframes_per_source_10s: usize,
        keyframes_per_switching_10s: usize,
        reported_per_s: u32,
        dtls_timeout_ms: u64,
        ice_timeout_ms: u64,
        activity_timeout_ms: u64,
        max_datagrams_per_wakeup: usize,
    ) -> Limits {
        Limits(setup::Limits {
            keyframe_interval: Duration::from_millis(keyframe_interval_ms),
            keyframes_per_receiver_10s,
            keyframes_per_source_10s,
            keyframes_per_switching_10s,
            reported_per_s,
            dtls_timeout: Duration::from_millis(dtls_timeout_ms),
            ice_timeout: Duration::from_millis(ice_timeout_ms),
            activity_timeout: Duration::from_millis(activity_timeout_ms),
            max_datagrams_per_wakeup: max_datagrams_per_wakeup.max(1),
        })
    }
}

/// What `Engine.forward` takes: (source, encoding, spatial, temporal) and perhaps a slot.
#[derive(FromPyObject)]
pub(crate) enum WantedTuple {
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

pub(crate) fn each_named(addresses: Vec<(String, u16)>) -> PyResult<Vec<SocketAddr>> {
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
