//! What receivers say who estimate from what arrives, as aiortc and browsers of before
//! transport-wide feedback do, over made-up links.

use super::*;

const MS: Duration = Duration::from_millis(1);
const PACKET: usize = 1_000;
/// SSRCs of padding are beyond those of media.
const PADDING: u32 = 1_000;

/// A receiver's estimator, which counts some of the streams: additive and multiplicative increase
/// within half as much again as arrives, and 85 % of that on a queue.
#[derive(Default)]
struct Follower {
    ssrcs: Vec<u32>,
    received: Vec<(Instant, usize)>,
    bps: Option<f64>,
    began: Option<Instant>,
    said: Option<Instant>,
    is_after_queue: bool,
    /// It says what it is told to, whatever comes.
    says: Option<u64>,
}

impl Follower {
    fn rate(&self, now: Instant) -> f64 {
        let recent = self.received.iter().filter(|(at, _)| *at + 1000 * MS > now);
        recent.map(|(_, bytes)| *bytes as f64 * 8.0).sum()
    }

    fn receive(&mut self, now: Instant, bytes: usize, sees_queue: bool) -> Option<u64> {
        self.received.push((now, bytes));
        self.received.retain(|(at, _)| *at + 1000 * MS > now);
        let began = *self.began.get_or_insert(now);
        if self.said.is_some_and(|at| now < at + 500 * MS) && !sees_queue {
            return None;
        }
        let rate = self.rate(now);
        let next = match self.bps {
            _ if sees_queue => 0.85 * rate,
            None if now < began + 3000 * MS => return None,
            None => rate,
            Some(bps) if self.is_after_queue => bps,
            Some(bps) => (bps * 1.04).min((rate * 1.5 + 10_000.0).max(bps)),
        };
        self.is_after_queue = sees_queue;
        (self.bps, self.said) = (Some(next), Some(now));
        Some(self.says.unwrap_or(next as u64))
    }
}

struct World {
    now: Instant,
    remb: Remb,
    /// What may be sent, most important first; what does not fit is left out.
    media: Vec<(u32, u64)>,
    sent_bytes: Vec<usize>,
    padding_bps: u64,
    padded: usize,
    link_bps: f64,
    queued: f64,
    followers: Vec<Follower>,
    /// A queue is seen at these times where there is none.
    imagined: Vec<u64>,
    ms: u64,
    history: Vec<u64>,
}

impl World {
    /// `media`: SSRC and rate; `alone`: the receiver estimates for each stream by itself.
    fn new(media: &[(u32, u64)], alone: bool) -> World {
        let now = Instant::now() + Duration::from_secs(100);
        let ssrcs = media.iter().map(|(ssrc, _)| vec![*ssrc, ssrc + PADDING]);
        let ssrcs: Vec<Vec<u32>> = if alone {
            ssrcs.collect()
        } else {
            vec![ssrcs.flatten().collect()]
        };
        let follower = |ssrcs| Follower {
            ssrcs,
            ..Follower::default()
        };
        World {
            now,
            remb: Remb::new(now),
            media: media.to_vec(),
            sent_bytes: vec![0; media.len()],
            padding_bps: 0,
            padded: 0,
            link_bps: 1e9,
            queued: 0.0,
            followers: ssrcs.into_iter().map(follower).collect(),
            imagined: Vec::new(),
            ms: 0,
            history: Vec::new(),
        }
    }

    /// Which of the streams fit.
    fn fitting(&self) -> Vec<(u32, u64)> {
        let mut left = self.remb.bps().unwrap_or(MOST_BPS);
        let mut fitting = Vec::new();
        for &(ssrc, bps) in &self.media {
            if bps <= left {
                left -= bps;
                fitting.push((ssrc, bps));
            }
        }
        fitting
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1000 {
            self.millisecond();
        }
    }

    fn millisecond(&mut self) {
        self.now += MS;
        self.ms += 1;
        self.queued = (self.queued - self.link_bps / 8_000.0).max(0.0);
        let fitting = self.fitting();
        let media_bps: u64 = fitting.iter().map(|(_, bps)| bps).sum();
        for (ssrc, bps) in &fitting {
            let at = self.media.iter().position(|each| each.0 == *ssrc).unwrap();
            let gap = PACKET as u64 * 8_000 / bps;
            if self.ms.is_multiple_of(gap) {
                self.sent_bytes[at] += PACKET;
                self.send(*ssrc, PACKET);
            }
        }
        let padding = self.padding_bps.saturating_sub(media_bps);
        if self.ms.is_multiple_of(5) && padding > 0 {
            let first = fitting.first().map_or(self.media[0].0, |each| each.0);
            let bytes = padding as usize / 1_600;
            self.padded += bytes;
            self.send(first + PADDING, bytes);
        }
        if self.ms.is_multiple_of(100) {
            let needed = self.media.iter().map(|(_, bps)| bps).sum();
            if let Some(bps) = self.remb.steer(self.now, needed) {
                self.padding_bps = bps;
            }
            self.history.push(self.remb.bps().unwrap_or(0));
        }
    }

