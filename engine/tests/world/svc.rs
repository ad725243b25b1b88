//! A made-up encoder of three spatial and three temporal layers in one stream, told either by the
//! VP9 payload descriptor or by dependency descriptors, and a decoder that knows what it needs.

use std::collections::HashSet;

use _engine::bits::BitWriter;

pub const SPATIAL: u8 = 3;
pub const TEMPORAL: u8 = 3;
/// Temporal layers of four pictures; the last one depends on the third.
const PATTERN: [u8; 4] = [0, 2, 1, 2];
const HEIGHTS: [u16; 3] = [180, 360, 720];

/// How spatial layers depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In key pictures only (`L3T3_KEY`).
    Key,
    /// In all pictures (`L3T3`).
    Full,
}

/// A spatial layer of one picture, by timestamp.
pub type FrameId = (u32, u8);

/// One packet; each frame has two.
#[derive(Clone, Debug)]
pub struct Packet {
    pub id: FrameId,
    pub temporal: u8,
    pub is_key: bool,
    pub is_first: bool,
    pub marker: bool,
    /// Frames this one is predicted from.
    pub needs: Vec<FrameId>,
    /// With the VP9 descriptor.
    pub vp9: Vec<u8>,
    /// With an AV1 aggregation header.
    pub av1: Vec<u8>,
    pub descriptor: Vec<u8>,
}

#[derive(Debug)]
pub struct Encoder {
    mode: Mode,
    pub timestamp: u32,
    pub picture: u16,
    pub tl0: u8,
    pub number: u16,
    template_offset: u8,
    place: usize,
    base: u32,
    middle: u32,
}

impl Encoder {
    pub fn new(mode: Mode) -> Encoder {
        Encoder {
            mode,
            timestamp: 1 << 31,
            picture: 0x7ff0,
            tl0: 250,
            number: 65_500,
            template_offset: 50,
            place: 0,
            base: 0,
            middle: 0,
        }
    }

    /// The packets of the next picture.
    pub fn encode(&mut self, is_key: bool) -> Vec<Packet> {
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.picture = (self.picture + 1) & 0x7fff;
        if is_key {
            self.place = 0;
            self.template_offset = (self.template_offset + 15) % 64;
        }
        let temporal = PATTERN[self.place];
        let needed = match self.place {
            0 => self.base,
            3 => self.middle,
            _ => self.base,
        };
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let mut packets = Vec::new();
        for spatial in 0..SPATIAL {
            let mut needs = Vec::new();
            if !is_key {
                needs.push((needed, spatial));
            }
            if spatial > 0 && (is_key || self.mode == Mode::Full) {
                needs.push((self.timestamp, spatial - 1));
            }
            for is_first in [true, false] {
                let packet = Packet {
                    id: (self.timestamp, spatial),
                    temporal,
                    is_key,
                    is_first,
                    marker: spatial == SPATIAL - 1 && !is_first,
                    needs: needs.clone(),
                    vp9: self.vp9(spatial, temporal, is_key, is_first),
                    av1: av1(self.timestamp, spatial, is_key && spatial == 0 && is_first),
                    descriptor: self.descriptor(spatial, is_key, is_first),
                };
                packets.push(packet);
            }
            self.number = self.number.wrapping_add(1);
        }
        match temporal {
            0 => self.base = self.timestamp,
            1 => self.middle = self.timestamp,
            _ => {}
        }
        self.place = (self.place + 1) % 4;
        packets
    }

    fn vp9(&self, spatial: u8, temporal: u8, is_key: bool, is_first: bool) -> Vec<u8> {
        let depends = spatial > 0 && (is_key || self.mode == Mode::Full);
        let serves = spatial < SPATIAL - 1 && (is_key || self.mode == Mode::Full);
        let has_structure = is_key && spatial == 0 && is_first;
        let mut first = 0xa0;
        for (flag, bit) in [
            (!is_key, 0x40),
            (is_first, 0x08),
            (!is_first, 0x04),
            (has_structure, 0x02),
            (!serves, 0x01),
        ] {
            first |= if flag { bit } else { 0 };
        }
        let [high, low] = self.picture.to_be_bytes();
        let layers = temporal << 5 | spatial << 1 | u8::from(depends);
        let mut payload = vec![first, high | 0x80, low, layers, self.tl0];
        if has_structure {
            payload.push(0x50);
            for height in HEIGHTS {
                payload.extend((height * 16 / 9).to_be_bytes());
                payload.extend(height.to_be_bytes());
            }
        }
        payload.extend(body(self.timestamp, spatial));
        payload
    }

