//! What somebody on the network, or in the meeting, may try against the others' media.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::world::{Frame, MS, OPUS, World, audio, opus, server, video, vp8, wanted};
use _engine::counters::Drop;
use _engine::events::Event;
use _engine::rtcp;
use _engine::setup::{Limits, Wanted};

fn stranger() -> SocketAddr {
    "203.0.113.9:6000".parse().unwrap()
}

fn say(world: &mut World, from: u32, packets: u32) {
    for n in from..from + packets {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -30));
        world.run(20 * MS);
    }
}

fn picture(n: u32) -> Frame {
    Frame {
        timestamp: n * 3000,
        is_key: n == 0,
        picture: n as u16,
        tl0: n as u8,
        temporal: 0,
        sync: false,
    }
}

/// Client 0 shows these pictures.
fn play(world: &mut World, from: u32, to: u32) {
    for n in from..to {
        let now = world.now;
        world.clients[0].send(now, 1000, vp8(picture(n)));
        world.run(33 * MS);
    }
}

type Tape = Rc<RefCell<Vec<Vec<u8>>>>;

/// Everything that client 0 sends to the engine from now on.
fn record(world: &mut World) -> Tape {
    let tape = Tape::default();
    let recorder = Rc::clone(&tape);
    let speaker = world.clients[0].address;
    world.passes = Box::new(move |from, to, bytes| {
        if from == speaker && to == server() {
            recorder.borrow_mut().push(bytes.to_vec());
        }
        true
    });
    tape
}

fn is_media(datagram: &[u8]) -> bool {
    datagram.len() > 12 && datagram[0] >> 6 == 2 && datagram[1] & 0x7f == OPUS
}

#[test]
fn whoever_jumps_in_numbers_does_not_spoil_the_slot_for_the_next() {
    let mut world = World::connected(2);
    world.join_raw();
    world.run(1000 * MS);
    let id = world.raws[0].id;
    let (honest, hostile) = (audio(5, 11), audio(6, 13));
    let slot = audio(0, 50_000);
    world.clients[0].publish(&honest);
    world.clients[1].expect(&slot);
    world.set_sources(0, vec![honest]);
    world.sfu.set_sources(world.now, id, vec![hostile]);
    let through_slot = |source| Wanted {
        slot: Some(slot.encodings[0]),
        ..wanted(source, 0, 7)
    };

    world.forward(1, vec![through_slot(6)]);
    let receiver = world.clients[1].address;
    for n in 0..100_u64 {
        // Every second packet is lost on its way to the receiver.
        world.passes = Box::new(move |_, to, bytes| to != receiver || bytes[0] < 128 || n % 2 == 0);
        world.raws[0].send_rtp(OPUS, 13, 1 + n * 30_000, n as u32 * 960, &[0xfc; 40]);
        world.run(20 * MS);
    }
    world.passes = Box::new(|_, _, _| true);
    world.forward(1, vec![through_slot(5)]);
    say(&mut world, 0, 50);
    world.run(50 * MS);

    assert_eq!(world.clients[1].received(50_000).len(), 100);
    let failed = world.count_events(|event| matches!(event, Event::EndpointFailed { .. }));
    assert_eq!(failed, 0);
}

#[test]
fn recorded_packets_are_passed_on_once_wherever_they_come_from() {
    let mut world = World::of_two_voices();
    let tape = record(&mut world);
    say(&mut world, 0, 300);
    let recorded: Vec<_> = tape
        .borrow()
        .iter()
        .filter(|each| is_media(each))
        .cloned()
        .collect();
    assert!(recorded.len() >= 300);
    let speaker = world.clients[0].address;
    let before = world.sfu.counters.packets_forwarded;

    for _ in 0..10 {
        for datagram in &recorded {
            world.inject(speaker, datagram);
            world.inject(stranger(), datagram);
        }
        world.run(20 * MS);
    }

    assert_eq!(world.sfu.counters.packets_forwarded, before);
    say(&mut world, 300, 50);
    assert!(world.clients[1].received(11).len() >= 349);
}

