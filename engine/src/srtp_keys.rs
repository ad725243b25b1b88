//! Session keys of SRTP, and the ciphers made of them.
//!
//! Derivation: RFC 3711 §4.3 with a key derivation rate of zero, RFC 6188 for 256-bit keys and
//! RFC 7714 §11 for the salts of the AEAD profiles. RTP and RTCP are alike but for their index and
//! what is authenticated, so a [`Cipher`] serves either.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use crate::srtp_profile::{Keys, Profile};

/// A session salt of AES-CM; those of AES-GCM are the first 12 bytes.
const LONG_SALT: usize = 14;
const SHORT_SALT: usize = 12;
const HMAC_KEY: usize = 20;
const HMAC_TAG: usize = 10;
const GCM_TAG: usize = 16;

/// The labels of RFC 3711 §4.3.1 and §4.3.2 for one protocol.
struct Labels {
    key: u8,
    authentication: u8,
    salt: u8,
}

const RTP: Labels = Labels {
    key: 0,
    authentication: 1,
    salt: 2,
};
const RTCP: Labels = Labels {
    key: 3,
    authentication: 4,
    salt: 5,
};

/// What protects the packets of one direction and one protocol.
pub enum Cipher {
    /// RFC 7714.
    Gcm {
        key: LessSafeKey,
        salt: [u8; SHORT_SALT],
    },
    /// RFC 3711 §4.1.1 and §4.2.1.
    Cm {
        key: Box<EncryptingKey>,
        salt: [u8; LONG_SALT],
        authentication: Box<hmac::Key>,
    },
}

/// The ciphers of one direction, RTP first; `None` when the material is too short.
pub fn ciphers(keys: &Keys, is_of_client: bool) -> Option<(Cipher, Cipher)> {
    let profile = keys.profile;
    let (key, salt) = lengths(profile);
    if keys.material.len() < 2 * (key + salt) {
        return None;
    }
    // RFC 5764 §4.2: both keys, then both salts, the client's first.
    let part = |at: usize, length: usize| keys.material.get(at..at + length);
    let turn = usize::from(!is_of_client);
    let master = part(turn * key, key)?;
    let master_salt = part(2 * key + turn * salt, salt)?;
    Some((
        session(profile, master, master_salt, &RTP)?,
        session(profile, master, master_salt, &RTCP)?,
    ))
}

/// Lengths in bytes of a key and of a master salt.
fn lengths(profile: Profile) -> (usize, usize) {
    match profile {
        Profile::Aes128CmSha1_80 => (16, LONG_SALT),
        Profile::AeadAes128Gcm => (16, SHORT_SALT),
        Profile::AeadAes256Gcm => (32, SHORT_SALT),
    }
}

fn session(profile: Profile, master: &[u8], salt: &[u8], labels: &Labels) -> Option<Cipher> {
    let mut key = [0; 32];
    let key = &mut key[..master.len()];
    derive(master, salt, labels.key, key)?;
    let mut session_salt = [0; LONG_SALT];
    let length = lengths(profile).1;
    derive(master, salt, labels.salt, &mut session_salt[..length])?;
    let mut authentication = [0; HMAC_KEY];
    derive(master, salt, labels.authentication, &mut authentication)?;
    Cipher::new(profile, key, &session_salt, &authentication)
}

/// Fill `output` with the key of a label: AES in counter mode over zeros (RFC 3711 §4.3.3).
fn derive(master: &[u8], salt: &[u8], label: u8, output: &mut [u8]) -> Option<()> {
    let mut counter = [0; 16];
    counter.get_mut(..salt.len())?.copy_from_slice(salt);
    counter[7] ^= label;
    output.fill(0);
    run_counter(&counter_key(master)?, counter, output).then_some(())
}

fn counter_key(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return None,
    };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

fn run_counter(key: &EncryptingKey, counter: [u8; 16], in_out: &mut [u8]) -> bool {
    let context = EncryptionContext::Iv128(FixedLength::from(counter));
    key.less_safe_encrypt(in_out, context).is_ok()
}

