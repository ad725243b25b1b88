//! All peers of one thread with their sockets: who reads, who is due, what has to be sent.

mod connections;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use str0m::RtcError;
use str0m::net::Transmit;

use super::events::{Event, Listener};
use super::links::{TcpLink, UdpLink};
use super::peer::{Path, Peer};
use super::setup::{Frame, Packet, PeerId, PeerSetup, RemoteCandidate, StreamSetup};
use super::streams::Refused;
use crate::setup::RemoteSetup;

/// More than the largest datagram of the protocols served here.
const DATAGRAM_BYTES: usize = 2048;
/// Datagrams of one socket taken in one turn, so that no peer starves the others.
const DATAGRAMS_PER_TURN: usize = 64;
/// UDP sockets come first among the sockets of a peer, connections after them.
const FIRST_TCP: u64 = 128;
const MOST_LINKS: usize = 32;
/// A connection that does not come about in this time has failed, as a firewall makes it.
const TCP_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sums over all peers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub datagrams_received: u64,
    pub bytes_received: u64,
    pub datagrams_sent: u64,
    pub bytes_sent: u64,
    /// What the kernel or a full connection did not take.
    pub datagrams_refused: u64,
    /// Frames and packets a peer could not send.
    pub not_sent: u64,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    udp: Vec<UdpLink>,
    tcp: Vec<Option<TcpLink>>,
    opening: Vec<(usize, RemoteCandidate, Instant)>,
    transmits: Vec<Transmit>,
    /// The earliest time it stands in the queue for; a later deadline waits for that turn.
    queued: Option<Instant>,
}

#[derive(Debug)]
pub struct Peers {
    poll: OwnedFd,
    entries: HashMap<PeerId, Entry>,
    due: BinaryHeap<Reverse<(Instant, PeerId)>>,
    touched: BTreeSet<PeerId>,
    events: Vec<Event>,
    pub counters: Counters,
}

fn token(peer: PeerId, link: u64) -> epoll::EventData {
    epoll::EventData::new_u64(peer.0 << 8 | link)
}

impl Peers {
    pub fn new(poll: OwnedFd) -> Peers {
        Peers {
            poll,
            entries: HashMap::new(),
            due: BinaryHeap::new(),
            touched: BTreeSet::new(),
            events: Vec::new(),
            counters: Counters::default(),
        }
    }

    pub(super) fn poll(&self) -> &OwnedFd {
        &self.poll
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn is_connected(&self, peer: PeerId) -> bool {
        let entry = self.entries.get(&peer);
        entry.is_some_and(|entry| entry.peer.is_connected())
    }

    // -- orders

    /// Begin with a peer; `udp` are the sockets bound for `setup.bind`.
    pub fn add(&mut self, now: Instant, id: PeerId, setup: PeerSetup, udp: Vec<UdpLink>) {
        for (index, link) in udp.iter().enumerate() {
            let data = token(id, index as u64);
            if epoll::add(&self.poll, link, data, epoll::EventFlags::IN).is_err() {
                self.events.push(failed(id, "internal"));
                return;
            }
        }
        let locals: Vec<SocketAddr> = udp.iter().map(|link| link.address).collect();
        let entry = Entry {
            peer: Peer::new(now, id, setup, &locals),
            udp,
            tcp: Vec::new(),
            opening: Vec::new(),
            transmits: Vec::new(),
            queued: None,
        };
        self.entries.insert(id, entry);
        self.touched.insert(id);
    }

    pub fn set_remote(&mut self, now: Instant, id: PeerId, remote: RemoteSetup) {
        self.with(id, |peer| peer.set_remote(now, remote));
    }

    /// Check this address; a TCP one once the connection stands.
    pub fn add_remote_candidate(&mut self, now: Instant, id: PeerId, remote: RemoteCandidate) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !remote.is_tcp {
            entry.peer.add_remote_candidate(remote);
            self.touched.insert(id);
            return;
        }
        let is_known = entry
            .tcp
            .iter()
            .flatten()
            .any(|link| link.remote == remote.address);
        if is_known || entry.tcp.len() >= MOST_LINKS {
            return;
        }
        let index = entry.tcp.len();
        let data = token(id, FIRST_TCP + index as u64);
        let both = epoll::EventFlags::IN | epoll::EventFlags::OUT;
        let opened = TcpLink::open(remote.address).and_then(|link| {
            epoll::add(&self.poll, &link, data, both)?;
            Ok(link)
        });
        match opened {
            Ok(link) => {
                entry.tcp.push(Some(link));
                let until = now + TCP_CONNECT_TIMEOUT;
                entry.opening.push((index, remote, until));
                self.due.push(Reverse((until, id)));
            }
            Err(error) => self.events.push(Event::CandidateFailed {
                peer: id,
                remote: remote.address,
                errno: error.raw_os_error().unwrap_or(0),
            }),
        }
    }

