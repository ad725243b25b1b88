//! Audio levels (RFC 6464) of one source, collected per packet and delivered in batches.
//!
//! A muted microphone goes on sending packets of silence. The first few are passed on, so that
//! receivers let their comfort noise begin; the rest would tell them nothing (reference bridge 2.10).

/// More than any source sends between two deliveries.
const MOST: usize = 64;
/// What a silent packet says of itself.
const SILENCE: u8 = 127;
/// Packets of a silence that are passed on.
const SILENCE_PASSED: u32 = 4;

#[derive(Debug, Default)]
pub struct Levels {
    waiting: Vec<u8>,
    /// Packets of silence in a row.
    silent: u32,
}

impl Levels {
    /// Note the level of one packet: 0 (loudest) to 127 (silence). True when the packet is worth
    /// passing on, false for what follows the beginning of a silence.
    pub fn add(&mut self, level: u8) -> bool {
        let level = level.min(SILENCE);
        if self.waiting.len() < MOST {
            self.waiting.push(level);
        }
        self.silent = if level == SILENCE {
            self.silent.saturating_add(1)
        } else {
            0
        };
        self.silent <= SILENCE_PASSED
    }

    /// True while packets are left out for silence.
    pub fn is_silent(&self) -> bool {
        self.silent > SILENCE_PASSED
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

    #[test]
    fn a_silence_is_passed_on_only_as_it_begins() {
        let mut levels = Levels::default();

        let passed: Vec<bool> = [30, 127, 127, 127, 127, 127, 127, 60, 127]
            .map(|level| levels.add(level))
            .to_vec();

        assert_eq!(
            passed,
            [true, true, true, true, true, false, false, true, true]
        );
        assert_eq!(levels.take().len(), 9);
    }
}
