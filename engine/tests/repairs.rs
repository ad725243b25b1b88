//! What is sent again, to those who lost it and to those who only ask.

use std::collections::BTreeSet;

use crate::world::{Frame, MS, World, video, vp8, wanted};
use _engine::rtcp::{self, Message, ReportBlock};

const BYTES: usize = 1_000;

/// Client 0 films for the client with this number.
fn filmed(world: &mut World) {
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    world.set_sources(0, vec![source]);
}

/// One packet of a picture.
fn film(world: &mut World, n: u32) {
    let mut packet = vp8(Frame {
        timestamp: n * 360,
        is_key: n == 0,
        picture: n as u16,
        tl0: n as u8,
        temporal: 0,
        sync: false,
    });
    packet.payload.resize(BYTES, 0x55);
    let now = world.now;
    world.clients[0].send(now, 1000, packet);
}

fn watched_by_raw() -> World {
    let mut world = World::connected(1);
    world.join_raw();
    world.run(1000 * MS);
    assert!(world.raws[0].is_connected());
    filmed(&mut world);
    let id = world.raws[0].id;
    world.sfu.forward(world.now, id, vec![wanted(1, 0, 7)]);
    world
}

/// The numbers of what has come, retransmissions left out.
fn numbers(world: &World) -> Vec<u16> {
    let packets = world.raws[0].packets.iter();
    let own = packets.filter(|(header, _)| header.ssrc == 1000);
    own.map(|(header, _)| header.seq).collect()
}

/// Which numbers have come again, in that order.
fn repeated(world: &World) -> Vec<u16> {
    let packets = world.raws[0].packets.iter();
    let again = packets.filter(|(header, _)| header.ssrc == 2000);
    again
        .map(|(_, payload)| u16::from_be_bytes([payload[0], payload[1]]))
        .collect()
}

fn ask(world: &mut World, missing: &[u16]) {
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 77, &[]);
    rtcp::write_nack(&mut compound, 77, 1000, missing);
    world.raws[0].send_rtcp(&compound);
}

/// How many bytes reach a receiver of 2 Mbit/s in five seconds, who asks so often in each of them
/// for seventeen packets that have all arrived.
fn received_by_a_liar(requests_per_ms: usize) -> usize {
    let mut world = watched_by_raw();
    let mut asked = 0;
    for ms in 0..5_000 {
        if ms % 4 == 0 {
            film(&mut world, ms / 4);
        }
        let have = numbers(&world);
        for _ in 0..requests_per_ms {
            asked += 1;
            let back = 17 * (1 + asked % 25);
            if let Some(start) = have.len().checked_sub(back) {
                ask(&mut world, &have[start..start + 17]);
            }
        }
        world.run(MS);
    }
    assert!(numbers(&world).len() > 1_240);
    assert_eq!(world.raws[0].refused, 0);
    let again = world.raws[0].packets.iter();
    let again = again.filter(|(header, _)| header.ssrc == 2000);
    let again: Vec<u16> = again.map(|(header, _)| header.seq).collect();
    assert!(again.windows(2).all(|two| two[1] == two[0].wrapping_add(1)));
    world.raws[0].bytes_received
}

#[test]
fn five_thousand_requests_a_second_cost_less_than_a_fifth() {
    let (quiet, flooded) = (received_by_a_liar(0), received_by_a_liar(5));

    let times = flooded as f64 / quiet as f64;
    assert!((1.1..1.2).contains(&times), "{times}");
}

#[test]
fn a_second_request_within_the_round_trip_is_not_answered() {
    let mut world = watched_by_raw();
    for n in 0..100 {
        film(&mut world, n);
        world.run(20 * MS);
    }
    // The round trip counts from the middle of what the sender report said to when it is told.
    world.raws[0].reports.clear();
    while world.raws[0].reports.is_empty() {
        world.run(MS);
    }
    let told = rtcp::parse(&world.raws[0].reports[0]);
    let ntp = told.iter().find_map(|message| match message {
        Message::SenderReport { ntp, .. } => Some(*ntp),
        _ => None,
    });
    world.run(190 * MS);
    let block = ReportBlock {
        ssrc: 1000,
        last_report: (ntp.unwrap() >> 16) as u32,
        delay: 0,
        ..ReportBlock::default()
    };
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 77, &[block]);
    world.raws[0].send_rtcp(&compound);
    world.run(20 * MS);
    let stats = world.sfu.snapshot(world.now);
    let mut of_receiver = stats
        .iter()
        .filter(|each| each.endpoint == world.raws[0].id);
    let round_trip = of_receiver.next().unwrap().counters.rtt;
    assert!((190..210).contains(&round_trip.unwrap().as_millis()));

    film(&mut world, 100);
    world.run(20 * MS);
    let missing = *numbers(&world).last().unwrap();
    for (later, times) in [(0, 1), (80, 1), (60, 1), (60, 2), (10, 2)] {
        world.run(later * MS);
        ask(&mut world, &[missing]);
        world.run(11 * MS);
        assert_eq!(repeated(&world), vec![missing; times], "{later}");
    }
}

#[test]
fn a_third_of_loss_is_repaired() {
    let mut world = World::connected(2);
    filmed(&mut world);
    let source = video(1, 1000, 1);
    world.clients[1].expect(&source);
    world.forward(1, vec![wanted(1, 0, 7)]);
    for n in 0..100 {
        film(&mut world, n);
        world.run(5 * MS);
    }
    let (mut numbers, receiver) = (fastrand::Rng::with_seed(3), world.clients[1].address);
    world.passes = Box::new(move |_, to, bytes| {
        let is_media = bytes[0] >= 0x80 && !(192..224).contains(&bytes[1]);
        to != receiver || !is_media || numbers.u8(..100) >= 33
    });
    for n in 100..2_000 {
        film(&mut world, n);
        world.run(5 * MS);
    }
    world.run(1000 * MS);

    let received = world.clients[1].received(1000);
    let received: BTreeSet<u64> = received.iter().map(|each| *each.seq_no).collect();
    let sent = received.last().unwrap() - received.first().unwrap() + 1;
    let share = received.len() as f64 / sent as f64;
    assert!(sent > 1_900 && share > 0.97, "{share} of {sent}");
}
