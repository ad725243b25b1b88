//! The estimator on made-up links: a sender that keeps to the estimate, a link with a rate, a
//! queue, loss and jitter, and a receiver that reports. Minutes of it take milliseconds.

use std::collections::VecDeque;

use super::*;

const MS: Duration = Duration::from_millis(1);
const PACKET: usize = 1100;
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
const LATENCY_US: i64 = 20_000;
const TICK: Duration = Duration::from_millis(100);

/// The link, and how the receiver's machine treats what comes out of it.
struct Link {
    rate_bps: f64,
    queue_us: i64,
    loss: f64,
    /// Even jitter of single packets, order kept.
    jitter_us: i64,
    /// Stretches of this length in which the receiver is not scheduled, and how often.
    stall: Option<(i64, i64)>,
    free_at_us: f64,
    last_us: i64,
}

fn cable() -> Link {
    Link {
        rate_bps: 1e9,
        queue_us: 300_000,
        loss: 0.0,
        jitter_us: 0,
        stall: None,
        free_at_us: 0.0,
        last_us: 0,
    }
}

fn narrow(rate_bps: f64) -> Link {
    Link {
        rate_bps,
        ..cable()
    }
}

/// A sender, the link, a receiver, and what the estimate was each 100 ms.
struct World {
    now: Instant,
    start: Instant,
    link: Link,
    estimator: Estimator,
    rng: fastrand::Rng,
    /// What the sources would take, and whether media fill the estimate up to that.
    needed_bps: u64,
    /// Media come in steps of this size, as layers do.
    layers_bps: Vec<u64>,
    /// What does not fit is left out and not asked for, as the bridge does.
    leaves_out: bool,
    /// Media leave in frames, this far apart, with a packet of sound every 20 ms between them.
    frames_ms: Option<u64>,
    seq: u16,
    debt_bytes: f64,
    padding_bps: u64,
    in_flight: VecDeque<(i64, u16)>,
    lost: Vec<u16>,
    next_feedback: Instant,
    next_tick: Instant,
    history: Vec<u64>,
    sent_bytes: usize,
    padding_bytes: usize,
}

impl World {
    fn new(link: Link, needed_bps: u64) -> World {
        let start = Instant::now();
        World {
            now: start,
            start,
            link,
            estimator: Estimator::new(start, 2_500_000),
            rng: fastrand::Rng::with_seed(5),
            needed_bps,
            layers_bps: (1..=20).map(|n| needed_bps * n / 20).collect(),
            leaves_out: false,
            frames_ms: None,
            seq: 65_000,
            debt_bytes: 0.0,
            padding_bps: 0,
            in_flight: VecDeque::new(),
            lost: Vec::new(),
            next_feedback: start,
            next_tick: start,
            history: Vec::new(),
            sent_bytes: 0,
            padding_bytes: 0,
        }
    }

    fn micros(&self) -> i64 {
        (self.now - self.start).as_micros() as i64
    }

    /// The best layer that fits, the lowest one if none does.
    fn media_bps(&self) -> u64 {
        let fits = |&&bps: &&u64| bps <= self.estimator.bps();
        match self.layers_bps.iter().rev().find(fits) {
            Some(&best) => best,
            None if self.leaves_out => 0,
            None => self.layers_bps[0],
        }
    }

