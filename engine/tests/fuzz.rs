//! Every parser of network bytes, and whole sessions, under bytes that are almost right.
//!
//! The promise: a value or an error, never a panic. Each target is a plain function of bytes, fed
//! from `tests/corpus/<target>/` by a mutator whose numbers follow from its seed. `cargo test` runs
//! a fixed number of inputs; with FUZZ_SECONDS set, each target runs for that long from a seed of
//! its own, and what it fails on is printed in hexadecimal, to be put into the corpus.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::mutator::fuzz;
use crate::world::dependency::Descriptor;
use crate::world::unharmed::{assert_still_works, assert_unharmed};
use crate::world::{AV1, H264, MS, RED, Sent, VP8, VP9, World, audio, video, wanted};
use _engine::counters::Drop;
use _engine::dd::Reader;
use _engine::forward::Projection;
use _engine::incoming::{Incoming, Shape};
use _engine::passage::Highest;
use _engine::rtcp::{self, Message};
use _engine::setup::Codec;
use _engine::{codecs, demux, feedback, h264, red, stun, vp8, vp9};
use str0m::rtp::ExtensionValues;

const INPUTS: usize = 20_000;

// ---- targets -----------------------------------------------------------------------------------

fn fuzz_vp8(data: &[u8]) -> bool {
    let Some(header) = vp8::parse(data) else {
        return false;
    };
    assert!(!header.starts_keyframe || header.starts_frame);
    assert!(header.temporal < 4);
    let wide = header.picture_id.is_some_and(|(_, is_wide)| is_wide);
    let picture = if wide { 0x1234 } else { 0x34 };
    let mut renumbered = data.to_vec();
    vp8::renumber(&mut renumbered, &header, Some(picture), Some(77));
    let again = vp8::parse(&renumbered).expect("nothing but numbers has changed");
    let expected = vp8::Vp8 {
        picture_id: header.picture_id.map(|_| (picture, wide)),
        tl0_pic_idx: header.tl0_pic_idx.map(|_| 77),
        ..header
    };
    assert_eq!(again, expected);
    true
}

fn fuzz_vp9(data: &[u8]) -> bool {
    let Some(header) = vp9::parse(data) else {
        return false;
    };
    let wide = header.picture_id.is_some_and(|(_, is_wide)| is_wide);
    let picture = if wide { 0x1234 } else { 0x34 };
    let mut renumbered = data.to_vec();
    vp9::renumber(&mut renumbered, &header, Some(picture), Some(77));
    let again = vp9::parse(&renumbered).expect("nothing but numbers has changed");
    assert_eq!(again.picture_id, header.picture_id.map(|_| (picture, wide)));
    assert_eq!(again.tl0_pic_idx, header.tl0_pic_idx.map(|_| 77));
    let (changed, old) = (
        vp9::Vp9 {
            picture_id: None,
            tl0_pic_idx: None,
            ..again
        },
        vp9::Vp9 {
            picture_id: None,
            tl0_pic_idx: None,
            ..header
        },
    );
    assert_eq!(changed, old);
    true
}

/// Several descriptors of one stream, each behind its length.
fn fuzz_dd(data: &[u8]) -> bool {
    let (mut reader, mut receiver) = (Reader::default(), Reader::default());
    let mut rest = data;
    let mut has_read = false;
    while let Some((&length, behind)) = rest.split_first() {
        let (bytes, next) = behind.split_at(behind.len().min(length.into()));
        rest = next;
        let Some(frame) = reader.read(bytes) else {
            continue;
        };
        has_read = true;
        let structure = &frame.structure;
        let best = structure.best(1, 1, frame.active);
        assert!(usize::from(best) < structure.targets.len());
        let active = structure.within(best);
        assert_eq!(active & !structure.all(), 0);
        let number = frame.number.wrapping_add(1000);
        for active in [None, Some(active)] {
            let rewritten = frame.rewritten(number, 9, active);
            if rewritten.len() > _engine::dd::MAX_BYTES {
                continue;
            }
            let Some(again) = receiver.read(&rewritten) else {
                assert!(!frame.has_structure, "its own structure can be read again");
                continue;
            };
            if !frame.has_structure {
                continue;
            }
            assert_eq!(
                (again.number, again.spatial, again.temporal),
                (number, frame.spatial, frame.temporal)
            );
            assert_eq!(again.indications, frame.indications);
            assert_eq!(again.references, frame.references);
            assert_eq!(again.active, active.unwrap_or(frame.active));
        }
    }
    has_read
}

