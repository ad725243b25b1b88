//! What an endpoint sends, and does by itself when its time has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dtls, Endpoint, Happening, UNSENT_DTLS_DATAGRAMS};
use crate::demux::Path;
use crate::dtls::Progress;
use crate::grid::{EARLY, WIDE};
use crate::ice::Turn;
use crate::media::Media;
use crate::outbox::Outbox;
use crate::output::Outcome;
use crate::setup::SourceId;
use crate::srtp::{Opening, Sealing};

/// A new estimate is told when it differs by more than this part.
const ESTIMATE_STEP: f64 = 0.05;
/// When nothing waits.
const AT_REST: Duration = Duration::from_secs(60);
/// An exact timer may be this late.
const TIMER_STEP: Duration = Duration::from_millis(5);

impl Endpoint {
    /// Bring the deadlines forward for what packets that came have to be answered by.
    pub(super) fn hasten(&mut self) {
        if let Some(at) = self.ingress.deadline() {
            self.deadline = self.deadline.min(at);
        }
        let can_wait = [self.ingress.feedback_from(), self.reporter.deadline()];
        for at in can_wait.into_iter().flatten() {
            self.can_wait_until = self.can_wait_until.min(at);
        }
    }

    /// True when there is something to do: now, or of what can wait up to `by`.
    pub fn is_due(&self, now: Instant, by: Instant) -> bool {
        self.deadline <= now || self.can_wait_until <= by
    }

    /// True when no timer is set, or one that is later than its own grid explains.
    pub fn is_called_too_late(&self) -> bool {
        self.scheduled.is_none_or(|at| {
            at > self.deadline + TIMER_STEP || at > self.can_wait_until + WIDE + EARLY
        })
    }

