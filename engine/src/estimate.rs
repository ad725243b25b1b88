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

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::arrivals::{Arrivals, Loss};
use crate::feedback::Feedback;

/// A queue longer than this that stands is congestion.
const STANDING_US: i64 = 50_000;
/// With a queue shorter than this the link is taken for free.
const FREE_US: i64 = 25_000;
/// Congestion is believed when it has been seen for this long.
const BELIEVED_AFTER: Duration = Duration::from_millis(80);
/// The part of a link's capacity that is used after it was full, so that its queue drains.
const AFTER_CONGESTION: f64 = 0.85;
const AFTER_LONG_QUEUE: f64 = 0.7;
const LONG_QUEUE_US: i64 = 300_000;
/// This part less has to be sent for a queue to show by draining that it was ours.
const TRIED_PART: f64 = 0.1;
/// More queue than this is never the path's own; what it was found to be is forgotten so slowly.
const MOST_OWN_QUEUE_US: i64 = 150_000;
const OWN_QUEUE_FORGOTTEN: Duration = Duration::from_secs(30);
/// A link is full for certain when this many times as much is sent as arrives.
const OVERLOAD: f64 = 1.25;
/// For so long after that a queue is taken for ours without trying.
const FULL_FOR: Duration = Duration::from_secs(30);
/// Sender and queue need this, and a round trip, to answer to a decrease.
const SETTLING: Duration = Duration::from_millis(400);
/// A queue that does not move for this long, without loss, is a longer path, not a queue.
const NEW_PATH_AFTER: Duration = Duration::from_secs(4);
const STEADY_LOSS: f64 = 0.02;

/// More loss than the path is known for by this much may be congestion, if it is not chance: the
/// share is taken this many standard deviations lower than counted.
const LOSS_SIGN: f64 = 0.08;
const LOSS_DOUBT: f64 = 1.5;
/// How long sending less is tried as a cure of loss, and by which part it has to fall.
const LOSS_TRIAL: Duration = Duration::from_secs(2);
const LOSS_CURED: f64 = 0.6;
const LOSS_FORGOTTEN: Duration = Duration::from_secs(10);

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

/// A probe sends this many times the estimate, the first of a series carefully less.
const PROBE_STEP: f64 = 2.0;
const PROBE_FIRST_STEP: f64 = 1.5;
const PROBE_TIME: Duration = Duration::from_millis(300);
const PROBE_ANSWER: Duration = Duration::from_millis(200);
const PROBE_LEAST_BPS: u64 = 300_000;
/// This part of what a probe meant to send has to arrive for it to be believed.
const PROBE_ARRIVED: f64 = 0.8;
const AFTER_FULL_PROBE: f64 = 0.9;
/// Probes follow success at this distance, congestion and failure at doubling ones.
const PROBE_AGAIN: Duration = Duration::from_millis(200);
const PROBE_AFTER: Duration = Duration::from_millis(2_500);
const PROBE_SELDOM: Duration = Duration::from_secs(5);
/// More than needed is looked for: sources that are left out for want of bandwidth are not counted.
const HEADROOM: f64 = 2.0;
/// What was needed counts for so long after it was left out for want of bandwidth.
const NEEDED_FOR: Duration = Duration::from_secs(60);
/// When nothing has been sent for this long, what was known of queue and loss has passed.
const RESTED: Duration = Duration::from_secs(1);
/// When all pictures are left out, nothing seems to be needed; one of them should fit all the same.
const LEAST_NEEDED_BPS: u64 = 1_250_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Unknown,
    Lost,
    Arrived,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    at_us: i64,
    bytes: u16,
    fate: Fate,
}

/// The window over which the offered rate is measured.
const OFFERED_US: i64 = 400_000;
/// Packets remembered until feedback tells of them; at any rate this is more than a round trip.
const MOST_SENT: usize = 2048;

#[derive(Debug)]
struct Probe {
    target_bps: u64,
    from: Instant,
    until: Instant,
    queue_before_us: i64,
}

#[derive(Debug)]
struct LossTrial {
    before_bps: u64,
    loss: f64,
    until: Instant,
}

