//! What a join costs the engine: processor time per join, ICE and DTLS included, sockets excluded;
//! and the longest time spent on one datagram, which is how long forwarding has to wait for it.
//!
//! `cargo run --release --example join_cost [joins]`

#[path = "../tests/world/mod.rs"]
mod world;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use _engine::demux::{Path, Transport};
use world::{MS, World, server};

/// Processor time of this thread, so that other work of the machine does not count.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

type Caught = Rc<RefCell<Vec<(SocketAddr, Vec<u8>)>>>;

/// Let one more client join; the time spent on each datagram that came.
fn join(world: &mut World, caught: &Caught) -> Vec<Duration> {
    let index = world.join();
    let mut spent = Vec::new();
    for _ in 0..200 {
        world.run(MS);
        let now = world.now;
        for (remote, datagram) in caught.take() {
            let path = Path {
                transport: Transport::Udp,
                local: server(),
                remote,
            };
            let before = cpu();
            world.sfu.receive(now, path, &datagram);
            world.sfu.flush(now);
            spent.push(cpu() - before);
            let outbox = world.sfu.take_outbox();
            world.put_in_flight(&outbox);
        }
    }
    assert!(world.clients[index].is_connected);
    spent
}

fn main() {
    let joins: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let mut world = World::new();
    let caught = Caught::default();
    let catch = Rc::clone(&caught);
    world.passes = Box::new(move |from, to, datagram| {
        if to == server() {
            catch.borrow_mut().push((from, datagram.to_vec()));
        }
        to != server()
    });
    // The first prepares the process: its certificate, its random numbers.
    join(&mut world, &caught);
    let mut spent: Vec<Duration> = (0..joins).flat_map(|_| join(&mut world, &caught)).collect();
    spent.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{joins} joins: {:.2} ms each; longest datagrams {:.2} and {:.2} ms (p99, max)",
        ms(spent.iter().sum()) / joins as f64,
        ms(spent[(spent.len() - 1) * 99 / 100]),
        ms(spent[spent.len() - 1]),
    );
}
