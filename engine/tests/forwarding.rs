//! Media from one client to others, through real sessions.

use crate::world::dependency::Descriptor;
use crate::world::svc::{Encoder, Mode};
use crate::world::{AV1, Frame, MS, Sent, World, audio, layered, opus, video, vp8, wanted};
use _engine::counters::Drop;
use _engine::events::Event;
use _engine::setup::SourceId;
use str0m::rtp::{ExtensionValues, RtpPacket, VideoOrientation, Vp8Descriptor};

/// A simulcast camera: all encodings at 30 frames a second, key frames when asked.
struct Camera {
    base: u32,
    frame: u32,
    keyframes_answered: usize,
    tl0: u8,
}

impl Camera {
    fn new(base: u32) -> Camera {
        Camera {
            base,
            frame: 0,
            keyframes_answered: 0,
            tl0: 0,
        }
    }

    fn film(&mut self, world: &mut World, client: usize, encodings: u32, frames: u32) {
        for _ in 0..frames {
            let asked = world.clients[client].keyframe_requests.len();
            let is_key = self.frame == 0 || asked > self.keyframes_answered;
            self.keyframes_answered = asked;
            let temporal = if is_key {
                0
            } else {
                [0, 2, 1, 2][self.frame as usize % 4]
            };
            self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
            for encoding in 0..encodings {
                let frame = Frame {
                    timestamp: encoding * 700_000 + self.frame * 3000,
                    is_key,
                    picture: (encoding * 1000 + self.frame) as u16,
                    tl0: self.tl0.wrapping_add(encoding as u8 * 30),
                    temporal,
                    sync: temporal > 0,
                };
                let now = world.now;
                world.clients[client].send(now, self.base + encoding, vp8(frame));
            }
            self.frame += 1;
            world.run(33 * MS);
        }
    }
}

fn descriptor(packet: &RtpPacket) -> (u16, u8) {
    let descriptor = Vp8Descriptor::parse(&packet.payload).unwrap();
    (
        descriptor.picture_id().unwrap(),
        descriptor.tl0_pic_idx().unwrap(),
    )
}

fn assert_contiguous(packets: &[&RtpPacket]) {
    for pair in packets.windows(2) {
        assert_eq!(*pair[1].seq_no, *pair[0].seq_no + 1);
        let ((picture, tl0), (next_picture, next_tl0)) = (descriptor(pair[0]), descriptor(pair[1]));
        assert_eq!(next_picture, (picture + 1) & 0x7fff);
        assert!(next_tl0.wrapping_sub(tl0) <= 1);
    }
}

/// A sender with one simulcast source, and receivers that expect it.
fn filmed(receivers: usize) -> (World, Camera) {
    let mut world = World::connected(receivers + 1);
    let source = video(1, 1000, 3);
    world.clients[0].publish(&source);
    for receiver in 1..=receivers {
        world.clients[receiver].expect(&source);
    }
    world.set_sources(0, vec![source]);
    (world, Camera::new(1000))
}

#[test]
fn audio_arrives_with_its_level_and_the_levels_are_told() {
    let mut world = World::connected(2);
    let source = audio(5, 11);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    // The subscription comes before the source, as it may on the wire.
    world.forward(1, vec![wanted(5, 0, 7)]);
    world.set_sources(0, vec![source]);
    for n in 0..50_u32 {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -(n as i8)));
        world.run(20 * MS);
    }
    world.run(200 * MS);

    let received = world.clients[1].received(11);
    assert_eq!(received.len(), 50);
    for (n, packet) in received.iter().enumerate() {
        assert_eq!(packet.header.ext_vals.audio_level, Some(-(n as i8)));
        assert_eq!(packet.header.timestamp, n as u32 * 960);
        assert_eq!(*packet.seq_no, *received[0].seq_no + n as u64);
        assert_eq!(packet.header.ext_vals.mid, None);
    }
    let mut levels: Vec<u8> = Vec::new();
    for event in &world.events {
        if let Event::SourceLevels {
            source: SourceId(5),
            levels: some,
        } = event
        {
            levels.extend(some);
        }
    }
    assert_eq!(levels, (0..50).collect::<Vec<u8>>());
    assert_eq!(world.sfu.counters.packets_forwarded, 50);
}

#[test]
fn nothing_but_what_is_wanted_is_sent() {
    let (mut world, mut camera) = filmed(2);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 3, 30);

    assert!(world.clients[1].packets.len() >= 28);
    assert!(world.clients[2].packets.is_empty());
    assert!(world.clients[0].packets.is_empty());
}

