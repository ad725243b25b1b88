//! Clients that tell their bandwidth by REMB (draft-alvestrand-rmcat-remb), because they know no
//! transport-wide feedback: what they say is the estimate, and nothing is sent to find out more.

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
fn what_it_says_is_the_estimate_and_no_padding_asks_for_more() {
    let mut stage = Stage::new(false);
    stage.film();
    assert!(stage.estimates().is_empty());
    assert_eq!(
        stage.world.clients[1].packets.len(),
        50,
        "the lower encoding, and nothing else"
    );

    stage.says(700_000);
    stage.film();
    stage.says(300_000);
    stage.says(310_000); // not worth telling

    let told = stage.estimates();
    assert_eq!(told.len(), 2, "{told:?}");
    for (told, said) in told.into_iter().zip([700_000, 300_000]) {
        // REMB has a mantissa of 18 bits.
        assert!(told.abs_diff(said) < said / 1000, "{told} for {said}");
    }
    assert_eq!(stage.world.clients[1].packets.len(), 100);
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
