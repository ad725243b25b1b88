//! The edge: one thread with the sockets, the clock and one epoll loop for all endpoints.
//!
//! Orders come in through a channel, events go out through a list; an eventfd tells either side.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::time::{ClockId, clock_gettime};

use crate::counters::Snapshot;
use crate::crypto;
use crate::demux::{Path, Transport};
use crate::events::Event;
use crate::inbox::{BATCH, Inbox};
use crate::outbox::Outbox;
use crate::setup::{
    EndpointId, EndpointSetup, Limits, PayloadType, RemoteSetup, SourceId, SourceSetup, Wanted,
};
use crate::sfu::Sfu;
use crate::sockets::{BindError, Headers, LocalSocket, bind_all, send_all};
use crate::tcp::{OpenError, Tcp, TcpSetup};

/// Orders carried out before media gets its turn: a burst of joins comes with hundreds.
const ORDERS_PER_TURN: usize = 16;
/// Taken with a tick of the engine, for which it wakes up anyway.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(150);
const WAKE: u64 = u64::MAX;
const TCP: u64 = u64::MAX - 1;

/// What the caller asks for; carried out in the order given.
#[derive(Debug)]
pub enum Order {
    AddEndpoint(EndpointId, Box<EndpointSetup>),
    ExtendEndpoint {
        endpoint: EndpointId,
        payload_types: Vec<PayloadType>,
        extensions: Vec<(u8, String)>,
    },
    SetRemote(EndpointId, RemoteSetup),
    RestartIce {
        endpoint: EndpointId,
        ufrag: String,
        pwd: String,
    },
    SetRemoteCredentials {
        endpoint: EndpointId,
        ufrag: String,
        pwd: String,
    },
    AddRemoteCandidate {
        endpoint: EndpointId,
        remote: SocketAddr,
        kind: String,
        priority: u32,
    },
    SetSources(EndpointId, Vec<SourceSetup>),
    SetMuted {
        endpoint: EndpointId,
        audio: bool,
        video: bool,
    },
    Forward(EndpointId, Vec<Wanted>),
    SetNeeded {
        endpoint: EndpointId,
        bps: u64,
    },
    RequestKeyframe(SourceId),
    RemoveEndpoint(EndpointId),
    Close,
}

impl Order {
    /// The endpoint the order is about.
    fn subject(&self) -> Option<EndpointId> {
        match *self {
            Order::AddEndpoint(endpoint, _)
            | Order::ExtendEndpoint { endpoint, .. }
            | Order::SetRemote(endpoint, _)
            | Order::RestartIce { endpoint, .. }
            | Order::SetRemoteCredentials { endpoint, .. }
            | Order::AddRemoteCandidate { endpoint, .. }
            | Order::SetSources(endpoint, _)
            | Order::SetMuted { endpoint, .. }
            | Order::SetNeeded { endpoint, .. }
            | Order::Forward(endpoint, _)
            | Order::RemoveEndpoint(endpoint) => Some(endpoint),
            Order::RequestKeyframe(_) | Order::Close => None,
        }
    }
}

fn carry_out(sfu: &mut Sfu, now: Instant, order: Order) {
    match order {
        // The caller's end has refused ids and fragments that are in use.
        Order::AddEndpoint(id, setup) => drop(sfu.add_endpoint(now, id, *setup)),
        Order::ExtendEndpoint {
            endpoint,
            payload_types,
            extensions,
        } => sfu.extend_endpoint(now, endpoint, payload_types, &extensions),
        Order::SetRemote(id, remote) => sfu.set_remote(now, id, remote),
        Order::RestartIce {
            endpoint,
            ufrag,
            pwd,
        } => sfu.restart_ice(now, endpoint, ufrag, pwd),
        Order::SetRemoteCredentials {
            endpoint,
            ufrag,
            pwd,
        } => sfu.set_remote_credentials(now, endpoint, ufrag, pwd),
        Order::AddRemoteCandidate {
            endpoint,
            remote,
            kind,
            priority,
        } => {
            sfu.add_remote_candidate(now, endpoint, remote, &kind, priority);
        }
        Order::SetSources(id, sources) => sfu.set_sources(now, id, sources),
        Order::SetMuted {
            endpoint,
            audio,
            video,
        } => sfu.set_muted(endpoint, audio, video),
        Order::Forward(id, wanted) => sfu.forward(now, id, wanted),
        Order::SetNeeded { endpoint, bps } => sfu.set_needed(endpoint, bps),
        Order::RequestKeyframe(source) => sfu.request_keyframe(now, source),
        Order::RemoveEndpoint(id) => sfu.remove_endpoint(id),
        Order::Close => {}
    }
}