    fn send(&mut self, ssrc: u32, bytes: usize) {
        self.remb.sent(self.now, ssrc, bytes);
        let queue_ms = self.queued * 8_000.0 / self.link_bps;
        if queue_ms > 400.0 {
            return;
        }
        self.queued += bytes as f64;
        let sees_queue = queue_ms > 50.0 || self.imagined.contains(&self.ms);
        for follower in &mut self.followers {
            if follower.ssrcs.contains(&ssrc)
                && let Some(bps) = follower.receive(self.now, bytes, sees_queue)
            {
                let ssrcs = follower.ssrcs.clone();
                self.remb.say(self.now, bps, &ssrcs);
            }
        }
    }

    /// The rate of this stream while `seconds` pass.
    fn rate_of(&mut self, at: usize, seconds: u64) -> u64 {
        let before = self.sent_bytes[at];
        self.run(seconds);
        (self.sent_bytes[at] - before) as u64 * 8 / seconds
    }
}

#[test]
fn a_picture_that_did_not_fit_at_first_comes_within_ten_seconds_and_stays() {
    for alone in [false, true] {
        let mut world = World::new(&[(1, 60_000)], alone);
        world.run(5);
        // Somebody shows a picture many times as large as all that has come.
        world.media.push((2, 900_000));
        world.sent_bytes.push(0);
        let follower = Follower {
            ssrcs: vec![2, 2 + PADDING],
            ..Follower::default()
        };
        if alone {
            world.followers.push(follower);
        } else {
            world.followers[0].ssrcs.extend([2, 2 + PADDING]);
        }
        world.run(10);

        let bps = world.rate_of(1, 60);
        assert!(bps > 880_000, "{alone}: {bps}, {:?}", world.history);
    }
}

#[test]
fn those_who_estimate_for_each_stream_alone_keep_all_of_them() {
    let mut world = World::new(&[(1, 300_000), (2, 150_000), (3, 300_000)], true);
    world.run(5);

    let before = world.sent_bytes.clone();
    world.run(60);

    for (at, bps) in [(0, 300_000), (1, 150_000), (2, 300_000)] {
        let sent = (world.sent_bytes[at] - before[at]) as u64 * 8 / 60;
        assert!(sent > bps * 97 / 100, "{at}: {sent}");
    }
}

#[test]
fn a_narrow_link_is_kept_to_and_used() {
    for (link_bps, alone) in [(500e3, false), (500e3, true), (1_200e3, false)] {
        let mut world = World::new(&[(1, 100_000), (2, 300_000), (3, 600_000)], alone);
        world.link_bps = link_bps;
        world.run(10);

        let mark = world.history.len();
        let small = world.rate_of(1, 60);
        let later = &world.history[mark..];
        let over = later.iter().filter(|&&bps| bps as f64 > link_bps * 1.5);
        assert!(small > 240_000, "{link_bps} {alone}: {small}, {later:?}");
        assert!(over.count() * 10 < later.len(), "{link_bps}: {later:?}");
    }
}

#[test]
fn a_link_that_becomes_narrow_is_followed_and_found_again_when_it_is_wide() {
    let mut world = World::new(&[(1, 100_000), (2, 300_000), (3, 600_000)], false);
    world.run(10);
    assert!(world.rate_of(2, 2) > 550_000);

    world.link_bps = 500e3;
    world.run(3);
    let bps = world.remb.bps().unwrap();
    assert!(bps < 550_000, "{bps}");
    world.link_bps = 1e9;
    world.run(15);

    assert!(world.rate_of(2, 5) > 550_000, "{:?}", world.history);
}

#[test]
fn a_processor_that_is_late_takes_no_pictures_away() {
    let mut world = World::new(&[(1, 300_000), (2, 300_000)], true);
    world.imagined = (1..20).map(|n| 6_000 + n * 3_000).collect();
    world.run(5);

    for at in [0, 1] {
        let bps = world.rate_of(at, 20);
        assert!(bps > 290_000, "{at}: {bps}, {:?}", world.history);
    }
}

#[test]
fn whoever_says_the_same_whatever_comes_is_taken_at_his_word() {
    let mut world = World::new(&[(1, 100_000), (2, 100_000), (3, 600_000)], false);
    world.followers[0].says = Some(256_000);
    world.run(10);

    assert!(world.rate_of(1, 30) > 97_000);
    assert!(world.rate_of(2, 30) < 60_000, "{:?}", world.history);
}

#[test]
fn nobody_who_has_said_nothing_is_padded() {
    let mut world = World::new(&[(1, 300_000)], false);
    world.followers.clear();
    world.run(10);

    assert_eq!((world.remb.bps(), world.padded), (None, 0));
}

#[test]
fn streams_that_were_never_sent_cost_no_memory() {
    let mut world = World::new(&[(1, 300_000), (2, 300_000)], false);
    world.run(2);
    for n in 0..10_000 {
        let now = world.now;
        world
            .remb
            .say(now, 1_000_000 + u64::from(n), &[n % 3, 5_000 + n]);
    }

    assert!(world.remb.claims.len() <= 3 && world.remb.streams.len() <= 4);
    assert!(world.remb.claims.iter().all(|claim| claim.ssrcs.len() <= 2));
}
