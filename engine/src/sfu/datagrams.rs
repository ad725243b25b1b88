//! Whose a datagram is, and what becomes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Sfu, WAITING_HANDSHAKES, WAITING_OF_ONE};
use crate::counters::Drop;
use crate::demux::{Path, Protocol, Unclassified, classify};
use crate::endpoint::Endpoint;
use crate::setup::EndpointId;
use crate::stun::{self, Stun};

impl Sfu {
    /// Take one datagram. Call [`Sfu::flush`] after a batch of them.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        self.counters.packets_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        if let Err(reason) = self.dispatch(now, path, datagram) {
            self.counters.drop(reason);
        }
    }

    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), Drop> {
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
    pub(super) fn check_header(
        &self,
        id: EndpointId,
        ssrc: u32,
        payload_type: u8,
    ) -> Result<(), Drop> {
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
    pub(super) fn feed(
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
    pub(super) fn receive_from_elsewhere(
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
    pub(super) fn bind(&mut self, now: Instant, path: Path, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && let Some(forgotten) = endpoint.bind(now, path)
        {
            self.directory.unbind(forgotten, id);
        }
        self.directory.bind(path, id);
    }

    /// Whose STUN message this is; its address is that endpoint's from now on.
    pub(super) fn owner_of_stun(
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
}