#[derive(Debug)]
struct Shared {
    events: Mutex<Vec<Event>>,
    events_waiting: OwnedFd,
    orders_waiting: OwnedFd,
    snapshot: Mutex<Snapshot>,
}

/// A lock that outlives a panic of its holder: the data are replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn raise(fd: &OwnedFd) {
    // It can only fail when the counter is full, and then it is raised already.
    let _ = rustix::io::write(fd, &1_u64.to_ne_bytes());
}

fn clear(fd: &OwnedFd) {
    let _ = rustix::io::read(fd, &mut [0_u8; 8]);
}

/// The caller's end of the engine's thread.
#[derive(Debug)]
pub struct EngineThread {
    addresses: Vec<SocketAddr>,
    tcp_addresses: Vec<SocketAddr>,
    orders: Sender<Order>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Why the engine could not start.
#[derive(Debug)]
pub enum StartError {
    Bind(BindError),
    Tcp(OpenError),
    Io(std::io::Error),
}

impl EngineThread {
    pub fn start(
        bind: &[SocketAddr],
        tcp: &TcpSetup,
        limits: Limits,
        buffer_bytes: usize,
    ) -> Result<Self, StartError> {
        let sockets = bind_all(bind, buffer_bytes).map_err(StartError::Bind)?;
        let addresses: Vec<SocketAddr> = sockets.iter().map(|socket| socket.address).collect();
        let tcp = Tcp::open(tcp, Instant::now()).map_err(StartError::Tcp)?;
        let tcp_addresses = tcp.addresses();
        let event = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let io = |errno: rustix::io::Errno| StartError::Io(errno.into());
        let shared = Arc::new(Shared {
            events: Mutex::default(),
            events_waiting: event().map_err(io)?,
            orders_waiting: event().map_err(io)?,
            snapshot: Mutex::default(),
        });
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(io)?;
        for (index, socket) in sockets.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, socket, data, epoll::EventFlags::IN).map_err(io)?;
        }
        let data = epoll::EventData::new_u64(TCP);
        epoll::add(&poll, &tcp, data, epoll::EventFlags::IN).map_err(io)?;
        let data = epoll::EventData::new_u64(WAKE);
        epoll::add(&poll, &shared.orders_waiting, data, epoll::EventFlags::IN).map_err(io)?;
        crypto::warm_up();
        let (orders, incoming) = channel();
        let worker = Worker {
            sfu: Sfu::new(
                Instant::now(),
                addresses.clone(),
                limits.clone(),
                fastrand::u64(..),
            ),
            limits,
            sockets,
            tcp,
            poll,
            orders: incoming,
            shared: Arc::clone(&shared),
            outbox: Outbox::default(),
            wakeups: 0,
            next_snapshot: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("tertulia-engine".into())
            .spawn(move || worker.run())
            .map_err(StartError::Io)?;
        Ok(EngineThread {
            addresses,
            tcp_addresses,
            orders,
            shared,
            thread: Some(thread),
        })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where connections are accepted, in the order asked for.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.tcp_addresses
    }

    /// Readable while events wait.
    pub fn events_fd(&self) -> BorrowedFd<'_> {
        self.shared.events_waiting.as_fd()
    }

    pub fn take_events(&self) -> Vec<Event> {
        let mut events = lock(&self.shared.events);
        clear(&self.shared.events_waiting);
        std::mem::take(&mut *events)
    }

    pub fn snapshot(&self) -> Snapshot {
        lock(&self.shared.snapshot).clone()
    }

    /// Give an order; without effect once the engine is closed.
    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            raise(&self.shared.orders_waiting);
        }
    }

    /// Stop the thread and wait for its end.
    pub fn close(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.order(Order::Close);
            // A panic of the thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl std::ops::Drop for EngineThread {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker {
    sfu: Sfu,
    limits: Limits,
    sockets: Vec<LocalSocket>,
    tcp: Tcp,
    poll: OwnedFd,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    outbox: Outbox,
    wakeups: u64,
    next_snapshot: Instant,
}