    fn descriptor(&self, spatial: u8, is_key: bool, is_first: bool) -> Vec<u8> {
        let kind = if is_key { 0 } else { self.place as u8 + 1 };
        let template = spatial * 5 + [0, 1, 3, 2, 4][usize::from(kind)];
        let mut bits = BitWriter::default();
        bits.put(u32::from(is_first), 1);
        bits.put(u32::from(!is_first), 1);
        bits.put(u32::from((self.template_offset + template) % 64), 6);
        bits.put(self.number.into(), 16);
        if is_key && spatial == 0 && is_first {
            bits.put(0b1_0000, 5);
            self.structure(&mut bits);
        }
        bits.into_bytes().into()
    }

    fn structure(&self, bits: &mut BitWriter) {
        bits.put(self.template_offset.into(), 6);
        bits.put(u32::from(SPATIAL * TEMPORAL) - 1, 5);
        // Of each spatial layer: key, base, middle, the top one after the base and after the middle.
        for spatial in 0..SPATIAL {
            let last = if spatial == SPATIAL - 1 { 3 } else { 2 };
            for next in [0, 1, 1, 0, last] {
                bits.put(next, 2);
            }
        }
        for spatial in 0..SPATIAL {
            for (kind, temporal) in [0, 0, 1, 2, 2].into_iter().enumerate() {
                for target in 0..SPATIAL * TEMPORAL {
                    let target = (target / TEMPORAL, target % TEMPORAL);
                    bits.put(self.indication(spatial, temporal, kind == 0, target), 2);
                }
            }
        }
        for spatial in 0..SPATIAL {
            for back in [0, 12, 6, 3, 3] {
                let lower = spatial > 0 && (back == 0 || self.mode == Mode::Full);
                for difference in [lower.then_some(1), (back > 0).then_some(back)]
                    .into_iter()
                    .flatten()
                {
                    bits.put(1, 1);
                    bits.put(difference - 1, 4);
                }
                bits.put(0, 1);
            }
        }
        // Three chains, one for each spatial layer.
        bits.put(3, 3);
        for target in 0..SPATIAL * TEMPORAL {
            match target / TEMPORAL {
                0 => bits.put(0, 1),
                1 => bits.put(2, 2),
                _ => bits.put(3, 2),
            }
        }
        for _ in 0..SPATIAL * 5 * 3 {
            bits.put(5, 4);
        }
        bits.put(1, 1);
        for height in HEIGHTS {
            bits.put(u32::from(height * 16 / 9) - 1, 16);
            bits.put(u32::from(height) - 1, 16);
        }
    }

    /// Not present 0, discardable 1, switch 2, required 3.
    fn indication(&self, spatial: u8, temporal: u8, is_key: bool, target: (u8, u8)) -> u32 {
        let is_needed = spatial < target.0 && self.mode == Mode::Full;
        if temporal > target.1 || spatial > target.0 {
            0
        } else if is_key {
            2
        } else if spatial == target.0 {
            if temporal > 0 && temporal == target.1 {
                1
            } else {
                2
            }
        } else if is_needed {
            3
        } else {
            0
        }
    }
}

fn av1(timestamp: u32, spatial: u8, starts_sequence: bool) -> Vec<u8> {
    let mut payload = vec![if starts_sequence { 0x18 } else { 0x10 }];
    payload.extend(body(timestamp, spatial));
    payload
}

/// Tells which frame it is, and looks like anything else.
fn body(timestamp: u32, spatial: u8) -> Vec<u8> {
    let mut body = timestamp.to_be_bytes().to_vec();
    body.push(spatial);
    body.extend((0..100 * (1 + u32::from(spatial))).map(|n| (n * 7) as u8));
    body
}

/// A receiver: whole frames are decoded if what they need has been.
#[derive(Debug, Default)]
pub struct Decoder {
    decoded: HashSet<FrameId>,
    /// (timestamp, spatial, temporal) of the best layer of each picture.
    pub shown: Vec<(u32, u8, u8)>,
    begun: Option<FrameId>,
    is_over: bool,
}

impl Decoder {
    /// Take the next packet. Panics when it should not have been sent.
    pub fn take(&mut self, packet: &Packet, marker: bool) {
        if packet.is_first {
            self.begun = Some(packet.id);
        }
        assert_eq!(self.begun, Some(packet.id), "a frame without its start");
        let is_new = self.shown.last().is_none_or(|last| last.0 != packet.id.0);
        assert!(
            is_new || !self.is_over,
            "after the end of its picture: {packet:?}"
        );
        if is_new {
            assert!(self.is_over || self.shown.is_empty(), "no end: {packet:?}");
            self.shown.push((packet.id.0, packet.id.1, packet.temporal));
        } else if let Some(last) = self.shown.last_mut() {
            last.1 = packet.id.1;
        }
        self.is_over = marker;
        if !packet.is_first {
            for needed in &packet.needs {
                assert!(
                    self.decoded.contains(needed),
                    "{:?} lacks {needed:?}",
                    packet.id
                );
            }
            self.decoded.insert(packet.id);
        }
    }
}
