//! Maps whose keys are numbers we chose, or SSRCs of which there are few: looked up several times
//! per packet, so they do without a hash that resists attackers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Multiplicative hashing (Knuth, The Art of Computer Programming, volume 3, §6.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberHasher(u64);

/// 2^64 divided by the golden ratio, odd.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        // The map takes its bucket from the low bits and its tag from the high ones.
        self.0.rotate_left(32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(MULTIPLIER);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::Hash;

    use super::*;

    fn hash(number: impl Hash) -> u64 {
        let mut hasher = NumberHasher::default();
        number.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn numbers_in_a_row_fall_into_different_buckets() {
        let buckets: HashSet<u64> = (0..256_u64).map(|n| hash(n) & 0xff).collect();
        let tags: HashSet<u64> = (0..256_u64).map(|n| hash(n) >> 57).collect();

        assert!(buckets.len() > 128, "{} of 256", buckets.len());
        assert!(tags.len() > 64, "{} of 128", tags.len());
    }
}
