//! The process's DTLS certificate, and one fact str0m keeps to itself: which SRTP profile a client's
//! session agreed on.
//!
//! str0m lets its user supply the cryptography; ours is its default one, with sessions that share
//! their configuration ([`dtls_provider`]) and a note taken on the way. The note is per thread, because a session is driven by one thread at a time.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use str0m::crypto::dtls::{DtlsCert, DtlsProvider};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoProvider, SrtpProvider,
    SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

use crate::dtls_provider;

thread_local! {
    static PROFILE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The profile of the SRTP context made last on this thread.
pub fn take_profile() -> Option<&'static str> {
    PROFILE.take()
}

/// The self-signed ECDSA P-256 certificate of this process.
pub fn certificate() -> &'static DtlsCert {
    static CERTIFICATE: OnceLock<DtlsCert> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        SESSIONS
            .generate_certificate()
            .expect("the chosen provider makes certificates")
    })
}

/// `"AB:CD:.."`, the SHA-256 fingerprint of the certificate (RFC 8122 §5).
pub fn fingerprint() -> &'static str {
    static FINGERPRINT: OnceLock<String> = OnceLock::new();
    FINGERPRINT.get_or_init(|| {
        let provider = str0m::crypto::from_feature_flags().sha256_provider;
        let digest = provider.sha256(&certificate().certificate);
        let pairs = digest.iter().map(|byte| format!("{byte:02X}"));
        pairs.collect::<Vec<_>>().join(":")
    })
}

/// The provider every endpoint uses.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        Arc::new(CryptoProvider {
            srtp_provider: &NOTING,
            dtls_provider: &SESSIONS,
            ..str0m::crypto::from_feature_flags()
        })
    });
    Arc::clone(provider)
}

/// Make ready now what the first session would wait for: the certificate, the source of random
/// numbers, the trial of the ciphers.
pub fn warm_up() {
    certificate();
    // Should it fail, every session will fail with the same reason.
    let _ = SESSIONS.config(None);
}

static SESSIONS: dtls_provider::Shared = dtls_provider::Shared::new();

#[derive(Debug)]
struct Noting;
static NOTING: Noting = Noting;

fn inner() -> &'static dyn SrtpProvider {
    str0m::crypto::from_feature_flags().srtp_provider
}

impl SrtpProvider for Noting {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &NOTING
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &NOTING
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &NOTING
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        inner().srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        inner().srtp_aes_256_ecb_round(key, input, output);
    }
}

impl SupportedAes128CmSha1_80 for Noting {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        PROFILE.set(Some("AES_CM_128_HMAC_SHA1_80"));
        inner().aes_128_cm_sha1_80().create_cipher(key, encrypt)
    }
}

impl SupportedAeadAes128Gcm for Noting {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        PROFILE.set(Some("AEAD_AES_128_GCM"));
        inner().aead_aes_128_gcm().create_cipher(key, encrypt)
    }
}

impl SupportedAeadAes256Gcm for Noting {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        PROFILE.set(Some("AEAD_AES_256_GCM"));
        inner().aead_aes_256_gcm().create_cipher(key, encrypt)
    }
}
