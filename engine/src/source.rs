//! One audio or video origin: who sends it, who receives it, what is measured of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::counters::Drop;
use crate::events::Event;
use crate::incoming::{Incoming, Shape};
use crate::ingress::Arrived;
use crate::keyframes::{KeyframeLimiter, Repeat};
use crate::layers::{LayerMeter, Measured};
use crate::levels::Levels;
use crate::rewrite::Renumbering;
use crate::setup::{Codec, EndpointId, MAX_ENCODINGS, MediaKind, SourceSetup};
use crate::{codecs, dd};

/// A sender that describes its frames by something we do not know is asked this often at first.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const EARLIER_PACKETS: u64 = 100;

#[derive(Debug)]
pub struct Source {
    pub setup: SourceSetup,
    pub owner: EndpointId,
    pub receivers: Vec<EndpointId>,
    /// Of the last packet.
    pub codec: Codec,
    pub levels: Levels,
    pub layers: LayerMeter,
    pub keyframes: KeyframeLimiter,
    /// By encoding.
    descriptors: [dd::Reader; MAX_ENCODINGS],
    undescribed: Repeat,
    /// By encoding: sequence numbers without the packets that nobody gets.
    numberings: [Option<Renumbering>; MAX_ENCODINGS],
}

impl Source {
    pub fn new(now: Instant, owner: EndpointId, setup: SourceSetup) -> Source {
        let codec = match setup.kind {
            MediaKind::Audio => Codec::Opus,
            MediaKind::Video => Codec::Vp8,
        };
        Source {
            setup,
            owner,
            receivers: Vec::new(),
            codec,
            levels: Levels::default(),
            layers: LayerMeter::new(now),
            keyframes: KeyframeLimiter::default(),
            descriptors: Default::default(),
            undescribed: Repeat::default(),
            numberings: Default::default(),
        }
    }

    /// What forwarding has to know about the inside of a packet.
    fn read(&mut self, encoding: usize, packet: &Arrived) -> Result<Shape, Drop> {
        let codec = packet.payload_type.codec;
        self.codec = codec;
        if codecs::needs_descriptor(codec)
            && let Some(bytes) = packet.descriptor.as_deref()
        {
            let frame = self.descriptors[encoding]
                .read(bytes)
                .ok_or(Drop::Undescribed)?;
            self.undescribed.reset();
            return Ok(Shape::Described(Arc::new(frame)));
        }
        codecs::shape(codec, &packet.payload).ok_or(Drop::MalformedPayload)
    }

    /// True when the sender should be asked for a key frame, because without one its dependency
    /// descriptors cannot be read.
    pub fn lacks_structure(&mut self, now: Instant) -> bool {
        !self.receivers.is_empty() && self.undescribed.due(now, FIRST_WAIT)
    }

    /// Read, count and judge one packet. An error is the packet's: it is to be left out, for the
    /// reason given or because it has nothing inside.
    pub fn take(
        &mut self,
        now: Instant,
        incoming: &mut Incoming,
        packet: &Arrived,
    ) -> Result<(), Option<Drop>> {
        if packet.payload.is_empty() {
            // Padding only, a bandwidth probe.
            return Err(None);
        }
        incoming.shape = self.read(incoming.encoding, packet)?;
        if incoming.shape != Shape::Audio {
            self.layers.add(now, Measured::of(incoming, packet.bytes));
            return Ok(());
        }
        let was_silent = self.levels.is_silent();
        if let Some(level) = packet.audio_level
            && !self.levels.add(level & 0x7f)
        {
            return Err(Some(Drop::Silence));
        }
        // The first packet after silence begins a talkspurt (RFC 3551 §4.1).
        incoming.marker |= was_silent;
        Ok(())
    }

    /// Leave a packet out towards all receivers without a gap.
    pub fn leave_out(&mut self, packet: &Incoming) {
        self.numbering(packet).remove(packet.seq);
    }

    /// The packet's number without those left out; None when it is too late to have one.
    pub fn number(&mut self, packet: &Incoming) -> Option<u64> {
        self.numbering(packet).map(packet.seq)
    }

    fn numbering(&mut self, packet: &Incoming) -> &mut Renumbering {
        // What was sent before the first packet that came may still come.
        let first = packet.seq.saturating_sub(EARLIER_PACKETS);
        self.numberings[packet.encoding].get_or_insert_with(|| Renumbering::starting(first, first))
    }

    /// Tell what has been measured, where there is something to tell.
    pub fn report(&mut self, now: Instant, events: &mut Vec<Event>) {
        match self.setup.kind {
            MediaKind::Audio => {
                let levels = self.levels.take();
                if !levels.is_empty() {
                    events.push(Event::SourceLevels {
                        source: self.setup.id,
                        levels,
                    });
                }
            }
            MediaKind::Video => {
                if let Some(layers) = self.layers.report(now) {
                    events.push(Event::SourceLayers {
                        source: self.setup.id,
                        codec: self.codec,
                        layers,
                    });
                }
            }
        }
    }
}