impl Worker {
    fn run(mut self) {
        let (mut inbox, mut headers) = (Inbox::default(), Headers::default());
        let mut ready = Vec::with_capacity(self.sockets.len() + 1);
        loop {
            let now = Instant::now();
            let until = self.sfu.next_timeout();
            let until = self.tcp.next_timeout().map_or(until, |tcp| until.min(tcp));
            let wait = until.saturating_duration_since(now);
            let wait = Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: wait.subsec_nanos().into(),
            };
            ready.clear();
            // Interrupted by a signal or not: what is ready is seen now or in the next turn.
            let _ = epoll::wait(
                &self.poll,
                rustix::buffer::spare_capacity(&mut ready),
                Some(&wait),
            );
            self.wakeups += 1;
            if ready.iter().any(|event| event.data.u64() == WAKE) && !self.obey() {
                return;
            }
            let mut left = self.limits.max_datagrams_per_wakeup;
            for event in &ready {
                match event.data.u64() {
                    WAKE => {}
                    TCP => self.drain_tcp(&mut headers),
                    index => self.drain(index as usize, &mut left, &mut inbox, &mut headers),
                }
            }
            let now = Instant::now();
            self.tcp.handle_timeout(now, &mut self.sfu);
            self.sfu.handle_timeout(now);
            self.send(&mut headers);
            self.publish();
        }
    }

    /// Carry out orders that wait; false when the last one was to close.
    fn obey(&mut self) -> bool {
        clear(&self.shared.orders_waiting);
        for _ in 0..ORDERS_PER_TURN {
            let Ok(order) = self.orders.try_recv() else {
                return true;
            };
            if matches!(order, Order::Close) {
                return false;
            }
            let (now, subject) = (Instant::now(), order.subject());
            let sfu = &mut self.sfu;
            let carried_out = catch_unwind(AssertUnwindSafe(|| carry_out(sfu, now, order)));
            if carried_out.is_err()
                && let Some(endpoint) = subject
            {
                self.sfu.fail(endpoint, "internal");
            }
        }
        raise(&self.shared.orders_waiting); // more may wait
        true
    }

    /// Read a socket until it is empty, sending after every batch.
    fn drain(&mut self, index: usize, left: &mut usize, inbox: &mut Inbox, headers: &mut Headers) {
        loop {
            let batch = BATCH.min(*left);
            let socket = &self.sockets[index];
            let taken = inbox.fill(socket, batch);
            *left -= taken;
            if taken > 0 {
                let now = Instant::now();
                for (datagram, remote) in inbox.datagrams() {
                    let path = Path {
                        transport: Transport::Udp,
                        local: socket.address,
                        remote,
                    };
                    self.sfu.receive(now, path, datagram);
                }
                self.sfu.flush(now);
                self.send(headers);
            }
            if taken < batch || *left == 0 {
                return;
            }
        }
    }

    fn drain_tcp(&mut self, headers: &mut Headers) {
        let now = Instant::now();
        self.tcp.receive(now, &mut self.sfu);
        self.sfu.flush(now);
        self.send(headers);
    }

    fn send(&mut self, headers: &mut Headers) {
        self.sfu.swap_outbox(&mut self.outbox);
        if self.outbox.is_empty() {
            return;
        }
        self.outbox.group();
        self.tcp.send(Instant::now(), &self.outbox, &mut self.sfu);
        send_all(&self.sockets, &self.outbox, headers, &mut self.sfu.counters);
        self.outbox.clear();
    }

    fn publish(&mut self) {
        let events = self.sfu.take_events();
        if !events.is_empty() {
            lock(&self.shared.events).extend(events);
            raise(&self.shared.events_waiting);
        }
        let now = Instant::now();
        if now >= self.next_snapshot {
            self.next_snapshot = now + SNAPSHOT_EVERY;
            let cpu = clock_gettime(ClockId::ThreadCPUTime);
            let cpu = Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32);
            *lock(&self.shared.snapshot) = Snapshot {
                endpoints: self.sfu.snapshot(now),
                counters: self.sfu.counters.clone(),
                tcp: self.tcp.counters.clone(),
                wakeups: self.wakeups,
                cpu,
            };
        }
    }
}
