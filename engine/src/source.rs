//! One audio or video origin: who sends it, who receives it, what is measured of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::rtp::RtpPacket;

use crate::counters::Drop;
use crate::endpoint::Endpoint;
use crate::events::Event;
use crate::forward::{Incoming, Shape};
use crate::keyframes::{KeyframeLimiter, Repeat};
use crate::layers::LayerMeter;
use crate::levels::Levels;
use crate::numbers::NumberMap;
use crate::setup::{Codec, EndpointId, MAX_ENCODINGS, MediaKind, SourceSetup};
use crate::{codecs, dd, extensions};

/// A sender that describes its frames by something we do not know is asked this often at first.
const FIRST_WAIT: Duration = Duration::from_millis(200);

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
        }
    }

    /// What forwarding has to know about the inside of a packet.
    pub fn read(
        &mut self,
        codec: Codec,
        encoding: usize,
        packet: &RtpPacket,
    ) -> Result<Shape, Drop> {
        self.codec = codec;
        let values = &packet.header.ext_vals;
        if codecs::needs_descriptor(codec)
            && let Some(bytes) = extensions::dependency_descriptor(values)
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

    /// Leave a packet out towards all receivers without a gap.
    pub fn skip(&self, endpoints: &mut NumberMap<EndpointId, Endpoint>, incoming: &Incoming) {
        for receiver in &self.receivers {
            if let Some(endpoint) = endpoints.get_mut(receiver) {
                endpoint.outputs.skip(self.setup.id, incoming);
            }
        }
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
