//! RTP packets as they are on the wire (RFC 3550 §5.1, RFC 8285 §4).

/// The fixed part of the header.
pub const FIXED_BYTES: usize = 12;

/// What is in clear at the start of an RTP or SRTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Bytes before the payload, contributing sources and extensions included.
    pub length: usize,
    has_padding: bool,
    /// Where the block of header extensions begins, and its profile.
    extensions: Option<(usize, u16)>,
}

/// Read a header; None when it is not whole or not of version 2.
pub fn read(packet: &[u8]) -> Option<Header> {
    let (fixed, rest) = packet.split_first_chunk::<FIXED_BYTES>()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let sources = 4 * usize::from(fixed[0] & 0x0f);
    let mut length = FIXED_BYTES + sources;
    let mut extensions = None;
    let after = rest.get(sources..)?;
    if fixed[0] & 0x10 != 0 {
        let &[p0, p1, l0, l1] = after.first_chunk::<4>()?;
        extensions = Some((length + 4, u16::from_be_bytes([p0, p1])));
        length += 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
    }
    (length <= packet.len()).then_some(Header {
        payload_type: fixed[1] & 0x7f,
        marker: fixed[1] & 0x80 != 0,
        seq: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        length,
        has_padding: fixed[0] & 0x20 != 0,
        extensions,
    })
}

impl Header {
    /// The payload of the decrypted packet without padding; None when there is more padding than
    /// payload.
    pub fn payload<'a>(&self, plain: &'a [u8]) -> Option<&'a [u8]> {
        let payload = plain.get(self.length..)?;
        if !self.has_padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 {
            return None;
        }
        payload.get(..payload.len().checked_sub(padding)?)
    }

    /// The profile of the header extensions and their elements, padding included.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Option<(u16, &'a [u8])> {
        let (start, profile) = self.extensions?;
        Some((profile, packet.get(start..self.length)?))
    }
}

/// Write the fixed header; `has_extensions` announces the block that has to follow.
pub fn write(
    out: &mut Vec<u8>,
    payload_type: u8,
    marker: bool,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    has_extensions: bool,
) {
    let mut header = [0; FIXED_BYTES];
    header[0] = 0x80 | u8::from(has_extensions) << 4;
    header[1] = u8::from(marker) << 7 | payload_type & 0x7f;
    header[2..4].copy_from_slice(&seq.to_be_bytes());
    header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    header[8..12].copy_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&header);
}

/// The extended sequence number nearest to `reference` that ends in `seq`; None when that was before
/// the first.
pub fn nearest(reference: u64, seq: u16) -> Option<u64> {
    let ahead = seq.wrapping_sub(reference as u16) as i16;
    reference.checked_add_signed(ahead.into())
}

/// Which sequence numbers of a stream have come, as far back as [`Seen::SPAN`].
///
/// A packet may come twice: by itself and as a retransmission, or as two of those. Passing it on
/// twice would use its number twice under one key (RFC 7714 §8).
#[derive(Clone, Debug, Default)]
pub struct Seen {
    highest: Option<u64>,
    bits: [u64; Seen::WORDS],
}

impl Seen {
    const WORDS: usize = 32;
    pub const SPAN: u64 = 64 * Seen::WORDS as u64;

    /// The highest number that has come.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// True when this number comes for the first time and is not too old to tell.
    pub fn first_time(&mut self, seq: u64) -> bool {
        let highest = *self.highest.get_or_insert(seq);
        if seq + Seen::SPAN <= highest {
            return false;
        }
        if seq > highest {
            if seq - highest >= Seen::SPAN {
                self.bits = [0; Seen::WORDS];
            } else {
                for between in highest + 1..seq {
                    let (word, bit) = Seen::place(between);
                    self.bits[word] &= !bit;
                }
                let (word, bit) = Seen::place(seq);
                self.bits[word] &= !bit;
            }
            self.highest = Some(seq);
        }
        let (word, bit) = Seen::place(seq);
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        is_new
    }

    fn place(seq: u64) -> (usize, u64) {
        ((seq / 64) as usize % Seen::WORDS, 1 << (seq % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_with_sources_extensions_and_padding() {
        let mut packet = vec![0xb1, 0xe4, 1, 2, 0, 0, 0, 9, 0, 0, 3, 0xe8];
        packet.extend([0, 0, 0, 7]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]);
        packet.extend([1, 2, 3, 0, 2]);

        let header = read(&packet).unwrap();

        assert_eq!((header.payload_type, header.marker), (100, true));
        assert_eq!((header.seq, header.timestamp, header.ssrc), (258, 9, 1000));
        assert_eq!(header.payload(&packet), Some(&[1, 2, 3][..]));
        let extensions = header.extensions(&packet);
        assert_eq!(extensions, Some((0xbede, &[0x10, 0x55, 0, 0][..])));
        for cut in 0..header.length {
            assert_eq!(read(&packet[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut packet = Vec::new();
        write(&mut packet, 100, true, 65_535, 7, 8, false);

        let header = read(&packet).unwrap();

        assert_eq!((header.seq, header.timestamp, header.ssrc), (65_535, 7, 8));
        assert_eq!(header.extensions(&packet), None);
        assert_eq!(header.payload(&packet), Some(&[][..]));
    }

    #[test]
    fn more_padding_than_payload_is_nonsense() {
        let mut packet = vec![0xa0, 100];
        packet.resize(FIXED_BYTES, 0);
        for (payload, is_whole) in [
            (vec![], false),
            (vec![9, 0], false),
            (vec![9, 3], false),
            (vec![9, 2], true),
        ] {
            let packet = [packet.as_slice(), &payload].concat();
            assert_eq!(read(&packet).unwrap().payload(&packet).is_some(), is_whole);
        }
    }

    #[test]
    fn numbers_are_extended_to_the_nearest_in_both_directions() {
        assert_eq!(nearest(14_949, 14_946), Some(14_946));
        assert_eq!(nearest(14_946, 14_949), Some(14_949));
        assert_eq!(nearest(65_540, 65_530), Some(65_530));
        assert_eq!(nearest(65_530, 4), Some(65_540));
        assert_eq!(nearest(3, 65_535), None);
    }

    #[test]
    fn a_number_comes_for_the_first_time_once() {
        let mut seen = Seen::default();
        assert!(seen.first_time(5_000));
        assert!(!seen.first_time(5_000));
        assert!(seen.first_time(5_002));
        assert!(seen.first_time(5_001));
        assert!(!seen.first_time(5_001));
        assert!(seen.first_time(4_000));
        assert!(!seen.first_time(5_002 - Seen::SPAN), "too old to tell");
        assert!(seen.first_time(5_002 + Seen::SPAN));
        assert!(seen.first_time(5_001 + Seen::SPAN));
        assert!(!seen.first_time(5_002 + Seen::SPAN));

        let mut rng = fastrand::Rng::with_seed(1);
        let (mut seen, mut all) = (Seen::default(), std::collections::HashSet::new());
        let mut at = 100_000;
        for _ in 0..50_000 {
            at += rng.u64(..3) * u64::from(rng.u8(..) > 100);
            let seq = at - rng.u64(..1_500);
            assert_eq!(seen.first_time(seq), all.insert(seq), "{seq}");
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..50_000 {
            let mut packet: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
            if let Some(first) = packet.first_mut() {
                *first = 0x80 | *first & 0x3f;
            }
            if let Some(header) = read(&packet) {
                let _ = (header.payload(&packet), header.extensions(&packet));
            }
        }
    }
}