#[test]
fn numbers_wrap_three_times_while_most_packets_are_lost() {
    let mut world = World::connected(3);
    let source = audio(1, 11);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.clients[2].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    let mut rng = fastrand::Rng::with_seed(5);
    let (mut number, mut sent, mut is_late_there) = (0, 0_usize, false);
    while number < 3 * 65_536 + 2_000 {
        let now = world.now;
        world.clients[0].send(now, 11, opus(number, -30));
        sent += 1;
        number += 1;
        for _ in 0..rng.u32(..40) {
            world.clients[0].lose_one(11);
            number += 1;
        }
        if sent % 20 == 0 {
            world.run(MS);
        }
        if number > 2 * 65_536 - 300 && !is_late_there {
            // A late joiner near the wrap.
            world.forward(2, vec![wanted(1, 0, 7)]);
            is_late_there = true;
        }
    }
    world.run(100 * MS);

    let heard = world.clients[1].received(11);
    assert!(heard.len() >= sent - 5, "{} of {sent}", heard.len());
    assert!(heard.windows(2).all(|two| two[1].seq_no > two[0].seq_no));
    assert!(world.clients[2].received(11).len() > sent / 4);
}

#[test]
fn forged_hellos_hinder_nobodys_handshake() {
    let mut world = World::new();
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1];
    hello.resize(113, 7);
    for n in 0..200_u16 {
        if n % 20 == 0 && world.clients.len() < 10 {
            world.join();
        }
        // A thousand in a second: from elsewhere, and as if they came from those who call.
        for _ in 0..5 {
            world.inject(stranger(), &hello);
        }
        for client in 0..world.clients.len() {
            let address = world.clients[client].address;
            world.inject(SocketAddr::new(address.ip(), 5001), &hello);
        }
        world.run(5 * MS);
    }
    world.run(500 * MS);

    assert_eq!(world.clients.len(), 10);
    assert!(world.clients.iter().all(|client| client.is_connected));
    for client in &world.clients {
        let flights = client
            .dtls_sent
            .last()
            .unwrap()
            .duration_since(client.dtls_sent[0]);
        assert!(flights <= 100 * MS, "{flights:?} of handshake");
    }
}

