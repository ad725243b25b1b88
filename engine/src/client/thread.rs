//! The thread of the peers: waits for sockets, time and orders.
//!
//! Orders come in through a channel; an eventfd wakes the thread for them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

use super::application::Application;
use super::links::UdpLink;
use super::peers::Peers;
use super::setup::{PeerId, PeerSetup};

const WAKE: u64 = u64::MAX;
/// The longest sleep when nothing is due.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What the thread shall do with its peers.
pub type Act = Box<dyn FnOnce(Instant, &mut Peers) + Send>;

enum Order {
    Act(Option<PeerId>, Act),
    Close,
}

/// The caller's end of the thread.
#[derive(Debug)]
pub struct ClientThread {
    orders: Sender<Order>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Order::Act(peer, _) => write!(f, "Act({peer:?})"),
            Order::Close => write!(f, "Close"),
        }
    }
}

impl ClientThread {
    pub fn start(app: impl Application) -> io::Result<ClientThread> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(WAKE);
        epoll::add(&poll, &*wake, data, epoll::EventFlags::IN)?;
        let (orders, incoming) = channel();
        let worker = Worker {
            app,
            peers: Peers::new(poll),
            orders: incoming,
            wake: Arc::clone(&wake),
        };
        let thread = std::thread::Builder::new()
            .name("tertulia-client".into())
            .spawn(move || worker.run())?;
        Ok(ClientThread {
            orders,
            wake,
            thread: Some(thread),
        })
    }

    /// Bind the peer's sockets now and begin with it; returns their addresses.
    pub fn add_peer(&self, id: PeerId, setup: PeerSetup) -> io::Result<Vec<SocketAddr>> {
        let bound = setup.bind.iter().map(|&ip| UdpLink::bind(ip));
        let links = bound.collect::<io::Result<Vec<UdpLink>>>()?;
        let addresses = links.iter().map(|link| link.address).collect();
        self.act(Some(id), move |now, peers| peers.add(now, id, setup, links));
        Ok(addresses)
    }

    /// Have something done on the thread, after everything ordered before. A panic ends `peer`.
    pub fn act(
        &self,
        peer: Option<PeerId>,
        act: impl FnOnce(Instant, &mut Peers) + Send + 'static,
    ) {
        self.order(Order::Act(peer, Box::new(act)));
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // It can only fail when the counter is full, and then the thread wakes anyway.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// Stop the thread and wait for its end; idempotent.
    pub fn close(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.order(Order::Close);
            // A panic of the thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for ClientThread {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker<A> {
    app: A,
    peers: Peers,
    orders: Receiver<Order>,
    wake: Arc<OwnedFd>,
}

impl<A: Application> Worker<A> {
    fn run(mut self) {
        let mut ready = Vec::with_capacity(256);
        loop {
            let now = Instant::now();
            let due = [self.peers.deadline(), self.app.deadline()];
            let until = due.into_iter().flatten().min();
            let wait = until.map_or(LONGEST_WAIT, |at| {
                at.saturating_duration_since(now).min(LONGEST_WAIT)
            });
            let wait = Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: wait.subsec_nanos().into(),
            };
            ready.clear();
            // Interrupted by a signal or not: what is ready is seen now or in the next turn.
            let _ = epoll::wait(
                self.peers.poll(),
                rustix::buffer::spare_capacity(&mut ready),
                Some(&wait),
            );
            for event in &ready {
                let data = event.data.u64();
                if data == WAKE {
                    if !self.obey() {
                        return;
                    }
                } else {
                    self.read(data);
                }
            }
            self.app.work(Instant::now(), &mut self.peers);
            self.peers.turn(Instant::now(), &mut self.app);
            self.app.publish();
        }
    }

    /// Let a socket's owner read; a bug costs its peer only.
    fn read(&mut self, data: u64) {
        let (peers, app) = (&mut self.peers, &mut self.app);
        if catch_unwind(AssertUnwindSafe(|| peers.ready(data, app))).is_err() {
            self.peers.drop_peer(PeerId::of_socket(data), "internal");
        }
    }

    /// Carry out the orders that wait; false when the last one was to close.
    fn obey(&mut self) -> bool {
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        while let Ok(order) = self.orders.try_recv() {
            let Order::Act(peer, act) = order else {
                return false;
            };
            let (now, peers) = (Instant::now(), &mut self.peers);
            let done = catch_unwind(AssertUnwindSafe(|| act(now, peers)));
            if done.is_err()
                && let Some(peer) = peer
            {
                self.peers.drop_peer(peer, "internal");
            }
        }
        true
    }
}