/// RFC 7714 §8.1 and §9.1; the index of RTCP has its upper 17 bits zero.
fn nonce(salt: &[u8; SHORT_SALT], ssrc: u32, index: u64) -> Nonce {
    let mut bytes = [0; SHORT_SALT];
    bytes[2..6].copy_from_slice(&ssrc.to_be_bytes());
    bytes[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in bytes.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(bytes)
}

/// RFC 3711 §4.1.1.
fn counter(salt: &[u8; LONG_SALT], ssrc: u32, index: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4..8].copy_from_slice(&ssrc.to_be_bytes());
    bytes[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in bytes.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    bytes
}

fn code(key: &hmac::Key, parts: [&[u8]; 2]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    context.sign()
}

impl Cipher {
    /// From session keys; `salt` and `authentication` are longer than some profiles need.
    pub fn new(
        profile: Profile,
        key: &[u8],
        salt: &[u8; LONG_SALT],
        authentication: &[u8; HMAC_KEY],
    ) -> Option<Cipher> {
        let algorithm = match profile {
            Profile::Aes128CmSha1_80 => {
                return Some(Cipher::Cm {
                    key: Box::new(counter_key(key)?),
                    salt: *salt,
                    authentication: Box::new(hmac::Key::new(
                        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                        authentication,
                    )),
                });
            }
            Profile::AeadAes128Gcm => &AES_128_GCM,
            Profile::AeadAes256Gcm => &AES_256_GCM,
        };
        Some(Cipher::Gcm {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?),
            salt: *salt.first_chunk()?,
        })
    }

    /// How much longer a protected RTP packet is, in bytes.
    pub fn tag_length(&self) -> usize {
        match self {
            Cipher::Gcm { .. } => GCM_TAG,
            Cipher::Cm { .. } => HMAC_TAG,
        }
    }

    /// Encrypt `buffer[start + header..]` and append the tag of RTP. False when that is impossible;
    /// the buffer is then not fit to be sent.
    pub fn seal_rtp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> bool {
        let packet = &mut buffer[start..];
        let (clear, payload) = packet.split_at_mut(header);
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = nonce(salt, ssrc, index);
                match key.seal_in_place_separate_tag(nonce, Aad::from(clear), payload) {
                    Ok(tag) => buffer.extend_from_slice(tag.as_ref()),
                    Err(_) => return false,
                }
            }
            Cipher::Cm {
                key,
                salt,
                authentication,
            } => {
                if !run_counter(key, counter(salt, ssrc, index), payload) {
                    return false;
                }
                let tag = code(authentication, [packet, &rollovers(index)]);
                buffer.extend_from_slice(&tag.as_ref()[..HMAC_TAG]);
            }
        }
        true
    }

    /// Decrypt an RTP packet into `plain`, which the caller empties when this returns false.
    /// `datagram` is no shorter than `header` and a tag.
    pub fn open_rtp(
        &self,
        datagram: &[u8],
        header: usize,
        ssrc: u32,
        index: u64,
        plain: &mut Vec<u8>,
    ) -> bool {
        let (packet, tag) = datagram.split_at(datagram.len() - self.tag_length());
        match self {
            Cipher::Gcm { key, salt } => {
                // What is left of the packet before is overwritten, which is cheaper than zeros.
                plain.resize(packet.len(), 0);
                let (clear, payload) = packet.split_at(header);
                plain[..header].copy_from_slice(clear);
                let nonce = nonce(salt, ssrc, index);
                key.open_separate_gather(
                    nonce,
                    Aad::from(clear),
                    payload,
                    tag,
                    &mut plain[header..],
                )
                .is_ok()
            }
            Cipher::Cm {
                key,
                salt,
                authentication,
            } => {
                let expected = code(authentication, [packet, &rollovers(index)]);
                if verify_slices_are_equal(&expected.as_ref()[..HMAC_TAG], tag).is_err() {
                    return false;
                }
                plain.clear();
                plain.extend_from_slice(packet);
                run_counter(key, counter(salt, ssrc, index), &mut plain[header..])
            }
        }
    }

    /// Encrypt the compound RTCP packet in `buffer[start..]` after its first `header` bytes, and
    /// append tag and index word (RFC 3711 §3.4, RFC 7714 §9.2). False as for RTP.
    pub fn seal_rtcp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u32,
    ) -> bool {
        let word = (ENCRYPTED | index).to_be_bytes();
        let packet = &mut buffer[start..];
        let (clear, payload) = packet.split_at_mut(header);
        match self {
            Cipher::Gcm { key, salt } => {
                let nonce = nonce(salt, ssrc, index.into());
                let Some(additional) = with_word(clear, word) else {
                    return false;
                };
                match key.seal_in_place_separate_tag(nonce, Aad::from(additional), payload) {
                    Ok(tag) => buffer.extend_from_slice(tag.as_ref()),
                    Err(_) => return false,
                }
                buffer.extend_from_slice(&word);
            }
            Cipher::Cm {
                key,
                salt,
                authentication,
            } => {
                if !run_counter(key, counter(salt, ssrc, index.into()), payload) {
                    return false;
                }
                buffer.extend_from_slice(&word);
                let tag = code(authentication, [&buffer[start..], &[]]);
                buffer.extend_from_slice(&tag.as_ref()[..HMAC_TAG]);
            }
        }
        true
    }

    /// The index word of an SRTCP packet, no shorter than a word and a tag: whether the packet is
    /// encrypted, and its index.
    pub fn index_of_rtcp(&self, datagram: &[u8]) -> Option<(bool, u32)> {
        let end = match self {
            Cipher::Gcm { .. } => datagram.len(),
            Cipher::Cm { .. } => datagram.len().checked_sub(HMAC_TAG)?,
        };
        let word = u32::from_be_bytes(*datagram.get(..end)?.last_chunk()?);
        Some((word & ENCRYPTED != 0, word & !ENCRYPTED))
    }

    /// Decrypt an SRTCP packet into `plain`, which the caller empties when this returns false.
    /// `datagram` is no shorter than `header`, a tag and the index word.
    pub fn open_rtcp(
        &self,
        datagram: &[u8],
        header: usize,
        ssrc: u32,
        (is_encrypted, index): (bool, u32),
        plain: &mut Vec<u8>,
    ) -> bool {
        let packet = &datagram[..datagram.len() - self.tag_length() - WORD];
        plain.clear();
        plain.extend_from_slice(packet);
        match self {
            Cipher::Gcm { key, salt } => {
                let (tag, word) = datagram[packet.len()..].split_at(GCM_TAG);
                let nonce = nonce(salt, ssrc, index.into());
                if !is_encrypted {
                    // RFC 7714 §9.3: all of it is additional data.
                    plain.extend_from_slice(word);
                    let is_authentic = key
                        .open_separate_gather(nonce, Aad::from(&plain), &[], tag, &mut [])
                        .is_ok();
                    plain.truncate(packet.len());
                    return is_authentic;
                }
                let (clear, payload) = plain.split_at_mut(header);
                let additional = word.try_into().ok().and_then(|word| with_word(clear, word));
                let Some(additional) = additional else {
                    return false;
                };
                key.open_in_place_separate_tag(nonce, Aad::from(additional), tag, payload)
                    .is_ok()
            }
            Cipher::Cm {
                key,
                salt,
                authentication,
            } => {
                let (authenticated, tag) = datagram.split_at(datagram.len() - HMAC_TAG);
                let expected = code(authentication, [authenticated, &[]]);
                verify_slices_are_equal(&expected.as_ref()[..HMAC_TAG], tag).is_ok()
                    && (!is_encrypted
                        || run_counter(
                            key,
                            counter(salt, ssrc, index.into()),
                            &mut plain[header..],
                        ))
            }
        }
    }
}

/// The E flag of the index word.
const ENCRYPTED: u32 = 1 << 31;
/// The length of the index word in bytes.
pub const WORD: usize = 4;
/// The longest tag in bytes.
pub const MOST_TAG: usize = GCM_TAG;

fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// The clear header of RTCP and its index word: the additional data of RFC 7714 §9.2.
fn with_word(clear: &[u8], word: [u8; WORD]) -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(clear.first_chunk::<8>()?);
    bytes[8..].copy_from_slice(&word);
    Some(bytes)
}

#[cfg(test)]
#[path = "srtp_keys_tests.rs"]
mod tests;