    pub fn publish(&mut self, id: PeerId, streams: &[StreamSetup]) {
        self.with(id, |peer| {
            peer.publish(streams);
            Ok(())
        });
    }

    pub fn subscribe(&mut self, id: PeerId, streams: &[StreamSetup]) {
        self.with(id, |peer| {
            peer.subscribe(streams);
            Ok(())
        });
    }

    pub fn request_keyframe(&mut self, id: PeerId, ssrc: u32) {
        self.with(id, |peer| {
            peer.request_keyframe(ssrc);
            Ok(())
        });
    }

    pub fn desire(&mut self, id: PeerId, bps: u64) {
        self.with(id, |peer| {
            peer.desire(bps);
            Ok(())
        });
    }

    /// Send a frame; what cannot be sent is counted.
    pub fn send_frame(&mut self, now: Instant, id: PeerId, frame: Frame) -> Result<(), Refused> {
        self.sending(now, id, |peer| peer.send_frame(now, frame))
    }

    /// Send a packet; what cannot be sent is counted.
    pub fn send_packet(&mut self, now: Instant, id: PeerId, packet: Packet) -> Result<(), Refused> {
        self.sending(now, id, |peer| peer.send_packet(now, packet))
    }

    fn sending(
        &mut self,
        now: Instant,
        id: PeerId,
        send: impl FnOnce(&mut Peer) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let Some(entry) = self.entries.get_mut(&id) else {
            self.counters.not_sent += 1;
            return Err(Refused::NotConnected);
        };
        let sent = send(&mut entry.peer);
        if sent.is_ok() {
            // Not at the end of the turn: str0m holds no more than a few frames before it is driven.
            entry
                .peer
                .drive(now, &mut entry.transmits, &mut self.events);
            self.touched.insert(id);
        } else {
            self.counters.not_sent += 1;
        }
        sent
    }

