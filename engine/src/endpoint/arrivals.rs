//! What comes from an endpoint.

use std::time::{Duration, Instant};

use super::addresses::MEDIA_MOVES_AFTER;
use super::{Dtls, Endpoint, Happening};
use crate::counters::Drop;
use crate::demux::Path;
use crate::dtls::Broken;
use crate::ingress::Arrived;
use crate::outbox::Outbox;
use crate::reports::Told;

/// DTLS datagrams that came before the peer's fingerprint was known.
const EARLY_DTLS_DATAGRAMS: usize = 16;
/// SRTP from unknown addresses is tried at most this often for one endpoint.
const GUESSES_APART: Duration = Duration::from_millis(20);

impl Endpoint {
    /// Count a datagram and where it came from.
    pub(super) fn note_arrival(
        &mut self,
        now: Instant,
        path: Path,
        is_stun: bool,
        datagram: &[u8],
    ) {
        self.heard = Some(now);
        self.egress.counters.packets_received += 1;
        self.egress.counters.bytes_received += datagram.len() as u64;
        if let Some(entry) = self.paths.iter_mut().find(|(known, _)| *known == path) {
            entry.1 = now;
        }
        if self.egress.path.is_some_and(|sending| sending != path) {
            self.follow(now, path, is_stun);
        }
    }

    /// Take a STUN message. An error is the datagram's, the endpoint goes on.
    pub fn receive_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), Drop> {
        self.note_arrival(now, path, true, datagram);
        if self.ice.receive(now, path, datagram) {
            Ok(())
        } else {
            Err(Drop::BadStun)
        }
    }

    pub fn receive_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), Drop> {
        self.note_arrival(now, path, false, datagram);
        match &mut self.dtls {
            Dtls::Waiting | Dtls::Client => {
                if self.early_dtls.len() < EARLY_DTLS_DATAGRAMS {
                    self.early_dtls.push(datagram.to_vec());
                }
                Ok(())
            }
            Dtls::Started(handshake) | Dtls::Connected(handshake) => {
                handshake.receive(datagram).map_err(|Broken| Drop::BadDtls)
            }
        }
    }

    /// Take a packet of media; None when there is nothing to pass on in it.
    pub fn receive_rtp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<Option<Arrived>, Drop> {
        self.note_arrival(now, path, false, datagram);
        let arrived = self.ingress.receive(now, datagram, &self.payload_types)?;
        self.reporter.note_media(now);
        self.hasten();
        Ok(arrived)
    }

    /// Take SRTP from an address that is not this endpoint's. When it is authentic, the peer has
    /// moved there. Its old address must have been silent for a while.
    pub fn receive_rtp_from_elsewhere(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Option<Option<Arrived>> {
        let may_have_moved = self.is_ready()
            && self.has_been_silent(now, MEDIA_MOVES_AFTER)
            && self.guessed.is_none_or(|at| now >= at + GUESSES_APART);
        if !may_have_moved {
            return None;
        }
        self.guessed = Some(now);
        self.ingress
            .receive(now, datagram, &self.payload_types)
            .ok()
    }

    /// Take SRTCP.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        outbox: &mut Outbox,
        happenings: &mut Vec<Happening>,
    ) -> Result<(), Drop> {
        self.note_arrival(now, path, false, datagram);
        let told = self
            .reporter
            .read(now, datagram, &mut self.ingress, &mut self.egress)?;
        for each in told {
            match each {
                // Without consent nothing but checks may go out (RFC 7675 §5.1).
                Told::Missing { .. } if !self.is_ready() => {}
                Told::Missing { ssrc, numbers } => {
                    let offered = &self.payload_types;
                    self.outputs
                        .resend(now, &mut self.egress, outbox, offered, ssrc, &numbers);
                }
                Told::KeyframeWanted(ssrc) => {
                    self.egress.counters.keyframe_requests_received += 1;
                    if let Some(source) = self.outputs.source_of(ssrc) {
                        happenings.push(Happening::KeyframeWanted(source));
                    }
                }
                Told::Estimate(bps) => self.note_estimate(bps, happenings),
            }
        }
        Ok(())
    }

    /// When a packet of this endpoint was captured, on our clock.
    pub fn captured(&self, now: Instant, arrived: &Arrived) -> Instant {
        self.reporter.captured(now, arrived)
    }
}