#[test]
fn simulcast_switches_are_seamless() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 3, 60);
    world.forward(1, vec![wanted(1, 2, 7)]);
    camera.film(&mut world, 0, 3, 60);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 3, 60);
    world.run(100 * MS);

    let packets = world.clients[1].received(1000);
    assert_contiguous(&packets);
    // The frame's own stamp, behind the descriptor, tells the encoding it came from.
    let encodings: Vec<u32> = packets
        .iter()
        .map(|packet| {
            let is_key = packet.payload[6] & 1 == 0;
            let at = if is_key { 16 } else { 9 };
            u32::from_be_bytes(packet.payload[at..at + 4].try_into().unwrap()) / 700_000
        })
        .collect();
    let mut order = encodings.clone();
    order.dedup();
    // On the way up it may pass by the middle one, whose key frame comes at the same time.
    assert!(matches!(order[..], [0, 2, 0] | [0, 1, 2, 0]), "{order:?}");
    assert!(packets.len() >= 176, "{}", packets.len());
    assert!(world.clients[0].keyframe_requests.len() <= 4);
}

#[test]
fn temporal_layers_are_left_out_without_gaps() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 0)]);
    camera.film(&mut world, 0, 1, 80);
    world.run(100 * MS);

    let packets = world.clients[1].received(1000);
    assert_contiguous(&packets);
    assert!((20..=24).contains(&packets.len()), "{}", packets.len());
}

#[test]
fn a_packet_lost_before_us_leaves_a_gap_of_one() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 1, 20);
    world.clients[0].lose_one(1000);
    camera.film(&mut world, 0, 1, 20);
    world.run(100 * MS);

    let packets = world.clients[1].received(1000);
    let gaps: Vec<u64> = packets
        .windows(2)
        .map(|pair| *pair[1].seq_no - *pair[0].seq_no)
        .filter(|&by| by != 1)
        .collect();
    assert_eq!(gaps, [2]);
}

#[test]
fn a_packet_lost_behind_us_is_retransmitted() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 1, 10);
    let receiver = world.clients[1].address;
    let mut lost = 0;
    world.passes = Box::new(move |_, to, bytes| {
        let is_media = bytes[0] >= 0x80 && bytes[1] & 0x7f == crate::world::VP8;
        if to == receiver && is_media && lost < 3 {
            lost += 1;
            return false;
        }
        true
    });
    camera.film(&mut world, 0, 1, 30);
    // The counters are brought up to date once a second.
    world.run(1300 * MS);

    let mut seqs: Vec<u64> = world.clients[1]
        .received(1000)
        .iter()
        .map(|packet| *packet.seq_no)
        .collect();
    seqs.sort_unstable();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seqs:?}"
    );
    assert!(seqs.len() >= 38, "{}", seqs.len());
    let stats = world.sfu.snapshot(world.now);
    let receiver = stats
        .iter()
        .find(|each| each.endpoint == world.clients[1].id)
        .unwrap();
    assert!(receiver.counters.nacks_received > 0);
    assert!(receiver.counters.retransmissions_sent >= 3);
}

#[test]
fn a_packet_lost_before_us_is_asked_for_and_passed_on_late() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 1, 10);
    let sender = world.clients[0].address;
    let mut lost = 0;
    world.passes = Box::new(move |from, _, bytes| {
        let is_media = bytes[0] >= 0x80 && bytes[1] & 0x7f == crate::world::VP8;
        if from == sender && is_media && lost < 3 {
            lost += 1;
            return false;
        }
        true
    });
    camera.film(&mut world, 0, 1, 30);
    world.run(300 * MS);

    let mut seqs: Vec<u64> = world.clients[1]
        .received(1000)
        .iter()
        .map(|packet| *packet.seq_no)
        .collect();
    seqs.sort_unstable();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seqs:?}"
    );
}

#[test]
fn foreign_ssrcs_are_dropped_and_counted() {
    let mut world = World::connected(2);
    let (known, foreign) = (audio(1, 11), audio(2, 12));
    for source in [&known, &foreign] {
        world.clients[0].publish(source);
        world.clients[1].expect(source);
    }
    world.set_sources(0, vec![known]);
    world.forward(1, vec![wanted(1, 0, 7), wanted(2, 0, 7)]);
    for n in 0..10 {
        let now = world.now;
        world.clients[0].send(now, 12, opus(n * 960, -30));
        world.run(20 * MS);
    }

    assert_eq!(world.sfu.counters.dropped(Drop::UnknownSsrc), 10);
    assert!(world.clients[1].packets.is_empty());
}