    /// End a peer. The other side is told if it can be.
    pub fn remove(&mut self, now: Instant, id: PeerId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.peer.close();
            let mut unheard = Vec::new();
            entry.peer.drive(now, &mut entry.transmits, &mut unheard);
            send(entry, &mut self.counters);
            self.entries.remove(&id);
        }
    }

    fn with(&mut self, id: PeerId, act: impl FnOnce(&mut Peer) -> Result<(), RtcError>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            if act(&mut entry.peer).is_err() {
                self.drop_peer(id, "internal");
            } else {
                self.touched.insert(id);
            }
        }
    }

    /// Give a peer up at once.
    pub(super) fn drop_peer(&mut self, id: PeerId, reason: &'static str) {
        if self.entries.remove(&id).is_some() {
            self.events.push(failed(id, reason));
        }
    }

    // -- the sockets

    /// A socket is readable, or a connection writable.
    pub(super) fn ready(&mut self, data: u64, app: &mut impl Listener) {
        let (id, link) = (PeerId::of_socket(data), data & 0xff);
        if link < FIRST_TCP {
            self.read_udp(id, link as usize, app);
        } else {
            self.serve_tcp(id, (link - FIRST_TCP) as usize);
        }
        self.tell(app);
    }

    fn read_udp(&mut self, id: PeerId, index: usize, app: &mut impl Listener) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let mut buffer = [0; DATAGRAM_BYTES];
        let now = Instant::now();
        for _ in 0..DATAGRAMS_PER_TURN {
            let link = &entry.udp[index];
            let Some((length, remote)) = link.receive(&mut buffer) else {
                break;
            };
            let path = Path {
                is_tcp: false,
                local: link.address,
                remote,
            };
            self.counters.datagrams_received += 1;
            self.counters.bytes_received += length as u64;
            // An error is the datagram's.
            let _ = entry.peer.receive(now, path, &buffer[..length]);
            entry
                .peer
                .drive(now, &mut entry.transmits, &mut self.events);
            for event in self.events.drain(..) {
                app.take(now, event);
            }
        }
        self.touched.insert(id);
    }

    // -- time

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Drive everybody who is due or has been touched, then send.
    pub(super) fn turn(&mut self, now: Instant, app: &mut impl Listener) {
        while let Some(&Reverse((at, id))) = self.due.peek() {
            if at > now {
                break;
            }
            self.due.pop();
            if let Some(entry) = self.entries.get_mut(&id) {
                if entry.queued == Some(at) {
                    entry.queued = None;
                }
                self.touched.insert(id);
            }
        }
        for id in std::mem::take(&mut self.touched) {
            // A bug costs its peer only.
            if catch_unwind(AssertUnwindSafe(|| self.serve(now, id))).is_err() {
                self.drop_peer(id, "internal");
            }
        }
        self.tell(app);
    }

    fn serve(&mut self, now: Instant, id: PeerId) {
        self.end_late_connections(now, id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let (transmits, events) = (&mut entry.transmits, &mut self.events);
        entry.peer.drive(now, transmits, events);
        let writing = send(entry, &mut self.counters);
        let deadline = entry.peer.deadline;
        if entry.queued.is_none_or(|queued| deadline < queued) {
            entry.queued = Some(deadline);
            self.due.push(Reverse((deadline, id)));
        }
        let has_failed = entry.peer.has_failed();
        for index in writing {
            self.watch(id, index);
        }
        if has_failed {
            self.entries.remove(&id);
        }
    }

    fn tell(&mut self, app: &mut impl Listener) {
        let now = Instant::now();
        for event in self.events.drain(..) {
            app.take(now, event);
        }
    }
}

fn failed(peer: PeerId, reason: &'static str) -> Event {
    Event::Failed { peer, reason }
}

/// Send what a peer has; returns its connections that wait for room.
fn send(entry: &mut Entry, counters: &mut Counters) -> Vec<usize> {
    if entry.transmits.is_empty() {
        return Vec::new();
    }
    let is_udp = |each: &&Transmit| each.proto == str0m::net::Protocol::Udp;
    counters.datagrams_sent += entry.transmits.len() as u64;
    counters.bytes_sent += entry
        .transmits
        .iter()
        .map(|each| each.contents.len() as u64)
        .sum::<u64>();
    for link in &entry.udp {
        let own = entry.transmits.iter().filter(is_udp);
        let own = own.filter(|each| each.source == link.address);
        counters.datagrams_refused += link.send(own);
    }
    let mut writing = Vec::new();
    for (index, link) in entry.tcp.iter_mut().enumerate() {
        let Some(link) = link else {
            continue;
        };
        let (local, remote) = (link.local, link.remote);
        let own = entry.transmits.iter().filter(|each| !is_udp(each));
        for transmit in own {
            if (Some(transmit.source), transmit.destination) != (local, remote) {
                continue;
            }
            if !link.send(&transmit.contents) {
                counters.datagrams_refused += 1;
            }
        }
        // A broken connection is noticed when it is read.
        let _ = link.flush();
        if link.is_writing() {
            writing.push(index);
        }
    }
    entry.transmits.clear();
    writing
}
