//! What a DTLS handshake agrees for SRTP: a protection profile and keys (RFC 5764).

use std::fmt;

/// A protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Aes128CmSha1_80,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Profile {
    /// The name without its `SRTP_` prefix.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Aes128CmSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Profile::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Profile::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }
}

/// What a DTLS handshake agreed. The material is the client's key, the server's key, the client's
/// salt and the server's salt (RFC 5764 §4.2).
#[derive(Clone)]
pub struct Keys {
    pub profile: Profile,
    pub material: Vec<u8>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
