//! How long what a session waits for may really wait.
//!
//! str0m asks to be called for its own bookkeeping: every 40 ms for the pacer's budget, every 25 ms
//! or every round trip for the estimate, every 5 ms for padding that keeps 50 kbit/s flowing on a
//! quiet stream. An endpoint without traffic needs none of that: the same is done at the next call
//! for a better reason. Everything else is served when it is due.

use std::time::Duration;

use str0m::{PacerReason, Reason};

/// What an endpoint is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It connects, or its path has just moved.
    Settling,
    /// Padding is being sent to find bandwidth; its timing is the measurement.
    Probing,
    /// Media flows.
    Content,
    /// No media flows.
    Idle,
}

/// The least time between two calls that have no better reason than this one.
pub fn patience(reason: Reason, mood: Mood) -> Duration {
    let is_bookkeeping = matches!(
        reason,
        Reason::BweDelayControl
            | Reason::BweProbeControl
            | Reason::BweProbeEstimator
            | Reason::Pacer(PacerReason::Handle | PacerReason::Padding)
    );
    let millis = match mood {
        _ if !is_bookkeeping => 0,
        Mood::Settling | Mood::Probing => 0,
        Mood::Content => 100,
        Mood::Idle => 500,
    };
    Duration::from_millis(millis)
}