#[test]
fn a_late_joiner_gets_a_keyframe_at_once() {
    let (mut world, mut camera) = filmed(1);
    camera.film(&mut world, 0, 3, 60);
    world.clients[0].keyframe_requests.clear();
    camera.keyframes_answered = 0;

    world.forward(1, vec![wanted(1, 1, 7)]);
    camera.film(&mut world, 0, 3, 6);

    assert_eq!(world.clients[0].keyframe_requests.len(), 1);
    assert!(!world.clients[1].packets.is_empty());
}

#[test]
fn a_receiver_that_subscribed_before_it_connected_gets_a_keyframe_when_it_does() {
    let (mut world, mut camera) = filmed(0);
    let joiner = world.add_client();
    world.clients[joiner].expect(&video(1, 1000, 3));
    world.forward(joiner, vec![wanted(1, 2, 7)]);
    camera.film(&mut world, 0, 3, 30);
    world.introduce(joiner, None);
    camera.film(&mut world, 0, 3, 30);

    let packets = world.clients[joiner].received(1000);
    assert!(packets.len() > 15, "{}", packets.len());
    assert_contiguous(&packets);
}

#[test]
fn requests_of_many_receivers_reach_the_sender_once() {
    let (mut world, mut camera) = filmed(20);
    for receiver in 1..=20 {
        world.forward(receiver, vec![wanted(1, 0, 7)]);
    }
    camera.film(&mut world, 0, 1, 60);
    world.clients[0].keyframe_requests.clear();
    for receiver in 1..=20 {
        let now = world.now;
        world.clients[receiver].request_keyframe(now, 1000);
        world.run(5 * MS);
    }
    world.run(90 * MS);

    assert_eq!(world.clients[0].keyframe_requests.len(), 1);
}

#[test]
fn keyframes_that_come_are_counted_in_each_encoding() {
    let (mut world, mut camera) = filmed(1);
    let before = world.sfu.counters.keyframes_received;
    camera.film(&mut world, 0, 3, 10);
    assert_eq!(world.sfu.counters.keyframes_received - before, 3);

    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 3, 10);

    assert_eq!(world.sfu.counters.keyframes_received - before, 6);
}

#[test]
fn the_path_that_is_used_is_told_with_the_counters() {
    let world = World::connected(1);

    let [told] = &world.sfu.snapshot(world.now)[..] else {
        panic!("one endpoint");
    };

    let path = told.path.expect("a connected endpoint has a path");
    assert_eq!(path.remote, world.clients[0].address);
}

#[test]
fn a_source_that_goes_and_returns_under_its_ssrc_continues() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 1, 20);
    world.set_sources(0, vec![]);
    camera.film(&mut world, 0, 1, 10);
    let mut again = video(1, 1000, 3);
    again.id = SourceId(2);
    world.set_sources(0, vec![again]);
    world.forward(1, vec![wanted(2, 0, 7)]);
    camera.film(&mut world, 0, 1, 30);
    world.run(100 * MS);

    let packets = world.clients[1].received(1000);
    assert!(packets.len() > 40, "{}", packets.len());
    assert_contiguous(&packets);
}

#[test]
fn muted_audio_leaves_no_gap() {
    let mut world = World::connected(2);
    let source = audio(5, 11);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(5, 0, 7)]);
    let sender = world.clients[0].id;
    for n in 0..60_u32 {
        let now = world.now;
        world.sfu.set_muted(sender, (20..40).contains(&n), false);
        world.clients[0].send(now, 11, opus(n * 960, -30));
        world.run(20 * MS);
    }

    let received = world.clients[1].received(11);
    assert_eq!(received.len(), 40);
    assert_eq!(*received[39].seq_no, *received[0].seq_no + 39);
    assert_eq!(world.sfu.counters.dropped(Drop::Muted), 20);
}

#[test]
fn of_a_silence_only_the_beginning_is_passed_on_and_the_next_word_at_once() {
    let mut world = World::connected(2);
    let source = audio(5, 11);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(5, 0, 7)]);
    for n in 0..60_u32 {
        let now = world.now;
        let level = if (20..50).contains(&n) { -127 } else { -30 };
        world.clients[0].send(now, 11, opus(n * 960, level));
        world.run(20 * MS);
    }

    let received = world.clients[1].received(11);
    let timestamps: Vec<u32> = received
        .iter()
        .map(|packet| {
            packet
                .header
                .timestamp
                .wrapping_sub(received[0].header.timestamp)
                / 960
        })
        .collect();
    let expected: Vec<u32> = (0..24).chain(50..60).collect();
    assert_eq!(timestamps, expected);
    // What was left out is no loss, so nobody asks for it again.
    assert_eq!(*received[33].seq_no, *received[0].seq_no + 33);
    assert_eq!(world.sfu.counters.dropped(Drop::Silence), 26);
}

