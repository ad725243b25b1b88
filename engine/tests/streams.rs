//! Audio that is silent or redundant, encrypted payloads, and many sources through few streams.

use std::collections::HashSet;

use crate::world::{Frame, H264, MS, RED, Sent, VP8, World, audio, opus, video, vp8, wanted};
use _engine::counters::Drop;
use _engine::setup::{Encoding, Wanted};
use str0m::rtp::Vp8Descriptor;

fn heard_call(receivers: usize) -> World {
    let mut world = World::connected(receivers + 1);
    let source = audio(5, 11);
    world.clients[0].publish(&source);
    for receiver in 1..=receivers {
        world.clients[receiver].expect(&source);
        world.forward(receiver, vec![wanted(5, 0, 7)]);
    }
    world.set_sources(0, vec![source]);
    world
}

fn speak(world: &mut World, from: u32, to: u32, level: i8) {
    for n in from..to {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, level));
        world.run(20 * MS);
    }
}

/// The numbers and times of what a client received; numbers must have no gap.
fn times(world: &World, client: usize) -> Vec<u32> {
    let received = world.clients[client].received(11);
    for (n, packet) in received.iter().enumerate() {
        assert_eq!(*packet.seq_no, *received[0].seq_no + n as u64);
    }
    received
        .iter()
        .map(|packet| packet.header.timestamp / 960)
        .collect()
}

#[test]
fn of_silence_four_packets_pass_and_the_first_word_does() {
    let mut world = heard_call(1);
    speak(&mut world, 0, 10, -30);
    speak(&mut world, 10, 600, -127);
    speak(&mut world, 600, 610, -30);
    world.run(50 * MS);

    let expected: Vec<u32> = (0..14).chain(600..610).collect();
    assert_eq!(times(&world, 1), expected);
    let marked = world.clients[1].received(11);
    let marked: Vec<bool> = marked.iter().map(|packet| packet.header.marker).collect();
    assert!(marked[14] && !marked[13] && !marked[15]);
    assert_eq!(world.sfu.counters.dropped(Drop::Silence), 586);
}

#[test]
fn redundant_audio_passes_whole_or_as_its_new_frame() {
    let mut world = World::connected(2);
    let plain = world.join_without_red();
    world.run(1000 * MS);
    let source = audio(5, 11);
    world.clients[0].publish(&source);
    world.set_sources(0, vec![source.clone()]);
    for receiver in [1, plain] {
        world.clients[receiver].expect(&source);
        world.forward(receiver, vec![wanted(5, 0, 7)]);
    }
    for n in 1..10_u32 {
        let mut payload = vec![0xef, 0x0f, 0x00, 0x04, 0x6f];
        payload.extend((n - 1).to_be_bytes());
        payload.extend(n.to_be_bytes());
        let packet = Sent {
            payload_type: RED,
            payload,
            ..opus(n * 960, -20)
        };
        let now = world.now;
        world.clients[0].send(now, 11, packet);
        world.run(20 * MS);
    }
    world.run(50 * MS);

    let whole = world.clients[1].received(11);
    let stripped = world.clients[plain].received(11);
    assert_eq!((whole.len(), stripped.len()), (9, 9));
    for (n, (whole, stripped)) in (1_u32..).zip(whole.into_iter().zip(stripped)) {
        assert_eq!((*whole.header.payload_type, whole.payload.len()), (112, 13));
        assert_eq!(*stripped.header.payload_type, 111);
        assert_eq!(stripped.payload[..], n.to_be_bytes());
    }
}

/// A frame of an encrypting client: what is clear, then what nobody can read.
fn encrypted(payload_type: u8, encoding: u32, frame: u32, is_key: bool, secret: &[u8]) -> Sent {
    let mut sent = vp8(Frame {
        timestamp: frame * 3000 + encoding * 500_000,
        is_key,
        picture: (frame + encoding * 300) as u16,
        tl0: frame as u8,
        temporal: 0,
        sync: false,
    });
    if payload_type == H264 {
        sent.payload = vec![if is_key { 0x65 } else { 0x41 }];
    } else {
        sent.payload.truncate(if is_key { 16 } else { 9 });
    }
    sent.payload.extend(secret);
    Sent {
        payload_type,
        ..sent
    }
}

