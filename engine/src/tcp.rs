//! ICE over TCP (RFC 6544), the passive side: connections that clients open when UDP is blocked.
//!
//! They come to listeners of our own or are handed over by the process that owns the HTTPS port, as
//! descriptors through a unix socket. All of them hang on one epoll descriptor, which the engine's
//! loop watches like one more socket. A connection is nobody's until its first frame was a Binding
//! request of an endpoint ([`Sfu`] decides); whatever else it does costs only itself.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::counters::{Drop, TcpCounters};
use crate::demux::{Path, Transport};
use crate::sfu::Sfu;
use crate::tcp_doors::{Doors, HANDOVER, LISTENER};
pub use crate::tcp_doors::{OpenError, TcpSetup};
use crate::tcp_frames::{Frames, Outbox, Oversized};

/// A browser sends its first check as soon as it is connected.
const FIRST_CHECK_WITHIN: Duration = Duration::from_secs(5);
/// The rest of a frame follows its beginning, however slow the line.
const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// Consent is asked for every few seconds (RFC 7675), on this connection or on a better one.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// A peer that reads nothing while something waits for it.
const STALLED_FOR: Duration = Duration::from_secs(10);
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Connections at the same time, and those of one address that belong to no endpoint so far.
const CONNECTIONS: usize = 8192;
const STRANGERS_PER_ADDRESS: usize = 256;
/// Read from one connection before the next one has its turn.
const READ_BYTES: usize = 64 * 1024;
/// Sent, but still in our kernel: kept short, for only what waits here can be forgotten.
const UNSENT_BYTES: u32 = 16 * 1024;

#[derive(Debug)]
struct Peer {
    socket: TcpStream,
    path: Path,
    frames: Frames,
    outbox: Outbox,
    opened: Instant,
    heard: Instant,
    /// Since when the frame that is not complete has been coming.
    partial_since: Option<Instant>,
    /// Since when something waits and nothing could be written.
    stalled_since: Option<Instant>,
    is_known: bool,
    is_watched_for_room: bool,
    is_dirty: bool,
}

#[derive(Debug)]
pub struct Tcp {
    poll: OwnedFd,
    doors: Doors,
    peers: HashMap<u64, Peer>,
    by_path: HashMap<Path, u64>,
    strangers: HashMap<IpAddr, usize>,
    dirty: Vec<u64>,
    buffer: Vec<u8>,
    next_token: u64,
    next_sweep: Instant,
    pub counters: TcpCounters,
}

