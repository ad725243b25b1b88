//! One stream a peer sends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pattern::{self, BURST, BURST_EVERY, Pattern};
use super::stamp::{Stamp, realtime_ns};

const VIDEO_CLOCK: f64 = 90_000.0;
const AUDIO_CLOCK: f64 = 48_000.0;
/// What a speaker's level looks like (RFC 6464: -dBov).
const SPEAKING: i8 = -30;

/// What identifies a stream and what it sends.
#[derive(Clone, Debug)]
pub struct PublicationSetup {
    /// The `a=mid` of its medium.
    pub mid: String,
    pub is_video: bool,
    pub payload_type: u8,
    pub ssrc: u32,
    pub rtx: Option<u32>,
    pub pattern: Pattern,
}

/// A packet to be sent.
#[derive(Debug)]
pub struct Outgoing {
    pub ssrc: u32,
    pub payload_type: u8,
    pub seq: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub is_video: bool,
    pub audio_level: Option<i8>,
    pub payload: Vec<u8>,
}

#[derive(Debug)]
pub struct Publication {
    pub setup: PublicationSetup,
    stream: u32,
    random: fastrand::Rng,
    /// Sizes of the packets of the frame under way that have not been sent.
    waiting: VecDeque<usize>,
    is_first: bool,
    is_key: bool,
    key_wanted: bool,
    next_key: Option<Instant>,
    /// None while it is stopped.
    next_frame: Option<Instant>,
    next_burst: Instant,
    left_in_burst: usize,
    begun: Instant,
    timestamp: u32,
    picture: u16,
    count: u64,
}

impl Publication {
    pub fn new(now: Instant, setup: PublicationSetup, stream: u32, seed: u64) -> Publication {
        Publication {
            setup,
            stream,
            random: fastrand::Rng::with_seed(seed),
            waiting: VecDeque::new(),
            is_first: true,
            is_key: false,
            key_wanted: true,
            next_key: None,
            next_frame: None,
            next_burst: now,
            left_in_burst: 0,
            begun: now,
            timestamp: 0,
            picture: 0,
            count: 0,
        }
    }

    /// Begin to send with a key frame, somewhere within one frame's time.
    pub fn start(&mut self, now: Instant) {
        let phase = self
            .setup
            .pattern
            .frame_interval()
            .mul_f64(self.random.f64());
        self.next_frame = Some(now + phase);
        self.key_wanted = true;
    }

    pub fn stop(&mut self) {
        self.next_frame = None;
        self.waiting.clear();
    }

    pub fn want_key(&mut self) {
        self.key_wanted = true;
    }

    /// When the next packet is to be sent; None while stopped.
    pub fn due(&self) -> Option<Instant> {
        let next_frame = self.next_frame?;
        Some(if self.waiting.is_empty() {
            next_frame
        } else {
            self.next_burst
        })
    }

    /// The next packet, if it is due. `room` and `peer` go into its stamp.
    pub fn next(&mut self, now: Instant, room: u32, peer: u32) -> Option<Outgoing> {
        if self.due()? > now {
            return None;
        }
        if self.waiting.is_empty() {
            self.begin_frame(now);
        } else if self.left_in_burst == 0 {
            self.left_in_burst = BURST;
        }
        let bytes = self.waiting.pop_front()?;
        self.left_in_burst = self.left_in_burst.saturating_sub(1);
        if self.left_in_burst == 0 {
            self.next_burst = now + BURST_EVERY;
        }
        let is_video = self.setup.is_video;
        let mut payload = if is_video {
            pattern::vp8(bytes, self.picture, self.is_first, self.is_key)
        } else {
            pattern::opus(bytes)
        };
        self.is_first = false;
        Stamp {
            room,
            peer,
            stream: self.stream,
            count: self.count,
            sent_ns: realtime_ns(),
        }
        .write(&mut payload);
        let outgoing = Outgoing {
            ssrc: self.setup.ssrc,
            payload_type: self.setup.payload_type,
            seq: self.count + 1,
            timestamp: self.timestamp,
            marker: is_video && self.waiting.is_empty(),
            is_video,
            audio_level: (!is_video).then_some(SPEAKING),
            payload,
        };
        self.count += 1;
        Some(outgoing)
    }

