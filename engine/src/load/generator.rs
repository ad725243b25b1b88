//! The generator's thread: sockets, clock, and the peers between them.
//!
//! With a poll interval the sockets are looked at only so often, whatever comes in, and sleeping
//! ends for packets to be sent alone; without one it wakes as a client would.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::time::{ClockId, clock_gettime};

use super::peer::Peer;
use super::publication::PublicationSetup;
use super::socket::{PeerSocket, control_buffer};
use super::tally::Tally;
use super::webrtc::{Agreed, Expected, Milestones};

const DATAGRAM_BYTES: usize = 2_048;
const WAKE: u64 = u64::MAX;
/// How long the thread sleeps when nothing is to be done.
const AT_MOST: Duration = Duration::from_millis(500);

/// What the thread is told; peers are named by the number they were added under.
#[derive(Debug)]
pub enum Order {
    Add(Box<Peer>),
    Connect(u32, Box<Agreed>),
    ConnectBare(u32, SocketAddr),
    Publish(u32, Box<PublicationSetup>),
    Expect(u32, Vec<Expected>),
    Start(Vec<u32>),
    StopAll,
    Remove(u32),
    /// Look at the sockets this often; zero: whenever something came in.
    PollEvery(Duration),
    /// Count anew from now on.
    Reset,
    Report(SyncSender<Report>),
    Close,
}

/// What was counted since the last reset.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub tally: Tally,
    /// Per peer, in the order they were added: milestones and how many streams have come.
    pub peers: Vec<(u32, Milestones, usize)>,
    /// Processor time of the thread since it began.
    pub cpu: Duration,
}

/// The caller's end.
#[derive(Debug)]
pub struct Generator {
    orders: Sender<Order>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Generator {
    pub fn start() -> std::io::Result<Generator> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let sleeping = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let everything = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for poll in [&sleeping, &everything] {
            let data = epoll::EventData::new_u64(WAKE);
            epoll::add(poll, &wake, data, epoll::EventFlags::IN)?;
        }
        let (orders, incoming) = channel();
        let worker = Worker {
            peers: Vec::new(),
            tally: Tally::default(),
            orders: incoming,
            wake: Arc::clone(&wake),
            sleeping,
            everything,
            poll_every: Duration::ZERO,
            next_poll: Instant::now(),
            buffer: vec![0; DATAGRAM_BYTES],
            control: control_buffer(),
        };
        let thread = std::thread::Builder::new()
            .name("tertulia-load".into())
            .spawn(move || worker.run())?;
        Ok(Generator {
            orders,
            wake,
            thread: Some(thread),
        })
    }

    /// Give an order; without effect once closed.
    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // It can only fail when the counter is full, and then the thread is awake already.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// What was counted; None once closed.
    pub fn report(&self) -> Option<Report> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.order(Order::Report(reply));
        answer.recv().ok()
    }

    /// Stop the thread and wait for its end.
    pub fn close(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.order(Order::Close);
            let _ = thread.join();
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.close();
    }
}

/// A peer's socket, bound before its thread knows of it so that signalling can name its port.
pub fn peer(id: u32, room: u32, ip: std::net::IpAddr) -> std::io::Result<Box<Peer>> {
    Ok(Box::new(Peer::new(id, room, PeerSocket::bind(ip)?)))
}

struct Worker {
    peers: Vec<Peer>,
    tally: Tally,
    orders: Receiver<Order>,
    wake: Arc<OwnedFd>,
    /// Only the orders: what is slept on between polls.
    sleeping: OwnedFd,
    everything: OwnedFd,
    poll_every: Duration,
    next_poll: Instant,
    buffer: Vec<u8>,
    control: Vec<u8>,
}

impl Worker {
    fn run(mut self) {
        let mut ready = Vec::with_capacity(256);
        loop {
            self.send_due();
            let polls = !self.poll_every.is_zero();
            let now = Instant::now();
            let mut until = now + AT_MOST;
            for peer in &self.peers {
                let next = [peer.send_due(), peer.deadline()];
                until = next.into_iter().flatten().fold(until, Instant::min);
            }
            if polls {
                until = until.min(self.next_poll);
            }
            let poll = if polls {
                &self.sleeping
            } else {
                &self.everything
            };
            ready.clear();
            wait(poll, &mut ready, until.saturating_duration_since(now));
            if ready.iter().any(|event| event.data.u64() == WAKE) && !self.obey() {
                return;
            }
            if polls && Instant::now() >= self.next_poll {
                self.next_poll = (self.next_poll + self.poll_every).max(Instant::now());
                ready.clear();
                wait(&self.everything, &mut ready, Duration::ZERO);
            }
            for event in &ready {
                if event.data.u64() != WAKE {
                    self.drain(event.data.u64() as u32);
                }
            }
            let now = Instant::now();
            for peer in &mut self.peers {
                if peer.deadline().is_some_and(|at| at <= now) {
                    peer.drive(now, &mut self.tally);
                }
            }
        }
    }

