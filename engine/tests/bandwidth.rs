//! The estimate towards a receiver, through real sessions: what it finds on narrow, lossy and
//! jittery links, and that padding makes it find what has become wide again.
//!
//! `cargo test --test all bandwidth:: -- --nocapture` prints the course of each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::world::{Frame, MS, World, video, vp8, wanted};
use _engine::events::Event;

/// A sender's picture takes the most of these that the estimate allows.
const LAYERS_BPS: [u64; 4] = [150_000, 500_000, 1_500_000, 2_500_000];
const PACKET_BYTES: u64 = 1000;

struct Stage {
    world: World,
    receiver: SocketAddr,
    estimate_bps: u64,
    history: Vec<u64>,
    debt_bits: u64,
    sent: u32,
    wide: u32,
}

impl Stage {
    fn new() -> Stage {
        let mut world = World::connected(2);
        // The second encoding is what the receiver would get if its link were wide enough.
        let source = video(1, 1000, 2);
        world.clients[0].publish(&source);
        world.clients[1].expect(&source);
        world.set_sources(0, vec![source]);
        world.forward(1, vec![wanted(1, 0, 7)]);
        let receiver = world.clients[1].address;
        Stage {
            world,
            receiver,
            estimate_bps: 2_500_000,
            history: Vec::new(),
            debt_bits: 0,
            sent: 0,
            wide: 0,
        }
    }

    fn narrow(&mut self, bps: u64) {
        self.world.narrow = (bps > 0).then_some((self.receiver, bps));
    }

    /// Loss of this part of what goes to the receiver.
    fn lose(&mut self, share: f64) {
        let (mut rng, receiver) = (fastrand::Rng::with_seed(11), self.receiver);
        self.world.passes = Box::new(move |_, to, _| to != receiver || rng.f64() >= share);
    }

    /// Each datagram to the receiver up to this much later, in order.
    fn jitter(&mut self, most: Duration) {
        let (mut rng, receiver) = (fastrand::Rng::with_seed(12), self.receiver);
        let mut last: Option<Instant> = None;
        self.world.late = Box::new(move |at, to| {
            if to != receiver {
                return at;
            }
            let jittered = at + most.mul_f64(rng.f64());
            *last.insert(last.map_or(jittered, |last| last.max(jittered)))
        });
    }

    fn run(&mut self, seconds: u64) {
        // 200 packets a second of the second encoding are 1.6 Mbit/s; two each time are enough.
        for n in 0..seconds * 200 {
            for half in 0..2 {
                self.send_packet(1001, self.wide + half);
            }
            self.wide += 2;
            let fits = LAYERS_BPS
                .iter()
                .rev()
                .find(|&&bps| bps <= self.estimate_bps);
            let media_bps = *fits.unwrap_or(&LAYERS_BPS[0]);
            self.debt_bits += media_bps / 200;
            while self.debt_bits >= PACKET_BYTES * 8 {
                self.debt_bits -= PACKET_BYTES * 8;
                self.sent += 1;
                self.send_packet(1000, self.sent - 1);
            }
            self.world.run(5 * MS);
            self.world.clients[1].packets.clear();
            let id = self.world.clients[1].id;
            for event in self.world.events.drain(..) {
                if let Event::BandwidthEstimate { endpoint, bps } = event
                    && endpoint == id
                {
                    self.estimate_bps = bps;
                }
            }
            if n % 20 == 0 {
                self.history.push(self.estimate_bps);
            }
        }
    }

    fn send_packet(&mut self, ssrc: u32, number: u32) {
        let mut packet = vp8(Frame {
            timestamp: number * 360,
            is_key: number == 0,
            picture: number as u16,
            tl0: 0,
            temporal: 0,
            sync: false,
        });
        packet.payload.resize(PACKET_BYTES as usize, 0x55);
        let now = self.world.now;
        self.world.clients[0].send(now, ssrc, packet);
    }

    fn past(&self, seconds: usize) -> &[u64] {
        &self.history[self.history.len() - 10 * seconds..]
    }

    fn report(&self, name: &str) -> String {
        let kbps: Vec<u64> = self
            .history
            .iter()
            .step_by(5)
            .map(|bps| bps / 1000)
            .collect();
        let text = format!("{name}, kbit/s each half second: {kbps:?}");
        println!("{text}");
        text
    }
}

fn is_near(bps: u64, cap: u64) -> bool {
    bps.abs_diff(cap) * 4 <= cap
}

#[test]
fn it_goes_down_with_the_link_and_up_again() {
    let mut stage = Stage::new();
    stage.run(4);
    stage.narrow(500_000);
    stage.run(3);
    let down = stage.estimate_bps;
    stage.run(12);
    let kept = stage.past(10).to_vec();
    stage.narrow(2_500_000);
    stage.run(10);
    let up = stage.estimate_bps;
    let report = stage.report("2.5 Mbit/s, 0.5 from 4 s to 19 s");

    assert!(is_near(down, 500_000), "{report}");
    let near = kept.iter().filter(|&&bps| is_near(bps, 500_000)).count();
    assert!(near * 100 >= kept.len() * 95, "{report}");
    assert!(is_near(up, 2_500_000), "{report}");
}

#[test]
fn loss_and_jitter_do_not_pull_it_down() {
    for (name, loss, jitter) in [
        ("5 % loss", 0.05, Duration::ZERO),
        ("jitter of 30 ms", 0.0, 30 * MS),
    ] {
        let mut stage = Stage::new();
        stage.lose(loss);
        stage.jitter(jitter);
        stage.run(8);
        let report = stage.report(name);

        assert!(
            stage.past(7).iter().all(|&bps| bps >= 2_000_000),
            "{report}"
        );
    }
}

#[test]
fn heavy_loss_that_sending_less_does_not_cure_is_lived_with() {
    let mut stage = Stage::new();
    stage.lose(0.15);
    stage.run(10);
    let report = stage.report("15 % loss");

    assert!(
        stage.past(5).iter().all(|&bps| bps >= 2_000_000),
        "{report}"
    );
}

#[test]
fn what_was_left_out_is_looked_for_as_long_as_it_is_needed() {
    for (needed_bps, is_found) in [(20_000_000, true), (0, false)] {
        let mut stage = Stage::new();
        stage.run(2);
        let id = stage.world.clients[1].id;
        stage.world.forward(1, vec![]);
        stage.world.sfu.set_needed(id, needed_bps);

        stage.run(10);

        let text = stage.report("nothing forwarded");
        assert_eq!(stage.estimate_bps >= 20_000_000, is_found, "{text}");
    }
}
