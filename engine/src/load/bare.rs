//! SRTP with keys that are simply known (AEAD_AES_128_GCM, RFC 7714): no ICE, no DTLS, no RTCP.
//!
//! The reference loop (`examples/reference_loop.rs`) and the peers that measure it share this.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const TAG_BYTES: usize = 16;
const FIXED_HEADER_BYTES: usize = 12;
/// The header extension of bare packets: transport-wide sequence number under id 5 (RFC 8285 §4.2).
const EXTENSION: [u8; 6] = [0xbe, 0xde, 0x00, 0x01, 0x51, 0x00];

/// One direction's key and salt.
pub struct Cipher {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cipher")
    }
}

impl Cipher {
    /// The cipher of the `number`th party; both ends of a bench derive it from the same number.
    pub fn numbered(number: u32) -> Cipher {
        let mut bytes = [0x42; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let mut salt = [0x24; 12];
        salt[..4].copy_from_slice(&number.to_be_bytes());
        let key = UnboundKey::new(&AES_128_GCM, &bytes).expect("a key of 16 bytes");
        Cipher {
            key: LessSafeKey::new(key),
            salt,
        }
    }

    /// RFC 7714 §8.1. The roll-over counter is 0: benches are shorter than 65,536 packets a stream,
    /// or both ends let it wrap.
    fn nonce(&self, header: &[u8]) -> Nonce {
        let mut iv = self.salt;
        for (at, byte) in (2..6).zip(&header[8..12]) {
            iv[at] ^= byte;
        }
        for (at, byte) in (10..12).zip(&header[2..4]) {
            iv[at] ^= byte;
        }
        Nonce::assume_unique_for_key(iv)
    }

    /// Encrypt what follows the header of `packet` and append the tag.
    pub fn seal(&self, packet: &mut Vec<u8>) {
        let Some(at) = header_bytes(packet) else {
            return;
        };
        let (header, body) = packet.split_at_mut(at);
        let nonce = self.nonce(header);
        if let Ok(tag) = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), body)
        {
            packet.extend_from_slice(tag.as_ref());
        }
    }

    /// Decrypt in place: the lengths of header and payload, or None when it is not authentic.
    pub fn open(&self, packet: &mut [u8]) -> Option<(usize, usize)> {
        let at = header_bytes(packet)?;
        let (header, body) = packet.split_at_mut(at);
        if body.len() < TAG_BYTES {
            return None;
        }
        let nonce = self.nonce(header);
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(&*header), body)
            .ok()?;
        Some((at, plain.len()))
    }
}

/// The length of an RTP header with its extension (RFC 3550 §5.1); None when it is not RTP.
pub fn header_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first & 0xc0 != 0x80 {
        return None;
    }
    let at = FIXED_HEADER_BYTES + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return (packet.len() >= at).then_some(at);
    }
    let words = u16::from_be_bytes([*packet.get(at + 2)?, *packet.get(at + 3)?]);
    let end = at + 4 + 4 * usize::from(words);
    (packet.len() >= end).then_some(end)
}

/// The fields a bare packet is made of.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub transport_seq: u16,
}

impl Header {
    /// The header's bytes, followed by `payload`.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(payload.len() + 20 + TAG_BYTES);
        packet.extend_from_slice(&[0x90, u8::from(self.marker) << 7 | self.payload_type]);
        packet.extend_from_slice(&self.seq.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(&EXTENSION[..5]);
        packet.extend_from_slice(&self.transport_seq.to_be_bytes());
        packet.push(0);
        packet.extend_from_slice(payload);
        packet
    }
}

/// Give a plain packet another sequence number and transport-wide number, as a forwarder does.
pub fn renumber(packet: &mut [u8], seq: u16, transport_seq: u16) {
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[17..19].copy_from_slice(&transport_seq.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 100,
        seq: 65_535,
        timestamp: 7,
        ssrc: 0x1234_5678,
        transport_seq: 9,
    };

    #[test]
    fn a_sealed_packet_opens_with_the_same_number_only() {
        let mut sealed = HEADER.packet(b"payload");
        Cipher::numbered(3).seal(&mut sealed);
        assert_eq!(sealed.len(), 20 + 7 + TAG_BYTES);

        assert_eq!(Cipher::numbered(4).open(&mut sealed.clone()), None);
        let opened = Cipher::numbered(3).open(&mut sealed);
        assert_eq!(opened, Some((20, 7)));
        assert_eq!(&sealed[20..27], b"payload");
    }

    #[test]
    fn a_renumbered_packet_keeps_its_other_fields() {
        let mut packet = HEADER.packet(b"payload");
        renumber(&mut packet, 1, 2);
        let expected = Header {
            seq: 1,
            transport_seq: 2,
            ..HEADER
        };

        assert_eq!(packet, expected.packet(b"payload"));
    }

    #[test]
    fn what_is_not_rtp_has_no_header() {
        assert_eq!(header_bytes(&[]), None);
        assert_eq!(header_bytes(&[0x00; 40]), None);
        assert_eq!(header_bytes(&[0x80; 11]), None);
        assert_eq!(header_bytes(&[0x9f; 40]), None);
        assert_eq!(header_bytes(&[0x90; 18]), None);
    }
}
