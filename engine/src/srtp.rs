//! SRTP and SRTCP (RFC 3711, RFC 7714): protecting the packets of one direction, and opening those
//! of the other, with the keys a DTLS handshake agreed (RFC 5764).
//!
//! Nothing is sent in clear by mistake: what cannot be sealed is cut off the buffer.

use std::fmt;

use crate::srtp_keys::{Cipher, MOST_TAG, WORD, ciphers};
use crate::srtp_replay::Windows;

pub use crate::srtp_profile::{Keys, Profile};
pub use crate::srtp_replay::WIDTH as REPLAY_WINDOW;

/// The fixed header of RTP in bytes.
const RTP_HEADER: usize = 12;
/// What stays in clear of a compound RTCP packet: its first header and SSRC.
const RTCP_HEADER: usize = 8;
/// The index of SRTCP has 31 bits (RFC 3711 §3.4).
const INDICES_OF_RTCP: u32 = 1 << 31;

/// The cost of sealing in bytes at most: a tag, and the index of SRTCP.
pub const MOST_OVERHEAD: usize = MOST_TAG + WORD;

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too short for what it should contain.
    Malformed,
    /// The tag does not fit: forged, damaged, of another session or too far from the last packet.
    NotAuthentic,
    /// Authentic, and seen before or too old to tell. So is any SSRC after the first 1024.
    Replayed,
}

/// Our direction.
pub struct Sealing {
    rtp: Cipher,
    rtcp: Cipher,
    /// The index of the next SRTCP packet.
    index: u32,
}

impl fmt::Debug for Sealing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sealing")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Sealing {
    /// `is_client`: we were the DTLS client. `None` when the material is too short.
    pub fn new(keys: &Keys, is_client: bool) -> Option<Sealing> {
        let (rtp, rtcp) = ciphers(keys, is_client)?;
        Some(Sealing {
            rtp,
            rtcp,
            index: 0,
        })
    }

    /// Encrypt the RTP packet in `buffer[start..]` where it is and append the tag. Its first
    /// `header` bytes (fixed header, CSRCs, extensions) stay in clear.
    ///
    /// `index` is the rollover counter and the sequence number, 48 bits (RFC 3711 §3.3.1). Two
    /// different packets must never have the same index and SSRC: that would reveal both.
    ///
    /// A header that is no RTP header or longer than the packet leaves nothing after `start`.
    pub fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize, header: usize, index: u64) {
        let ssrc = buffer.get(start..).and_then(|packet| {
            let fits = (RTP_HEADER..=packet.len()).contains(&header);
            if fits { ssrc_at(packet, 8) } else { None }
        });
        let is_sealed =
            ssrc.is_some_and(|ssrc| self.rtp.seal_rtp(buffer, start, header, ssrc, index));
        if !is_sealed {
            buffer.truncate(start);
        }
    }

    /// Encrypt the compound RTCP packet in `buffer[start..]` where it is, and append index and tag.
    /// The index counts the packets of all SSRCs.
    ///
    /// Less than a header, or the packet after 2^31 others, leaves nothing after `start`.
    pub fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) {
        let ssrc = buffer.get(start..).and_then(|packet| ssrc_at(packet, 4));
        let is_sealed = self.index < INDICES_OF_RTCP
            && ssrc.is_some_and(|ssrc| {
                self.rtcp
                    .seal_rtcp(buffer, start, RTCP_HEADER, ssrc, self.index)
            });
        if is_sealed {
            self.index += 1;
        } else {
            buffer.truncate(start);
        }
    }
}

/// The peer's direction.
pub struct Opening {
    rtp: Cipher,
    rtcp: Cipher,
    seen_rtp: Windows,
    seen_rtcp: Windows,
}

impl fmt::Debug for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Opening")
            .field("seen_rtp", &self.seen_rtp)
            .field("seen_rtcp", &self.seen_rtcp)
            .finish_non_exhaustive()
    }
}

impl Opening {
    /// `is_client`: we were the DTLS client. `None` when the material is too short.
    pub fn new(keys: &Keys, is_client: bool) -> Option<Opening> {
        let (rtp, rtcp) = ciphers(keys, !is_client)?;
        Some(Opening {
            rtp,
            rtcp,
            seen_rtp: Windows::default(),
            seen_rtcp: Windows::default(),
        })
    }

    /// Put the plain packet, header included, into `plain` and return its 48-bit index. `header` is
    /// the length of what is in clear.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; `plain` is then empty. Only an authentic packet changes what is known.
    pub fn open_rtp(
        &mut self,
        datagram: &[u8],
        header: usize,
        plain: &mut Vec<u8>,
    ) -> Result<u64, Refusal> {
        let result = self.try_open_rtp(datagram, header, plain);
        if result.is_err() {
            plain.clear();
        }
        result
    }

    fn try_open_rtp(
        &mut self,
        datagram: &[u8],
        header: usize,
        plain: &mut Vec<u8>,
    ) -> Result<u64, Refusal> {
        let most = datagram.len().checked_sub(self.rtp.tag_length());
        if header < RTP_HEADER || most.is_none_or(|most| header > most) {
            return Err(Refusal::Malformed);
        }
        let ssrc = ssrc_at(datagram, 8).ok_or(Refusal::Malformed)?;
        let seq = u16::from_be_bytes([datagram[2], datagram[3]]);
        let index = self.seen_rtp.estimate(ssrc, seq);
        if !self.rtp.open_rtp(datagram, header, ssrc, index, plain) {
            return Err(Refusal::NotAuthentic);
        }
        match self.seen_rtp.admit(ssrc, index) {
            true => Ok(index),
            false => Err(Refusal::Replayed),
        }
    }

    /// Put the plain compound packet into `plain`. A packet that is authenticated but not encrypted
    /// is as good (RFC 3711 §3.4).
    ///
    /// # Errors
    ///
    /// As for RTP.
    pub fn open_rtcp(&mut self, datagram: &[u8], plain: &mut Vec<u8>) -> Result<(), Refusal> {
        let result = self.try_open_rtcp(datagram, plain);
        if result.is_err() {
            plain.clear();
        }
        result
    }

    fn try_open_rtcp(&mut self, datagram: &[u8], plain: &mut Vec<u8>) -> Result<(), Refusal> {
        if datagram.len() < RTCP_HEADER + self.rtcp.tag_length() + WORD {
            return Err(Refusal::Malformed);
        }
        let ssrc = ssrc_at(datagram, 4).ok_or(Refusal::Malformed)?;
        let word = self.rtcp.index_of_rtcp(datagram);
        let word = word.ok_or(Refusal::Malformed)?;
        let cipher = &self.rtcp;
        if !cipher.open_rtcp(datagram, RTCP_HEADER, ssrc, word, plain) {
            return Err(Refusal::NotAuthentic);
        }
        match self.seen_rtcp.admit(ssrc, word.1.into()) {
            true => Ok(()),
            false => Err(Refusal::Replayed),
        }
    }
}

fn ssrc_at(packet: &[u8], at: usize) -> Option<u32> {
    let bytes = packet.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "srtp_str0m_tests.rs"]
mod str0m_tests;
