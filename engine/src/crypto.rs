//! The process's DTLS certificate, and three facts str0m keeps to itself: which SRTP profile was
//! agreed, how many packets failed authentication, and what RTCP said.
//!
//! str0m lets its user supply the cryptography; ours is its default one with a note taken on the
//! way. The notes are per thread, because an endpoint is driven by one thread at a time.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

use str0m::crypto::dtls::DtlsCert;
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, CryptoProvider,
    SrtpProvider, SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

thread_local! {
    static PROFILE: Cell<Option<&'static str>> = const { Cell::new(None) };
    static FAILURES: Cell<u64> = const { Cell::new(0) };
    static OPENED: Cell<u64> = const { Cell::new(0) };
    static IS_LISTENING: Cell<bool> = const { Cell::new(false) };
    static OVERHEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The profile of the SRTP context made last on this thread.
pub fn take_profile() -> Option<&'static str> {
    PROFILE.take()
}

/// How many GCM packets failed authentication on this thread since the last call.
pub fn take_failures() -> u64 {
    FAILURES.take()
}

/// How many GCM packets have been found authentic on this thread, ever.
pub fn opened() -> u64 {
    OPENED.get()
}

/// Keep what is decrypted next on this thread, until [`overheard`].
pub fn listen() {
    IS_LISTENING.set(true);
}

/// What was decrypted since [`listen`], if anything was and it was authentic.
pub fn overheard() -> Option<Vec<u8>> {
    IS_LISTENING.set(false);
    OVERHEARD.take()
}

fn overhear(plain: &[u8]) {
    if IS_LISTENING.get() {
        OVERHEARD.set(Some(plain.to_vec()));
    }
}

/// The self-signed ECDSA P-256 certificate of this process.
pub fn certificate() -> &'static DtlsCert {
    static CERTIFICATE: OnceLock<DtlsCert> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let provider = str0m::crypto::from_feature_flags().dtls_provider;
        provider
            .generate_certificate()
            .expect("the chosen provider makes certificates")
    })
}

/// `"AB:CD:.."`, the SHA-256 fingerprint of the certificate (RFC 8122 §5).
pub fn fingerprint() -> String {
    let provider = str0m::crypto::from_feature_flags().sha256_provider;
    let digest = provider.sha256(&certificate().certificate);
    digest
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// The provider every endpoint uses.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        Arc::new(CryptoProvider {
            srtp_provider: &NOTING,
            ..str0m::crypto::from_feature_flags()
        })
    });
    Arc::clone(provider)
}

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
        let cipher = inner().aes_128_cm_sha1_80().create_cipher(key, encrypt);
        if encrypt {
            cipher
        } else {
            Box::new(Opening(cipher))
        }
    }
}

impl SupportedAeadAes128Gcm for Noting {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        PROFILE.set(Some("AEAD_AES_128_GCM"));
        let cipher = inner().aead_aes_128_gcm().create_cipher(key, encrypt);
        if encrypt {
            cipher
        } else {
            Box::new(Opening(cipher))
        }
    }
}

impl SupportedAeadAes256Gcm for Noting {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        PROFILE.set(Some("AEAD_AES_256_GCM"));
        let cipher = inner().aead_aes_256_gcm().create_cipher(key, encrypt);
        if encrypt {
            cipher
        } else {
            Box::new(Opening(cipher))
        }
    }
}

/// A cipher for incoming packets that counts those it refuses, and keeps what is asked for.
#[derive(Debug)]
struct Opening<C: ?Sized>(Box<C>);

fn noted(result: Result<usize, CryptoError>, output: &[u8]) -> Result<usize, CryptoError> {
    match &result {
        Ok(length) => {
            OPENED.set(OPENED.get() + 1);
            overhear(&output[..(*length).min(output.len())]);
        }
        Err(_) => FAILURES.set(FAILURES.get() + 1),
    }
    result
}

/// str0m checks the authentication of this profile itself, and decrypts only what passed.
impl Aes128CmSha1_80Cipher for Opening<dyn Aes128CmSha1_80Cipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.decrypt(iv, input, output)?;
        overhear(&output[..input.len().min(output.len())]);
        Ok(())
    }
}

impl AeadAes128GcmCipher for Opening<dyn AeadAes128GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let result = self.0.decrypt(iv, aads, input, output);
        noted(result, output)
    }
}

impl AeadAes256GcmCipher for Opening<dyn AeadAes256GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let result = self.0.decrypt(iv, aads, input, output);
        noted(result, output)
    }
}