impl Tcp {
    /// Bind everything; connections are accepted from [`Tcp::receive`] on.
    pub fn open(setup: &TcpSetup, now: Instant) -> Result<Tcp, OpenError> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| OpenError {
            what: "epoll".into(),
            error: errno.into(),
        })?;
        let doors = Doors::open(setup, |fd, token| {
            let data = epoll::EventData::new_u64(token);
            epoll::add(&poll, fd, data, epoll::EventFlags::IN).map_err(io::Error::from)
        })?;
        Ok(Tcp {
            poll,
            doors,
            peers: HashMap::new(),
            by_path: HashMap::new(),
            strangers: HashMap::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ_BYTES],
            next_token: 0,
            next_sweep: now + SWEEP_EVERY,
            counters: TcpCounters::default(),
        })
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.addresses()
    }

    /// When [`Tcp::handle_timeout`] has to be called, if at all.
    pub fn next_timeout(&self) -> Option<Instant> {
        (!self.peers.is_empty()).then_some(self.next_sweep)
    }

    /// Take what has arrived. Call [`Sfu::flush`] afterwards.
    pub fn receive(&mut self, now: Instant, sfu: &mut Sfu) {
        let mut ready = Vec::with_capacity(256);
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let spare = rustix::buffer::spare_capacity(&mut ready);
        if epoll::wait(&self.poll, spare, Some(&at_once)).is_err() {
            return;
        }
        for event in &ready {
            match event.data.u64() {
                HANDOVER => {
                    for socket in self.doors.adopt() {
                        self.welcome(now, socket);
                    }
                }
                listener if listener >= LISTENER => {
                    for socket in self.doors.accept(listener) {
                        self.welcome(now, socket);
                    }
                }
                token => {
                    let flags = event.flags;
                    if flags.contains(epoll::EventFlags::OUT) {
                        self.write(now, token, sfu);
                    }
                    let readable =
                        epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                    if flags.intersects(readable) {
                        self.read(now, token, sfu);
                    }
                }
            }
        }
    }

    fn welcome(&mut self, now: Instant, socket: TcpStream) {
        let (Ok(local), Ok(remote)) = (socket.local_addr(), socket.peer_addr()) else {
            return; // gone already, or no internet socket
        };
        let path = Path {
            transport: Transport::Tcp,
            local: canonical(local),
            remote: canonical(remote),
        };
        self.counters.opened += 1;
        let strangers = self.strangers.get(&counted_for(path.remote)).copied();
        if strangers >= Some(STRANGERS_PER_ADDRESS) || self.peers.len() >= CONNECTIONS {
            return self.count("too-many");
        }
        let prepared = socket
            .set_nonblocking(true)
            .and_then(|()| socket.set_nodelay(true))
            .and_then(|()| {
                let socket = socket2::SockRef::from(&socket);
                socket.set_tcp_user_timeout(Some(SILENT_FOR))?;
                socket.set_tcp_notsent_lowat(UNSENT_BYTES)
            });
        let token = self.next_token;
        let data = epoll::EventData::new_u64(token);
        if prepared.is_err()
            || epoll::add(&self.poll, &socket, data, epoll::EventFlags::IN).is_err()
        {
            return self.count("error");
        }
        *self.strangers.entry(counted_for(path.remote)).or_default() += 1;
        self.next_token += 1;
        let peer = Peer {
            socket,
            path,
            frames: Frames::default(),
            outbox: Outbox::default(),
            opened: now,
            heard: now,
            partial_since: None,
            stalled_since: None,
            is_known: false,
            is_watched_for_room: false,
            is_dirty: false,
        };
        self.by_path.insert(path, token);
        self.peers.insert(token, peer);
        self.counters.open += 1;
    }

    fn read(&mut self, now: Instant, token: u64, sfu: &mut Sfu) {
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        let count = match peer.socket.read(&mut self.buffer) {
            Ok(0) => return self.close(token, "ended", sfu),
            Ok(count) => count,
            Err(error) if is_passing(&error) => return,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return self.close(token, "ended", sfu);
            }
            Err(_) => return self.close(token, "error", sfu),
        };
        let path = peer.path;
        let mut is_known = peer.is_known;
        let mut is_stranger = false;
        let fed = peer.frames.feed(&self.buffer[..count], |datagram| {
            if is_stranger {
                return;
            }
            sfu.receive(now, path, datagram);
            if !is_known {
                is_known = sfu.knows(path);
                is_stranger = !is_known;
            }
        });
        peer.heard = now;
        peer.partial_since = peer
            .frames
            .is_partial()
            .then(|| peer.partial_since.unwrap_or(now));
        if is_known && !peer.is_known {
            peer.is_known = true;
            self.forget_stranger(path.remote);
        }
        if fed == Err(Oversized) {
            self.close(token, "oversized-frame", sfu);
        } else if is_stranger {
            self.close(token, "no-check-first", sfu);
        }
    }

    /// Write what goes by TCP, all that is for one peer at once.
    pub fn send(&mut self, now: Instant, outbox: &crate::outbox::Outbox, sfu: &mut Sfu) {
        let counters = &mut sfu.counters;
        for (datagram, contents) in outbox.iter() {
            if datagram.path.transport == Transport::Udp {
                continue;
            }
            let peer = self.by_path.get(&datagram.path).copied();
            match peer.and_then(|token| Some((token, self.peers.get_mut(&token)?))) {
                Some((token, peer)) => {
                    let forgotten = peer.outbox.push(now, contents);
                    counters.drop_many(Drop::SendQueueFull, forgotten);
                    if !peer.is_dirty {
                        peer.is_dirty = true;
                        self.dirty.push(token);
                    }
                }
                None => counters.drop(Drop::SendError),
            }
        }
        for token in std::mem::take(&mut self.dirty) {
            if let Some(peer) = self.peers.get_mut(&token) {
                peer.is_dirty = false;
                if !peer.is_watched_for_room {
                    self.write(now, token, sfu);
                }
            }
        }
    }

    fn write(&mut self, now: Instant, token: u64, sfu: &mut Sfu) {
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        sfu.counters
            .drop_many(Drop::SendQueueFull, peer.outbox.forget_late(now));
        while !peer.outbox.is_empty() {
            match peer.socket.write_vectored(&peer.outbox.slices()) {
                Ok(count) => {
                    peer.outbox.wrote(count);
                    peer.stalled_since = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.close(token, "error", sfu),
            }
        }
        let needs_room = !peer.outbox.is_empty();
        peer.stalled_since = needs_room.then(|| peer.stalled_since.unwrap_or(now));
        if needs_room != peer.is_watched_for_room {
            peer.is_watched_for_room = needs_room;
            let mut wanted = epoll::EventFlags::IN;
            wanted.set(epoll::EventFlags::OUT, needs_room);
            let data = epoll::EventData::new_u64(token);
            if epoll::modify(&self.poll, &peer.socket, data, wanted).is_err() {
                self.close(token, "error", sfu);
            }
        }
    }

    /// Close what has had its time, and what belongs to endpoints that are gone.
    pub fn handle_timeout(&mut self, now: Instant, sfu: &mut Sfu) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_EVERY;
        let since = |at: Instant| now.saturating_duration_since(at);
        let overdue: Vec<(u64, &'static str)> = self
            .peers
            .iter()
            .filter_map(|(&token, peer)| {
                let reason = if !peer.is_known {
                    (since(peer.opened) >= FIRST_CHECK_WITHIN).then_some("no-check-first")
                } else if !sfu.knows(peer.path) {
                    Some("endpoint-gone")
                } else if peer
                    .stalled_since
                    .is_some_and(|at| since(at) >= STALLED_FOR)
                {
                    Some("stalled")
                } else if peer
                    .partial_since
                    .is_some_and(|at| since(at) >= FRAME_WITHIN)
                {
                    Some("half-frame")
                } else {
                    (since(peer.heard) >= SILENT_FOR).then_some("silent")
                };
                reason.map(|reason| (token, reason))
            })
            .collect();
        for (token, reason) in overdue {
            self.close(token, reason, sfu);
        }
    }

    fn close(&mut self, token: u64, reason: &'static str, sfu: &mut Sfu) {
        let Some(peer) = self.peers.remove(&token) else {
            return;
        };
        if self.by_path.get(&peer.path) == Some(&token) {
            self.by_path.remove(&peer.path);
        }
        if !peer.is_known {
            self.forget_stranger(peer.path.remote);
        }
        self.counters.open -= 1;
        self.count(reason);
        sfu.disconnect(peer.path);
    }

    fn count(&mut self, reason: &'static str) {
        *self.counters.closed.entry(reason).or_default() += 1;
    }

    fn forget_stranger(&mut self, remote: SocketAddr) {
        let address = counted_for(remote);
        if let Some(count) = self.strangers.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&address);
            }
        }
    }
}

impl AsFd for Tcp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// An IPv4 address as such, also when it came through an IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whom strangers are counted for: an IPv4 address or an IPv6 /64 (RFC 6177).
fn counted_for(remote: SocketAddr) -> IpAddr {
    match remote.ip() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}