    fn begin_frame(&mut self, now: Instant) {
        let pattern = self.setup.pattern;
        let planned = self.next_frame.unwrap_or(now);
        if self.next_key.is_some_and(|at| at <= now) {
            self.key_wanted = true;
        }
        self.is_key = self.setup.is_video && std::mem::take(&mut self.key_wanted);
        if self.is_key && pattern.key_every > Duration::ZERO {
            self.next_key = Some(now + pattern.key_every);
        }
        self.waiting = pattern.frame(self.is_key, &mut self.random).into();
        self.is_first = true;
        self.left_in_burst = BURST;
        self.next_burst = now;
        let clock = if self.setup.is_video {
            VIDEO_CLOCK
        } else {
            AUDIO_CLOCK
        };
        let media = planned.saturating_duration_since(self.begun).as_secs_f64();
        self.timestamp = (media * clock) as u64 as u32;
        self.picture = self.picture.wrapping_add(1);
        // A frame that could not be sent in time is skipped, not made up for.
        let interval = pattern.frame_interval();
        let next = planned + interval;
        self.next_frame = Some(if next + interval * 4 < now {
            now + interval
        } else {
            next
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn video(frames_per_s: f64, frame_bytes: usize) -> Publication {
        let setup = PublicationSetup {
            mid: "1".into(),
            is_video: true,
            payload_type: 100,
            ssrc: 5,
            rtx: None,
            pattern: Pattern {
                frames_per_s,
                frame_bytes,
                variation: 0.0,
                packet_bytes: 1_100,
                key_factor: 5.0,
                key_every: Duration::ZERO,
            },
        };
        Publication::new(Instant::now(), setup, 0, 1)
    }

    /// Everything sent within `time` with the moment it was sent.
    fn sent(
        publication: &mut Publication,
        from: Instant,
        time: Duration,
    ) -> Vec<(Duration, Outgoing)> {
        let mut all = Vec::new();
        let mut now = from;
        while now < from + time {
            while let Some(packet) = publication.next(now, 1, 2) {
                all.push((now - from, packet));
            }
            now += MS / 4;
        }
        all
    }

    #[test]
    fn an_even_stream_sends_one_packet_per_interval() {
        let mut publication = video(400.0, 1_100);
        publication.setup.pattern.key_factor = 1.0;
        let now = Instant::now();
        publication.start(now);
        let packets = sent(&mut publication, now, 1000 * MS);

        assert!((399..=400).contains(&packets.len()), "{}", packets.len());
        assert!(packets.iter().all(|(_, packet)| packet.marker));
        let numbers: Vec<u64> = packets.iter().map(|(_, packet)| packet.seq).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }

    #[test]
    fn a_key_frame_leaves_in_bursts_and_its_last_packet_is_marked() {
        let mut publication = video(10.0, 5_000);
        let now = Instant::now();
        publication.start(now);
        let packets = sent(&mut publication, now, 190 * MS);
        let key: Vec<_> = packets.iter().take(23).collect();

        assert_eq!(key.iter().filter(|(_, packet)| packet.marker).count(), 1);
        assert!(key[22].1.marker);
        assert_eq!(key[0].0, key[9].0);
        assert_eq!(key[10].0, key[0].0 + BURST_EVERY);
        assert_eq!(packets[23].1.timestamp - key[0].1.timestamp, 9_000);
    }

    #[test]
    fn nothing_is_sent_while_stopped() {
        let mut publication = video(10.0, 5_000);
        let now = Instant::now();
        assert_eq!(publication.due(), None);
        publication.start(now);
        publication.stop();

        assert!(sent(&mut publication, now, 300 * MS).is_empty());
    }
}
