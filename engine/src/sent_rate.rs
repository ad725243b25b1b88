//! How much was sent of late, in steps of a tenth of a second.

/// The length of a step, and how many make the second over which a rate is taken.
pub const STEP_MS: u64 = 100;
const STEPS: u64 = 10;
const KEPT: usize = 20;

/// Bytes sent, by the number of the step in which they were.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentRate {
    bytes: [u32; KEPT],
    newest: u64,
}

impl SentRate {
    pub fn add(&mut self, step: u64, bytes: usize) {
        self.forget(step);
        if let Some(sum) = self.bytes.get_mut(step as usize % KEPT) {
            *sum = sum.saturating_add(bytes as u32);
        }
    }

    /// Nothing has been sent for as long as is remembered.
    pub fn is_silent(&self, step: u64) -> bool {
        step >= self.newest + KEPT as u64
    }

    /// Bits per second in the second that was over when `step` began; of the last two seconds.
    pub fn bps(&self, step: u64) -> u64 {
        let oldest = (self.newest + 1).saturating_sub(KEPT as u64);
        let steps = step.saturating_sub(STEPS).max(oldest)..step.min(self.newest + 1);
        let sums = steps.filter_map(|each| self.bytes.get(each as usize % KEPT));
        sums.map(|&sum| u64::from(sum) * 8).sum()
    }

    fn forget(&mut self, step: u64) {
        let passed = step.saturating_sub(self.newest).min(KEPT as u64);
        for each in 0..passed {
            if let Some(sum) = self.bytes.get_mut((step - each) as usize % KEPT) {
                *sum = 0;
            }
        }
        self.newest = self.newest.max(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_a_whole_second_and_is_forgotten() {
        let mut rate = SentRate::default();
        for step in 1_000..1_030 {
            rate.add(step, 500);
            rate.add(step, 500);
        }

        assert_eq!(rate.bps(1_029), 80_000);
        assert_eq!(rate.bps(1_030), 80_000);
        assert_eq!(rate.bps(1_035), 40_000);
        assert_eq!(rate.bps(1_040), 0);
        assert!(!rate.is_silent(1_048) && rate.is_silent(1_049));
        rate.add(2_000, 125);
        assert_eq!((rate.bps(2_000), rate.bps(2_001)), (0, 1_000));
    }
}
