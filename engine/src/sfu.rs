//! All endpoints and sources of one engine, and the way of a packet from one to the others.
//!
//! Sans-IO like the session library below it: orders, datagrams and `now` come in; datagrams to
//! send and events for the caller come out.

mod datagrams;
mod orders;
mod passing;
#[cfg(test)]
mod tests;
mod turns;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::counters::{Counters, Drop, EndpointSnapshot};
use crate::demux::{Directory, Path};
use crate::endpoint::Endpoint;
use crate::events::Event;
use crate::grid::Grid;
use crate::keyframes::Asker;
use crate::numbers::NumberMap;
use crate::outbox::Outbox;
use crate::setup::{EndpointId, Limits, MediaKind, SourceId, Wanted};
use crate::source::Source;

/// Datagrams of handshakes that wait for their turn; what is beyond is lost, as on the way.
const WAITING_HANDSHAKES: usize = 2048;
/// The same of one endpoint: more than the longest flight with repetitions, so that nobody keeps the
/// others from their handshakes.
const WAITING_OF_ONE: usize = 16;
const TICK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Sfu {
    limits: Limits,
    locals: Vec<SocketAddr>,
    endpoints: NumberMap<EndpointId, Endpoint>,
    sources: NumberMap<SourceId, Source>,
    /// Who wants what, whether or not the source exists yet.
    wanted: NumberMap<EndpointId, Vec<Wanted>>,
    directory: Directory,
    /// Who sends under an SSRC; whoever came first, should two do.
    senders: NumberMap<u32, EndpointId>,
    /// Deadlines; an entry that no longer is its endpoint's own is stale.
    timers: BinaryHeap<Reverse<(Instant, EndpointId)>>,
    waiting: Vec<EndpointId>,
    /// Empty between two turns: those whose timers have gone off.
    called: Vec<EndpointId>,
    /// Datagrams of DTLS and since when they wait. Each may take a signature, 0.2 ms, in which no media passes; so one is
    /// taken per turn of the loop, after what came of media.
    handshakes: VecDeque<(Instant, EndpointId, Path, Vec<u8>)>,
    /// Endpoints that have come to need an earlier timer while packets were passed on.
    unscheduled: Vec<EndpointId>,
    grid: Grid,
    next_tick: Instant,
    numbers: fastrand::Rng,
    pub counters: Counters,
    outbox: Outbox,
    events: Vec<Event>,
}

impl Sfu {
    /// `seed` chooses the sequence numbers streams start with.
    pub fn new(now: Instant, locals: Vec<SocketAddr>, limits: Limits, seed: u64) -> Sfu {
        Sfu {
            limits,
            locals,
            endpoints: NumberMap::default(),
            sources: NumberMap::default(),
            wanted: NumberMap::default(),
            directory: Directory::default(),
            senders: NumberMap::default(),
            timers: BinaryHeap::new(),
            waiting: Vec::new(),
            called: Vec::new(),
            handshakes: VecDeque::new(),
            unscheduled: Vec::new(),
            grid: Grid::new(now),
            next_tick: now + TICK,
            numbers: fastrand::Rng::with_seed(seed),
            counters: Counters::default(),
            outbox: Outbox::default(),
            events: Vec::new(),
        }
    }

    /// What has to be sent.
    pub fn take_outbox(&mut self) -> Outbox {
        let mut outbox = Outbox::default();
        self.swap_outbox(&mut outbox);
        outbox
    }

    /// The same without allocating: `empty` takes the place of what has to be sent.
    pub fn swap_outbox(&mut self, empty: &mut Outbox) {
        std::mem::swap(&mut self.outbox, empty);
        self.counters.packets_sent += empty.len() as u64;
        self.counters.bytes_sent += empty.bytes() as u64;
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// When [`Sfu::handle_timeout`] has to be called at the latest.
    pub fn next_timeout(&self) -> Instant {
        if let Some(&(came, ..)) = self.handshakes.front() {
            return came;
        }
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        timer.map_or(self.next_tick, |timer| timer.min(self.next_tick))
    }

    pub fn snapshot(&self, now: Instant) -> Vec<EndpointSnapshot> {
        self.endpoints
            .values()
            .map(|endpoint| EndpointSnapshot {
                endpoint: endpoint.id,
                idle: endpoint.idle(now),
                path: endpoint.path(),
                counters: endpoint.counters().clone(),
            })
            .collect()
    }

    /// Give an endpoint up and tell the caller.
    pub fn fail(&mut self, id: EndpointId, reason: &'static str) {
        if reason == "internal" {
            self.counters.drop(Drop::Internal);
        }
        if self.endpoints.contains_key(&id) {
            self.remove_endpoint(id);
            self.events.push(Event::EndpointFailed {
                endpoint: id,
                reason,
            });
        }
    }

    /// Ask the sender of a video source for a key frame, within the limits.
    fn ask(&mut self, now: Instant, source_id: SourceId, asker: Asker) {
        let Some(source) = self.sources.get_mut(&source_id) else {
            return;
        };
        let Some(sender) = self.endpoints.get_mut(&source.owner) else {
            return;
        };
        let is_video = source.setup.kind == MediaKind::Video;
        if is_video && sender.is_ready() && source.keyframes.admit(now, asker, &self.limits) {
            sender.request_keyframe(source.setup.encodings[0].ssrc);
            self.waiting.push(source.owner);
        }
    }
}