    fn run(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.now += MS;
            let media = self.media_bps();
            let total = media.max(self.padding_bps);
            self.debt_bytes += total as f64 / 8000.0;
            let ms = self.micros() as u64 / 1000;
            let waits = self.frames_ms.is_some_and(|each| !ms.is_multiple_of(each));
            if waits && ms.is_multiple_of(20) {
                self.send();
            }
            while self.debt_bytes >= PACKET as f64 && (!waits || self.padding_bps > 0) {
                self.debt_bytes -= PACKET as f64;
                self.padding_bytes += PACKET * (total - media) as usize / total as usize;
                self.send();
            }
            if self.now >= self.next_feedback {
                self.next_feedback += FEEDBACK_EVERY;
                self.report();
            }
            if self.now >= self.next_tick {
                self.next_tick += TICK;
                let is_needed = !self.leaves_out || media > 0;
                let needed_bps = if is_needed { self.needed_bps } else { 0 };
                if let Some(padding) = self.estimator.steer(self.now, needed_bps) {
                    self.padding_bps = padding;
                }
                self.history.push(self.estimator.bps());
            }
        }
    }

    fn send(&mut self) {
        let now_us = self.micros();
        self.estimator.sent(self.now, self.seq, PACKET);
        let seq = self.seq;
        self.seq = self.seq.wrapping_add(1);
        self.sent_bytes += PACKET;
        let link = &mut self.link;
        let start = link.free_at_us.max(now_us as f64);
        if self.rng.f64() < link.loss || start - now_us as f64 > link.queue_us as f64 {
            self.lost.push(seq);
            return;
        }
        link.free_at_us = start + PACKET as f64 * 8e6 / link.rate_bps;
        let jitter = if link.jitter_us > 0 {
            self.rng.i64(0..link.jitter_us)
        } else {
            0
        };
        let mut at = (link.free_at_us as i64 + LATENCY_US + jitter).max(link.last_us);
        if let Some((length, every)) = link.stall
            && at % every < length
        {
            at += length - at % every;
        }
        link.last_us = at;
        self.in_flight.push_back((at, seq));
    }

    fn report(&mut self) {
        let now_us = self.micros();
        let mut packets = Vec::new();
        while let Some(&(at, seq)) = self.in_flight.front()
            && at <= now_us
        {
            self.in_flight.pop_front();
            packets.push((seq, Some(at - now_us)));
        }
        if let Some(&(newest, _)) = packets.last() {
            let is_past = |seq: &u16| newest.wrapping_sub(*seq) < 0x8000;
            packets.extend(
                self.lost
                    .iter()
                    .filter(|seq| is_past(seq))
                    .map(|&seq| (seq, None)),
            );
            self.lost.retain(|seq| !is_past(seq));
            let feedback = Feedback {
                // The receiver's clock has its own zero.
                reference_us: now_us + 5_000_000_000,
                packets,
            };
            // A round trip of 40 ms: this feedback is on its way for as long as the packets were.
            let arrives = self.now + Duration::from_micros(LATENCY_US as u64);
            self.estimator.feedback(arrives, &feedback);
        }
    }

    /// Estimates of a stretch of the past, in seconds before now.
    fn past(&self, from: f64, to: f64) -> &[u64] {
        let at = |seconds: f64| self.history.len().saturating_sub((seconds * 10.0) as usize);
        &self.history[at(from)..at(to)]
    }

    fn seconds_until(&self, from: usize, holds: impl Fn(u64) -> bool) -> f64 {
        let found = self.history[from..].iter().position(|&bps| holds(bps));
        found.map_or(f64::INFINITY, |at| at as f64 / 10.0)
    }
}

fn spread(history: &[u64]) -> f64 {
    let (least, most) = (history.iter().min().unwrap(), history.iter().max().unwrap());
    (most - least) as f64 / *most as f64
}

/// A history short enough to read: once a second.
fn brief(history: &[u64]) -> Vec<u64> {
    history.iter().step_by(10).map(|bps| bps / 1000).collect()
}

fn is_near(bps: u64, cap: f64) -> bool {
    (bps as f64 - cap).abs() <= cap * 0.25
}

#[test]
fn a_wide_path_is_known_to_be_wide_at_once() {
    let mut world = World::new(cable(), 8_000_000);

    world.run(3.0);

    let until = world.seconds_until(0, |bps| bps >= 8_000_000);
    assert!(until <= 1.5, "{until} s: {:?}", brief(&world.history));
    world.run(60.0);
    let least = world.past(60.0, 0.0).iter().min().unwrap();
    assert!(*least >= 8_000_000, "{least}");
}

#[test]
fn it_converges_to_two_megabits_within_three_seconds() {
    let mut world = World::new(narrow(2e6), 6_000_000);

    world.run(3.0);
    assert!(
        is_near(world.estimator.bps(), 2e6),
        "{:?}",
        brief(&world.history)
    );

    world.run(60.0);
    let later = world.past(60.0, 0.0);
    assert!(
        later.iter().all(|&bps| is_near(bps, 2e6)),
        "{:?}",
        brief(later)
    );
    assert!(
        spread(later) <= 0.3,
        "{}: {:?}",
        spread(later),
        brief(later)
    );
}

