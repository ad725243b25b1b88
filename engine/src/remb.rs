//! How much the path to one receiver carries, where all that is known is what the receiver says
//! (draft-alvestrand-rmcat-remb-03).
//!
//! Such a receiver estimates from what arrives, so what it says follows what is sent: it starts
//! there, stays within half as much again, and grows slowly. Taken at its word it keeps for ever
//! what does not fit at first, and pictures that are left out once never come back. So it counts as
//! a limit only where it is less than what is sent *and* does not rise: a receiver that sees a
//! queue says less than what arrives. Whether there is more is found out by padding, as where
//! packets are numbered for the transport ([`estimate`](crate::estimate)).
//!
//! What is said is about the streams that it names. Clients that estimate for each stream alone
//! (aiortc) say it for one; the others are taken for what they are.

use std::time::{Duration, Instant};

use crate::numbers::NumberMap;
use crate::probing::{Probe, Probing};
use crate::sent_rate::{STEP_MS, SentRate};

/// What is said is a limit when it is less than this part of what is sent.
const LIMITS: f64 = 0.95;
/// Receivers that see a queue say 85 % of what arrives. When less arrives than was sent as well,
/// they are believed at once; otherwise, as their own processor may have been late, when they have
/// not taken it back for so long.
const OVERLOAD: f64 = 0.75;
const BELIEVED_AFTER: Duration = Duration::from_millis(1_200);
/// Less than this is no rise, and no fall.
const RISE: f64 = 1.002;
const FALL: f64 = 0.97;
/// What was sent is looked at over seconds that ended so many steps ago, as it is not known which
/// of them the receiver means.
const ENDED: [u64; 3] = [0, 3, 6];

/// Receivers count over a second and say something every half or whole second.
const PROBE_TIME: Duration = Duration::from_millis(1_000);
const PROBE_ANSWER: Duration = Duration::from_millis(700);
/// This part of what a probe meant to send has to go out for it to be believed.
const PROBE_SENT: f64 = 0.8;
/// No probe while this part is lost.
const LOSSY: f32 = 0.1;
/// Sender and receiver need this to answer to a decrease.
const SETTLING: Duration = Duration::from_millis(1_000);

/// What came without complaint before anything was said shows that the path carries this many times
/// as much: so far receivers go that know no more than that.
const SHOWN: f64 = 1.5;
const LEAST_BPS: u64 = 50_000;
const MOST_BPS: u64 = 100_000_000;

/// What was last said of these streams; of none by name: of all.
#[derive(Clone, Debug)]
struct Claim {
    ssrcs: Vec<u32>,
    bps: u64,
    /// Since when it is less than what is sent.
    doubted: Option<Instant>,
}

/// The estimate towards one receiver.
#[derive(Debug)]
pub struct Remb {
    start: Instant,
    /// None before anything was said.
    bps: Option<u64>,
    streams: NumberMap<u32, SentRate>,
    total: SentRate,
    claims: Vec<Claim>,
    loss: f32,
    hold_until: Instant,
    probing: Probing,
    /// The receiver has let the probe that is out come.
    is_let: bool,
}

impl Remb {
    pub fn new(now: Instant) -> Remb {
        Remb {
            start: now,
            bps: None,
            streams: NumberMap::default(),
            total: SentRate::default(),
            claims: Vec::new(),
            loss: 0.0,
            hold_until: now,
            probing: Probing::new(now, PROBE_TIME),
            is_let: false,
        }
    }

    /// Bits per second, once the receiver has said anything.
    pub fn bps(&self) -> Option<u64> {
        self.bps
    }

    fn step(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_millis() as u64 / STEP_MS
    }

    /// A packet of this stream goes out, with so many bytes of payload.
    pub fn sent(&mut self, now: Instant, ssrc: u32, bytes: usize) {
        let step = self.step(now);
        self.streams.entry(ssrc).or_default().add(step, bytes);
        self.total.add(step, bytes);
    }

    /// A report says which part of what was sent was lost.
    pub fn note_loss(&mut self, part: f32) {
        self.loss = part;
    }

