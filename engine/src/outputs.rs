//! The streams one endpoint receives.
//!
//! An output belongs to an SSRC. Its numbers outlive its source: when a source goes and comes back
//! under the same SSRC, they must go on, because the receiver's SRTP context remembers them and
//! because no number may be used twice under one key (RFC 3711 §9.1). Nothing else is kept.

use std::sync::Arc;
use std::time::Instant;

use crate::egress::Egress;
use crate::media::Media;
use crate::numbers::NumberMap;
use crate::outbox::Outbox;
use crate::output::{Outcome, Output, Report, Rest};
use crate::setup::{PayloadType, SourceId, SourceSetup, Wanted};

#[derive(Debug)]
pub struct Outputs {
    by_ssrc: NumberMap<u32, Output>,
    by_source: NumberMap<SourceId, u32>,
    resting: NumberMap<u32, Rest>,
    numbers: fastrand::Rng,
}

impl Outputs {
    pub fn new(seed: u64) -> Outputs {
        Outputs {
            by_ssrc: NumberMap::default(),
            by_source: NumberMap::default(),
            resting: NumberMap::default(),
            numbers: fastrand::Rng::with_seed(seed),
        }
    }

    /// The source that comes out under this SSRC now.
    pub fn source_of(&self, ssrc: u32) -> Option<SourceId> {
        let output = self.by_ssrc.get(&ssrc)?;
        output.source.filter(|_| !output.projection.is_suspended())
    }

    /// Sources that are passed on or wait to be.
    pub fn active(&self) -> impl Iterator<Item = SourceId> {
        self.by_ssrc
            .values()
            .filter(|output| !output.projection.is_suspended())
            .filter_map(|output| output.source)
    }

    /// Pass a source on. Some(true) when a key frame is needed for it, None when another source of
    /// this receiver already comes out under the same SSRC.
    ///
    /// A slot is taken from the source that had it; its numbers go on.
    pub fn aim(&mut self, source: &SourceSetup, wanted: &Wanted) -> Option<bool> {
        let stream = wanted.slot.or(source.encodings.first().copied())?;
        let before = self.by_source.get(&source.id);
        if before.is_some_and(|&ssrc| ssrc != stream.ssrc) {
            self.retire(source.id);
        }
        let (numbers, resting) = (&mut self.numbers, &mut self.resting);
        let output = self.by_ssrc.entry(stream.ssrc).or_insert_with(|| {
            let rest = resting.remove(&stream.ssrc);
            Output::new(source.kind, stream, rest, numbers)
        });
        match output.source {
            Some(owner) if owner == source.id => {}
            Some(_) if wanted.slot.is_none() => return None,
            Some(owner) => {
                self.by_source.remove(&owner);
            }
            None => {}
        }
        self.by_source.insert(source.id, stream.ssrc);
        Some(output.aim(source, stream, wanted))
    }

    /// Send nothing of a source until it is aimed at again.
    pub fn suspend(&mut self, source: SourceId) {
        if let Some(output) = self.output(source) {
            output.projection.suspend();
        }
    }

    /// The receiver could not be reached for a while: everything starts with a key frame again.
    pub fn interrupt(&mut self) {
        for output in self.by_ssrc.values_mut() {
            output.projection.interrupt();
        }
    }

    /// The source has gone; the numbers of its stream are kept in case it returns.
    pub fn retire(&mut self, source: SourceId) {
        let Some(ssrc) = self.by_source.remove(&source) else {
            return;
        };
        if let Some(output) = self.by_ssrc.remove(&ssrc)
            && let Some(rest) = output.rest()
        {
            self.resting.insert(ssrc, rest);
        }
    }

    /// Pass a packet on if this receiver wants it; the boolean asks for a key frame.
    pub fn forward(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        source: SourceId,
        media: &Arc<Media>,
    ) -> (Outcome, bool) {
        match self.output(source) {
            Some(output) => output.forward(now, egress, outbox, offered, media),
            None => (Outcome::Held, false),
        }
    }

    /// Send again what the receiver misses of a stream, as far as it may be; how many packets.
    pub fn resend(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        ssrc: u32,
        missing: &[u16],
    ) -> u64 {
        let Some(output) = self.by_ssrc.get_mut(&ssrc) else {
            return 0;
        };
        let mut resent = 0;
        for &seq in missing {
            resent += u64::from(output.resend(now, egress, outbox, offered, seq));
        }
        resent
    }

    /// Fill the line with about so many bytes: repeat what was sent, or send padding alone under
    /// the SSRC of retransmissions, because clients expect no other stream.
    pub fn pad(
        &mut self,
        now: Instant,
        egress: &mut Egress,
        outbox: &mut Outbox,
        offered: &[Arc<PayloadType>],
        bytes: usize,
    ) {
        let latest = self.by_ssrc.values_mut().filter(|output| output.may_pad());
        let Some(output) = latest.max_by_key(|output| output.last_sent()) else {
            return;
        };
        let mut left = bytes;
        while left > 0 {
            let Some(sent) = output.pad(now, egress, outbox, offered) else {
                return;
            };
            egress.padded(sent);
            left = left.saturating_sub(sent);
        }
    }

    /// The streams that have sent something of late.
    pub fn reports(&self, now: Instant) -> impl Iterator<Item = Report> {
        let outputs = self.by_ssrc.values();
        outputs.filter_map(move |output| output.report(now))
    }

    /// How many sources it holds streams for.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.by_ssrc.len().max(self.by_source.len())
    }

    fn output(&mut self, source: SourceId) -> Option<&mut Output> {
        self.by_ssrc.get_mut(self.by_source.get(&source)?)
    }
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