fn fuzz_h264(data: &[u8]) -> bool {
    h264::parse(data) != h264::H264::default()
}

fn fuzz_red(data: &[u8]) -> bool {
    let Some((number, start)) = red::primary(data) else {
        return false;
    };
    assert!(number < 128 && start < data.len());
    true
}

/// Feedback whose packets are as many as it says, and no more than can be in flight.
fn fuzz_feedback(data: &[u8]) -> bool {
    let found = feedback::parse(data);
    for each in &found {
        assert!(each.packets.len() <= 4096, "{}", each.packets.len());
        let numbers = each.packets.windows(2);
        assert!(
            numbers
                .into_iter()
                .all(|two| two[1].0 == two[0].0.wrapping_add(1))
        );
    }
    !found.is_empty()
}

fn fuzz_entry(data: &[u8]) -> bool {
    demux::classify(data).is_ok() | stun::peek(data).is_ok()
}

/// What can be written is written again, and reads the same.
fn fuzz_rtcp(data: &[u8]) -> bool {
    let messages = rtcp::parse(data);
    for message in &messages {
        let mut out = Vec::new();
        match message {
            Message::SenderReport {
                ssrc,
                ntp,
                rtp_time,
                packets,
                bytes,
                blocks,
            } => rtcp::write_sender_report(
                &mut out, *ssrc, *ntp, *rtp_time, *packets, *bytes, blocks,
            ),
            Message::ReceiverReport { ssrc, blocks } => {
                rtcp::write_receiver_report(&mut out, *ssrc, blocks);
            }
            Message::KeyframeRequest { media } => rtcp::write_pli(&mut out, 1, *media),
            Message::Nack { media, lost } if lost.is_sorted() => {
                let lost = lost.iter().copied().collect::<BTreeSet<u16>>();
                let lost: Vec<u16> = lost.into_iter().collect();
                rtcp::write_nack(&mut out, 1, *media, &lost);
                let media = *media;
                assert_eq!(rtcp::parse(&out), [Message::Nack { media, lost }]);
                continue;
            }
            _ => continue,
        }
        assert_eq!(rtcp::parse(&out), std::slice::from_ref(message));
    }
    !messages.is_empty()
}

/// Packets of any kind and in any order, each eight bytes and a payload behind its length.
fn fuzz_projection(data: &[u8]) -> bool {
    let start = Instant::now();
    let mut projection = Projection::new(1);
    let mut reader = Reader::default();
    let mut sent = std::collections::HashSet::new();
    let mut seen = std::collections::HashSet::new();
    let mut rest = data;
    let mut now = start;
    while let [
        kind,
        encoding,
        seq,
        time,
        spatial,
        temporal,
        length,
        behind @ ..,
    ] = rest
    {
        let (payload, next) = behind.split_at(behind.len().min(usize::from(*length) % 64));
        rest = next;
        now += Duration::from_millis((*time).into());
        let highest = Highest {
            spatial: spatial % 8,
            temporal: temporal % 8,
        };
        match kind % 16 {
            0 => projection.suspend(),
            1 => projection.change_source(),
            2 => projection.interrupt(),
            3 | 4 => _ = projection.aim(usize::from(encoding % 9), highest),
            _ => {}
        }
        let codec = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus]
            [usize::from(kind >> 4) % 5];
        let shape = match (codec, reader.read(payload)) {
            (Codec::Av1, Some(frame)) => Shape::Described(frame.into()),
            _ => match codecs::shape(codec, payload) {
                Some(shape) => shape,
                None => continue,
            },
        };
        let seq = 100_000 + u64::from(*seq) * 3;
        // The session below passes each packet once.
        if !seen.insert((encoding % 3, seq)) {
            continue;
        }
        let packet = Incoming {
            encoding: usize::from(encoding % 3),
            seq,
            timestamp: u32::from(*time).wrapping_mul(90_000),
            marker: kind & 1 == 1,
            shape,
            captured: now,
            clock_rate: 90_000,
        };
        if let Some(numbers) = projection.accept(now, &packet).forward {
            assert!(sent.insert(numbers.seq), "a number twice");
        }
    }
    !sent.is_empty()
}

