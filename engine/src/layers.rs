//! What a video source sends: the rate of each encoding and layer over one second.

use std::time::{Duration, Instant};

use crate::forward::{Incoming, Shape};
use crate::setup::MAX_ENCODINGS;

const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);
const SPATIAL_LAYERS: usize = 8;
/// Ways in which frames of one encoding may matter to layers; more than structures in use have.
const MOST_KINDS: usize = 48;
/// A rate that differs by more than this part of the reported one is worth telling.
const NOTICEABLE: f64 = 0.15;
/// It must also be this part of the best layer: the few frames of low layers come in bursts.
const NOTICEABLE_OF_BEST: f64 = 0.1;
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// One active layer; `bps` and `fps` include what it needs of other layers of the same encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    pub encoding: usize,
    pub spatial: u8,
    pub temporal: u8,
    pub bps: u64,
    /// The shorter side in pixels, 0 where unknown.
    pub height: u16,
    pub fps: f32,
}

/// A set of (spatial, temporal) layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerSet(u64);

impl LayerSet {
    fn bit(spatial: u8, temporal: u8) -> u64 {
        1 << ((spatial & 7) << 3 | temporal & 7)
    }

    /// All temporal layers from `temporal` up, of one spatial layer.
    fn temporal_from(spatial: u8, temporal: u8) -> LayerSet {
        LayerSet((temporal..8).fold(0, |set, each| set | LayerSet::bit(spatial, each)))
    }

    fn add(&mut self, other: LayerSet) {
        self.0 |= other.0;
    }

    fn contains(self, spatial: u8, temporal: u8) -> bool {
        self.0 & LayerSet::bit(spatial, temporal) != 0
    }
}

/// One packet, as the meter counts it.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub encoding: usize,
    pub spatial: u8,
    pub temporal: u8,
    /// The layers it has to be sent for.
    pub layers: LayerSet,
    pub bytes: usize,
    pub timestamp: u32,
    /// By spatial layer, 0 where not told.
    pub heights: [u16; SPATIAL_LAYERS],
}