#[test]
fn encodings_switch_under_encryption_and_no_byte_behind_the_descriptor_changes() {
    for (payload_type, clear) in [(VP8, 6), (H264, 0)] {
        let mut world = World::connected(2);
        let source = video(1, 1000, 2);
        world.clients[0].publish(&source);
        world.clients[1].expect(&source);
        world.set_sources(0, vec![source]);
        let mut numbers = fastrand::Rng::with_seed(3);
        let mut sent = [HashSet::new(), HashSet::new()];
        let mut answered = 0;
        for frame in 0..90 {
            if frame % 30 == 0 {
                world.forward(1, vec![wanted(1, [0, 1, 0][frame as usize / 30], 7)]);
            }
            let asked = world.clients[0].keyframe_requests.len();
            let is_key = frame == 0 || asked > answered;
            answered = asked;
            for encoding in 0..2 {
                let secret: Vec<u8> = (0..200).map(|_| numbers.u8(..)).collect();
                let packet = encrypted(payload_type, encoding, frame, is_key, &secret);
                sent[encoding as usize].insert(packet.payload[clear..].to_vec());
                let now = world.now;
                world.clients[0].send(now, 1000 + encoding, packet);
            }
            world.run(33 * MS);
        }

        let received = world.clients[1].received(1000);
        assert!(received.len() >= 88, "{}", received.len());
        let mut of_encoding = [0, 0];
        for (n, packet) in received.iter().enumerate() {
            assert_eq!(*packet.seq_no, *received[0].seq_no + n as u64);
            let body = &packet.payload[clear..];
            let from = sent.iter().position(|sent| sent.contains(body));
            of_encoding[from.expect("a body as it was sent")] += 1;
        }
        assert!(
            of_encoding[1] >= 25 && of_encoding[0] >= 55,
            "{of_encoding:?}"
        );
    }
}

#[test]
fn a_packet_that_never_comes_is_asked_for_a_few_times_only() {
    let mut world = World::connected(2);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    for frame in 0..120 {
        if frame == 20 {
            world.clients[0].lose_one(1000);
        }
        let now = world.now;
        let packet = encrypted(VP8, 0, frame, frame == 0, &[1; 50]);
        world.clients[0].send(now, 1000, packet);
        world.run(33 * MS);
    }
    world.run(1100 * MS);

    let stats = world.sfu.snapshot(world.now);
    let sender = world.clients[0].id;
    let sender = stats.iter().find(|each| each.endpoint == sender).unwrap();
    let asked = sender.counters.nacks_sent;
    assert!((1..=10).contains(&asked), "{asked}");
    // Nobody else's packet takes the place of the lost one.
    let received = world.clients[1].received(1000);
    assert_eq!(received.len(), 120);
    assert_eq!(*received[119].seq_no, *received[0].seq_no + 120);
}

const SOURCES: u64 = 60;
const SLOTS: u32 = 50;

fn slotted(source: u64, slot: u32) -> Wanted {
    Wanted {
        slot: Some(Encoding {
            ssrc: 50_000 + slot,
            rtx: Some(60_000 + slot),
        }),
        ..wanted(source, 0, 7)
    }
}

/// All sources film one frame; key frames where they were asked for.
fn film(world: &mut World, frame: u32, keys: impl Fn(u64) -> bool) {
    for source in 0..SOURCES {
        let packet = vp8(Frame {
            timestamp: frame * 3000 + source as u32 * 1_000_000,
            is_key: keys(source),
            picture: (frame + source as u32 * 100) as u16,
            tl0: frame as u8,
            temporal: 0,
            sync: false,
        });
        let now = world.now;
        world.clients[0].send(now, 1000 + source as u32, packet);
    }
    world.run(33 * MS);
}