#[derive(Debug)]
struct Congestion {
    since: Instant,
    queue_us: i64,
}

/// What is left of a queue when less is sent tells whose it is.
#[derive(Debug)]
struct QueueTrial {
    before_bps: u64,
    /// What arrived before.
    rate_bps: u64,
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
    sent: VecDeque<Sent>,
    /// The transport-wide number of the first of `sent`.
    first_seq: u16,
    arrivals: Arrivals,
    last_reference_us: Option<i64>,
    round_trip: Duration,
    heard: Option<Instant>,
    has_been_full: bool,
    capacity_bps: Option<u64>,
    congestion: Option<Congestion>,
    /// When more was last sent than the link carries, for certain.
    full_at: Option<Instant>,
    queue_trial: Option<QueueTrial>,
    /// The queue that even the quickest packets of late find whatever is sent.
    own_queue_us: i64,
    hold_until: Instant,
    probe: Option<Probe>,
    /// No probe has failed since the last one that succeeded, or since the beginning.
    is_climbing: bool,
    next_probe: Instant,
    probe_wait: Duration,
    told_padding_bps: u64,
    /// The most that was needed of late, and when.
    needed: Option<(u64, Instant)>,
    path_loss: f64,
    loss_trial: Option<LossTrial>,
}

impl Estimator {
    pub fn new(now: Instant, initial_bps: u64) -> Estimator {
        Estimator {
            start: now,
            bps: initial_bps,
            sent: VecDeque::new(),
            first_seq: 0,
            arrivals: Arrivals::default(),
            last_reference_us: None,
            round_trip: Duration::from_millis(100),
            heard: None,
            has_been_full: false,
            capacity_bps: None,
            congestion: None,
            full_at: None,
            queue_trial: None,
            own_queue_us: 0,
            hold_until: now,
            probe: None,
            is_climbing: true,
            next_probe: now,
            probe_wait: PROBE_AFTER,
            told_padding_bps: 0,
            needed: None,
            path_loss: 0.0,
            loss_trial: None,
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
        self.told_padding_bps > 0
    }

    fn micros(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.start).as_micros() as i64
    }

    /// A packet with this transport-wide number goes out.
    pub fn sent(&mut self, now: Instant, seq: u16, bytes: usize) {
        let expected = self.first_seq.wrapping_add(self.sent.len() as u16);
        if self.sent.is_empty() || seq != expected {
            // The numbers of a session have no gaps; after one, the past tells nothing.
            self.sent.clear();
            self.first_seq = seq;
        }
        if self.sent.len() == MOST_SENT {
            self.sent.pop_front();
            self.first_seq = self.first_seq.wrapping_add(1);
        }
        self.sent.push_back(Sent {
            at_us: self.micros(now),
            bytes: bytes.min(usize::from(u16::MAX)) as u16,
            fate: Fate::Unknown,
        });
    }