#[test]
fn who_has_gone_is_sent_nothing_after_thirty_seconds_whatever_is_forged() {
    let limits = Limits {
        activity_timeout: 60_000 * MS,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    for _ in 0..2 {
        world.join();
    }
    world.run(1000 * MS);
    let source = audio(1, 11);
    world.clients[0].publish(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    let gone = world.clients[1].address;
    let (bytes, last_check) = (Rc::new(RefCell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let (count, check) = (Rc::clone(&bytes), Rc::clone(&last_check));
    world.passes = Box::new(move |from, to, datagram| {
        if to == gone {
            // Media alone: checks may go on looking for it.
            if datagram[0] >> 6 == 2 {
                *count.borrow_mut() += datagram.len();
            } else {
                *check.borrow_mut() = datagram.to_vec();
            }
        }
        from != gone && to != gone
    });
    for n in 0..(29 * 50) {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -30));
        if n % 10 == 0 && !last_check.borrow().is_empty() {
            // A success response to its last check, by somebody without the password.
            let mut forged = last_check.borrow().clone();
            forged[0..2].copy_from_slice(&[0x01, 0x01]);
            forged[2..4].copy_from_slice(&[0, 0]);
            forged.truncate(20);
            world.inject(gone, &forged);
        }
        world.run(20 * MS);
    }
    world.run(1000 * MS);
    *bytes.borrow_mut() = 0;
    for n in 0..250 {
        let now = world.now;
        world.clients[0].send(now, 11, opus((2000 + n) * 960, -30));
        world.run(20 * MS);
    }

    assert_eq!(*bytes.borrow(), 0);
}

#[test]
fn a_keyframe_is_asked_for_by_those_only_who_receive_the_source() {
    let mut world = World::connected(3);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    for client in 1..3 {
        world.clients[client].expect(&source);
    }
    world.set_sources(0, vec![source]);
    for client in 1..3 {
        world.forward(client, vec![wanted(1, 0, 7)]);
    }
    play(&mut world, 0, 100);
    world.forward(2, vec![]);
    play(&mut world, 100, 200);
    let before = world.clients[0].keyframe_requests.len();

    for _ in 0..50 {
        let now = world.now;
        world.clients[2].request_keyframe(now, 1000);
        world.run(100 * MS);
    }
    let heard = world.sfu.snapshot(world.now);
    let asked: u64 = heard
        .iter()
        .map(|each| each.counters.keyframe_requests_received)
        .sum();
    assert!(asked > 0, "no request came as far as the engine");
    assert_eq!(world.clients[0].keyframe_requests.len(), before);

    let now = world.now;
    world.clients[1].request_keyframe(now, 1000);
    world.run(1000 * MS);
    assert_eq!(world.clients[0].keyframe_requests.len(), before + 1);
    assert_eq!(
        world.count_events(|event| matches!(event, Event::EndpointFailed { .. })),
        0
    );
}

#[test]
fn a_flood_of_keyframe_requests_reaches_the_sender_twice_a_second_at_most() {
    let mut world = World::connected(13);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    for client in 1..13 {
        world.clients[client].expect(&source);
    }
    world.set_sources(0, vec![source]);
    for client in 1..13 {
        world.forward(client, vec![wanted(1, 0, 7)]);
    }
    let flood = |world: &mut World, frames: u32| {
        for n in 0..frames {
            let now = world.now;
            world.clients[0].send(now, 1000, vp8(picture(n)));
            for client in 1..13 {
                world.clients[client].request_keyframe(now, 1000);
            }
            world.run(60 * MS);
        }
    };
    flood(&mut world, 20);
    let before = world.clients[0].keyframe_requests.len();

    flood(&mut world, 166);

    let asked = world.clients[0].keyframe_requests.len() - before;
    assert!(asked <= 20, "{asked} requests in ten seconds");
}

#[test]
fn an_extension_reaches_those_only_who_negotiated_it() {
    let mut world = World::new();
    for _ in 0..2 {
        world.join();
    }
    world.join_without_extension("ssrc-audio-level");
    world.run(1000 * MS);
    let source = audio(1, 11);
    world.clients[0].publish(&source);
    world.set_sources(0, vec![source.clone()]);
    for client in 1..3 {
        world.clients[client].expect(&source);
        world.forward(client, vec![wanted(1, 0, 7)]);
    }

    say(&mut world, 0, 50);

    let with_level = |client: usize| {
        let heard = world.clients[client].received(11);
        assert!(heard.len() >= 49);
        let levels = heard
            .iter()
            .filter_map(|each| each.header.ext_vals.audio_level);
        levels.count()
    };
    assert!(with_level(1) >= 49);
    assert_eq!(with_level(2), 0);
}

#[test]
fn whoever_begins_and_ends_watching_all_the_time_costs_a_keyframe_a_second() {
    let mut world = World::connected(3);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    for client in 1..3 {
        world.clients[client].expect(&source);
    }
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    play(&mut world, 0, 30);
    let before = world.clients[0].keyframe_requests.len();

    for n in 30..330 {
        let wish = if n % 3 == 0 {
            vec![]
        } else {
            vec![wanted(1, 0, 7)]
        };
        world.forward(2, wish);
        play(&mut world, n, n + 1);
    }

    let asked = world.clients[0].keyframe_requests.len() - before;
    assert!((5..=11).contains(&asked), "{asked} in ten seconds");
    let watched = world.clients[1].received(1000).len();
    assert!(watched > 320, "{watched}");
}

#[test]
fn whoever_asks_for_everything_all_the_time_is_read_as_far_as_his_share() {
    let mut world = World::connected(2);
    world.join_raw();
    world.run(1000 * MS);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    world.clients[1].expect(&source);
    world.set_sources(0, vec![source]);
    world.forward(1, vec![wanted(1, 0, 7)]);
    let id = world.raws[0].id;
    world.sfu.forward(world.now, id, vec![wanted(1, 0, 7)]);
    play(&mut world, 0, 30);
    let before = world.clients[0].keyframe_requests.len();

    let everything: Vec<u16> = (0..1000).collect();
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 77, &[]);
    rtcp::write_nack(&mut compound, 77, 1000, &everything);
    rtcp::write_pli(&mut compound, 77, 1000);
    for n in 30..130 {
        for _ in 0..100 {
            world.raws[0].send_rtcp(&compound);
        }
        play(&mut world, n, n + 1);
    }

    // Three seconds, and one that was saved up: 20,000 in each, 1,011 in a datagram.
    let unread = world.sfu.counters.dropped(Drop::TooMuchReported);
    assert!((9_900..9_950).contains(&unread), "{unread} of 10000");
    let asked = world.clients[0].keyframe_requests.len() - before;
    assert!(asked <= 3, "{asked} key frames");
    assert!(world.clients[1].received(1000).len() >= 129);

    // The others are read as before, and so is he when he has calmed down.
    let now = world.now;
    world.clients[1].request_keyframe(now, 1000);
    play(&mut world, 130, 190);
    assert_eq!(world.clients[0].keyframe_requests.len(), before + asked + 1);
    world.raws[0].send_rtcp(&compound);
    play(&mut world, 190, 191);
    assert_eq!(world.sfu.counters.dropped(Drop::TooMuchReported), unread);
}
