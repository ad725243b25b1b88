//! What a video source sends: the rate of each encoding and layer over one second.
//!
//! Key frames are several times as large as other frames and come in bursts: when a source begins,
//! and when somebody has lost something. Counted over a second, or less at the beginning, they make
//! a layer look dearer than it is, and receivers it fits are sent a smaller one. So they are counted
//! over a longer time.

use std::time::{Duration, Instant};

use crate::incoming::{Incoming, Shape};
use crate::setup::MAX_ENCODINGS;

const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);
/// The time over which key frames are counted; fewer bytes of them than this say nothing any more.
const KEYFRAMES_OVER: Duration = Duration::from_secs(4);
const FORGOTTEN_BYTES: f64 = 1000.0;
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
    pub starts_keyframe: bool,
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
            starts_keyframe: packet.shape.starts_keyframe(),
            heights,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    packets: u16,
    frames: u16,
    /// Key frames are not among them.
    bytes: u32,
}

/// Packets of one layer that matter to the same layers.
#[derive(Debug)]
struct Kind {
    spatial: u8,
    temporal: u8,
    layers: LayerSet,
    buckets: [Bucket; BUCKETS],
    /// Of key frames; what is older counts less.
    keyframe_bytes: f64,
}

impl Kind {
    fn is_active(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.packets > 0)
    }

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
    keyframe_timestamp: Option<u32>,
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
        if packet.starts_keyframe {
            meter.keyframe_timestamp = Some(packet.timestamp);
        }
        let is_of_keyframe = meter.keyframe_timestamp == Some(packet.timestamp);
        if let Some(kind) = meter.kind(&packet) {
            let bucket = &mut kind.buckets[(number % BUCKETS as u64) as usize];
            if is_of_keyframe {
                kind.keyframe_bytes += packet.bytes as f64;
            } else {
                bucket.bytes = bucket.bytes.saturating_add(packet.bytes as u32);
            }
            bucket.packets = bucket.packets.saturating_add(1);
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
            for (spatial, temporal) in meter.active() {
                let (bps, frames) = meter.needed(spatial, temporal, seconds);
                layers.push(Layer {
                    encoding,
                    spatial,
                    temporal,
                    bps: bps as u64,
                    height: meter.heights[usize::from(spatial)],
                    fps: (frames as f64 / seconds) as f32,
                });
            }
            if !meter.kinds.iter().any(Kind::is_active) {
                // Silent for a second: what comes later is measured from its own start.
                meter.first = None;
                meter.kinds.clear();
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
                keyframe_bytes: 0.0,
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
            .filter(|kind| kind.is_active())
            .map(|kind| (kind.spatial, kind.temporal))
            .collect();
        active.sort_unstable();
        active.dedup();
        active
    }

    /// What has to be sent for a layer: bits per second, and frames in the last `seconds`.
    fn needed(&self, spatial: u8, temporal: u8, seconds: f64) -> (f64, u64) {
        let needed = self
            .kinds
            .iter()
            .filter(|kind| kind.layers.contains(spatial, temporal));
        let bytes_per_s = needed
            .map(|kind| {
                kind.sum(|bucket| bucket.bytes.into()) as f64 / seconds
                    + kind.keyframe_bytes / KEYFRAMES_OVER.as_secs_f64()
            })
            .sum::<f64>();
        let shown = self
            .kinds
            .iter()
            .filter(|kind| kind.spatial == spatial && kind.temporal <= temporal);
        let frames = shown
            .map(|kind| kind.sum(|bucket| bucket.frames.into()))
            .sum();
        (bytes_per_s * 8.0, frames)
    }

    fn advance(&mut self, number: u64) {
        let passed = number.saturating_sub(self.newest);
        if passed > 0 {
            // What is older counts less.
            let part = (BUCKET.as_secs_f64() / KEYFRAMES_OVER.as_secs_f64()) * passed as f64;
            for kind in &mut self.kinds {
                kind.keyframe_bytes *= (-part).exp();
            }
        }
        let steps = passed.min(BUCKETS as u64);
        for step in 0..steps {
            let at = ((number - step) % BUCKETS as u64) as usize;
            for kind in &mut self.kinds {
                kind.buckets[at] = Bucket::default();
            }
        }
        if passed > 0 {
            self.kinds
                .retain(|kind| kind.is_active() || kind.keyframe_bytes >= FORGOTTEN_BYTES);
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
#[path = "layers_tests.rs"]
mod tests;
