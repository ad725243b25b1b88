//! What the caller orders: endpoints, their sources, and who receives what.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::IceCreds;

use super::Sfu;
use crate::counters::Drop;
use crate::endpoint::Endpoint;
use crate::keyframes::Asker;
use crate::setup::{
    EndpointId, EndpointSetup, MAX_ENCODINGS, PayloadType, RemoteSetup, SourceId, SourceSetup,
    Wanted,
};
use crate::source::Source;

impl Sfu {
    /// False when the id or the username fragment is in use.
    pub fn add_endpoint(&mut self, now: Instant, id: EndpointId, setup: EndpointSetup) -> bool {
        if self.endpoints.contains_key(&id) || !self.directory.add(&setup.ufrag, id) {
            return false;
        }
        let (locals, seed) = (&self.locals, self.numbers.u64(..));
        let endpoint = Endpoint::new(now, id, setup, locals, seed, &self.limits);
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

    pub(super) fn remove_source(&mut self, id: SourceId) {
        if self.sources.remove(&id).is_some() {
            // Also those who had stopped receiving it remember what they were sent.
            for endpoint in self.endpoints.values_mut() {
                endpoint.outputs.retire(id);
            }
        }
    }

    /// Bring one subscription into force.
    pub(super) fn aim(&mut self, now: Instant, receiver: EndpointId, source_id: SourceId) {
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
            self.ask(now, source_id, Asker::Switching(receiver));
        }
    }
}