    /// Pass a packet on if this endpoint wants it; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        outbox: &mut Outbox,
        source: SourceId,
        media: &Arc<Media>,
    ) -> (Outcome, bool) {
        let (egress, offered) = (&mut self.egress, &self.payload_types);
        let (outcome, asks) = self
            .outputs
            .forward(now, egress, outbox, offered, source, media);
        if outcome == Outcome::Sent && self.reporter.note_media(now) {
            self.hasten();
        }
        (outcome, asks)
    }

    /// Do what is due: checks, the handshake, padding; reports when they are due by `by`.
    pub fn drive(
        &mut self,
        now: Instant,
        by: Instant,
        cause: Option<Path>,
        outbox: &mut Outbox,
        happenings: &mut Vec<Happening>,
    ) {
        let (mut transmits, mut turns) = (Vec::new(), Vec::new());
        self.ice.drive(now, &mut transmits, &mut turns);
        for transmit in transmits {
            let path = Path {
                transport: transmit.proto.into(),
                local: transmit.source,
                remote: transmit.destination,
            };
            self.egress.send_plain(path, &transmit.contents, outbox);
        }
        self.egress.path = self.ice.path();
        self.take_turns(now, cause, turns, happenings);
        self.drive_dtls(now, outbox, happenings);
        if self.is_ready() {
            self.send_reports(now, by, outbox);
            let due = self.egress.due_padding(now);
            if due > 0 {
                let (egress, offered) = (&mut self.egress, &self.payload_types);
                self.outputs.pad(now, egress, outbox, offered, due);
            }
            if let Some(bps) = self.egress.bps() {
                self.note_estimate(bps, happenings);
            }
        }
        let handshake = match &self.dtls {
            Dtls::Started(handshake) | Dtls::Connected(handshake) => handshake.deadline(),
            Dtls::Waiting | Dtls::Client => None,
        };
        // What cannot be sent now is not waited for: it would be due at once, again and again.
        let padding = self.egress.next_padding().filter(|_| self.is_ready());
        let soonest = |times: [Option<Instant>; 2]| {
            let times = times.into_iter().flatten();
            times.fold(now + AT_REST, Instant::min)
        };
        let transport = soonest([self.ice.deadline(), handshake]);
        let is_settled = self.is_ready() && !self.ice.is_restarting();
        self.can_wait_until = now + AT_REST;
        if is_settled {
            self.deadline = soonest([padding, None]);
            self.can_wait_until = transport;
        } else {
            self.deadline = soonest([padding, Some(transport)]);
        }
        if self.is_ready() {
            self.hasten();
        }
    }

    pub(super) fn send_reports(&mut self, now: Instant, by: Instant, outbox: &mut Outbox) {
        if let Some(round_trip) = self.ice.round_trip() {
            self.reporter.note_round_trip(round_trip);
        }
        let (ingress, egress) = (&mut self.ingress, &mut self.egress);
        for datagram in self.reporter.due(now, by, ingress, egress, &self.outputs) {
            self.egress.send_reports(&datagram, outbox);
        }
    }

    pub(super) fn drive_dtls(
        &mut self,
        now: Instant,
        outbox: &mut Outbox,
        happenings: &mut Vec<Happening>,
    ) {
        let (Dtls::Started(handshake) | Dtls::Connected(handshake)) = &mut self.dtls else {
            return;
        };
        let is_connected = handshake.is_done();
        let Ok(progress) = handshake.drive(now) else {
            let reason = if is_connected {
                "closed"
            } else {
                "dtls-failed"
            };
            happenings.push(Happening::Failed(reason));
            return;
        };
        for each in progress {
            match each {
                Progress::Datagram(datagram) => self.keep_unsent(datagram),
                Progress::Connected => self.verify(happenings),
                Progress::Closed => happenings.push(Happening::Failed("closed")),
            }
        }
        if let Some(path) = self.egress.path {
            for datagram in self.unsent_dtls.drain(..) {
                self.egress.send_plain(path, &datagram, outbox);
            }
        }
    }

    /// Keep a datagram of the handshake until there is a path.
    pub(super) fn keep_unsent(&mut self, datagram: Vec<u8>) {
        if self.unsent_dtls.len() < UNSENT_DTLS_DATAGRAMS {
            self.unsent_dtls.push(datagram);
        }
    }

    /// The handshake is over: only a certificate the peer announced may stay (RFC 8122 §6.2).
    pub(super) fn verify(&mut self, happenings: &mut Vec<Happening>) {
        let Dtls::Started(mut handshake) = std::mem::replace(&mut self.dtls, Dtls::Waiting) else {
            return;
        };
        let keys = handshake.take_keys();
        let is_client = handshake.is_client();
        let certificate = handshake.certificate();
        let is_announced = certificate.is_some_and(|shown| self.announced.includes(shown));
        self.dtls = Dtls::Connected(handshake);
        if !is_announced {
            happenings.push(Happening::Failed("fingerprint-mismatch"));
            return;
        }
        let directions = keys.as_ref().and_then(|keys| {
            let sealing = Sealing::new(keys, is_client)?;
            Some((sealing, Opening::new(keys, is_client)?, keys.profile))
        });
        let Some((sealing, opening, profile)) = directions else {
            happenings.push(Happening::Failed("dtls-failed"));
            return;
        };
        self.egress.secure(sealing);
        self.ingress.secure(opening);
        happenings.push(Happening::DtlsConnected(profile.name()));
        if self.is_ready() {
            happenings.push(Happening::Ready);
        }
    }

    pub(super) fn take_turns(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        turns: Vec<Turn>,
        happenings: &mut Vec<Happening>,
    ) {
        for turn in turns {
            match &turn {
                Turn::Completed(path) => {
                    self.egress.path = Some(*path);
                    self.set_reachable(true, happenings);
                }
                Turn::Reachable(reachable) => {
                    self.set_reachable(*reachable, happenings);
                    if *reachable {
                        self.note_connected(now, cause, happenings);
                    }
                    continue;
                }
                Turn::Ended(ufrag) => self.ufrags.retain(|each| each != ufrag),
                Turn::GivenUp => {}
            }
            happenings.push(Happening::Restart(turn));
        }
    }

    pub(super) fn note_connected(
        &mut self,
        now: Instant,
        cause: Option<Path>,
        happenings: &mut Vec<Happening>,
    ) {
        if self.ice_connected.is_some() {
            return;
        }
        self.ice_connected = Some(now);
        let path = self.ice.path().or(cause);
        if let Some(path) = path.or(self.paths.last().map(|&(path, _)| path)) {
            happenings.push(Happening::IceConnected(path));
        }
        if matches!(self.dtls, Dtls::Client) && self.start_dtls(now, true).is_err() {
            happenings.push(Happening::Failed("dtls-failed"));
        }
    }

    pub(super) fn set_reachable(&mut self, reachable: bool, happenings: &mut Vec<Happening>) {
        let was_ready = self.is_ready();
        self.is_reachable = reachable;
        if !was_ready && self.is_ready() {
            happenings.push(Happening::Ready);
        } else if was_ready && !self.is_ready() {
            self.outputs.interrupt();
        }
    }

    pub(super) fn note_estimate(&mut self, bps: u64, happenings: &mut Vec<Happening>) {
        self.egress.counters.estimate_bps = bps;
        let told = self.told_estimate_bps;
        if bps.abs_diff(told) as f64 > told as f64 * ESTIMATE_STEP {
            self.told_estimate_bps = bps;
            happenings.push(Happening::Estimate(bps));
        }
    }
}