impl Measured {
    /// `bytes` are those of the RTP packet.
    pub fn of(packet: &Incoming, bytes: usize) -> Measured {
        let (mut spatial, mut temporal) = (0, 0);
        let mut heights = [0; SPATIAL_LAYERS];
        let mut layers = LayerSet::temporal_from(0, 0);
        match &packet.shape {
            Shape::Audio => {}
            Shape::Video { height, .. } => heights[0] = height.unwrap_or(0),
            Shape::Vp8(vp8) => {
                temporal = vp8.temporal;
                layers = LayerSet::temporal_from(0, temporal);
                heights[0] = vp8.height.unwrap_or(0);
            }
            Shape::Vp9(vp9) => {
                (spatial, temporal) = (vp9.spatial, vp9.temporal);
                layers = LayerSet::temporal_from(spatial, temporal);
                if vp9.serves_upper {
                    for upper in spatial + 1..SPATIAL_LAYERS as u8 {
                        layers.add(LayerSet::temporal_from(upper, temporal));
                    }
                }
                heights = vp9.structure.map_or(heights, |structure| structure.heights);
            }
            Shape::Described(frame) => {
                (spatial, temporal) = (frame.spatial, frame.temporal);
                let targets = frame.structure.targets.iter().enumerate();
                let bits = targets
                    .filter(|(target, _)| frame.indications.present >> target & 1 == 1)
                    .map(|(_, &(spatial, temporal))| LayerSet::bit(spatial, temporal));
                layers = LayerSet(bits.fold(0, |set, bit| set | bit));
                if frame.has_structure {
                    for (own, told) in heights.iter_mut().zip(&frame.structure.heights) {
                        *own = *told;
                    }
                }
            }
        }
        Measured {
            encoding: packet.encoding,
            spatial,
            temporal,
            layers,
            bytes,
            timestamp: packet.timestamp,
            heights,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    bytes: u32,
    frames: u16,
}

/// Packets of one layer that matter to the same layers.
#[derive(Debug)]
struct Kind {
    spatial: u8,
    temporal: u8,
    layers: LayerSet,
    buckets: [Bucket; BUCKETS],
}

impl Kind {
    fn sum(&self, value: impl Fn(&Bucket) -> u64) -> u64 {
        self.buckets.iter().map(value).sum()
    }
}

#[derive(Debug, Default)]
struct EncodingMeter {
    kinds: Vec<Kind>,
    /// Number of the newest bucket since the start.
    newest: u64,
    first: Option<Instant>,
    /// By spatial layer.
    last_timestamps: [Option<u32>; SPATIAL_LAYERS],
    heights: [u16; SPATIAL_LAYERS],
}

/// The measure of one source.
#[derive(Debug)]
pub struct LayerMeter {
    start: Instant,
    encodings: Vec<EncodingMeter>,
    reported: Vec<Layer>,
    reported_at: Option<Instant>,
}

impl LayerMeter {
    pub fn new(start: Instant) -> LayerMeter {
        LayerMeter {
            start,
            encodings: Vec::new(),
            reported: Vec::new(),
            reported_at: None,
        }
    }

    pub fn add(&mut self, now: Instant, packet: Measured) {
        let number = self.bucket_number(now);
        let encoding = packet.encoding.min(MAX_ENCODINGS - 1);
        while self.encodings.len() <= encoding {
            self.encodings.push(EncodingMeter::default());
        }
        let meter = &mut self.encodings[encoding];
        meter.advance(number);
        if meter.first.is_none() {
            meter.first = Some(now);
        }
        let spatial = usize::from(packet.spatial & 7);
        let last = &mut meter.last_timestamps[spatial];
        let is_new_frame = last.is_none_or(|last| {
            packet.timestamp != last && packet.timestamp.wrapping_sub(last) < 1 << 31
        });
        if is_new_frame {
            *last = Some(packet.timestamp);
        }
        for (own, told) in meter.heights.iter_mut().zip(packet.heights) {
            if told > 0 {
                *own = told;
            }
        }
        if let Some(kind) = meter.kind(&packet) {
            let bucket = &mut kind.buckets[(number % BUCKETS as u64) as usize];
            bucket.bytes = bucket.bytes.saturating_add(packet.bytes as u32);
            bucket.frames = bucket.frames.saturating_add(u16::from(is_new_frame));
        }
    }

    /// The layers to tell the caller now, or None when there is nothing new to tell.
    pub fn report(&mut self, now: Instant) -> Option<Vec<Layer>> {
        let layers = self.measure(now);
        if layers.is_empty() && self.reported.is_empty() {
            return None;
        }
        let due = self.reported_at.is_none_or(|at| now >= at + REPORT_EVERY);
        if !due && !differs(&layers, &self.reported) {
            return None;
        }
        self.reported.clone_from(&layers);
        self.reported_at = Some(now);
        Some(layers)
    }

    /// The rate of the best encoding, as reported last.
    pub fn best_bps(&self) -> u64 {
        self.reported
            .iter()
            .map(|layer| layer.bps)
            .max()
            .unwrap_or(0)
    }

    fn measure(&mut self, now: Instant) -> Vec<Layer> {
        let number = self.bucket_number(now);
        // The newest bucket has only begun; the others are whole.
        let newest = self.start + BUCKET * number as u32;
        let window = BUCKET * (BUCKETS as u32 - 1) + now.saturating_duration_since(newest);
        let mut layers = Vec::new();
        for (encoding, meter) in self.encodings.iter_mut().enumerate() {
            let Some(first) = meter.first else { continue };
            meter.advance(number);
            let seconds = (now - first).clamp(BUCKET * 2, window).as_secs_f64();
            meter
                .kinds
                .retain(|kind| kind.sum(|bucket| bucket.bytes.into()) > 0);
            for (spatial, temporal) in meter.active() {
                let (bytes, frames) = meter.needed(spatial, temporal);
                layers.push(Layer {
                    encoding,
                    spatial,
                    temporal,
                    bps: (bytes as f64 * 8.0 / seconds) as u64,
                    height: meter.heights[usize::from(spatial)],
                    fps: (frames as f64 / seconds) as f32,
                });
            }
            if meter.kinds.is_empty() {
                // Silent for a second: what comes later is measured from its own start.
                meter.first = None;
            }
        }
        layers
    }

    fn bucket_number(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.start).as_millis() / BUCKET.as_millis()) as u64
    }
}

impl EncodingMeter {
    fn kind(&mut self, packet: &Measured) -> Option<&mut Kind> {
        let (spatial, temporal, layers) = (packet.spatial & 7, packet.temporal & 7, packet.layers);
        let is_same =
            |kind: &Kind| (kind.spatial, kind.temporal, kind.layers) == (spatial, temporal, layers);
        let known = self.kinds.iter().position(is_same);
        if known.is_none() && self.kinds.len() < MOST_KINDS {
            self.kinds.push(Kind {
                spatial,
                temporal,
                layers,
                buckets: [Bucket::default(); BUCKETS],
            });
        }
        match known {
            Some(at) => self.kinds.get_mut(at),
            None => self.kinds.last_mut(),
        }
    }

