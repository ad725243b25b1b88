//! Connecting: ICE, DTLS and what keeps strangers out.

use std::net::SocketAddr;

use crate::world::{MS, World, audio, opus, server};
use _engine::counters::Drop;
use _engine::demux::{Path, Transport};
use _engine::events::Event;
use _engine::setup::{EndpointId, Limits};

#[test]
fn a_client_connects_by_its_checks_alone() {
    let world = World::connected(1);

    assert_eq!(
        world.events.first(),
        Some(&Event::IceConnected {
            endpoint: EndpointId(1),
            path: Path {
                transport: Transport::Udp,
                local: server(),
                remote: world.clients[0].address,
            },
        })
    );
    assert!(matches!(
        world.events.get(1),
        Some(Event::DtlsConnected {
            srtp_profile: "AEAD_AES_256_GCM" | "AEAD_AES_128_GCM",
            ..
        })
    ));
}

#[test]
fn checks_and_hello_that_came_before_the_introduction_are_not_lost() {
    let mut world = World::new();
    world.add_client();
    world.run(400 * MS);
    assert!(!world.clients[0].is_connected);

    world.introduce(0, None);
    world.run(200 * MS);

    assert!(world.clients[0].is_connected, "{:?}", world.events);
}

#[test]
fn the_handshake_needs_no_repetition() {
    let mut world = World::new();
    world.join();
    world.run(2000 * MS);

    let sent = &world.clients[0].dtls_sent;
    let took = *sent.last().unwrap() - sent[0];
    assert!(
        took < 100 * MS,
        "{took:?} from the first DTLS datagram to the last"
    );
}

#[test]
fn towards_a_passive_client_the_engine_is_the_dtls_client() {
    let mut world = World::new();
    world.join_passive();
    world.run(1000 * MS);

    assert!(world.clients[0].is_connected, "{:?}", world.events);
    assert_eq!(
        world.count_events(|event| matches!(event, Event::DtlsConnected { .. })),
        1
    );
}

#[test]
fn a_client_that_only_signals_where_it_is_is_called() {
    let mut world = World::new();
    world.join_waiting();
    let (id, address) = (world.clients[0].id, world.clients[0].address);
    world.run(200 * MS);
    assert!(world.events.is_empty());

    world
        .sfu
        .add_remote_candidate(world.now, id, address, "host", 2_130_706_431);
    world.run(1000 * MS);

    assert!(world.clients[0].is_connected, "{:?}", world.events);
}

#[test]
fn a_wrong_fingerprint_fails_the_endpoint() {
    let mut world = World::new();
    world.add_client();
    world.introduce(0, Some(vec![7; 32]));
    world.run(1000 * MS);

    assert!(world.events.contains(&Event::EndpointFailed {
        endpoint: EndpointId(1),
        reason: "fingerprint-mismatch"
    }));
    assert_eq!(
        world.count_events(|event| matches!(event, Event::DtlsConnected { .. })),
        0
    );
}

#[test]
fn strangers_get_no_answer() {
    let mut world = World::connected(1);
    let stranger: SocketAddr = "203.0.113.9:6000".parse().unwrap();
    let mut check = vec![0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42];
    check.extend([1; 12]);
    check.extend([0, 6, 0, 9]);
    check.extend(b"nobody:me\0\0\0");
    let mut claimed = check.clone();
    claimed[24..36].copy_from_slice(b"srv0000:a\0\0\0");

    world.inject(stranger, &check);
    world.inject(stranger, &claimed);
    world.inject(stranger, &[0x80; 40]);
    world.inject(stranger, &[0x16; 40]);
    world.inject(stranger, &[0xff; 40]);

    assert!(
        world
            .sfu
            .take_outbox()
            .iter()
            .all(|(each, _)| each.path.remote != stranger)
    );
    assert_eq!(world.sfu.counters.dropped(Drop::UnknownUfrag), 1);
    assert_eq!(world.sfu.counters.dropped(Drop::BadStun), 1);
    assert_eq!(world.sfu.counters.dropped(Drop::NotStunFirst), 2);
}

#[test]
fn a_used_username_fragment_is_refused() {
    let mut world = World::new();
    world.join();
    let setup = _engine::setup::EndpointSetup {
        ufrag: "srv0000".into(),
        pwd: "p".repeat(24),
        controlling: true,
        payload_types: vec![],
        extensions: vec![],
    };

    assert!(!world.sfu.add_endpoint(world.now, EndpointId(9), setup));
}

#[test]
fn a_client_that_moves_keeps_sending_and_receiving() {
    let mut world = World::of_two_voices();
    let talk = |world: &mut World, packets: u32| {
        for n in 0..packets {
            let now = world.now;
            world.clients[0].send(now, 11, opus(n * 960, -30));
            world.clients[1].send(now, 22, opus(n * 960, -30));
            world.run(20 * MS);
        }
    };
    talk(&mut world, 50);
    let before = (
        world.clients[0].packets.len(),
        world.clients[1].packets.len(),
    );
    assert!(before.0 >= 49 && before.1 >= 49, "{before:?}");

    world.clients[0].address = "203.0.113.77:6123".parse().unwrap();
    // Until the client's next check the engine does not know the new address.
    talk(&mut world, 400);

    let after = (
        world.clients[0].packets.len(),
        world.clients[1].packets.len(),
    );
    assert!(
        after.1 - before.1 > 200,
        "heard {} of 400 from it",
        after.1 - before.1
    );
    assert!(
        after.0 - before.0 > 200,
        "it heard {} of 400",
        after.0 - before.0
    );
}

#[test]
fn silence_ends_an_endpoint() {
    let limits = Limits {
        ice_timeout: 2000 * MS,
        activity_timeout: 3000 * MS,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    world.join();
    world.run(1000 * MS);
    world.passes = Box::new(|_, _, _| false);
    world.add_client();
    world.run(4000 * MS);

    let failed = |id, reason| Event::EndpointFailed {
        endpoint: EndpointId(id),
        reason,
    };
    assert!(
        world.events.contains(&failed(1, "idle")),
        "{:?}",
        world.events
    );
    assert!(
        world.events.contains(&failed(2, "ice-failed")),
        "{:?}",
        world.events
    );
}

#[test]
fn damaged_datagrams_never_panic_nor_end_an_endpoint() {
    let mut world = World::connected(1);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let tape = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let recorder = std::rc::Rc::clone(&tape);
    world.passes = Box::new(move |_, to, bytes| {
        if to == server() {
            recorder.borrow_mut().push(bytes.to_vec());
        }
        true
    });
    let source = audio(1, 11);
    world.clients[0].publish(&source);
    world.set_sources(0, vec![source]);
    for n in 0..200 {
        let now = world.now;
        world.clients[0].send(now, 11, opus(n * 960, -30));
        world.run(20 * MS);
    }
    seen.extend(tape.borrow_mut().drain(..));
    assert!(seen.len() > 200);
    let address = world.clients[0].address;
    let mut rng = fastrand::Rng::with_seed(6);

    for _ in 0..20_000 {
        let mut datagram = seen[rng.usize(..seen.len())].clone();
        for _ in 0..rng.usize(..5) {
            let at = rng.usize(..datagram.len());
            datagram[at] = rng.u8(..);
        }
        if rng.u8(..) < 64 {
            datagram.truncate(rng.usize(..datagram.len()));
        }
        world.inject(address, &datagram);
    }
    world.run(1000 * MS);

    assert_eq!(
        world.count_events(|event| matches!(event, Event::EndpointFailed { .. })),
        0
    );
    assert!(world.sfu.counters.dropped(Drop::SrtpAuth) > 0);
}
