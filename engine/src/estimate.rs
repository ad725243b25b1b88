//! How much the path to one receiver carries, from what its feedback says arrived and when.
//!
//! The path counts as full while a queue *stands*: while even the quickest packet of a quarter of
//! a second took [`STANDING_US`] longer than the quickest ever does. A receiver that is scheduled
//! late, or a radio that delivers in clumps, delays most packets but not the quickest one; a full
//! link delays all. Estimators that follow the trend of single delays take the first for the
//! second, cut to what is being sent, and starve a path that was never full.
//!
//! What arrives while a queue stands is what the link carries, so a decrease repeated leads to the
//! same value. A queue that does not drain when less is sent is not ours: jitter that keeps the
//! order, or somebody else's traffic. It is taken for the path's own. An increase takes evidence too: traffic that arrived without a queue, or padding
//! sent to find out ([`Estimator::steer`]). Loss counts where sending less cures it; where it does
//! not, it belongs to the path and is left to retransmission.
//!
//! No socket, no clock: packets and feedback come in with `now`. The numbers are tested against
//! made-up links in `estimate_tests.rs`.

use std::time::{Duration, Instant};

use crate::arrivals::Arrivals;
use crate::feedback::{Feedback, Reference};
use crate::own_queue::{FREE_US, OwnQueue};
use crate::path_loss::{PathLoss, Verdict};
use crate::probing::{Probe, Probing};
use crate::sent_log::{Fate, SentLog};

/// A queue longer than this that stands is congestion.
const STANDING_US: i64 = 50_000;
/// Congestion is believed when it has been seen for this long.
const BELIEVED_AFTER: Duration = Duration::from_millis(80);
/// The part of a link's capacity that is used after it was full, so that its queue drains.
const AFTER_CONGESTION: f64 = 0.85;
const AFTER_LONG_QUEUE: f64 = 0.7;
const LONG_QUEUE_US: i64 = 300_000;
/// A link is full for certain when this many times as much is sent as arrives.
const OVERLOAD: f64 = 1.25;
/// For so long after that a queue is taken for ours without trying.
const FULL_FOR: Duration = Duration::from_secs(30);
/// Sender and queue need this, and a round trip, to answer to a decrease.
const SETTLING: Duration = Duration::from_millis(400);
/// A queue that does not move for this long, without loss, is a longer path, not a queue.
const NEW_PATH_AFTER: Duration = Duration::from_secs(4);
const STEADY_LOSS: f64 = 0.02;

const LEAST_BPS: u64 = 50_000;
const MOST_BPS: u64 = 100_000_000;
/// Growth per second without probing: freely, and near a capacity that is known.
const GROWTH: f64 = 0.08;
const CAREFUL_GROWTH: f64 = 0.02;
const NEAR_CAPACITY: f64 = 0.9;
const BEYOND_CAPACITY: f64 = 1.05;
/// Growth of longer than this without feedback is not made up for.
const LONGEST_STEP: Duration = Duration::from_millis(200);
/// Traffic shows that the path carries this many times as much: until it was first full, and after.
const SHOWN_AT_START: f64 = 2.0;
const SHOWN: f64 = 1.5;

/// How long a probe lasts, and what its answer may take beyond the round trip.
const PROBE_TIME: Duration = Duration::from_millis(300);
const PROBE_ANSWER: Duration = Duration::from_millis(200);
/// This part of what a probe meant to send has to arrive for it to be believed.
const PROBE_ARRIVED: f64 = 0.8;
const AFTER_FULL_PROBE: f64 = 0.9;
/// When nothing has been sent for this long, what was known of queue and loss has passed.
const RESTED: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Congestion {
    since: Instant,
    queue_us: i64,
}

/// What one feedback tells beside what the estimate is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// How many packets it says have arrived that were never sent, or so long ago that they are
    /// forgotten.
    pub unmatched: u64,
    /// What it says was lost, for the first time.
    pub lost_bytes: u64,
}