#[test]
fn sixty_sources_pass_through_fifty_slots() {
    let mut world = World::connected(2);
    let sources: Vec<_> = (0..SOURCES).map(|n| video(n, 1000 + n as u32, 1)).collect();
    for source in &sources {
        world.clients[0].publish(source);
    }
    world.set_sources(0, sources);
    for slot in 0..SLOTS {
        world.clients[1].expect(&video(0, 50_000 + slot, 1));
    }
    // Each round moves ten further sources into the slots of the ten used longest ago.
    let mut slots: Vec<u64> = (0..SLOTS.into()).collect();
    let mut frame = 0;
    for round in 0..8_u64 {
        let order: Vec<Wanted> = (0..)
            .zip(&slots)
            .map(|(slot, &source)| slotted(source, slot))
            .collect();
        world.forward(1, order);
        let before: Vec<usize> = received(&world);
        // Before a key frame a slot is silent.
        film(&mut world, frame, |_| false);
        if round == 0 {
            assert_eq!(received(&world), [0; SLOTS as usize]);
        }
        film(&mut world, frame + 1, |_| true);
        for later in 2..5 {
            film(&mut world, frame + later, |_| false);
        }
        frame += 5;
        let after = received(&world);
        for slot in 0..SLOTS as usize {
            let moved = round == 0 || slot as u64 / 10 == (round - 1) % 5;
            let expected = if moved { 4 } else { 5 };
            assert_eq!(
                after[slot] - before[slot],
                expected,
                "round {round} slot {slot}"
            );
        }
        for (slot, source) in slots.iter_mut().enumerate() {
            if slot as u64 / 10 == round % 5 {
                *source = (*source + SLOTS as u64) % SOURCES;
            }
        }
        assert!(distinct(&slots), "{slots:?}");
    }
    for slot in 0..SLOTS {
        let packets = world.clients[1].received(50_000 + slot);
        for pair in packets.windows(2) {
            assert_eq!(*pair[1].seq_no, *pair[0].seq_no + 1, "slot {slot}");
            let ticks = pair[1]
                .header
                .timestamp
                .wrapping_sub(pair[0].header.timestamp);
            assert!((1..90_000).contains(&ticks), "slot {slot}: {ticks}");
            let picture = |at: usize| {
                let descriptor = Vp8Descriptor::parse(&pair[at].payload).unwrap();
                descriptor.picture_id().unwrap()
            };
            assert_eq!(picture(1), (picture(0) + 1) & 0x7fff, "slot {slot}");
        }
    }
}

/// How many packets came through each slot.
fn received(world: &World) -> Vec<usize> {
    (0..SLOTS)
        .map(|slot| world.clients[1].received(50_000 + slot).len())
        .collect()
}

fn distinct(sources: &[u64]) -> bool {
    let mut sorted = sources.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() == sources.len()
}

#[test]
fn feedback_on_a_slot_concerns_the_source_that_is_in_it() {
    let mut world = World::connected(3);
    for sender in [0, 1] {
        let source = video(sender as u64, 1000 + sender as u32, 1);
        world.clients[sender].publish(&source);
        world.set_sources(sender, vec![source]);
    }
    world.clients[2].expect(&video(0, 50_000, 1));
    let shown = |world: &mut World, sender: usize, frames: std::ops::Range<u32>| {
        world.forward(2, vec![slotted(sender as u64, 0)]);
        for n in frames.clone() {
            let packet = vp8(Frame {
                timestamp: n * 3000,
                is_key: n == frames.start,
                picture: n as u16,
                tl0: n as u8,
                temporal: 0,
                sync: false,
            });
            let now = world.now;
            world.clients[sender].send(now, 1000 + sender as u32, packet);
            world.run(33 * MS);
        }
    };
    shown(&mut world, 0, 0..10);
    shown(&mut world, 1, 500..520);
    let asked = |world: &World| {
        let requests = |client: usize| world.clients[client].keyframe_requests.len();
        (requests(0), requests(1))
    };
    let before = asked(&world);
    let now = world.now;
    world.clients[2].request_keyframe(now, 50_000);
    world.run(300 * MS);
    assert_eq!(asked(&world), (before.0, before.1 + 1));

    // The source goes and nobody takes its place: feedback is ignored, and the slot is still good.
    world.forward(2, vec![]);
    world.set_sources(1, vec![]);
    let now = world.now;
    world.clients[2].request_keyframe(now, 50_000);
    world.run(300 * MS);
    assert_eq!(asked(&world), (before.0, before.1 + 1));
    shown(&mut world, 0, 10..20);

    let received = world.clients[2].received(50_000);
    assert_eq!(received.len(), 40);
    for (n, packet) in received.iter().enumerate() {
        assert_eq!(*packet.seq_no, *received[0].seq_no + n as u64);
    }
}
