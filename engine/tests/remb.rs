//! Clients that tell their bandwidth by REMB (draft-alvestrand-rmcat-remb), because they know no
//! transport-wide feedback: what they say limits what is sent, and padding looks for more.

use crate::world::{Frame, MS, World, video, vp8, wanted};
use _engine::events::Event;

const SOURCE: u64 = 1;
const SSRC: u32 = 1000;
const HIGHER: u32 = 1001;

struct Stage {
    world: World,
    sent: u32,
}

impl Stage {
    /// One sender of two encodings, one receiver that gets the lower of them.
    fn new(knows_transport_cc: bool) -> Stage {
        let mut world = World::new();
        world.join();
        if knows_transport_cc {
            world.join();
        } else {
            world.join_without_extension("transport-wide-cc");
        }
        world.run(1000 * MS);
        let source = video(SOURCE, SSRC, 2);
        world.clients[0].publish(&source);
        world.clients[1].expect(&source);
        world.set_sources(0, vec![source]);
        world.forward(1, vec![wanted(SOURCE, 0, 7)]);
        Stage { world, sent: 0 }
    }

    /// A second of both encodings, fifty packets each.
    fn film(&mut self) {
        for _ in 0..50 {
            for ssrc in [SSRC, HIGHER] {
                let mut packet = vp8(Frame {
                    timestamp: self.sent * 1800,
                    is_key: self.sent == 0,
                    picture: self.sent as u16,
                    tl0: 0,
                    temporal: 0,
                    sync: false,
                });
                packet.payload.resize(1000, 0x55);
                self.world.clients[0].send(self.world.now, ssrc, packet);
            }
            self.sent += 1;
            self.world.run(20 * MS);
        }
    }

    fn says(&mut self, bps: u64) {
        self.world.clients[1].tell_estimate(self.world.now, SSRC, bps);
        self.world.run(100 * MS);
    }

    /// How much has been sent to it.
    fn sent_bytes(&self) -> u64 {
        let id = self.world.clients[1].id;
        let all = self.world.sfu.snapshot(self.world.now);
        let its = all.iter().find(|each| each.endpoint == id);
        its.unwrap().counters.bytes_sent
    }

    fn estimates(&self) -> Vec<u64> {
        let id = self.world.clients[1].id;
        let told = self.world.events.iter().filter_map(|event| match event {
            Event::BandwidthEstimate { endpoint, bps } if *endpoint == id => Some(*bps),
            _ => None,
        });
        told.collect()
    }
}

#[test]
fn what_it_says_is_the_estimate_as_long_as_it_takes_no_more() {
    let mut stage = Stage::new(false);
    stage.film();
    assert!(stage.estimates().is_empty());
    assert_eq!(
        stage.world.clients[1].packets.len(),
        50,
        "the lower encoding, and nothing else"
    );

    stage.film();
    stage.says(700_000);
    for _ in 0..3 {
        stage.film(); // padding comes and goes
    }
    stage.says(250_000);
    stage.film();
    stage.says(251_000); // not worth telling

    let told = stage.estimates();
    assert_eq!(told.len(), 2, "{told:?}");
    for (told, said) in told.into_iter().zip([700_000, 250_000]) {
        // REMB has a mantissa of 18 bits.
        assert!(told.abs_diff(said) < said / 1000, "{told} for {said}");
    }
}

#[test]
fn what_it_lets_come_of_padding_is_the_next_estimate() {
    let mut stage = Stage::new(false);
    stage.film();
    stage.film();
    stage.says(600_000);
    let before = stage.sent_bytes();
    for n in 1..8 {
        stage.film();
        stage.says(600_000 + n * 30_000);
    }

    let told = stage.estimates();
    assert!(told.last().is_some_and(|&bps| bps > 1_500_000), "{told:?}");
    let sent = stage.sent_bytes() - before;
    assert!(sent > 2 * 350 * 1000, "{sent}");
}

#[test]
fn a_client_with_better_feedback_is_not_asked() {
    let mut stage = Stage::new(true);
    stage.film();
    stage.says(77_000);

    let told = stage.estimates();
    assert!(
        !told.is_empty() && told.iter().all(|&bps| bps > 1_000_000),
        "{told:?}"
    );
}
