//! Events on their way to a slow reader: bounded, and media goes first.

use std::collections::{HashSet, VecDeque};

use super::events::Event;
use super::setup::PeerId;

/// Frames and packets that may wait, and their bytes: about two seconds of ten videos.
const MOST_MEDIA: usize = 8192;
const MOST_MEDIA_BYTES: usize = 32 << 20;

/// What happened and was not yet taken. Media beyond the bounds is dropped and counted; the next
/// frame of its stream says that it does not follow on the one before.
#[derive(Debug, Default)]
pub struct Queue {
    events: VecDeque<Event>,
    media: usize,
    media_bytes: usize,
    interrupted: HashSet<(PeerId, u32)>,
    dropped: u64,
}

impl Queue {
    pub fn push(&mut self, mut event: Event) {
        if let Some((stream, bytes)) = media(&event) {
            if self.media >= MOST_MEDIA || self.media_bytes + bytes > MOST_MEDIA_BYTES {
                self.dropped += 1;
                self.interrupted.insert(stream);
                return;
            }
            self.media += 1;
            self.media_bytes += bytes;
            if self.interrupted.remove(&stream)
                && let Event::Frame(frame) = &mut event
            {
                frame.is_contiguous = false;
            }
        }
        if let Event::Failed { peer, .. } = event {
            self.interrupted.retain(|&(owner, _)| owner != peer);
        }
        self.events.push_back(event);
    }

    pub fn take(&mut self) -> VecDeque<Event> {
        (self.media, self.media_bytes) = (0, 0);
        std::mem::take(&mut self.events)
    }

    /// How many frames and packets were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn media(event: &Event) -> Option<((PeerId, u32), usize)> {
    match event {
        Event::Frame(frame) => Some(((frame.peer, frame.ssrc), frame.data.len())),
        Event::Packet(packet) => Some(((packet.peer, packet.ssrc), packet.payload.len())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::client::events::ReceivedFrame;

    fn frame(ssrc: u32, bytes: usize) -> Event {
        Event::Frame(ReceivedFrame {
            peer: PeerId(1),
            ssrc,
            payload_type: 100,
            timestamp: 0,
            is_keyframe: false,
            is_contiguous: true,
            level: None,
            arrived: Instant::now(),
            data: vec![0; bytes].into(),
        })
    }

    fn contiguous(events: VecDeque<Event>) -> Vec<bool> {
        let is_contiguous = |event: &Event| match event {
            Event::Frame(frame) => Some(frame.is_contiguous),
            _ => None,
        };
        events.iter().filter_map(is_contiguous).collect()
    }

    #[test]
    fn too_many_bytes_are_dropped_and_the_stream_says_so() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.push(frame(7, 15 << 20));
        }
        queue.push(Event::Failed {
            peer: PeerId(2),
            reason: "closed",
        });
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take().len(), 3, "two frames, and what is no media");

        for ssrc in [7, 8, 7] {
            queue.push(frame(ssrc, 10));
        }
        assert_eq!(contiguous(queue.take()), [false, true, true]);
    }

    #[test]
    fn too_many_frames_are_dropped() {
        let mut queue = Queue::default();
        for _ in 0..MOST_MEDIA + 5 {
            queue.push(frame(7, 1));
        }
        assert_eq!(queue.dropped(), 5);
    }
}
