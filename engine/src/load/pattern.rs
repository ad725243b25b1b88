//! When a publisher sends how much: frames at an even pace, cut into packets as browsers do.

use std::time::Duration;

use super::stamp;

/// One stream's traffic. With `variation` 0 and frames of one packet it is an even stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pattern {
    pub frames_per_s: f64,
    /// Payload of an average frame.
    pub frame_bytes: usize,
    /// A frame has between 1 - variation and 1 + variation times the average.
    pub variation: f64,
    /// A packet carries at most this much payload; a frame's packets are equally long.
    pub packet_bytes: usize,
    /// A key frame is this many times an average frame.
    pub key_factor: f64,
    /// A key frame comes this often without being asked for; zero for never.
    pub key_every: Duration,
}

/// Packets that leave back to back; more of one frame wait for [`BURST_EVERY`] (libwebrtc's pacer).
pub const BURST: usize = 10;
pub const BURST_EVERY: Duration = Duration::from_millis(5);

impl Pattern {
    pub fn frame_interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.frames_per_s)
    }

    /// Payload bytes of the packets of the next frame.
    pub fn frame(&self, is_key: bool, random: &mut fastrand::Rng) -> Vec<usize> {
        let factor = if is_key {
            self.key_factor
        } else {
            1.0 + self.variation * (random.f64() * 2.0 - 1.0)
        };
        let bytes = (self.frame_bytes as f64 * factor) as usize;
        let packets = bytes.div_ceil(self.packet_bytes).max(1);
        // Long enough for the stamp behind the longest payload header.
        let each = bytes.div_ceil(packets).max(stamp::BYTES + HEADER_BYTES);
        vec![each; packets]
    }
}

/// VP8 payload descriptor (RFC 7741 §4.2) and the header of a key frame (RFC 6386 §9.1).
const HEADER_BYTES: usize = 6 + 10;

/// A VP8-looking payload with room for a stamp at its end.
pub fn vp8(bytes: usize, picture: u16, is_first: bool, is_key: bool) -> Vec<u8> {
    let mut payload = vec![0x55; bytes];
    let start = if is_first { 0x10 } else { 0x00 };
    let [high, low] = (picture & 0x7fff).to_be_bytes();
    // X; I, L, T: 15-bit picture id, TL0PICIDX, TID 0: one temporal layer.
    payload[..6].copy_from_slice(&[0x80 | start, 0xe0, 0x80 | high, low, picture as u8, 0x00]);
    if is_first && is_key {
        let frame = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]; // 1280x720
        payload[6..16].copy_from_slice(&frame);
    } else if is_first {
        payload[6..9].copy_from_slice(&[0x31, 0x02, 0x00]);
    }
    payload
}

/// An Opus-looking payload: 20 ms of fullband CELT (RFC 6716 §3.1).
pub fn opus(bytes: usize) -> Vec<u8> {
    let mut payload = vec![0x55; bytes];
    payload[0] = 0xfc;
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Pattern = Pattern {
        frames_per_s: 30.0,
        frame_bytes: 8_300,
        variation: 0.3,
        packet_bytes: 1_100,
        key_factor: 6.0,
        key_every: Duration::ZERO,
    };

    #[test]
    fn packets_of_a_frame_are_equally_long_and_within_the_limit() {
        let mut random = fastrand::Rng::with_seed(1);
        let frames: Vec<_> = (0..1000)
            .map(|_| CAMERA.frame(false, &mut random))
            .collect();

        assert!(frames.iter().flatten().all(|&bytes| bytes <= 1_100));
        assert!(
            frames
                .iter()
                .all(|frame| frame.iter().all(|each| *each == frame[0]))
        );
        let bytes: usize = frames.iter().flatten().sum();
        assert!((8_000_000..8_600_000).contains(&bytes), "{bytes}");
        assert_eq!(CAMERA.frame(true, &mut random).len(), 46);
    }

    #[test]
    fn a_small_frame_has_room_for_header_and_stamp() {
        let even = Pattern {
            frame_bytes: 10,
            variation: 0.0,
            ..CAMERA
        };
        let sizes = even.frame(false, &mut fastrand::Rng::with_seed(1));

        assert_eq!(sizes, [48]);
        assert_eq!(vp8(48, 7, true, true).len(), 48);
    }
}