    fn send_due(&mut self) {
        for peer in &mut self.peers {
            let now = Instant::now();
            if peer.send_due().is_some_and(|at| at <= now) {
                peer.send(now, &mut self.tally);
            }
        }
    }

    /// Read a peer's socket until it is empty; what is due meanwhile is sent in time.
    fn drain(&mut self, id: u32) {
        let Ok(at) = self.peers.binary_search_by_key(&id, |peer| peer.id) else {
            return;
        };
        let peer = &mut self.peers[at];
        let now = Instant::now();
        while let Some(arrival) = peer.socket.receive(&mut self.buffer, &mut self.control) {
            let datagram = &mut self.buffer[..arrival.length];
            peer.receive(now, arrival, datagram, &mut self.tally);
        }
        self.send_due();
    }

    /// Carry out the orders that wait; false when the last one was to close.
    fn obey(&mut self) -> bool {
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        while let Ok(order) = self.orders.try_recv() {
            if matches!(order, Order::Close) {
                return false;
            }
            self.carry_out(Instant::now(), order);
        }
        true
    }

    fn peer(&mut self, id: u32) -> Option<&mut Peer> {
        let at = self.peers.binary_search_by_key(&id, |peer| peer.id).ok()?;
        Some(&mut self.peers[at])
    }

    fn carry_out(&mut self, now: Instant, order: Order) {
        match order {
            Order::Add(peer) => {
                let data = epoll::EventData::new_u64(u64::from(peer.id));
                let added = epoll::add(&self.everything, &peer.socket, data, epoll::EventFlags::IN);
                debug_assert!(added.is_ok(), "a new socket can be polled");
                self.peers.push(*peer);
                self.peers.sort_unstable_by_key(|peer| peer.id);
            }
            Order::Connect(id, agreed) => {
                if let Some(peer) = self.peer(id) {
                    peer.connect(now, *agreed);
                }
            }
            Order::ConnectBare(id, server) => {
                if let Some(peer) = self.peer(id) {
                    peer.connect_bare(server);
                }
            }
            Order::Publish(id, setup) => {
                if let Some(peer) = self.peer(id) {
                    peer.publish(now, *setup);
                }
            }
            Order::Expect(id, streams) => {
                if let Some(peer) = self.peer(id) {
                    peer.expect(&streams);
                }
            }
            Order::Start(ids) => {
                for id in ids {
                    if let Some(peer) = self.peer(id) {
                        peer.start(now);
                    }
                }
            }
            Order::StopAll => self.peers.iter_mut().for_each(|peer| peer.stop()),
            // Closing its socket takes it out of the poll.
            Order::Remove(id) => self.peers.retain(|peer| peer.id != id),
            Order::PollEvery(interval) => self.poll_every = interval,
            Order::Reset => {
                self.tally = Tally::default();
                self.peers.iter_mut().for_each(|peer| peer.forget());
            }
            Order::Report(reply) => {
                let cpu = clock_gettime(ClockId::ThreadCPUTime);
                let peers = self.peers.iter();
                // Whoever asked may have given up waiting.
                let _ = reply.send(Report {
                    tally: self.tally.clone(),
                    peers: peers
                        .map(|peer| (peer.id, peer.milestones(), peer.streams_heard()))
                        .collect(),
                    cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
                });
            }
            Order::Close => {}
        }
    }
}

fn wait(poll: &OwnedFd, ready: &mut Vec<epoll::Event>, time: Duration) {
    let time = Timespec {
        tv_sec: time.as_secs() as i64,
        tv_nsec: time.subsec_nanos().into(),
    };
    // Interrupted by a signal or not: what is ready is seen now or in the next turn.
    let _ = epoll::wait(poll, spare_capacity(ready), Some(&time));
}
