//! Whether loss is congestion: it is, if sending less cures it; otherwise it belongs to the path.

use std::time::{Duration, Instant};

use crate::arrivals::Loss;

/// More loss than the path is known for by this much may be congestion, if it is not chance: the
/// share is taken this many standard deviations lower than counted.
const LOSS_SIGN: f64 = 0.08;
const LOSS_DOUBT: f64 = 1.5;
/// How long sending less is tried as a cure of loss, and by which part it has to fall.
const LOSS_TRIAL: Duration = Duration::from_secs(2);
const LOSS_CURED: f64 = 0.6;
const LOSS_FORGOTTEN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Trial {
    before_bps: u64,
    loss: f64,
    until: Instant,
}

/// What the loss of late asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Nothing,
    /// Send less for a while, to see whether that cures it.
    Try,
    /// It has not: what was sent before is right.
    Restore(u64),
}

#[derive(Debug, Default)]
pub struct PathLoss {
    /// The share the path loses whatever is sent.
    share: f64,
    trial: Option<Trial>,
}

impl PathLoss {
    pub fn share(&self) -> f64 {
        self.share
    }

    /// True while less is sent to see what comes of it.
    pub fn is_tried(&self) -> bool {
        self.trial.is_some()
    }

    pub fn end_trial(&mut self) {
        self.trial = None;
    }

    /// Judge what was lost of late; `step` is the time since the last call, `bps` what may be sent,
    /// `may_try` whether it may be less now.
    pub fn judge(
        &mut self,
        now: Instant,
        step: Duration,
        loss: Loss,
        bps: u64,
        may_try: bool,
    ) -> Verdict {
        let Loss { share, packets } = loss;
        if let Some(trial) = self.trial {
            if now < trial.until {
                return Verdict::Nothing;
            }
            self.trial = None;
            if share <= trial.loss * LOSS_CURED {
                return Verdict::Nothing;
            }
            self.share = share;
            return Verdict::Restore(trial.before_bps);
        }
        if share < self.share {
            let part = (step.as_secs_f64() / LOSS_FORGOTTEN.as_secs_f64()).min(1.0);
            self.share -= (self.share - share) * part;
        }
        let deviation = (share * (1.0 - share) / f64::from(packets.max(1))).sqrt();
        let sure = share - LOSS_DOUBT * deviation;
        if sure <= self.share + LOSS_SIGN || !may_try {
            return Verdict::Nothing;
        }
        self.trial = Some(Trial {
            before_bps: bps,
            loss: share,
            until: now + LOSS_TRIAL,
        });
        Verdict::Try
    }
}