// ---- runs --------------------------------------------------------------------------------------

#[test]
fn descriptors_of_vp8() {
    fuzz("vp8", INPUTS, fuzz_vp8);
}

#[test]
fn descriptors_of_vp9() {
    fuzz("vp9", INPUTS, fuzz_vp9);
}

#[test]
fn dependency_descriptors() {
    fuzz("dd", INPUTS, fuzz_dd);
}

#[test]
fn units_of_h264() {
    fuzz("h264", INPUTS, fuzz_h264);
}

#[test]
fn redundant_audio() {
    fuzz("red", INPUTS, fuzz_red);
}

#[test]
fn transport_wide_feedback() {
    fuzz("feedback", INPUTS, fuzz_feedback);
}

#[test]
fn first_bytes_of_datagrams() {
    fuzz("datagram", INPUTS, fuzz_entry);
}

#[test]
fn reports_and_feedback() {
    fuzz("rtcp", INPUTS, fuzz_rtcp);
}

#[test]
fn packets_in_any_order() {
    fuzz("projection", INPUTS, fuzz_projection);
}

/// Datagrams from a stranger's address and from that of a client in a call.
#[test]
fn datagrams_into_a_call() {
    let mut world = call();
    fuzz("datagram", 2_000, |datagram| {
        let client = world.clients[0].address;
        world.inject(client, datagram);
        world.inject("203.0.113.9:4000".parse().unwrap(), datagram);
        world.run(MS);
        assert_unharmed(&world);
        true
    });
    assert!(
        world.sfu.counters.dropped(Drop::SrtpAuth) > 0,
        "none came as far as decryption"
    );
    assert_still_works(&mut world);
}

/// Payloads and dependency descriptors a client that has joined may send.
#[test]
fn media_of_a_hostile_client() {
    let mut world = call();
    let mut timestamp = 0_u32;
    fuzz("media", 2_000, |data| {
        let Some((&kind, payload)) = data.split_first() else {
            return false;
        };
        let before = world.sfu.counters.packets_forwarded;
        let half = payload.len() / 2;
        let (extension, payload) = payload.split_at(half.min(usize::from(kind) % 100));
        let payload_type = [VP8, VP9, H264, AV1, RED][usize::from(kind) % 5];
        let mut extensions = ExtensionValues::default();
        if !extension.is_empty() {
            extensions
                .user_values
                .set(Descriptor(extension.iter().copied().take(200).collect()));
        }
        timestamp = timestamp.wrapping_add(u32::from(kind) * 100);
        let packet = Sent {
            payload_type,
            timestamp,
            marker: kind & 1 == 1,
            payload: payload.iter().copied().take(1100).collect(),
            extensions,
        };
        let ssrc = if payload_type == RED { 11 } else { 1000 };
        let now = world.now;
        world.clients[0].send(now, ssrc, packet);
        world.run(20 * MS);
        assert_unharmed(&world);
        world.sfu.counters.packets_forwarded > before
    });
    assert_still_works(&mut world);
}

/// Client 0 sends to client 1, and client 2 to client 1 too.
fn call() -> World {
    let mut world = World::connected(3);
    let (picture, voice, other) = (video(1, 1000, 1), audio(5, 11), audio(6, 12));
    for source in [&picture, &voice] {
        world.clients[0].publish(source);
    }
    world.clients[2].publish(&other);
    for source in [&picture, &voice, &other] {
        world.clients[1].expect(source);
    }
    world.set_sources(0, vec![picture, voice]);
    world.set_sources(2, vec![other]);
    world.forward(1, vec![wanted(1, 0, 2), wanted(5, 0, 7), wanted(6, 0, 7)]);
    world
}
