//! The path changes, the session stays: ICE restarts and moved addresses.

use std::time::Duration;

use crate::world::{MS, World, opus};
use _engine::counters::Drop;
use _engine::demux::{Path, Transport};
use _engine::events::Event;
use str0m::IceCreds;

/// Two connected clients who talk to each other.
fn talking() -> World {
    let mut world = World::of_two_voices();
    talk(&mut world, 1000 * MS);
    world
}

/// Let both talk; how many packets the first and the second have received of that.
fn talk(world: &mut World, time: Duration) -> (usize, usize) {
    let end = world.now + time;
    let heard = |world: &World| {
        (
            world.clients[0].packets.len(),
            world.clients[1].packets.len(),
        )
    };
    let before = heard(world);
    while world.now < end {
        let (now, at) = (world.now, world.now - world.start);
        let timestamp = (at.as_millis() * 48) as u32;
        world.clients[0].send(now, 11, opus(timestamp, -30));
        world.clients[1].send(now, 22, opus(timestamp, -30));
        world.run(20 * MS);
    }
    let after = heard(world);
    (after.0 - before.0, after.1 - before.1)
}

fn creds(name: &str) -> IceCreds {
    IceCreds {
        ufrag: name.into(),
        pass: format!("{name}-a-password-of-enough-characters"),
    }
}

fn restart(world: &mut World, name: &str) {
    let (id, ours) = (world.clients[0].id, creds(name));
    world.sfu.restart_ice(world.now, id, ours.ufrag, ours.pass);
}

/// The first client takes part in the restart with credentials of its own.
fn answer(world: &mut World, name: &str) {
    let (ours, theirs) = (creds(name), creds(&format!("{name}-client")));
    let mut direct = world.clients[0].rtc.direct_api();
    direct.set_local_ice_credentials(theirs.clone());
    direct.set_remote_ice_credentials(ours);
    let (now, id) = (world.now, world.clients[0].id);
    world
        .sfu
        .set_remote_credentials(now, id, theirs.ufrag, theirs.pass);
}

fn restarted(world: &World) -> usize {
    world.count_events(|event| matches!(event, Event::IceRestarted { .. }))
}

#[test]
fn a_restart_moves_to_the_new_address_and_keeps_the_session() {
    let mut world = talking();
    restart(&mut world, "anew");
    let (heard, was_heard) = talk(&mut world, 1000 * MS);
    assert!(
        heard >= 49 && was_heard >= 49,
        "before the answer: {heard}, {was_heard}"
    );

    world.clients[0].address = "203.0.113.77:6123".parse().unwrap();
    answer(&mut world, "anew");
    // The restarted client checks at once; str0m's only at its next check.
    talk(&mut world, 3500 * MS);
    let (heard, was_heard) = talk(&mut world, 1000 * MS);

    assert_eq!(restarted(&world), 1, "{:?}", world.events);
    assert!(
        heard >= 49 && was_heard >= 49,
        "after it: {heard}, {was_heard}"
    );
    assert_eq!(
        world.count_events(|event| matches!(event, Event::DtlsConnected { .. })),
        2
    );
    let path = Path {
        transport: Transport::Udp,
        local: crate::world::server(),
        remote: world.clients[0].address,
    };
    let endpoint = world.clients[0].id;
    assert!(
        world
            .events
            .contains(&Event::IceRestarted { endpoint, path })
    );
}

#[test]
fn media_goes_on_through_a_restart_without_a_gap() {
    let mut world = talking();
    restart(&mut world, "anew");
    talk(&mut world, 100 * MS);
    answer(&mut world, "anew");

    let (heard, was_heard) = talk(&mut world, 40_000 * MS);

    assert_eq!(restarted(&world), 1);
    assert!(heard >= 1999 && was_heard >= 1999, "{heard}, {was_heard}");
}

#[test]
fn a_sender_whose_nat_forgot_it_goes_on_at_once() {
    let mut world = talking();
    world.clients[0].address = "203.0.113.77:6123".parse().unwrap();

    // Its packets are known by SSRC and key, before its next check and without a new invitation.
    let (_, was_heard) = talk(&mut world, 500 * MS);
    let (heard, _) = talk(&mut world, 500 * MS);

    assert!(was_heard >= 8, "{was_heard} of 25 from it while it moved");
    assert!(heard >= 24, "it heard {heard} of 25 after half a second");
    let (heard, was_heard) = talk(&mut world, 10_000 * MS);
    assert!(
        heard >= 499 && was_heard >= 499,
        "then {heard}, {was_heard}"
    );
}

#[test]
fn packets_from_elsewhere_move_nothing_while_their_sender_is_heard() {
    let mut world = talking();
    let stranger = "203.0.113.9:6000".parse().unwrap();
    let now = world.now;
    world.clients[0].send(now, 11, opus(1, -30));
    let captured = world.clients[0].take_outbox(now).pop().unwrap();

    // A copy from another address, before and after the original.
    world.inject(stranger, &captured);
    let (heard, was_heard) = talk(&mut world, 1000 * MS);
    world.inject(stranger, &captured);

    assert!(heard >= 49 && was_heard >= 49, "{heard}, {was_heard}");
    assert_eq!(world.sfu.counters.dropped(Drop::NotStunFirst), 2);
}

#[test]
fn forged_packets_from_elsewhere_move_nothing() {
    let mut world = talking();
    world.run(2000 * MS);
    let stranger = "203.0.113.9:6000".parse().unwrap();
    let mut forged = vec![
        0x80,
        crate::world::OPUS,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        11,
    ];
    forged.extend([7; 100]);

    world.inject(stranger, &forged);
    let sent = world.sfu.take_outbox();
    assert!(sent.iter().all(|(each, _)| each.path.remote != stranger));

    let (heard, was_heard) = talk(&mut world, 1000 * MS);
    assert!(heard >= 49 && was_heard >= 49, "{heard}, {was_heard}");
}

#[test]
fn a_restart_nobody_answers_leaves_everything_as_it_was() {
    let mut world = talking();
    restart(&mut world, "anew");

    let (heard, was_heard) = talk(&mut world, 25_000 * MS);

    assert!(heard >= 1249 && was_heard >= 1249, "{heard}, {was_heard}");
    assert_eq!(restarted(&world), 0);
    assert_eq!(
        world.count_events(|event| matches!(event, Event::IceRestartFailed { .. })),
        1
    );
    // Its username fragment can be used again.
    restart(&mut world, "anew");
    answer(&mut world, "anew");
    talk(&mut world, 5000 * MS);
    assert_eq!(restarted(&world), 1);
}

#[test]
fn restarts_can_follow_each_other_and_replace_each_other() {
    let mut world = talking();
    for name in ["first", "second"] {
        restart(&mut world, &format!("{name}-superseded"));
        restart(&mut world, name);
        answer(&mut world, name);
        talk(&mut world, 8000 * MS);
    }

    let (heard, was_heard) = talk(&mut world, 1000 * MS);
    assert_eq!(restarted(&world), 2);
    assert!(heard >= 49 && was_heard >= 49, "{heard}, {was_heard}");
}

#[test]
fn an_endpoint_that_was_never_connected_is_not_restarted() {
    let mut world = World::new();
    world.join_waiting();
    restart(&mut world, "anew");
    world.run(25_000 * MS);

    assert!(world.events.is_empty(), "{:?}", world.events);
}