/// The estimate towards one receiver.
#[derive(Debug)]
pub struct Estimator {
    start: Instant,
    bps: u64,
    sent: SentLog,
    arrivals: Arrivals,
    reference: Reference,
    round_trip: Duration,
    heard: Option<Instant>,
    has_been_full: bool,
    capacity_bps: Option<u64>,
    congestion: Option<Congestion>,
    /// When more was last sent than the link carries, for certain.
    full_at: Option<Instant>,
    own_queue: OwnQueue,
    hold_until: Instant,
    probing: Probing,
    /// What stood before the probe that is out.
    queue_before_probe_us: i64,
    path_loss: PathLoss,
}

impl Estimator {
    pub fn new(now: Instant, initial_bps: u64) -> Estimator {
        Estimator {
            start: now,
            bps: initial_bps,
            sent: SentLog::default(),
            arrivals: Arrivals::default(),
            reference: Reference::default(),
            round_trip: Duration::from_millis(100),
            heard: None,
            has_been_full: false,
            capacity_bps: None,
            congestion: None,
            full_at: None,
            own_queue: OwnQueue::default(),
            hold_until: now,
            probing: Probing::new(now, PROBE_TIME),
            queue_before_probe_us: 0,
            path_loss: PathLoss::default(),
        }
    }

    /// Bits per second of UDP payload, retransmissions and padding included.
    pub fn bps(&self) -> u64 {
        self.bps
    }

    /// True once feedback has arrived.
    pub fn is_informed(&self) -> bool {
        self.heard.is_some()
    }

    /// True while padding has been asked for.
    pub fn is_padding(&self) -> bool {
        self.probing.is_padding()
    }