    /// The receiver says that it can take so much of these streams.
    pub fn say(&mut self, now: Instant, said_bps: u64, ssrcs: &[u32]) {
        let step = self.step(now);
        self.streams.retain(|_, sent| !sent.is_silent(step));
        let mut meant: Vec<u32> = ssrcs.to_vec();
        meant.retain(|ssrc| self.streams.contains_key(ssrc));
        let total_bps = self.total.bps(step);
        let (sent_bps, least_bps) = self.sent_of(&meant, step);
        // What it can take in all.
        let said_in_all = said_bps.saturating_add(total_bps.saturating_sub(sent_bps));
        let before = self.replace(&meant, said_bps);
        let compared = before
            .as_ref()
            .map(|claim| said_bps as f64 / claim.bps as f64);
        let rises = compared.is_some_and(|times| times > RISE);
        let falls = compared.is_some_and(|times| times < FALL);
        let Some(bps) = self.bps else {
            let is_limit = (said_bps as f64) < sent_bps as f64 * LIMITS;
            let shown_bps = if is_limit {
                0.0
            } else {
                total_bps as f64 * SHOWN
            };
            let bps = said_in_all.max(shown_bps as u64);
            self.bps = Some(bps.clamp(LEAST_BPS, MOST_BPS));
            return;
        };
        if falls && self.probing.probe().is_some() {
            // It is about padding, and counted over a second of which that was a part: it takes
            // nothing away.
            self.fail_probe(now);
            return;
        }
        if rises || said_bps as f64 >= sent_bps as f64 * LIMITS {
            self.is_let = true;
        }
        if rises || said_bps as f64 >= least_bps as f64 * LIMITS {
            if falls && said_in_all < bps && now >= self.hold_until {
                self.fall_to(now, said_in_all);
            } else {
                self.bps = Some(said_in_all.clamp(bps, MOST_BPS.max(bps)));
            }
            return;
        }
        let since = before.and_then(|claim| claim.doubted).unwrap_or(now);
        if let Some(claim) = self.claims.last_mut() {
            claim.doubted = Some(since);
        }
        let is_overloaded = (said_bps as f64) < least_bps as f64 * OVERLOAD;
        if is_overloaded || now >= since + BELIEVED_AFTER {
            self.fall_to(now, said_in_all);
        }
    }

    /// Bits per second that were sent of these streams: of late, and at least of late.
    fn sent_of(&self, ssrcs: &[u32], step: u64) -> (u64, u64) {
        let ended = ENDED.map(|ago| {
            let step = step.saturating_sub(ago);
            let streams = ssrcs.iter().filter_map(|ssrc| self.streams.get(ssrc));
            match ssrcs {
                [] => self.total.bps(step),
                _ => streams.map(|sent| sent.bps(step)).sum(),
            }
        });
        (ended[0], ended.into_iter().fold(u64::MAX, u64::min))
    }

    /// Note what is said, as the last of the claims; what was said of these streams before.
    fn replace(&mut self, meant: &[u32], bps: u64) -> Option<Claim> {
        let streams = &self.streams;
        self.claims.retain(|claim| {
            let of_all = claim.ssrcs.is_empty();
            of_all || claim.ssrcs.iter().any(|ssrc| streams.contains_key(ssrc))
        });
        let is_same = |claim: &Claim| {
            let shared = claim.ssrcs.iter().any(|ssrc| meant.contains(ssrc));
            shared || claim.ssrcs.is_empty() && meant.is_empty()
        };
        let at = self.claims.iter().position(is_same);
        let before = at.map(|at| self.claims.remove(at));
        self.claims.retain(|claim| !is_same(claim));
        self.claims.push(Claim {
            ssrcs: meant.to_vec(),
            bps,
            doubted: None,
        });
        before
    }

    fn fall_to(&mut self, now: Instant, bps: u64) {
        let before = self.bps.unwrap_or(MOST_BPS).max(LEAST_BPS);
        self.bps = Some(bps.clamp(LEAST_BPS, before));
        self.hold_until = now + SETTLING;
        if self.probing.probe().is_some() {
            self.probing.failed(now);
        } else {
            self.probing.postpone(now);
        }
    }

    fn fail_probe(&mut self, now: Instant) {
        self.hold_until = now + SETTLING;
        self.probing.failed(now);
    }

    /// Whether to send padding, at which total rate. Some when that changes; call it ten times a
    /// second with the rate that what the receiver may see would take at its best.
    pub fn steer(&mut self, now: Instant, needed_bps: u64) -> Option<u64> {
        let bps = self.bps?;
        match self.probing.probe() {
            Some(_) if self.loss > LOSSY => self.fail_probe(now),
            Some(probe) if now >= probe.until + PROBE_ANSWER => self.end_probe(now, probe, bps),
            _ => {}
        }
        let enough_bps = self.probing.enough_bps(now, needed_bps);
        let may_probe = now >= self.hold_until && bps < enough_bps && self.loss <= LOSSY;
        if may_probe && self.probing.is_due(now) {
            self.probing.begin(now, bps, enough_bps);
            self.is_let = false;
        }
        self.probing.padding(now)
    }

    fn end_probe(&mut self, now: Instant, probe: Probe, bps: u64) {
        let sent_bps = self.total.bps(self.step(probe.until));
        let reached = if sent_bps as f64 >= probe.target_bps as f64 * PROBE_SENT {
            probe.target_bps
        } else {
            sent_bps
        };
        if self.is_let && reached > bps {
            self.bps = Some(reached.min(MOST_BPS));
            self.probing.succeeded(now);
        } else {
            self.fail_probe(now);
        }
    }
}

#[cfg(test)]
#[path = "remb_tests.rs"]
mod tests;
