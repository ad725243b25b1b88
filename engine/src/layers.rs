//! What a video source sends: the rate of each encoding and temporal layer over one second.

use std::time::{Duration, Instant};

use crate::setup::MAX_ENCODINGS;

const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);
const TEMPORAL_LAYERS: usize = 4;
/// A rate that differs by more than this part of the reported one is worth telling.
const NOTICEABLE: f64 = 0.15;
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// One active layer; `bps` and `fps` include the lower temporal layers of the same encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    pub encoding: usize,
    pub spatial: u8,
    pub temporal: u8,
    pub bps: u64,
    /// 0 where unknown.
    pub height: u16,
    pub fps: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    bytes: u32,
    frames: u16,
}

#[derive(Debug, Default)]
struct EncodingMeter {
    buckets: [[Bucket; BUCKETS]; TEMPORAL_LAYERS],
    /// Number of the newest bucket since the start.
    newest: u64,
    first: Option<Instant>,
    last_timestamp: Option<u32>,
    height: u16,
}

/// The measure of one source.
#[derive(Debug)]
pub struct LayerMeter {
    start: Instant,
    encodings: [EncodingMeter; MAX_ENCODINGS],
    reported: Vec<Layer>,
    reported_at: Option<Instant>,
}

/// One packet, as the meter counts it.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub encoding: usize,
    pub temporal: u8,
    pub bytes: usize,
    pub timestamp: u32,
    /// In pixels, where the packet tells it.
    pub height: Option<u16>,
}

impl LayerMeter {
    pub fn new(start: Instant) -> LayerMeter {
        LayerMeter {
            start,
            encodings: Default::default(),
            reported: Vec::new(),
            reported_at: None,
        }
    }

    pub fn add(&mut self, now: Instant, packet: Measured) {
        let number = self.bucket_number(now);
        let meter = &mut self.encodings[packet.encoding.min(MAX_ENCODINGS - 1)];
        meter.advance(number);
        if meter.first.is_none() {
            meter.first = Some(now);
        }
        let layer = usize::from(packet.temporal).min(TEMPORAL_LAYERS - 1);
        let bucket = &mut meter.buckets[layer][(number % BUCKETS as u64) as usize];
        bucket.bytes = bucket.bytes.saturating_add(packet.bytes as u32);
        let is_new_frame = meter.last_timestamp.is_none_or(|last| {
            packet.timestamp != last && packet.timestamp.wrapping_sub(last) < 1 << 31
        });
        if is_new_frame {
            meter.last_timestamp = Some(packet.timestamp);
            bucket.frames = bucket.frames.saturating_add(1);
        }
        if let Some(height) = packet.height {
            meter.height = height;
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
            let (mut bytes, mut frames) = (0_u64, 0_u64);
            for (temporal, buckets) in meter.buckets.iter().enumerate() {
                let own: u64 = buckets.iter().map(|bucket| u64::from(bucket.bytes)).sum();
                if own == 0 {
                    continue;
                }
                bytes += own;
                frames += buckets
                    .iter()
                    .map(|bucket| u64::from(bucket.frames))
                    .sum::<u64>();
                layers.push(Layer {
                    encoding,
                    spatial: 0,
                    temporal: temporal as u8,
                    bps: (bytes as f64 * 8.0 / seconds) as u64,
                    height: meter.height,
                    fps: (frames as f64 / seconds) as f32,
                });
            }
            if bytes == 0 {
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
    fn advance(&mut self, number: u64) {
        let steps = number.saturating_sub(self.newest).min(BUCKETS as u64);
        for step in 0..steps {
            let at = ((number - step) % BUCKETS as u64) as usize;
            for buckets in &mut self.buckets {
                buckets[at] = Bucket::default();
            }
        }
        self.newest = self.newest.max(number);
    }
}

fn differs(new: &[Layer], old: &[Layer]) -> bool {
    new.len() != old.len()
        || new.iter().zip(old).any(|(new, old)| {
            (new.encoding, new.temporal, new.height) != (old.encoding, old.temporal, old.height)
                || new.bps.abs_diff(old.bps) as f64 > old.bps as f64 * NOTICEABLE
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(encoding: usize, temporal: u8, timestamp: u32) -> Measured {
        Measured {
            encoding,
            temporal,
            bytes: 1000,
            timestamp,
            height: Some(180),
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