#[test]
fn random_loss_does_not_make_it_collapse() {
    for loss in [0.01, 0.05] {
        let link = Link { loss, ..cable() };
        let mut world = World::new(link, 3_000_000);

        world.run(60.0);

        let least = world.past(59.0, 0.0).iter().min().unwrap();
        assert!(*least >= 2_500_000, "{loss}: {least}");
    }
}

#[test]
fn heavy_random_loss_costs_one_trial() {
    let link = Link {
        loss: 0.15,
        ..cable()
    };
    let mut world = World::new(link, 3_000_000);

    world.run(60.0);

    let low = world.history.iter().filter(|&&bps| bps < 2_500_000).count();
    assert!(
        low <= 60,
        "{low} tenths of a second: {:?}",
        brief(&world.history)
    );
    assert!(*world.history.iter().min().unwrap() >= 1_000_000);
}

#[test]
fn loss_on_a_narrow_path_hides_neither() {
    let link = Link {
        loss: 0.05,
        ..narrow(2e6)
    };
    let mut world = World::new(link, 6_000_000);

    world.run(60.0);

    let later = world.past(55.0, 0.0);
    assert!(
        later.iter().all(|&bps| is_near(bps, 2e6)),
        "{:?}",
        brief(later)
    );
}

#[test]
fn a_receiver_that_is_scheduled_late_is_no_full_link() {
    // Jitter of 30 ms on every packet; and stretches of up to 200 ms without the processor.
    let jittery = Link {
        jitter_us: 30_000,
        ..cable()
    };
    let busy = Link {
        stall: Some((200_000, 700_000)),
        ..cable()
    };
    for link in [jittery, busy] {
        let mut world = World::new(link, 4_000_000);

        world.run(120.0);

        let least = world.past(119.0, 0.0).iter().min().unwrap();
        assert!(*least >= 3_500_000, "{least}: {:?}", brief(&world.history));
    }
}

#[test]
fn a_cap_is_followed_down_within_three_seconds_and_up_within_ten() {
    let mut world = World::new(narrow(2.5e6), 2_500_000);
    world.run(20.0);

    world.link.rate_bps = 5e5;
    let mark = world.history.len();
    world.run(20.0);
    let down = world.seconds_until(mark, |bps| bps <= 500_000);
    assert!(down <= 3.0, "{down} s: {:?}", brief(&world.history[mark..]));
    let later = world.past(15.0, 0.0);
    assert!(
        later.iter().all(|&bps| is_near(bps, 5e5)),
        "{:?}",
        brief(later)
    );
    assert!(
        spread(later) <= 0.3,
        "{}: {:?}",
        spread(later),
        brief(later)
    );

    world.link.rate_bps = 2.5e6;
    let mark = world.history.len();
    world.run(30.0);
    let up = world.seconds_until(mark, |bps| is_near(bps, 2.5e6));
    assert!(up <= 10.0, "{up} s: {:?}", brief(&world.history[mark..]));
}

#[test]
fn every_cap_of_the_table_is_found_and_kept() {
    for cap in [3e5, 5e5, 1e6, 2e6, 4e6] {
        let mut world = World::new(narrow(cap), 8_000_000);

        world.run(70.0);

        let later = world.past(60.0, 0.0);
        let near = later.iter().filter(|&&bps| is_near(bps, cap)).count();
        assert!(near * 100 >= later.len() * 98, "{cap}: {:?}", brief(later));
        assert!(
            spread(later) <= 0.3,
            "{cap}: {} {:?}",
            spread(later),
            brief(later)
        );
        let share = world.padding_bytes as f64 / world.sent_bytes as f64;
        assert!(share < 0.05, "{cap}: {share} of what was sent was padding");
    }
}

#[test]
fn padding_finds_a_path_that_media_leave_empty() {
    // The lowest layer takes 150 kbit/s, the next one does not fit into 500.
    let mut world = World::new(narrow(5e5), 1_500_000);
    world.layers_bps = vec![150_000, 600_000, 1_500_000];
    world.run(20.0);
    assert!(world.estimator.bps() < 600_000);

    world.link.rate_bps = 1e9;
    let mark = world.history.len();
    world.run(15.0);

    let up = world.seconds_until(mark, |bps| bps >= 1_500_000);
    assert!(up <= 10.0, "{up} s: {:?}", brief(&world.history[mark..]));
}

