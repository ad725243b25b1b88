//! When padding is sent to find out whether a path carries more, and how much.
//!
//! Probes follow success closely and climb fast; after failure they wait, each time longer. More is
//! looked for than what the receiver may see would take, but not much more.

use std::time::{Duration, Instant};

/// A probe sends this many times the estimate, the first of a series carefully less.
const PROBE_STEP: f64 = 2.0;
const PROBE_FIRST_STEP: f64 = 1.5;
const PROBE_LEAST_BPS: u64 = 300_000;
/// Probes follow success at this distance, congestion and failure at doubling ones.
const PROBE_AGAIN: Duration = Duration::from_millis(200);
const PROBE_AFTER: Duration = Duration::from_millis(2_500);
const PROBE_SELDOM: Duration = Duration::from_secs(5);
/// More than needed is looked for: sources that are left out for want of bandwidth are not counted.
const HEADROOM: f64 = 2.0;
/// What was needed counts for so long after it was left out for want of bandwidth.
const NEEDED_FOR: Duration = Duration::from_secs(60);
/// When all pictures are left out, nothing seems to be needed; one of them should fit all the same.
const LEAST_NEEDED_BPS: u64 = 1_250_000;

#[derive(Clone, Copy, Debug)]
pub struct Probe {
    pub target_bps: u64,
    pub from: Instant,
    pub until: Instant,
}

/// The probes towards one receiver.
#[derive(Debug)]
pub struct Probing {
    length: Duration,
    probe: Option<Probe>,
    /// No probe has failed since the last one that succeeded, or since the beginning.
    is_climbing: bool,
    next: Instant,
    wait: Duration,
    told_bps: u64,
    /// The most that was needed of late, and when.
    needed: Option<(u64, Instant)>,
}

impl Probing {
    /// Padding lasts for `length` each time.
    pub fn new(now: Instant, length: Duration) -> Probing {
        Probing {
            length,
            probe: None,
            is_climbing: true,
            next: now,
            wait: PROBE_AFTER,
            told_bps: 0,
            needed: None,
        }
    }

    /// The probe that is out, or whose answer is awaited.
    pub fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// True while padding has been asked for.
    pub fn is_padding(&self) -> bool {
        self.told_bps > 0
    }

    /// What is looked for, if what the receiver may see takes `needed_bps` at its best now: a
    /// stream that was left out because it did not fit is needed all the same.
    pub fn enough_bps(&mut self, now: Instant, needed_bps: u64) -> u64 {
        let of_late = match self.needed {
            Some((most, at)) if most > needed_bps && now < at + NEEDED_FOR => most,
            _ => {
                self.needed = Some((needed_bps, now));
                needed_bps
            }
        };
        (of_late.max(LEAST_NEEDED_BPS) as f64 * HEADROOM) as u64
    }

    /// True when none is out and its time has come.
    pub fn is_due(&self, now: Instant) -> bool {
        self.probe.is_none() && now >= self.next
    }

    /// Look for more than `bps`, up to `enough_bps`.
    pub fn begin(&mut self, now: Instant, bps: u64, enough_bps: u64) {
        let step = if self.is_climbing {
            PROBE_STEP
        } else {
            PROBE_FIRST_STEP
        };
        let target = ((bps as f64 * step) as u64).max(PROBE_LEAST_BPS);
        self.probe = Some(Probe {
            target_bps: target.min(enough_bps.max(PROBE_LEAST_BPS)),
            from: now,
            until: now + self.length,
        });
    }

    /// At which total rate padding is to be sent, if that has changed; 0 ends it.
    pub fn padding(&mut self, now: Instant) -> Option<u64> {
        let under_way = self.probe.filter(|probe| now < probe.until);
        let bps = under_way.map_or(0, |probe| probe.target_bps);
        let changes = bps != self.told_bps;
        self.told_bps = bps;
        changes.then_some(bps)
    }

    /// What was looked for is there: go on soon, with larger steps.
    pub fn succeeded(&mut self, now: Instant) {
        self.probe = None;
        self.wait = PROBE_AFTER;
        self.next = now + PROBE_AGAIN;
        self.is_climbing = true;
    }

    pub fn failed(&mut self, now: Instant) {
        self.probe = None;
        self.postpone(now);
        self.wait = (self.wait * 2).min(PROBE_SELDOM);
    }

    /// The path is full: no probe for a while, and a careful one then.
    pub fn postpone(&mut self, now: Instant) {
        self.is_climbing = false;
        self.next = now + self.wait;
    }
}
