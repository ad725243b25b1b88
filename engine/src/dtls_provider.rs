//! DTLS sessions that share what does not differ between them.
//!
//! dimpl tries every cipher, curve and signature of its cryptography whenever a configuration is
//! built, and str0m's own provider builds one per session: half of what a session costs. Here one
//! is built per size of datagrams, so the trial is made once in the life of the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dimpl::{Config, Dtls};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

/// More sizes of datagrams than any program here uses; a further one costs as much as before.
const KEPT: usize = 8;

#[derive(Debug, Default)]
pub struct Shared {
    /// By the size of datagrams.
    configs: Mutex<BTreeMap<Option<usize>, Arc<Config>>>,
}

impl Shared {
    pub const fn new() -> Shared {
        Shared {
            configs: Mutex::new(BTreeMap::new()),
        }
    }

    /// The configuration for datagrams of this size; an error when the cryptography does not work.
    pub fn config(&self, mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&mtu) {
            return Ok(Arc::clone(config));
        }
        // Checks of ICE have shown that the peer is where it says: no cookie (RFC 6347 §4.2.1).
        let builder = Config::builder().use_server_cookie(false);
        let builder = match mtu {
            Some(mtu) => builder.mtu(mtu),
            None => builder,
        };
        let failed = |error| CryptoError::Other(format!("no configuration of DTLS: {error}"));
        let config = Arc::new(builder.build().map_err(failed)?);
        if configs.len() < KEPT {
            configs.insert(mtu, Arc::clone(&config));
        }
        Ok(config)
    }
}

impl DtlsProvider for Shared {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (config, certificate) = (self.config(mtu)?, certificate.clone());
        let session = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => Dtls::new_auto(config, certificate, now),
            _ => return Err(CryptoError::Other(format!("no DTLS {version}"))),
        };
        Ok(Box::new(Session(session)))
    }
}

struct Session(Dtls);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl DtlsInstance for Session {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_share_one_configuration() {
        let shared = Shared::new();

        let first = shared.config(None).unwrap();
        let second = shared.config(None).unwrap();
        let smaller = shared.config(Some(600)).unwrap();

        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(smaller.mtu(), 600);
        assert!(!first.use_server_cookie() && !smaller.use_server_cookie());
    }

    #[test]
    fn a_size_that_holds_no_record_is_refused() {
        assert!(Shared::new().config(Some(10)).is_err());
    }
}