    /// Layers that have packets of their own, lowest first.
    fn active(&self) -> Vec<(u8, u8)> {
        let mut active: Vec<(u8, u8)> = self
            .kinds
            .iter()
            .map(|kind| (kind.spatial, kind.temporal))
            .collect();
        active.sort_unstable();
        active.dedup();
        active
    }

    /// Bytes and frames that have to be sent for a layer.
    fn needed(&self, spatial: u8, temporal: u8) -> (u64, u64) {
        let needed = self
            .kinds
            .iter()
            .filter(|kind| kind.layers.contains(spatial, temporal));
        let bytes = needed
            .map(|kind| kind.sum(|bucket| bucket.bytes.into()))
            .sum();
        let shown = self
            .kinds
            .iter()
            .filter(|kind| kind.spatial == spatial && kind.temporal <= temporal);
        let frames = shown
            .map(|kind| kind.sum(|bucket| bucket.frames.into()))
            .sum();
        (bytes, frames)
    }

    fn advance(&mut self, number: u64) {
        let steps = number.saturating_sub(self.newest).min(BUCKETS as u64);
        for step in 0..steps {
            let at = ((number - step) % BUCKETS as u64) as usize;
            for kind in &mut self.kinds {
                kind.buckets[at] = Bucket::default();
            }
        }
        self.newest = self.newest.max(number);
    }
}

fn differs(new: &[Layer], old: &[Layer]) -> bool {
    let best = old.iter().map(|layer| layer.bps).max().unwrap_or(0) as f64;
    new.len() != old.len()
        || new.iter().zip(old).any(|(new, old)| {
            let change = new.bps.abs_diff(old.bps) as f64;
            (new.encoding, new.spatial, new.temporal, new.height)
                != (old.encoding, old.spatial, old.temporal, old.height)
                || change > (old.bps as f64 * NOTICEABLE).max(best * NOTICEABLE_OF_BEST)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(encoding: usize, temporal: u8, timestamp: u32) -> Measured {
        Measured {
            encoding,
            spatial: 0,
            temporal,
            layers: LayerSet::temporal_from(0, temporal),
            bytes: 1000,
            timestamp,
            heights: [180, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    /// 30 frames per second of one packet each, temporal layers 0 2 1 2.
    fn run(meter: &mut LayerMeter, start: Instant, from: u32, to: u32) -> Instant {
        for frame in from..to {
            let at = start + Duration::from_millis(u64::from(frame) * 100 / 3);
            meter.add(
                at,
                packet(0, [0, 2, 1, 2][frame as usize % 4], frame * 3000),
            );
        }
        start + Duration::from_millis(u64::from(to) * 100 / 3)
    }

    #[test]
    fn temporal_layers_add_up() {
        let start = Instant::now();
        let mut meter = LayerMeter::new(start);
        let now = run(&mut meter, start, 0, 60);

        let layers = meter.report(now).unwrap();

        assert_eq!(
            layers
                .iter()
                .map(|l| (l.encoding, l.temporal))
                .collect::<Vec<_>>(),
            [(0, 0), (0, 1), (0, 2)]
        );
        assert!((200_000..270_000).contains(&layers[2].bps), "{layers:?}");
        assert!((50_000..80_000).contains(&layers[0].bps), "{layers:?}");
        assert!((27.0..32.0).contains(&layers[2].fps), "{layers:?}");
        assert_eq!(layers[0].height, 180);
    }

    #[test]
    fn the_start_of_an_encoding_and_its_end_are_told() {
        let start = Instant::now();
        let mut meter = LayerMeter::new(start);
        let now = run(&mut meter, start, 0, 30);
        assert!(meter.report(now).is_some());
        assert_eq!(meter.report(now), None);
        meter.add(now, packet(1, 0, 0));

        let layers = meter.report(now).unwrap();
        assert!(layers.iter().any(|layer| layer.encoding == 1));

        assert_eq!(meter.report(now + Duration::from_secs(3)), Some(vec![]));
        assert_eq!(meter.report(now + Duration::from_secs(9)), None);
    }
}
