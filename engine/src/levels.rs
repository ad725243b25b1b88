//! Audio levels (RFC 6464) of one source, collected per packet and delivered in batches.

/// More than any source sends between two deliveries.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub struct Levels {
    waiting: Vec<u8>,
}

impl Levels {
    /// Note the level of one packet: 0 (loudest) to 127 (silence).
    pub fn add(&mut self, level: u8) {
        if self.waiting.len() < MOST {
            self.waiting.push(level.min(127));
        }
    }

    /// What has come since the last call, in order of arrival.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_their_order_and_are_taken_once() {
        let mut levels = Levels::default();
        for level in [20, 127, 255] {
            levels.add(level);
        }

        assert_eq!(levels.take(), [20, 127, 127]);
        assert!(levels.take().is_empty());
    }
}
