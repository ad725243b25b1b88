//! Numbers that do not end on bytes: reading never goes past the end.

/// Reads from the most significant bit of each byte on.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    pub fn new(bytes: &[u8]) -> BitReader<'_> {
        BitReader { bytes, at: 0 }
    }

    /// How many bits have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bits, at most 32; None when there are not as many.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        if count > 32 || self.at + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0_u64;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value as u32)
    }

    pub fn skip(&mut self, count: usize) -> Option<()> {
        let after = self.at.checked_add(count)?;
        if after > self.bytes.len() * 8 {
            return None;
        }
        self.at = after;
        Some(())
    }

    /// A number below `limit`: `ns(n)` of the AV1 specification, §4.10.7.
    pub fn take_below(&mut self, limit: u32) -> Option<u32> {
        let width = 32 - limit.leading_zeros();
        let short = (1_u64 << width).checked_sub(limit.into())? as u32;
        let value = self.take(width.checked_sub(1)?)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }

    /// An unsigned Exp-Golomb number: `ue(v)` of H.264, §9.1.
    pub fn take_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        Some(((1_u64 << zeros) - 1 + u64::from(rest)) as u32)
    }
}

/// Writes from the most significant bit of each byte on.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    at: usize,
}

impl BitWriter {
    /// Append the lowest `count` bits of `value`.
    pub fn put(&mut self, value: u32, count: u32) {
        for place in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if value >> place & 1 == 1
                && let Some(last) = self.bytes.last_mut()
            {
                *last |= 1 << (7 - self.at % 8);
            }
            self.at += 1;
        }
    }

    /// Overwrite `count` bits that have been written, from bit `at` on.
    pub fn replace(&mut self, at: usize, value: u32, count: u32) {
        for place in 0..count as usize {
            let bit = value >> (count as usize - 1 - place) & 1;
            if let Some(byte) = self.bytes.get_mut((at + place) / 8) {
                let mask = 1 << (7 - (at + place) % 8);
                *byte = if bit == 1 {
                    *byte | mask
                } else {
                    *byte & !mask
                };
            }
        }
    }

    /// The bits, filled up with zeros to whole bytes.
    pub fn into_bytes(self) -> Box<[u8]> {
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bits = BitWriter::default();
        for (value, count) in [(5, 3), (0x1234, 16), (1, 1), (0, 2), (0xffff_ffff, 32)] {
            bits.put(value, count);
        }
        bits.replace(3, 0x4321, 16);
        let bytes = bits.into_bytes();

        let mut reader = BitReader::new(&bytes);
        for (value, count) in [(5, 3), (0x4321, 16), (1, 1), (0, 2), (0xffff_ffff, 32)] {
            assert_eq!(reader.take(count), Some(value));
        }
        assert_eq!(reader.take(3), None, "only padding is left");
    }

    #[test]
    fn numbers_below_a_limit_take_as_few_bits_as_they_can() {
        // Below five: 0, 1 and 2 take two bits, 3 and 4 take three.
        let mut bits = BitReader::new(&[0b0001_1011, 0b1000_0000]);
        let read: Vec<_> = (0..4).map(|_| bits.take_below(5)).collect();
        assert_eq!(read, [Some(0), Some(1), Some(2), Some(4)]);
        assert_eq!(BitReader::new(&[]).take_below(1), Some(0));
        assert_eq!(BitReader::new(&[0xff]).take_below(0), None);
    }

    #[test]
    fn exponential_golomb_numbers_are_read() {
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let read: Vec<_> = (0..5).map(|_| bits.take_golomb()).collect();
        assert_eq!(read, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(BitReader::new(&[0; 8]).take_golomb(), None);
    }
}
