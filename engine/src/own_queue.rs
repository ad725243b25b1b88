//! The queue that a path has whatever is sent: jitter that keeps the order, or somebody else's
//! traffic. A queue that does not drain when less is sent is taken for that.

use std::time::Duration;

use crate::sent_log::OFFERED_US;

/// With a queue shorter than this the link is taken for free.
pub const FREE_US: i64 = 25_000;
/// This part less has to be sent for a queue to show by draining that it was ours.
const TRIED_PART: f64 = 0.1;
/// More queue than this is never the path's own; what it was found to be is forgotten so slowly.
const MOST_US: i64 = 150_000;
const FORGOTTEN: Duration = Duration::from_secs(30);

/// What is left of a queue when less is sent tells whose it is.
#[derive(Clone, Copy, Debug)]
struct Trial {
    before_bps: u64,
    /// What arrived before.
    rate_bps: u64,
    queue_us: i64,
}

#[derive(Debug, Default)]
pub struct OwnQueue {
    us: i64,
    trial: Option<Trial>,
}

impl OwnQueue {
    /// What even the quickest packets of late find whatever is sent.
    pub fn us(&self) -> i64 {
        self.us
    }

    /// The link is full for certain: the queue is ours.
    pub fn clear(&mut self) {
        *self = OwnQueue::default();
    }

    /// True while less is sent to see what comes of it.
    pub fn is_tried(&self) -> bool {
        self.trial.is_some()
    }

    pub fn end_trial(&mut self) {
        self.trial = None;
    }

    /// Less is sent from now on; `before_bps` was allowed, `rate_bps` arrived, and `queue_us`
    /// stood beyond what is known to be the path's own.
    pub fn try_less(&mut self, before_bps: u64, rate_bps: u64, queue_us: i64) {
        let queue_us = queue_us + self.us;
        self.trial.get_or_insert(Trial {
            before_bps,
            rate_bps,
            queue_us,
        });
    }

    /// Less is sent since a queue was seen: it should have drained by as much as less came. What
    /// was allowed before, if it is the path's own.
    pub fn judge(&mut self, offered_bps: u64, queue_us: i64, is_lossy: bool) -> Option<u64> {
        let trial = self.trial?;
        let less = 1.0 - offered_bps as f64 / trial.rate_bps.max(1) as f64;
        if less < TRIED_PART {
            return None;
        }
        self.trial = None;
        let drained_us = (less * OFFERED_US as f64) as i64;
        let is_ours = queue_us < FREE_US.max(trial.queue_us - drained_us / 2);
        if is_ours || is_lossy {
            return None;
        }
        self.us = trial.queue_us.max(queue_us).min(MOST_US);
        Some(trial.before_bps)
    }

    pub fn forget(&mut self, step: Duration, queue_us: i64) {
        if queue_us < self.us {
            let part = step.as_secs_f64() / FORGOTTEN.as_secs_f64();
            self.us -= ((self.us - queue_us) as f64 * part) as i64;
        }
    }
}