    fn micros(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.start).as_micros() as i64
    }

    /// A packet with this transport-wide number goes out.
    pub fn sent(&mut self, now: Instant, seq: u16, bytes: usize) {
        self.sent.add(self.micros(now), seq, bytes);
    }

    /// What the receiver says about packets sent before.
    pub fn feedback(&mut self, now: Instant, feedback: &Feedback) -> News {
        let reference_us = self.reference.unwrapped_us(feedback.reference_us);
        let (mut newest_us, mut news) = (None, News::default());
        for &(seq, arrived) in &feedback.packets {
            let Some(sent) = self.sent.get_mut(seq) else {
                news.unmatched += u64::from(arrived.is_some());
                continue;
            };
            match (sent.fate, arrived) {
                (Fate::Unknown | Fate::Lost, Some(offset)) => {
                    if sent.fate == Fate::Lost {
                        self.arrivals.found(sent.at_us);
                    }
                    sent.fate = Fate::Arrived;
                    newest_us = newest_us.max(Some(sent.at_us));
                    let (sent_us, bytes) = (sent.at_us, sent.bytes);
                    self.arrivals.add(sent_us, reference_us + offset, bytes);
                }
                (Fate::Unknown, None) => {
                    sent.fate = Fate::Lost;
                    news.lost_bytes += u64::from(sent.bytes);
                    self.arrivals.lose(sent.at_us);
                }
                _ => {}
            }
        }
        let Some(newest_us) = newest_us else {
            return news;
        };
        let before = self.heard.replace(now).unwrap_or(now);
        let step = now.saturating_duration_since(before).min(LONGEST_STEP);
        let round_trip = Duration::from_micros((self.micros(now) - newest_us).max(0) as u64);
        self.round_trip = (self.round_trip * 7 + round_trip) / 8;
        self.judge(now, step);
        news
    }

    fn judge(&mut self, now: Instant, step: Duration) {
        let (standing, rate) = (self.arrivals.standing_us(), self.arrivals.rate_bps());
        let (Some(queue_us), Some(rate_bps)) = (standing, rate) else {
            return;
        };
        self.judge_queue_trial(now, queue_us);
        self.own_queue.forget(step, queue_us);
        let queue_us = (queue_us - self.own_queue.us()).max(0);
        self.judge_probe(now, queue_us, rate_bps);
        if queue_us > STANDING_US {
            self.note_congestion(now, queue_us, rate_bps);
            return;
        }
        self.congestion = None;
        self.judge_loss(now, step, rate_bps);
        let is_probing = self.probing.probe().is_some() && self.has_been_full;
        if now >= self.hold_until && !self.path_loss.is_tried() && !is_probing {
            self.grow(step, rate_bps, queue_us);
        }
    }

    fn note_congestion(&mut self, now: Instant, queue_us: i64, rate_bps: u64) {
        let congestion = self.congestion.get_or_insert(Congestion {
            since: now,
            queue_us,
        });
        let lasting = now.saturating_duration_since(congestion.since);
        let first_us = congestion.queue_us;
        if lasting < BELIEVED_AFTER {
            return;
        }
        let is_unmoved = (queue_us - first_us).abs() < first_us / 5;
        if lasting >= NEW_PATH_AFTER && is_unmoved && self.arrivals.loss().share < STEADY_LOSS {
            self.arrivals.forget_quickest();
            self.congestion = None;
            return;
        }
        if now < self.hold_until {
            return;
        }
        let part = if queue_us > LONG_QUEUE_US {
            AFTER_LONG_QUEUE
        } else {
            AFTER_CONGESTION
        };
        // Where as much arrives as is sent, and little, the delay has another cause: be careful.
        let is_full = self.sent.offered_bps() as f64 > rate_bps as f64 * OVERLOAD;
        if is_full {
            self.full_at = Some(now);
            self.own_queue.clear();
        } else if self.full_at.is_none_or(|at| now >= at + FULL_FOR) {
            self.own_queue.try_less(self.bps, rate_bps, queue_us);
        }
        let least = if is_full { LEAST_BPS } else { self.bps / 2 };
        self.fall_to(((rate_bps as f64 * part) as u64).max(least), now);
        self.capacity_bps = Some(rate_bps.max(self.bps));
        self.path_loss.end_trial();
    }

    /// Less may have been sent since a queue was seen: whose it is shows now.
    fn judge_queue_trial(&mut self, now: Instant, queue_us: i64) {
        if now < self.hold_until || !self.own_queue.is_tried() {
            return;
        }
        let is_lossy = self.arrivals.loss().share > self.path_loss.share() + STEADY_LOSS;
        let offered_bps = self.sent.offered_bps();
        if let Some(before_bps) = self.own_queue.judge(offered_bps, queue_us, is_lossy) {
            self.bps = self.bps.max(before_bps);
            (self.capacity_bps, self.congestion) = (None, None);
        }
    }

    fn fall_to(&mut self, bps: u64, now: Instant) {
        self.bps = bps.clamp(LEAST_BPS, self.bps.max(LEAST_BPS));
        self.has_been_full = true;
        self.hold_until = now + self.round_trip + SETTLING;
        self.probing.postpone(now);
    }

    fn judge_loss(&mut self, now: Instant, step: Duration, rate_bps: u64) {
        let (loss, may_fall) = (self.arrivals.loss(), now >= self.hold_until);
        match self.path_loss.judge(now, step, loss, self.bps, may_fall) {
            Verdict::Nothing => {}
            Verdict::Try => self.fall_to((rate_bps as f64 * AFTER_CONGESTION) as u64, now),
            Verdict::Restore(before_bps) => self.bps = self.bps.max(before_bps),
        }
    }

    fn grow(&mut self, step: Duration, rate_bps: u64, queue_us: i64) {
        let (bps, rate) = (self.bps as f64, rate_bps as f64);
        let grown = if !self.has_been_full {
            rate * SHOWN_AT_START
        } else if queue_us >= FREE_US {
            return;
        } else if let Some(capacity) = self.capacity_bps.map(|bps| bps as f64) {
            // Near what was the limit last time, only traffic itself shows that there is more.
            let limit = (capacity * BEYOND_CAPACITY).max(rate * BEYOND_CAPACITY);
            let is_near = bps > capacity * NEAR_CAPACITY;
            let growth = if is_near { CAREFUL_GROWTH } else { GROWTH };
            let drained = capacity * AFTER_CONGESTION;
            limit
                .min(bps * (1.0 + growth * step.as_secs_f64()))
                .max(drained)
        } else {
            (rate * SHOWN).min(bps * (1.0 + GROWTH * step.as_secs_f64()))
        };
        self.bps = (grown as u64).clamp(self.bps, MOST_BPS.max(self.bps));
    }

    /// Whether to send padding, at which total rate. Some when that changes; call it ten times a
    /// second with the rate that what the receiver may see would take at its best.
    pub fn steer(&mut self, now: Instant, needed_bps: u64) -> Option<u64> {
        self.end_probe(now);
        let rests = self.heard.is_some() && self.has_rested(now);
        if rests {
            // No feedback can come that would end them.
            self.congestion = None;
            self.own_queue.end_trial();
            self.path_loss.end_trial();
        }
        let enough_bps = self.probing.enough_bps(now, needed_bps);
        let may_probe = self.probing.is_due(now)
            && self.congestion.is_none()
            && !self.path_loss.is_tried()
            && now >= self.hold_until
            && self.bps < enough_bps
            && (rests || self.is_heard(now) && self.is_free());
        if may_probe {
            self.probing.begin(now, self.bps, enough_bps);
            self.queue_before_probe_us = self.arrivals.standing_us().unwrap_or(0);
        }
        self.probing.padding(now)
    }

    fn has_rested(&self, now: Instant) -> bool {
        let last_us = self.sent.last_us();
        last_us.is_none_or(|last_us| self.micros(now) - last_us >= RESTED.as_micros() as i64)
    }

    fn is_free(&self) -> bool {
        let queue = self.arrivals.standing_us();
        queue.is_some_and(|queue| queue < FREE_US)
    }

    fn is_heard(&self, now: Instant) -> bool {
        self.heard
            .is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1))
    }

    /// Feedback arrived while a probe is out: a queue ends it at once.
    fn judge_probe(&mut self, now: Instant, queue_us: i64, rate_bps: u64) {
        let Some(probe) = self.probing.probe() else {
            return;
        };
        let latest = self.arrivals.latest_queue_us(self.micros(probe.from));
        let rises = latest.is_some_and(|latest| latest > self.queue_before_probe_us + FREE_US);
        if rises || queue_us > STANDING_US {
            let rate = self.rate_of(probe).unwrap_or(0).max(rate_bps);
            // What came through a queue is what the link carries. A queue that stands is dealt
            // with as such; this first sign of one takes nothing away.
            let carried = (rate as f64 * AFTER_FULL_PROBE) as u64;
            self.bps = carried.min(probe.target_bps).max(self.bps);
            self.capacity_bps = Some(rate.max(self.bps));
            self.has_been_full = true;
            self.probing.failed(now);
            self.hold_until = now + self.round_trip + SETTLING;
        }
    }

    fn rate_of(&self, probe: Probe) -> Option<u64> {
        let (from, until) = (self.micros(probe.from), self.micros(probe.until));
        self.arrivals.rate_between(from, until)
    }

    fn end_probe(&mut self, now: Instant) {
        let Some(probe) = self.probing.probe() else {
            return;
        };
        if now < probe.until + self.round_trip + PROBE_ANSWER {
            return;
        }
        let target = probe.target_bps;
        let rate = self.rate_of(probe).unwrap_or(0);
        let reached = if rate as f64 >= target as f64 * PROBE_ARRIVED {
            target
        } else {
            rate
        };
        if reached > self.bps {
            self.bps = reached.min(MOST_BPS);
            if self.capacity_bps.is_some_and(|capacity| capacity < reached) {
                self.capacity_bps = None;
            }
            self.probing.succeeded(now);
        } else {
            self.probing.failed(now);
        }
    }
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