#[test]
fn delay_without_overload_does_not_pull_it_down_to_what_is_sent() {
    let mut world = World::new(cable(), 1_500_000);
    world.run(5.0);
    let before = world.estimator.bps();

    // Little is sent, and for half a second something else keeps the receiver waiting.
    world.layers_bps = vec![100_000];
    world.run(2.0);
    world.link.free_at_us = world.micros() as f64 + 200_000.0;
    world.run(0.6);

    assert!(world.estimator.bps() * 2 >= before, "{:?}", world.history);
}

#[test]
fn an_outage_is_forgotten() {
    let mut world = World::new(cable(), 3_000_000);
    world.run(10.0);

    world.link.loss = 1.0;
    world.run(5.0);
    world.link.loss = 0.0;
    world.run(2.0);

    assert!(
        world.estimator.bps() >= 3_000_000,
        "{:?}",
        world.past(3.0, 0.0)
    );
}

#[test]
fn a_longer_path_is_not_taken_for_a_queue_for_ever() {
    let mut world = World::new(cable(), 3_000_000);
    world.run(10.0);

    // From Wi-Fi to a satellite: 300 ms more.
    world.link.free_at_us = world.micros() as f64;
    let start = world.micros();
    world.link.stall = None;
    for _ in 0..300 {
        world.link.free_at_us = (world.micros() - start) as f64 + start as f64 + 300_000.0;
        world.link.queue_us = 400_000;
        world.run(0.1);
    }

    assert!(
        world.estimator.bps() >= 3_000_000,
        "{:?}",
        world.past(30.0, 0.0)
    );
}

#[test]
fn a_stream_that_was_too_much_comes_back_when_nothing_else_is_sent() {
    let mut world = World::new(cable(), 6_000_000);
    (world.layers_bps, world.leaves_out) = (vec![6_000_000], true);
    world.estimator = Estimator::new(world.now, 8_000_000);
    world.run(3.0);
    world.link.rate_bps = 3_000_000.0;
    world.run(5.0);
    assert!(world.estimator.bps() < 6_000_000);
    world.link.rate_bps = 1e9;
    world.run(12.0);

    let (bps, sent) = (world.estimator.bps(), world.sent_bytes);
    assert!(bps >= 6_000_000, "{bps}");
    world.run(1.0);
    assert!((world.sent_bytes - sent) * 8 > 5_000_000);
}

#[test]
fn feedback_on_what_was_never_sent_is_counted_and_changes_nothing() {
    let now = Instant::now();
    let mut estimator = Estimator::new(now, 1_000_000);
    for seq in 0..3 {
        estimator.sent(now, seq, PACKET);
    }
    let feedback = Feedback {
        reference_us: 0,
        packets: vec![(2, Some(0)), (3, Some(0)), (4, None), (500, Some(250))],
    };

    assert_eq!(estimator.feedback(now, &feedback).unmatched, 2);
    assert_eq!(estimator.bps(), 1_000_000);
}

#[test]
fn jitter_that_keeps_the_order_is_no_full_link() {
    for (frames_ms, jitter_us) in [(None, 100_000), (Some(40), 100_000), (None, 150_000)] {
        let mut world = World::new(cable(), 1_500_000);
        world.layers_bps = vec![150_000, 650_000, 1_500_000];
        world.frames_ms = frames_ms;
        world.run(5.0);

        world.link.jitter_us = jitter_us;
        let mark = world.history.len();
        world.run(30.0);

        // It is found out by sending less for half a second.
        let shaken = &world.history[mark..];
        let low = shaken.iter().filter(|&&bps| bps < 1_500_000).count();
        assert!(low <= 15, "{frames_ms:?} {jitter_us}: {:?}", brief(shaken));
    }
}

#[test]
fn a_full_link_is_found_on_a_path_that_shakes() {
    for (cap, next_layer_bps) in [(5e5, 650_000), (1e6, 1_500_000)] {
        let mut world = World::new(cable(), 1_500_000);
        world.layers_bps = vec![150_000, 300_000, 650_000, 1_500_000];
        world.link.jitter_us = 100_000;
        world.run(20.0);

        world.link.rate_bps = cap;
        world.run(60.0);

        let later = world.past(55.0, 0.0);
        let over = later.iter().filter(|&&bps| bps >= next_layer_bps).count();
        assert!(over * 20 <= later.len(), "{cap} {over}: {:?}", brief(later));
    }
}
