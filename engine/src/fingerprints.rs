//! Which certificate the other side may show: one of those it announced (RFC 8122 §5, §6.2).

use str0m::Rtc;
use str0m::crypto::Fingerprint;

use crate::crypto;
use crate::setup::{CertificateHash, SUPPORTED_HASHES};

/// What was announced with the strongest hash among all; weaker ones do not count.
#[derive(Debug, Default)]
pub struct Announced(Vec<CertificateHash>);

impl Announced {
    pub fn strongest(mut all: Vec<CertificateHash>) -> Announced {
        let strongest = SUPPORTED_HASHES
            .iter()
            .find(|hash| all.iter().any(|each| each.hash == **hash));
        all.retain(|each| Some(&each.hash.as_str()) == strongest);
        Announced(all)
    }

    /// True when this certificate (DER) has been announced.
    pub fn includes(&self, certificate: &[u8]) -> bool {
        let provider = crypto::provider();
        self.0.iter().any(|each| match each.hash.as_str() {
            "sha-256" => provider.sha256_provider.sha256(certificate)[..] == each.digest[..],
            "sha-1" => provider.sha1_provider.sha1(certificate)[..] == each.digest[..],
            _ => false,
        })
    }

    /// Let the session compute the hash that [`Announced::has_shown_itself`] compares.
    pub fn tell(&self, rtc: &mut Rtc) {
        if let Some(first) = self.0.first() {
            rtc.direct_api().set_remote_fingerprint(Fingerprint {
                hash_func: first.hash.clone(),
                bytes: first.digest.clone(),
            });
        }
    }

    /// True when the handshake of this session was held with an announced certificate.
    pub fn has_shown_itself(&self, rtc: &mut Rtc) -> bool {
        let direct = rtc.direct_api();
        let Some(seen) = direct.remote_dtls_fingerprint() else {
            return false;
        };
        self.0.iter().any(|each| {
            each.hash.eq_ignore_ascii_case(&seen.hash_func) && each.digest == seen.bytes
        })
    }
}
