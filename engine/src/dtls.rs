//! The DTLS handshake that agrees on the keys of SRTP (RFC 5763, RFC 5764).
//!
//! The handshake itself is dimpl's, reached through str0m's provider of cryptography. Nothing is
//! sent by DTLS afterwards; the session stays for a repeated last flight and for `close_notify`.

use std::time::Instant;

use str0m::crypto::dtls::{DtlsInstance, DtlsOutput, DtlsVersion, SrtpProfile};

use crate::crypto;
use crate::srtp_profile::{Keys, Profile};

/// Enough for any record of a handshake in one datagram; a longer certificate says so.
const BUFFER_BYTES: usize = 2048;
/// No certificate is longer than this.
const LARGEST_OUTPUT: usize = 64 * 1024;

/// What a handshake brought to light.
#[derive(Debug)]
pub enum Progress {
    /// To be sent to the peer.
    Datagram(Vec<u8>),
    /// Done; the peer's certificate has to be checked.
    Connected,
    /// The peer has ended the session.
    Closed,
}

pub struct Handshake {
    instance: Box<dyn DtlsInstance>,
    is_client: bool,
    deadline: Option<Instant>,
    certificate: Option<Vec<u8>>,
    keys: Option<Keys>,
    is_done: bool,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake")
            .field("is_client", &self.is_client)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The session can not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Handshake {
    /// Start as the client, who speaks first, or as the server.
    pub fn start(now: Instant, is_client: bool) -> Result<Handshake, Broken> {
        let provider = crypto::provider().dtls_provider;
        let mut instance = provider
            .new_dtls(crypto::certificate(), now, DtlsVersion::Dtls12, None)
            .map_err(|_| Broken)?;
        instance.set_active(is_client);
        instance.handle_timeout(now).map_err(|_| Broken)?;
        Ok(Handshake {
            instance,
            is_client,
            deadline: None,
            certificate: None,
            keys: None,
            is_done: false,
        })
    }

    /// True once the handshake is over.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    pub fn is_client(&self) -> bool {
        self.is_client
    }

    /// Take a datagram of the peer. An error is the datagram's; the session goes on.
    pub fn receive(&mut self, datagram: &[u8]) -> Result<(), Broken> {
        self.instance.handle_packet(datagram).map_err(|_| Broken)
    }

    /// When [`Handshake::drive`] has to be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The keys, once.
    pub fn take_keys(&mut self) -> Option<Keys> {
        self.keys.take()
    }

    /// What the peer has shown, in DER.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    /// Let the session work.
    pub fn drive(&mut self, now: Instant) -> Result<Vec<Progress>, Broken> {
        let mut progress = Vec::new();
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.instance.handle_timeout(now).map_err(|_| Broken)?;
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.instance.poll_output(&mut buffer) {
                DtlsOutput::Packet(datagram) => progress.push(Progress::Datagram(datagram.into())),
                DtlsOutput::BufferTooSmall { needed } => {
                    if needed <= buffer.len() || needed > LARGEST_OUTPUT {
                        return Err(Broken);
                    }
                    buffer.resize(needed, 0);
                }
                DtlsOutput::PeerCert(der) => self.certificate = Some(der.into()),
                DtlsOutput::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1_80,
                        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
                        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
                        _ => return Err(Broken),
                    };
                    self.keys = Some(Keys {
                        profile,
                        material: material.as_ref().into(),
                    });
                }
                DtlsOutput::Connected => {
                    self.is_done = true;
                    progress.push(Progress::Connected);
                }
                DtlsOutput::CloseNotify => {
                    progress.push(Progress::Closed);
                    return Ok(progress);
                }
                DtlsOutput::Timeout(at) => {
                    self.deadline = Some(at);
                    return Ok(progress);
                }
                // Nobody sends data by this session.
                _ => {}
            }
        }
    }
}
