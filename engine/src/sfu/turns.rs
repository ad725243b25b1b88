//! What endpoints do by themselves: timers, handshakes, and what follows from their work.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Sfu, TICK};
use crate::demux::Path;
use crate::endpoint::{Endpoint, Happening};
use crate::events::Event;
use crate::grid::EARLY;
use crate::ice::Turn;
use crate::keyframes::Asker;
use crate::outbox::Outbox;
use crate::setup::EndpointId;

impl Sfu {
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
    pub(super) fn take_handshake(&mut self, now: Instant) {
        if let Some((_, id, path, datagram)) = self.handshakes.pop_front() {
            let taken = self.feed(now, path, id, |endpoint| {
                endpoint.receive_dtls(now, path, &datagram)
            });
            if let Err(reason) = taken {
                self.counters.drop(reason);
            }
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
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
    pub(super) fn schedule_sooner(&mut self, now: Instant, id: EndpointId) {
        if self
            .endpoints
            .get(&id)
            .is_some_and(Endpoint::is_called_too_late)
        {
            self.schedule(now, id);
        }
    }

    pub(super) fn schedule(&mut self, now: Instant, id: EndpointId) {
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
    pub(super) fn drive(&mut self, now: Instant, id: EndpointId, cause: Option<Path>) {
        self.drive_by(now, now, id, cause);
    }

    /// The same; what can wait is done now if it is due by `by`.
    pub(super) fn drive_by(
        &mut self,
        now: Instant,
        by: Instant,
        id: EndpointId,
        cause: Option<Path>,
    ) {
        self.let_work(now, id, |endpoint, outbox, happenings| {
            endpoint.drive(now, by, cause, outbox, happenings);
        });
    }

    pub(super) fn let_work(
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

    pub(super) fn act(&mut self, now: Instant, id: EndpointId, happening: Happening) {
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
                    self.ask(now, source, Asker::Switching(id));
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
}
