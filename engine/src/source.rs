//! One audio or video origin: who sends it, who receives it, what is measured of it.

use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::events::Event;
use crate::forward::Incoming;
use crate::keyframes::KeyframeLimiter;
use crate::layers::LayerMeter;
use crate::levels::Levels;
use crate::numbers::NumberMap;
use crate::setup::{Codec, EndpointId, MediaKind, SourceSetup};

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
        }
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
