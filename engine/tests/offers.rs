//! What is negotiated in addition, once a session has begun.

use crate::world::{Frame, MS, World, audio, extensions, opus, payload_types, video, vp8, wanted};
use _engine::counters::Drop;
use _engine::events::Event;
use _engine::setup::Codec;

/// Two clients whose endpoints know of voices only; client 0 speaks, and films as well.
fn call_of_voices() -> World {
    let voices = || {
        let mut offered = payload_types();
        offered.retain(|each| each.codec == Codec::Opus);
        offered
    };
    let mut world = World::new();
    for _ in 0..2 {
        world.join_offered(voices(), extensions()[..1].to_vec());
    }
    world.run(1000 * MS);
    let (voice, picture) = (audio(5, 11), video(1, 1000, 1));
    for source in [&voice, &picture] {
        world.clients[0].publish(source);
        world.clients[1].expect(source);
    }
    world.set_sources(0, vec![voice, picture]);
    world.forward(1, vec![wanted(5, 0, 7), wanted(1, 0, 7)]);
    world
}

/// A voice, and a picture whose first frame and those that are asked for are key frames.
fn talk(world: &mut World, frames: std::ops::Range<u32>) {
    for n in frames {
        let asked = world.clients[0].keyframe_requests.len();
        world.clients[0].keyframe_requests.clear();
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -30));
        let frame = Frame {
            timestamp: n * 1800,
            is_key: n == 0 || asked > 0,
            picture: n as u16,
            tl0: n as u8,
            temporal: 0,
            sync: false,
        };
        world.clients[0].send(now, 1000, vp8(frame));
        world.run(20 * MS);
    }
}

fn extend(world: &mut World, client: usize) {
    let id = world.clients[client].id;
    world
        .sfu
        .extend_endpoint(world.now, id, payload_types(), &extensions());
}

fn assert_without_gap(world: &World, ssrc: u32) {
    let received = world.clients[1].received(ssrc);
    let mut numbers: Vec<u64> = received.iter().map(|each| *each.seq_no).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1));
}

#[test]
fn video_is_added_to_a_session_of_voices_without_a_new_one() {
    let mut world = call_of_voices();
    talk(&mut world, 0..50);
    assert_eq!(world.sfu.counters.dropped(Drop::UnknownPayloadType), 50);

    extend(&mut world, 0);
    talk(&mut world, 50..100);
    assert!(world.sfu.counters.dropped(Drop::CodecNotOffered) >= 49);
    assert_eq!(world.clients[1].received(1000).len(), 0);

    extend(&mut world, 1);
    talk(&mut world, 100..200);
    world.run(50 * MS);

    assert_eq!(world.clients[1].received(11).len(), 200);
    assert_without_gap(&world, 11);
    let pictures = world.clients[1].received(1000).len();
    assert!(pictures > 70, "{pictures} of 100, from a key frame on");
    assert_without_gap(&world, 1000);
    let handshakes = |event: &Event| matches!(event, Event::DtlsConnected { .. });
    assert_eq!(world.count_events(handshakes), 2);
}

#[test]
fn what_is_added_brings_its_repairs_and_its_measurement_of_bandwidth() {
    let mut world = call_of_voices();
    talk(&mut world, 0..10);
    for client in 0..2 {
        extend(&mut world, client);
    }
    talk(&mut world, 10..40);
    let receiver = world.clients[1].address;
    let mut lost = 0;
    world.passes = Box::new(move |_, to, bytes| {
        let is_media = bytes[0] >= 0x80 && bytes[1] & 0x7f == crate::world::VP8;
        let is_lost = to == receiver && is_media && lost < 3;
        lost += u32::from(is_lost);
        !is_lost
    });
    talk(&mut world, 40..150);
    world.run(1000 * MS);

    assert_without_gap(&world, 1000);
    let estimates = |event: &Event| matches!(event, Event::BandwidthEstimate { endpoint, .. } if endpoint.0 == 2);
    assert!(world.count_events(estimates) > 0);
    let stats = world.sfu.snapshot(world.now);
    let receiver = stats.iter().find(|each| each.endpoint.0 == 2).unwrap();
    assert!(receiver.counters.retransmissions_sent >= 3);
}
