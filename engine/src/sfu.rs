//! All endpoints and sources of one engine, and the way of a packet from one to the others.
//!
//! Sans-IO like the session library below it: orders, datagrams and `now` come in; datagrams to
//! send and events for the caller come out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::IceCreds;

use crate::codecs;
use crate::counters::{Counters, Drop, EndpointSnapshot};
use crate::demux::{Directory, Path, Protocol, Unclassified, classify};
use crate::endpoint::{Endpoint, Happening};
use crate::events::Event;
use crate::forward::{Incoming, Shape};
use crate::grid::{EARLY, Grid};
use crate::ice::Turn;
use crate::ingress::Arrived;
use crate::keyframes::Asker;
use crate::numbers::NumberMap;
use crate::outbox::Outbox;
use crate::outputs::{Media, Outcome, Primary};
use crate::red;
use crate::setup::{
    Codec, EndpointId, EndpointSetup, Limits, MAX_ENCODINGS, MediaKind, PayloadType, RemoteSetup,
    SourceId, SourceSetup, Wanted,
};
use crate::source::Source;
use crate::stun::{self, Stun};

/// No path of the Internet carries more in one piece.
const LARGEST_PAYLOAD: usize = 1500;
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

    // ---- orders --------------------------------------------------------------------------------

    /// False when the id or the username fragment is in use.
    pub fn add_endpoint(&mut self, now: Instant, id: EndpointId, setup: EndpointSetup) -> bool {
        if self.endpoints.contains_key(&id) || !self.directory.add(&setup.ufrag, id) {
            return false;
        }
        let endpoint = Endpoint::new(now, id, setup, &self.locals, self.numbers.u64(..));
        self.endpoints.insert(id, endpoint);
        self.drive(now, id, None);
        true
    }

    /// Say all that an endpoint may send and receive from now on: what it was added with, and more.
    pub fn extend_endpoint(
        &mut self,
        now: Instant,
        id: EndpointId,
        payload_types: Vec<PayloadType>,
        extensions: &[(u8, String)],
    ) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.extend(now, payload_types, extensions);
        }
    }

    pub fn set_remote(&mut self, now: Instant, id: EndpointId, remote: RemoteSetup) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let done = catch_unwind(AssertUnwindSafe(|| endpoint.set_remote(now, remote)));
        match done {
            Ok(Ok(())) => self.drive(now, id, None),
            Ok(Err(_)) => self.fail(id, "dtls-failed"),
            Err(_) => self.fail(id, "internal"),
        }
    }

    /// Prepare an ICE restart under new credentials of ours; without effect when the username
    /// fragment is in use or the endpoint has never been connected.
    pub fn restart_ice(&mut self, now: Instant, id: EndpointId, ufrag: String, pwd: String) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        if !self.directory.add(&ufrag, id) {
            return;
        }
        let mut happenings = Vec::new();
        let creds = IceCreds {
            ufrag: ufrag.clone(),
            pass: pwd,
        };
        if !endpoint.restart_ice(now, creds, &self.locals, &mut happenings) {
            self.directory.forget(&ufrag, id);
        }
        for happening in happenings {
            self.act(now, id, happening);
        }
        self.drive(now, id, None);
    }

    /// The peer's credentials for the restart under way.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        id: EndpointId,
        ufrag: String,
        pwd: String,
    ) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.set_remote_credentials(now, IceCreds { ufrag, pass: pwd });
            self.drive(now, id, None);
        }
    }

    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        id: EndpointId,
        remote: SocketAddr,
        kind: &str,
        priority: u32,
    ) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let is_useful =
            remote.port() != 0 && !remote.ip().is_unspecified() && !remote.ip().is_multicast();
        if is_useful && endpoint.add_remote_candidate(remote, kind, priority) {
            self.directory.expect_candidate(remote, id);
            self.drive(now, id, None);
        }
    }

    pub fn set_sources(&mut self, now: Instant, id: EndpointId, sources: Vec<SourceSetup>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let mut sources = sources;
        sources.retain(|source| {
            let is_foreign = self
                .sources
                .get(&source.id)
                .is_some_and(|known| known.owner != id);
            !source.encodings.is_empty() && source.encodings.len() <= MAX_ENCODINGS && !is_foreign
        });
        let gone: Vec<SourceId> = endpoint
            .sources
            .iter()
            .copied()
            .filter(|old| sources.iter().all(|new| new.id != *old))
            .collect();
        endpoint.set_inbound(&sources);
        self.senders.retain(|_, sender| *sender != id);
        for encoding in sources.iter().flat_map(|source| &source.encodings) {
            for ssrc in [Some(encoding.ssrc), encoding.rtx].into_iter().flatten() {
                self.senders.entry(ssrc).or_insert(id);
            }
        }
        for source in gone {
            self.remove_source(source);
        }
        for setup in sources {
            let source_id = setup.id;
            match self.sources.get_mut(&source_id) {
                Some(known) if known.setup == setup => continue,
                Some(known) => known.setup = setup,
                None => {
                    self.sources.insert(source_id, Source::new(now, id, setup));
                }
            }
            let receivers: Vec<EndpointId> = self
                .wanted
                .iter()
                .filter(|(_, wanted)| wanted.iter().any(|each| each.source == source_id))
                .map(|(&receiver, _)| receiver)
                .collect();
            for receiver in receivers {
                self.aim(now, receiver, source_id);
            }
        }
        self.drive(now, id, None);
    }

    pub fn set_muted(&mut self, id: EndpointId, audio: bool, video: bool) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.muted_audio = audio;
            endpoint.muted_video = video;
        }
    }

    /// Say all that `id` shall receive.
    pub fn forward(&mut self, now: Instant, id: EndpointId, wanted: Vec<Wanted>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let dropped: Vec<SourceId> = endpoint
            .outputs
            .active()
            .filter(|source| wanted.iter().all(|each| each.source != *source))
            .collect();
        for source in dropped {
            endpoint.outputs.suspend(source);
            if let Some(source) = self.sources.get_mut(&source) {
                source.receivers.retain(|&receiver| receiver != id);
            }
        }
        let sources: Vec<SourceId> = wanted.iter().map(|each| each.source).collect();
        self.wanted.insert(id, wanted);
        for source in sources {
            self.aim(now, id, source);
        }
    }

    /// What all that `id` asked for would take at its best, left out or not: bandwidth is looked
    /// for up to that.
    pub fn set_needed(&mut self, id: EndpointId, bps: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.needed_bps = bps;
        }
    }

    /// The caller needs a key frame of this source.
    pub fn request_keyframe(&mut self, now: Instant, source: SourceId) {
        self.ask(now, source, Asker::Bridge);
    }

    pub fn remove_endpoint(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.remove(&id) else {
            return;
        };
        self.counters.unmatched_feedback += endpoint.counters().unmatched_feedback;
        for &source in &endpoint.sources {
            self.remove_source(source);
        }
        for source in self.sources.values_mut() {
            source.receivers.retain(|&receiver| receiver != id);
            source.keyframes.forget(id);
        }
        self.directory.remove(
            &endpoint.ufrags,
            id,
            &endpoint.paths(),
            &endpoint.candidates,
        );
        self.senders.retain(|_, sender| *sender != id);
        self.wanted.remove(&id);
    }

    fn remove_source(&mut self, id: SourceId) {
        if self.sources.remove(&id).is_some() {
            // Also those who had stopped receiving it remember what they were sent.
            for endpoint in self.endpoints.values_mut() {
                endpoint.outputs.retire(id);
            }
        }
    }

    /// Bring one subscription into force.
    fn aim(&mut self, now: Instant, receiver: EndpointId, source_id: SourceId) {
        let wanted = self.wanted.get(&receiver).into_iter().flatten();
        let Some(wanted) = wanted.copied().find(|each| each.source == source_id) else {
            return;
        };
        let Some(source) = self.sources.get_mut(&source_id) else {
            return;
        };
        let Some(endpoint) = self.endpoints.get_mut(&receiver) else {
            return;
        };
        let Some(needs_keyframe) = endpoint.outputs.aim(&source.setup, &wanted) else {
            self.counters.drop(Drop::SsrcConflict);
            return;
        };
        if !source.receivers.contains(&receiver) {
            source.receivers.push(receiver);
        }
        if needs_keyframe && endpoint.is_ready() {
            self.ask(now, source_id, Asker::Bridge);
        }
    }

    // ---- datagrams -----------------------------------------------------------------------------

    /// Take one datagram. Call [`Sfu::flush`] after a batch of them.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        self.counters.packets_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        if let Err(reason) = self.dispatch(now, path, datagram) {
            self.counters.drop(reason);
        }
    }

    fn dispatch(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), Drop> {
        let protocol = classify(datagram).map_err(|problem| match problem {
            Unclassified::UnknownProtocol => Drop::UnknownProtocol,
            Unclassified::MalformedRtp => Drop::MalformedRtp,
            Unclassified::MalformedRtcp => Drop::MalformedRtcp,
        })?;
        let id = match protocol {
            Protocol::Stun => self.owner_of_stun(now, path, datagram)?,
            _ => match self.directory.by_path(path) {
                Some(id) => id,
                None => return self.receive_from_elsewhere(now, path, protocol, datagram),
            },
        };
        match protocol {
            Protocol::Stun => self.feed(now, path, id, |endpoint| {
                endpoint.receive_stun(now, path, datagram)
            }),
            Protocol::Dtls => {
                let own = self.handshakes.iter().filter(|(_, owner, ..)| *owner == id);
                if self.handshakes.len() >= WAITING_HANDSHAKES || own.count() >= WAITING_OF_ONE {
                    return Err(Drop::BadDtls);
                }
                self.handshakes
                    .push_back((now, id, path, datagram.to_vec()));
                Ok(())
            }
            Protocol::Rtp { ssrc, payload_type } => {
                self.check_header(id, ssrc, payload_type)?;
                let endpoint = self.endpoints.get_mut(&id).ok_or(Drop::NotStunFirst)?;
                let received = catch_unwind(AssertUnwindSafe(|| {
                    endpoint.receive_rtp(now, path, datagram)
                }));
                let Ok(received) = received else {
                    self.fail(id, "internal");
                    return Ok(());
                };
                self.schedule_sooner(now, id);
                if let Some(arrived) = received? {
                    self.pass_on(now, id, arrived);
                }
                Ok(())
            }
            Protocol::Rtcp => {
                let mut result = Ok(());
                self.let_work(now, id, |endpoint, outbox, happenings| {
                    result = endpoint.receive_rtcp(now, path, datagram, outbox, happenings);
                });
                result
            }
        }
    }

    /// Whether anything is known of a stream before its packets are decrypted.
    fn check_header(&self, id: EndpointId, ssrc: u32, payload_type: u8) -> Result<(), Drop> {
        let endpoint = self.endpoints.get(&id).ok_or(Drop::NotStunFirst)?;
        // SSRC 0 carries the sender's bandwidth probes, which need feedback (libwebrtc).
        if ssrc != 0 {
            if endpoint.inbound(ssrc).is_none() {
                return Err(Drop::UnknownSsrc);
            }
            if !endpoint.knows_payload_type(payload_type) {
                return Err(Drop::UnknownPayloadType);
            }
        }
        Ok(())
    }

    /// Give an endpoint a datagram it has to answer, and let it.
    fn feed(
        &mut self,
        now: Instant,
        path: Path,
        id: EndpointId,
        take: impl FnOnce(&mut Endpoint) -> Result<(), Drop>,
    ) -> Result<(), Drop> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(Drop::NotStunFirst)?;
        let Ok(fed) = catch_unwind(AssertUnwindSafe(|| take(endpoint))) else {
            self.fail(id, "internal");
            return Ok(());
        };
        self.drive(now, id, Some(path));
        fed
    }

    /// A sender whose address has changed (a NAT lost its binding, another network) is known by its
    /// SSRC and believed when SRTP finds the packet authentic. What is sent to it moves when the new
    /// address has answered a check.
    fn receive_from_elsewhere(
        &mut self,
        now: Instant,
        path: Path,
        protocol: Protocol,
        datagram: &[u8],
    ) -> Result<(), Drop> {
        let Protocol::Rtp { ssrc, .. } = protocol else {
            return Err(Drop::NotStunFirst);
        };
        let id = *self.senders.get(&ssrc).ok_or(Drop::NotStunFirst)?;
        let endpoint = self.endpoints.get_mut(&id).ok_or(Drop::NotStunFirst)?;
        let tried = catch_unwind(AssertUnwindSafe(|| {
            endpoint.receive_rtp_from_elsewhere(now, datagram)
        }));
        let Some(arrived) = tried.unwrap_or(None) else {
            return Err(Drop::NotStunFirst);
        };
        self.bind(now, path, id);
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.follow(now, path, false);
        }
        self.drive(now, id, Some(path));
        if let Some(arrived) = arrived {
            self.pass_on(now, id, arrived);
        }
        Ok(())
    }

    /// From now on this path is the endpoint's.
    fn bind(&mut self, now: Instant, path: Path, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && let Some(forgotten) = endpoint.bind(now, path)
        {
            self.directory.unbind(forgotten, id);
        }
        self.directory.bind(path, id);
    }

    /// Whose STUN message this is; its address is that endpoint's from now on.
    fn owner_of_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<EndpointId, Drop> {
        let known = self.directory.by_path(path);
        let candidates = match stun::peek(datagram).map_err(|_| Drop::BadStun)? {
            Stun::Request { local_ufrag } => {
                let named = self
                    .directory
                    .by_ufrag(local_ufrag)
                    .ok_or(Drop::UnknownUfrag)?;
                if known == Some(named) {
                    return Ok(named);
                }
                vec![named]
            }
            Stun::Other => match known {
                Some(known) => return Ok(known),
                None => self.directory.by_candidate(path.remote).to_vec(),
            },
        };
        let is_signalled = !candidates.is_empty();
        for id in candidates {
            let Some(endpoint) = self.endpoints.get_mut(&id) else {
                continue;
            };
            let is_authentic = catch_unwind(AssertUnwindSafe(|| endpoint.authenticates(datagram)));
            if !is_authentic.unwrap_or(false) {
                continue;
            }
            self.bind(now, path, id);
            return Ok(id);
        }
        Err(if is_signalled {
            Drop::BadStun
        } else {
            Drop::NotStunFirst
        })
    }

    /// True when a Binding request of an endpoint has come by this path.
    pub fn knows(&self, path: Path) -> bool {
        self.directory.by_path(path).is_some()
    }

    /// A connection has ended; a later one may come from the same address.
    pub fn disconnect(&mut self, path: Path) {
        if let Some(id) = self.directory.by_path(path) {
            self.directory.unbind(path, id);
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.unbind(path);
            }
        }
    }

    /// Let every endpoint work that was given something to do.
    pub fn flush(&mut self, now: Instant) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        waiting.dedup();
        for &id in &waiting {
            self.drive(now, id, None);
        }
        if self.waiting.is_empty() {
            waiting.clear();
            self.waiting = waiting;
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.take_handshake(now);
        let by = self.grid.serve(now);
        // Each endpoint once: what it asks for next may be before `by` as well.
        let mut called = std::mem::take(&mut self.called);
        while let Some(&Reverse((at, id))) = self.timers.peek()
            && at <= by
        {
            self.timers.pop();
            if let Some(endpoint) = self.endpoints.get_mut(&id)
                && endpoint.scheduled == Some(at)
            {
                endpoint.scheduled = None;
                called.push(id);
            }
        }
        for id in called.drain(..) {
            let endpoint = self.endpoints.get(&id);
            if endpoint.is_some_and(|endpoint| endpoint.is_due(now, by)) {
                self.drive_by(now, by, id, None);
            } else {
                self.schedule(now, id);
            }
        }
        self.called = called;
        if by >= self.next_tick {
            self.next_tick = self.grid.wide(by + TICK - EARLY);
            self.tick(now);
        }
        self.flush(now);
    }

    /// Let one handshake take its next step.
    fn take_handshake(&mut self, now: Instant) {
        if let Some((_, id, path, datagram)) = self.handshakes.pop_front() {
            let taken = self.feed(now, path, id, |endpoint| {
                endpoint.receive_dtls(now, path, &datagram)
            });
            if let Err(reason) = taken {
                self.counters.drop(reason);
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        let mut broken = Vec::new();
        for source in self.sources.values_mut() {
            let events = &mut self.events;
            if catch_unwind(AssertUnwindSafe(|| source.report(now, events))).is_err() {
                broken.push(source.owner);
            }
        }
        for endpoint in self.endpoints.values_mut().filter(|each| each.is_ready()) {
            let active = endpoint.outputs.active();
            let sources = active.filter_map(|source| self.sources.get(&source));
            let flowing: u64 = sources.map(|source| source.layers.best_bps()).sum();
            let desired = flowing.max(endpoint.needed_bps);
            match catch_unwind(AssertUnwindSafe(|| endpoint.steer(now, desired))) {
                Ok(true) => self.waiting.push(endpoint.id),
                Ok(false) => {}
                Err(_) => broken.push(endpoint.id),
            }
        }
        for id in broken {
            self.fail(id, "internal");
        }
        let overdue: Vec<(EndpointId, &'static str)> = self
            .endpoints
            .values()
            .filter_map(|endpoint| Some((endpoint.id, endpoint.overdue(now, &self.limits)?)))
            .collect();
        for (id, reason) in overdue {
            self.fail(id, reason);
        }
    }

    /// Set an earlier timer, if the endpoint has come to need one.
    fn schedule_sooner(&mut self, now: Instant, id: EndpointId) {
        if self
            .endpoints
            .get(&id)
            .is_some_and(Endpoint::is_called_too_late)
        {
            self.schedule(now, id);
        }
    }

    fn schedule(&mut self, now: Instant, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let exact = self.grid.exact(now, endpoint.deadline);
        let at = exact.min(self.grid.wide(endpoint.can_wait_until));
        if endpoint.scheduled.is_none_or(|scheduled| at < scheduled) {
            endpoint.scheduled = Some(at);
            self.timers.push(Reverse((at, id)));
        }
    }

    /// Let one endpoint work, and act on what came of it.
    fn drive(&mut self, now: Instant, id: EndpointId, cause: Option<Path>) {
        self.drive_by(now, now, id, cause);
    }

    /// The same; what can wait is done now if it is due by `by`.
    fn drive_by(&mut self, now: Instant, by: Instant, id: EndpointId, cause: Option<Path>) {
        self.let_work(now, id, |endpoint, outbox, happenings| {
            endpoint.drive(now, by, cause, outbox, happenings);
        });
    }

    fn let_work(
        &mut self,
        now: Instant,
        id: EndpointId,
        work: impl FnOnce(&mut Endpoint, &mut Outbox, &mut Vec<Happening>),
    ) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return;
        };
        let mut happenings = Vec::new();
        let outbox = &mut self.outbox;
        let worked = catch_unwind(AssertUnwindSafe(|| {
            work(endpoint, outbox, &mut happenings);
        }));
        if worked.is_err() {
            self.fail(id, "internal");
            return;
        }
        self.schedule(now, id);
        let acted = catch_unwind(AssertUnwindSafe(|| {
            for happening in happenings {
                self.act(now, id, happening);
            }
        }));
        if acted.is_err() {
            self.fail(id, "internal");
        }
    }

    fn act(&mut self, now: Instant, id: EndpointId, happening: Happening) {
        match happening {
            Happening::KeyframeWanted(source) => {
                let rtt = self.endpoints.get(&id).and_then(Endpoint::rtt);
                self.ask(now, source, Asker::Receiver(id, rtt));
            }
            Happening::IceConnected(path) => {
                self.events.push(Event::IceConnected { endpoint: id, path })
            }
            Happening::DtlsConnected(srtp_profile) => {
                self.events.push(Event::DtlsConnected {
                    endpoint: id,
                    srtp_profile,
                });
            }
            Happening::Ready => {
                let Some(endpoint) = self.endpoints.get(&id) else {
                    return;
                };
                for source in endpoint.outputs.active().collect::<Vec<_>>() {
                    self.ask(now, source, Asker::Bridge);
                }
            }
            Happening::Estimate(bps) => {
                self.events
                    .push(Event::BandwidthEstimate { endpoint: id, bps });
            }
            Happening::Restart(Turn::Completed(path)) => {
                self.events.push(Event::IceRestarted { endpoint: id, path });
            }
            Happening::Restart(Turn::GivenUp) => {
                self.events.push(Event::IceRestartFailed { endpoint: id });
            }
            Happening::Restart(Turn::Ended(ufrag)) => self.directory.forget(&ufrag, id),
            Happening::Restart(Turn::Reachable(_)) => {}
            Happening::Failed(reason) => self.fail(id, reason),
            #[cfg(test)]
            Happening::Panic => panic!("as a bug would"),
        }
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

    // ---- the way of a packet -------------------------------------------------------------------

    fn pass_on(&mut self, now: Instant, sender_id: EndpointId, arrived: Arrived) {
        let Some(sender) = self.endpoints.get(&sender_id) else {
            return;
        };
        let (inbound, payload_type) = (arrived.inbound, &arrived.payload_type);
        let source_id = inbound.source;
        let Some(source) = self.sources.get_mut(&source_id) else {
            return;
        };
        let codec = payload_type.codec;
        let mut incoming = Incoming {
            encoding: inbound.encoding,
            seq: arrived.seq,
            timestamp: arrived.timestamp,
            marker: arrived.marker,
            shape: Shape::Audio,
            captured: sender.captured(now, &arrived),
            clock_rate: payload_type.clock_rate,
        };
        let taken = match inbound.kind {
            kind if sender.is_muted(kind) => Err(Some(Drop::Muted)),
            kind if codec.kind() != kind => Err(Some(Drop::UnknownPayloadType)),
            _ if arrived.payload.len() > LARGEST_PAYLOAD => Err(Some(Drop::MalformedPayload)),
            _ => source.take(now, &mut incoming, &arrived),
        };
        if let Err(reason) = taken {
            source.leave_out(&incoming);
            if let Some(reason) = reason {
                self.counters.drop(reason);
            }
            if reason == Some(Drop::Undescribed) && source.lacks_structure(now) {
                self.ask(now, source_id, Asker::Bridge);
            }
            return;
        }
        let Some(seq) = source.number(&incoming) else {
            return;
        };
        incoming.seq = seq;
        self.counters.keyframes_received += u64::from(incoming.shape.starts_keyframe());
        let primary = match codec {
            Codec::Red => red::primary(&arrived.payload).and_then(|(number, start)| {
                Some(Primary {
                    payload_type: Arc::clone(sender.payload_type(number)?),
                    start,
                })
            }),
            _ => None,
        };
        let descriptor = arrived.descriptor;
        let media = Arc::new(Media {
            incoming,
            payload_type: arrived.payload_type,
            payload: arrived.payload,
            audio_level: arrived.audio_level,
            orientation: arrived.orientation,
            descriptor: descriptor.filter(|_| codecs::needs_descriptor(codec)),
            primary,
        });
        let mut needs_keyframe = false;
        let mut broken = Vec::new();
        for &receiver_id in &source.receivers {
            let Some(receiver) = self.endpoints.get_mut(&receiver_id) else {
                continue;
            };
            if !receiver.is_ready() {
                continue;
            }
            let outbox = &mut self.outbox;
            let forwarded = catch_unwind(AssertUnwindSafe(|| {
                receiver.forward(now, outbox, source_id, &media)
            }));
            match forwarded {
                Ok((outcome, asks)) => {
                    needs_keyframe |= asks;
                    match outcome {
                        Outcome::Sent => {
                            self.counters.packets_forwarded += 1;
                            // Its first report has become due.
                            if receiver.is_called_too_late() {
                                self.unscheduled.push(receiver_id);
                            }
                        }
                        Outcome::Held => {}
                        Outcome::NotOffered => self.counters.drop(Drop::CodecNotOffered),
                    }
                }
                Err(_) => broken.push(receiver_id),
            }
        }
        for receiver in broken {
            self.fail(receiver, "internal");
        }
        while let Some(receiver) = self.unscheduled.pop() {
            self.schedule(now, receiver);
        }
        if needs_keyframe {
            self.ask(now, source_id, Asker::Bridge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::Transport;
    use crate::setup::Encoding;

    fn sfu_with(ids: &[u64]) -> (Instant, Sfu) {
        let now = Instant::now();
        let local = SocketAddr::from(([192, 0, 2, 1], 10000));
        let mut sfu = Sfu::new(now, vec![local], Limits::default(), 1);
        for &id in ids {
            let setup = EndpointSetup {
                ufrag: format!("srv{id}"),
                pwd: "p".repeat(24),
                controlling: true,
                payload_types: vec![],
                extensions: vec![],
            };
            assert!(sfu.add_endpoint(now, EndpointId(id), setup));
        }
        (now, sfu)
    }

    #[test]
    fn a_panic_costs_its_endpoint_only() {
        let (now, mut sfu) = sfu_with(&[1, 2]);

        sfu.let_work(now, EndpointId(1), |_, _, _| panic!("as a bug would"));
        sfu.handle_timeout(now + TICK);

        assert_eq!(
            sfu.take_events(),
            [Event::EndpointFailed {
                endpoint: EndpointId(1),
                reason: "internal"
            }]
        );
        let left: Vec<_> = sfu.snapshot(now).iter().map(|each| each.endpoint).collect();
        assert_eq!(left, [EndpointId(2)]);
        assert_eq!(sfu.counters.dropped(Drop::Internal), 1);
    }

    #[test]
    fn a_panic_over_what_an_endpoint_sent_costs_its_sender_only() {
        let (now, mut sfu) = sfu_with(&[1, 2]);

        sfu.let_work(now, EndpointId(1), |_, _, happenings| {
            happenings.push(Happening::Panic);
        });

        assert_eq!(sfu.counters.dropped(Drop::Internal), 1);
        assert!(sfu.endpoints.contains_key(&EndpointId(2)));
        assert!(!sfu.endpoints.contains_key(&EndpointId(1)));
    }

    #[test]
    fn handshakes_take_one_step_a_turn_and_nobody_fills_the_queue() {
        let (now, mut sfu) = sfu_with(&[1, 2]);
        let paths = [40_000, 40_001].map(|port| Path {
            transport: Transport::Udp,
            local: SocketAddr::from(([192, 0, 2, 1], 10000)),
            remote: SocketAddr::from(([198, 51, 100, 7], port)),
        });
        for (path, id) in paths.into_iter().zip([1, 2]) {
            sfu.bind(now, path, EndpointId(id));
        }
        for _ in 0..WAITING_OF_ONE + 5 {
            sfu.receive(now, paths[0], &[22, 254, 253, 0, 0, 0, 0, 0]);
        }
        sfu.receive(now, paths[1], &[22, 254, 253, 0, 0, 0, 0, 0]);
        assert_eq!(sfu.handshakes.len(), WAITING_OF_ONE + 1);
        assert_eq!(sfu.counters.dropped(Drop::BadDtls), 5);

        sfu.handle_timeout(now);
        assert_eq!(sfu.handshakes.len(), WAITING_OF_ONE);
        assert!(sfu.next_timeout() <= now, "the next one does not wait");
    }

    #[test]
    fn who_stopped_receiving_a_source_forgets_it_too_when_it_goes() {
        let (now, mut sfu) = sfu_with(&[1, 2]);
        let (sender, receiver) = (EndpointId(1), EndpointId(2));
        let source = SourceSetup {
            id: SourceId(5),
            kind: MediaKind::Video,
            encodings: vec![Encoding {
                ssrc: 11,
                rtx: Some(12),
            }],
        };
        let wanted = Wanted {
            source: source.id,
            encoding: 0,
            spatial: 7,
            temporal: 7,
            slot: None,
        };
        sfu.set_sources(now, sender, vec![source]);
        sfu.forward(now, receiver, vec![wanted]);
        sfu.forward(now, receiver, vec![]);
        assert_eq!(sfu.endpoints[&receiver].outputs.held(), 1);

        sfu.remove_endpoint(sender);

        assert_eq!(sfu.endpoints[&receiver].outputs.held(), 0);
    }
}
