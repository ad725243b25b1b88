//! What forwarding costs: the time spent in the core per forwarded packet, sessions included,
//! sockets excluded. More streams per receiver make every packet dearer; they only exist here.
//!
//! `cargo run --release --example forwarding_cost [receivers] [packets] [quiet streams]`

#[path = "../tests/world/mod.rs"]
mod world;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use _engine::demux::{Path, Transport};
use world::{Frame, MS, World, audio, opus, server, video, vp8, wanted};

/// Processor time of this thread, so that other work of the machine does not count.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn argument(position: usize, default: usize) -> usize {
    std::env::args()
        .nth(position)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn main() {
    let (receivers, packets, quiet) = (argument(1, 30), argument(2, 4000), argument(3, 0));
    let mut world = World::connected(receivers + 1);
    let source = video(1, 1000, 1);
    world.clients[0].publish(&source);
    let mut sources = vec![source.clone()];
    for n in 0..quiet as u32 {
        let silent = audio(u64::from(n) + 10, n + 1);
        world.clients[0].publish(&silent);
        sources.push(silent);
    }
    world.set_sources(0, sources.clone());
    let all: Vec<_> = sources.iter().map(|each| wanted(each.id.0, 0, 7)).collect();
    for receiver in 1..=receivers {
        world.clients[receiver].expect(&source);
        world.forward(receiver, all.clone());
    }
    for n in 0..quiet as u32 {
        let now = world.now;
        world.clients[0].send(now, n + 1, opus(0, -30));
    }
    world.run(200 * MS);

    let mut spent = Duration::ZERO;
    let forwarded_before = world.sfu.counters.packets_forwarded;
    for n in 0..packets as u32 {
        let frame = Frame {
            timestamp: n * 225,
            is_key: n == 0,
            picture: n as u16 & 0x7fff,
            tl0: n as u8,
            temporal: 0,
            sync: false,
        };
        let mut packet = vp8(frame);
        packet.payload.resize(1100, 0x55);
        let now = world.now;
        world.clients[0].send(now, 1000, packet);
        let path = Path {
            transport: Transport::Udp,
            local: server(),
            remote: world.clients[0].address,
        };
        for datagram in world.clients[0].take_outbox(now) {
            let before = cpu();
            world.sfu.receive(now, path, &datagram);
            world.sfu.flush(now);
            let outbox = world.sfu.take_outbox();
            spent += cpu() - before;
            world.put_in_flight(&outbox);
        }
        world.run(Duration::from_micros(2500));
    }
    let forwarded = world.sfu.counters.packets_forwarded - forwarded_before;
    println!(
        "{receivers} receivers: {forwarded} packets forwarded, {:.2} us each in the core",
        spent.as_secs_f64() * 1e6 / forwarded as f64
    );
}