#[test]
fn what_a_source_sends_is_told() {
    let (mut world, mut camera) = filmed(1);
    camera.film(&mut world, 0, 2, 60);

    let Some(Event::SourceLayers { layers, codec, .. }) = world
        .events
        .iter()
        .rev()
        .find(|event| matches!(event, Event::SourceLayers { .. }))
    else {
        panic!("{:?}", world.events);
    };
    assert_eq!(codec.name(), "vp8");
    let seen: Vec<(usize, u8)> = layers
        .iter()
        .map(|each| (each.encoding, each.temporal))
        .collect();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    assert!(layers.iter().all(|layer| layer.height == 180));
    assert!((28.0..33.0).contains(&layers[2].fps), "{layers:?}");
}

#[test]
fn av1_travels_with_its_dependency_descriptor() {
    let mut world = World::connected(2);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    let mut encoder = Encoder::new(Mode::Full);
    let mut sent = Vec::new();
    for n in 0..10 {
        for packet in encoder.encode(n == 0) {
            let mut media = layered(AV1, &packet);
            media.extensions.video_orientation = Some(VideoOrientation::Deg90);
            let now = world.now;
            world.clients[0].send(now, 1000, media);
            sent.push(packet);
        }
        world.run(33 * MS);
    }

    let received = world.clients[1].received(1000);
    assert_eq!(received.len(), 60);
    // The descriptor of a key frame is longer than the one-byte form allows.
    assert!(sent[0].descriptor.len() > 16);
    for (sent, packet) in sent.into_iter().zip(received) {
        assert_eq!(
            packet.header.ext_vals.user_values.get(),
            Some(&Descriptor(sent.descriptor))
        );
        assert_eq!(
            packet.header.ext_vals.video_orientation,
            Some(VideoOrientation::Deg90)
        );
    }
}

#[test]
fn sender_reports_keep_audio_and_video_in_sync() {
    let mut world = World::connected(2);
    let (voice, picture) = (audio(1, 11), video(2, 1000, 1));
    for source in [&voice, &picture] {
        world.clients[0].publish(source);
        world.clients[1].expect(source);
    }
    world.set_sources(0, vec![voice, picture]);
    world.forward(1, vec![wanted(1, 0, 7), wanted(2, 0, 7)]);
    let start = world.now;
    let mut camera = 0;
    for n in 0..400_u32 {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -30));
        if n % 2 == 0 {
            let frame = Frame {
                timestamp: 55_000 + n * 1800,
                is_key: camera == 0,
                picture: camera,
                tl0: camera as u8,
                temporal: 0,
                sync: false,
            };
            world.clients[0].send(now, 1000, vp8(frame));
            camera += 1;
        }
        world.run(20 * MS);
    }

    // Both streams were captured together from `start` on; the reports must say so.
    let origin = |ssrc: u32, first: u32, rate: f64| {
        let packets = world.clients[1].received(ssrc);
        let report = packets
            .last()
            .unwrap()
            .last_sender_info
            .expect("a sender report");
        let elapsed = (report.rtp_time.numer() as u32).wrapping_sub(first) as f64 / rate;
        report.ntp_time - std::time::Duration::from_secs_f64(elapsed)
    };
    let (voice, picture) = (origin(11, 0, 48_000.0), origin(1000, 55_000, 90_000.0));
    let apart = voice
        .duration_since(picture)
        .unwrap_or_else(|error| error.duration());
    assert!(
        apart < 15 * MS,
        "{apart:?} apart, started {:?} ago",
        world.now - start
    );
}

#[test]
fn the_estimate_towards_a_receiver_is_told() {
    let (mut world, mut camera) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    camera.film(&mut world, 0, 1, 150);

    let receiver = world.clients[1].id;
    let estimates: Vec<u64> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::BandwidthEstimate { endpoint, bps } if *endpoint == receiver => Some(*bps),
            _ => None,
        })
        .collect();
    assert!(!estimates.is_empty());
    assert!(
        estimates.iter().all(|&bps| bps >= 1_000_000),
        "{estimates:?}"
    );
}