    /// What the receiver says about packets sent before.
    pub fn feedback(&mut self, now: Instant, feedback: &Feedback) -> News {
        let reference_us = self.unwrapped(feedback.reference_us);
        let (mut newest_us, mut news) = (None, News::default());
        for &(seq, arrived) in &feedback.packets {
            let at = usize::from(seq.wrapping_sub(self.first_seq));
            let Some(sent) = self.sent.get_mut(at) else {
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

    /// The reference time counts in 24 bits (§3.1); here it goes on.
    fn unwrapped(&mut self, reference_us: i64) -> i64 {
        const CYCLE_US: i64 = (1 << 24) * 64_000;
        let last = self.last_reference_us.unwrap_or(reference_us);
        let ahead = (reference_us - last).rem_euclid(CYCLE_US);
        let step = if ahead > CYCLE_US / 2 {
            ahead - CYCLE_US
        } else {
            ahead
        };
        self.last_reference_us = Some(last + step);
        last + step
    }

    fn judge(&mut self, now: Instant, step: Duration) {
        let (standing, rate) = (self.arrivals.standing_us(), self.arrivals.rate_bps());
        let (Some(queue_us), Some(rate_bps)) = (standing, rate) else {
            return;
        };
        self.judge_queue_trial(now, queue_us);
        self.forget_own_queue(step, queue_us);
        let queue_us = (queue_us - self.own_queue_us).max(0);
        self.judge_probe(now, queue_us, rate_bps);
        if queue_us > STANDING_US {
            self.note_congestion(now, queue_us, rate_bps);
            return;
        }
        self.congestion = None;
        self.judge_loss(now, step, rate_bps);
        let is_probing = self.probe.is_some() && self.has_been_full;
        if now >= self.hold_until && self.loss_trial.is_none() && !is_probing {
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
        let is_full = self.offered_bps() as f64 > rate_bps as f64 * OVERLOAD;
        if is_full {
            self.full_at = Some(now);
            (self.queue_trial, self.own_queue_us) = (None, 0);
        } else if self.full_at.is_none_or(|at| now >= at + FULL_FOR) {
            self.queue_trial.get_or_insert(QueueTrial {
                before_bps: self.bps,
                rate_bps,
                queue_us: queue_us + self.own_queue_us,
            });
        }
        let least = if is_full { LEAST_BPS } else { self.bps / 2 };
        self.fall_to(((rate_bps as f64 * part) as u64).max(least), now);
        self.capacity_bps = Some(rate_bps.max(self.bps));
        self.loss_trial = None;
    }

    /// Less is sent since a queue was seen: it should have drained by as much as less came.
    fn judge_queue_trial(&mut self, now: Instant, queue_us: i64) {
        let offered_bps = self.offered_bps() as f64;
        let Some(trial) = &self.queue_trial else {
            return;
        };
        let less = 1.0 - offered_bps / trial.rate_bps.max(1) as f64;
        if now < self.hold_until || less < TRIED_PART {
            return;
        }
        let drained_us = (less * OFFERED_US as f64) as i64;
        let is_ours = queue_us < FREE_US.max(trial.queue_us - drained_us / 2);
        let is_lossy = self.arrivals.loss().share > self.path_loss + STEADY_LOSS;
        if !is_ours && !is_lossy {
            self.own_queue_us = trial.queue_us.max(queue_us).min(MOST_OWN_QUEUE_US);
            self.bps = self.bps.max(trial.before_bps);
            (self.capacity_bps, self.congestion) = (None, None);
        }
        self.queue_trial = None;
    }

    fn forget_own_queue(&mut self, step: Duration, queue_us: i64) {
        if queue_us < self.own_queue_us {
            let part = step.as_secs_f64() / OWN_QUEUE_FORGOTTEN.as_secs_f64();
            self.own_queue_us -= ((self.own_queue_us - queue_us) as f64 * part) as i64;
        }
    }

    /// Bits per second that were sent of late.
    fn offered_bps(&self) -> u64 {
        let newest_us = self.sent.back().map_or(0, |each| each.at_us);
        let recent = self.sent.iter().rev();
        let recent = recent.take_while(|each| each.at_us > newest_us - OFFERED_US);
        recent.map(|each| u64::from(each.bytes)).sum::<u64>() * 8_000_000 / OFFERED_US as u64
    }

    fn fall_to(&mut self, bps: u64, now: Instant) {
        self.bps = bps.clamp(LEAST_BPS, self.bps.max(LEAST_BPS));
        self.has_been_full = true;
        self.is_climbing = false;
        self.hold_until = now + self.round_trip + SETTLING;
        self.next_probe = now + self.probe_wait;
    }

    /// Loss is congestion if sending less cures it.
    fn judge_loss(&mut self, now: Instant, step: Duration, rate_bps: u64) {
        let Loss { share, packets } = self.arrivals.loss();
        if let Some(trial) = &self.loss_trial {
            if now < trial.until {
                return;
            }
            if share > trial.loss * LOSS_CURED {
                self.path_loss = share;
                self.bps = self.bps.max(trial.before_bps);
            }
            self.loss_trial = None;
            return;
        }
        if share < self.path_loss {
            let part = (step.as_secs_f64() / LOSS_FORGOTTEN.as_secs_f64()).min(1.0);
            self.path_loss -= (self.path_loss - share) * part;
        }
        let deviation = (share * (1.0 - share) / f64::from(packets.max(1))).sqrt();
        let sure = share - LOSS_DOUBT * deviation;
        if sure > self.path_loss + LOSS_SIGN && now >= self.hold_until {
            self.loss_trial = Some(LossTrial {
                before_bps: self.bps,
                loss: share,
                until: now + LOSS_TRIAL,
            });
            self.fall_to((rate_bps as f64 * AFTER_CONGESTION) as u64, now);
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
            (self.congestion, self.queue_trial, self.loss_trial) = (None, None, None);
        }
        let needed_bps = self.needed_of_late(now, needed_bps);
        let enough = (needed_bps.max(LEAST_NEEDED_BPS) as f64 * HEADROOM) as u64;
        let may_probe = self.probe.is_none()
            && self.congestion.is_none()
            && self.loss_trial.is_none()
            && now >= self.next_probe
            && now >= self.hold_until
            && self.bps < enough
            && (rests || self.is_heard(now) && self.is_free());
        if may_probe {
            let step = if self.is_climbing {
                PROBE_STEP
            } else {
                PROBE_FIRST_STEP
            };
            let target = ((self.bps as f64 * step) as u64).max(PROBE_LEAST_BPS);
            self.probe = Some(Probe {
                target_bps: target.min(enough.max(PROBE_LEAST_BPS)),
                from: now,
                until: now + PROBE_TIME,
                queue_before_us: self.arrivals.standing_us().unwrap_or(0),
            });
        }
        let padding = self
            .probe
            .as_ref()
            .filter(|probe| now < probe.until)
            .map_or(0, |probe| probe.target_bps);
        let changes = padding != self.told_padding_bps;
        self.told_padding_bps = padding;
        changes.then_some(padding)
    }

    /// A stream that was left out because it did not fit is needed all the same.
    fn needed_of_late(&mut self, now: Instant, needed_bps: u64) -> u64 {
        match self.needed {
            Some((most, at)) if most > needed_bps && now < at + NEEDED_FOR => most,
            _ => {
                self.needed = Some((needed_bps, now));
                needed_bps
            }
        }
    }

    fn has_rested(&self, now: Instant) -> bool {
        let last = self.sent.back();
        last.is_none_or(|last| self.micros(now) - last.at_us >= RESTED.as_micros() as i64)
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
        let Some(probe) = &self.probe else {
            return;
        };
        let latest = self.arrivals.latest_queue_us(self.micros(probe.from));
        let rises = latest.is_some_and(|latest| latest > probe.queue_before_us + FREE_US);
        if rises || queue_us > STANDING_US {
            let rate = self.rate_of(probe).unwrap_or(0).max(rate_bps);
            let target = probe.target_bps;
            self.probe = None;
            // What came through a queue is what the link carries. A queue that stands is dealt
            // with as such; this first sign of one takes nothing away.
            let carried = (rate as f64 * AFTER_FULL_PROBE) as u64;
            self.bps = carried.min(target).max(self.bps);
            self.capacity_bps = Some(rate.max(self.bps));
            self.has_been_full = true;
            self.fail_probe(now);
            self.hold_until = now + self.round_trip + SETTLING;
        }
    }

    fn rate_of(&self, probe: &Probe) -> Option<u64> {
        let (from, until) = (self.micros(probe.from), self.micros(probe.until));
        self.arrivals.rate_between(from, until)
    }

    fn end_probe(&mut self, now: Instant) {
        let Some(probe) = &self.probe else {
            return;
        };
        if now < probe.until + self.round_trip + PROBE_ANSWER {
            return;
        }
        let target = probe.target_bps;
        let rate = self.rate_of(probe).unwrap_or(0);
        self.probe = None;
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
            self.probe_wait = PROBE_AFTER;
            self.next_probe = now + PROBE_AGAIN;
            self.is_climbing = true;
        } else {
            self.fail_probe(now);
        }
    }

    fn fail_probe(&mut self, now: Instant) {
        self.is_climbing = false;
        self.next_probe = now + self.probe_wait;
        self.probe_wait = (self.probe_wait * 2).min(PROBE_SELDOM);
    }
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