#[test]
fn the_estimate_follows_a_link_that_becomes_narrow() {
    let (mut world, _) = filmed(1);
    world.forward(1, vec![wanted(1, 0, 7)]);
    for n in 0..1500_u32 {
        if n == 500 {
            world.narrow = Some((world.clients[1].address, 800_000));
        }
        let mut packet = vp8(Frame {
            timestamp: n * 360,
            is_key: n == 0,
            picture: n as u16,
            tl0: 0,
            temporal: 0,
            sync: false,
        });
        // 2 Mbit/s, and less than the link carries from the moment a caller would have reacted.
        packet.payload.resize(1000, 0x55);
        if n < 700 || n % 4 == 0 {
            let now = world.now;
            world.clients[0].send(now, 1000, packet);
        }
        world.run(4 * MS);
    }

    let estimates: Vec<u64> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::BandwidthEstimate { bps, .. } => Some(*bps),
            _ => None,
        })
        .collect();
    assert!(
        *estimates.iter().max().unwrap() >= 2_500_000,
        "{estimates:?}"
    );
    assert!(*estimates.last().unwrap() < 1_200_000, "{estimates:?}");
    assert!(estimates.iter().all(|&bps| bps >= 300_000), "{estimates:?}");
}

#[test]
fn a_hostile_client_harms_nobody_else() {
    let mut world = World::connected(3);
    let (hostile, honest) = (video(1, 1000, 3), audio(2, 11));
    world.clients[0].publish(&hostile);
    world.clients[1].publish(&honest);
    world.clients[2].expect(&hostile);
    world.clients[2].expect(&honest);
    world.set_sources(0, vec![hostile]);
    world.set_sources(1, vec![honest]);
    world.forward(2, vec![wanted(1, 2, 7), wanted(2, 0, 7)]);
    let mut rng = fastrand::Rng::with_seed(8);
    for n in 0..500_u32 {
        let now = world.now;
        for _ in 0..8 {
            // Well encrypted nonsense: only a client of the meeting can send it.
            let packet = Sent {
                payload_type: if rng.u8(..) < 200 {
                    crate::world::VP8
                } else {
                    AV1
                },
                timestamp: rng.u32(..),
                marker: rng.bool(),
                payload: (0..rng.usize(1..40)).map(|_| rng.u8(..)).collect(),
                extensions: ExtensionValues::default(),
            };
            let ssrc = 1000 + rng.u32(..3);
            world.clients[0].send(now, ssrc, packet);
            for _ in 0..rng.usize(..3) {
                world.clients[0].lose_one(ssrc);
            }
        }
        world.clients[1].send(now, 11, opus(n * 960, -30));
        world.run(20 * MS);
    }

    assert!(world.clients[2].received(11).len() >= 498);
    assert_eq!(
        world.count_events(|event| matches!(event, Event::EndpointFailed { .. })),
        0
    );
    assert!(world.sfu.counters.dropped(Drop::MalformedPayload) > 0);
}

#[test]
fn a_packet_too_long_to_be_passed_on_harms_nobody() {
    let mut world = World::connected(2);
    let source = audio(1, 11);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    for (timestamp, length) in [(0, 80), (960, 1900), (1920, 80)] {
        let mut packet = opus(timestamp, -30);
        packet.payload.resize(length, 0xfc);
        let now = world.now;
        world.clients[0].send(now, 11, packet);
        world.run(20 * MS);
    }

    let lengths: Vec<_> = world.clients[1]
        .received(11)
        .iter()
        .map(|p| p.payload.len())
        .collect();
    assert_eq!(lengths, [80, 80]);
    assert_eq!(world.sfu.counters.dropped(Drop::MalformedPayload), 1);
    assert_eq!(world.sfu.counters.dropped(Drop::Internal), 0);
}

#[test]
fn a_quiet_receiver_is_left_alone_and_served_at_once_when_media_comes() {
    let mut world = World::connected(2);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    let frame = |n: u32| Frame {
        timestamp: n * 3000,
        is_key: n == 0,
        picture: n as u16,
        tl0: n as u8,
        temporal: 0,
        sync: false,
    };
    for n in 0..50 {
        let now = world.now;
        world.clients[0].send(now, 1000, vp8(frame(n)));
        world.run(33 * MS);
    }
    world.run(5000 * MS);

    let before = world.sfu.counters.packets_sent;
    world.run(10_000 * MS);
    let sent = world.sfu.counters.packets_sent - before;
    assert!(
        sent < 100,
        "{sent} datagrams in ten quiet seconds to two endpoints"
    );

    let before = world.clients[1].packets.len();
    let now = world.now;
    world.clients[0].send(now, 1000, vp8(frame(50)));
    world.run(11 * MS);
    assert_eq!(world.clients[1].packets.len(), before + 1);
}
