//! Datagrams on a byte stream (RFC 4571 §2: two bytes of length before each), without any socket.
//!
//! [`Frames`] takes what was read and gives datagrams; [`Outbox`] holds datagrams until they could be
//! written, and forgets those that have become too old to be of use.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::{Duration, Instant};

const HEADER_BYTES: usize = 2;
/// More than the largest datagram of the protocols served here; the length field would allow 65535.
pub const LARGEST_FRAME: usize = 2048;
/// What waits for one peer at the most.
pub const QUEUE_BYTES: usize = 1024 * 1024;
/// Media that waited longer comes too late. Loss tells the bandwidth estimate what a queue hides.
pub const QUEUE_FOR: Duration = Duration::from_secs(1);
/// What an emptied queue may keep of its memory.
const KEPT_BYTES: usize = 64 * 1024;

/// A frame that says it is longer than [`LARGEST_FRAME`]: what follows is no datagram of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversized;

/// The reading side of one connection.
#[derive(Debug, Default)]
pub struct Frames {
    partial: Vec<u8>,
}

impl Frames {
    /// True while a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Take bytes as they came; `datagram` is called with each that is complete. Empty ones are
    /// skipped, as RFC 4571 §2 has them say nothing.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut datagram: impl FnMut(&[u8]),
    ) -> Result<(), Oversized> {
        while !bytes.is_empty() {
            if self.partial.is_empty()
                && let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>()
            {
                let length = length_of(*header)?;
                if let Some((whole, rest)) = rest.split_at_checked(length) {
                    if !whole.is_empty() {
                        datagram(whole);
                    }
                    bytes = rest;
                    continue;
                }
            }
            let needed = match self.partial.first_chunk::<HEADER_BYTES>() {
                Some(header) => HEADER_BYTES + length_of(*header)?,
                None => HEADER_BYTES,
            };
            let (taken, rest) = bytes.split_at(bytes.len().min(needed - self.partial.len()));
            self.partial.extend_from_slice(taken);
            bytes = rest;
            if let Some((header, body)) = self.partial.split_first_chunk::<HEADER_BYTES>()
                && body.len() == length_of(*header)?
            {
                if !body.is_empty() {
                    datagram(body);
                }
                self.partial.clear();
            }
        }
        Ok(())
    }
}

fn length_of(header: [u8; HEADER_BYTES]) -> Result<usize, Oversized> {
    let length = usize::from(u16::from_be_bytes(header));
    if length > LARGEST_FRAME {
        return Err(Oversized);
    }
    Ok(length)
}

/// The writing side of one connection.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: VecDeque<u8>,
    /// When each frame came, and how many of its bytes still wait.
    frames: VecDeque<(Instant, usize)>,
    /// The first frame has been written in part, and so has to go on.
    is_begun: bool,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Queue a datagram; returns how many older ones had to be forgotten for it.
    pub fn push(&mut self, now: Instant, datagram: &[u8]) -> u64 {
        let Ok(length) = u16::try_from(datagram.len()) else {
            return 1;
        };
        let size = HEADER_BYTES + datagram.len();
        let mut forgotten = self.forget_late(now);
        while self.bytes.len() + size > QUEUE_BYTES && self.forget_oldest() {
            forgotten += 1;
        }
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(datagram);
        self.frames.push_back((now, size));
        forgotten
    }

    /// Forget what has waited for too long; returns how many datagrams that was.
    pub fn forget_late(&mut self, now: Instant) -> u64 {
        let mut forgotten = 0;
        while self
            .frames
            .get(usize::from(self.is_begun))
            .is_some_and(|&(queued, _)| now.saturating_duration_since(queued) > QUEUE_FOR)
            && self.forget_oldest()
        {
            forgotten += 1;
        }
        forgotten
    }

    fn forget_oldest(&mut self) -> bool {
        let at = usize::from(self.is_begun);
        let Some((_, length)) = self.frames.remove(at) else {
            return false;
        };
        let from = if at == 0 { 0 } else { self.frames[0].1 };
        self.bytes.drain(from..from + length);
        true
    }

    /// What to write next, in order.
    pub fn slices(&self) -> [IoSlice<'_>; 2] {
        let (first, second) = self.bytes.as_slices();
        [IoSlice::new(first), IoSlice::new(second)]
    }

    /// That many bytes of it have been written.
    pub fn wrote(&mut self, mut count: usize) {
        self.bytes.drain(..count);
        while let Some((_, waiting)) = self.frames.front_mut() {
            if *waiting > count {
                *waiting -= count;
                self.is_begun |= count > 0;
                break;
            }
            count -= *waiting;
            self.frames.pop_front();
            self.is_begun = false;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES {
            self.bytes = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(datagrams: &[&[u8]]) -> Vec<u8> {
        let frame = |datagram: &&[u8]| [&(datagram.len() as u16).to_be_bytes(), *datagram].concat();
        datagrams.iter().flat_map(frame).collect()
    }

    fn fed(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Oversized> {
        let (mut frames, mut got) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.feed(piece, |datagram| got.push(datagram.to_vec()))?;
        }
        Ok(got)
    }

    #[test]
    fn datagrams_come_out_however_the_stream_is_cut() {
        let datagrams: [&[u8]; 4] = [b"one", b"", &[7; 1400], b"four"];
        let stream = framed(&datagrams);
        let wanted = vec![b"one".to_vec(), vec![7; 1400], b"four".to_vec()];
        assert_eq!(fed(&[&stream]), Ok(wanted.clone()));
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(fed(&[first, second]), Ok(wanted.clone()), "cut at {cut}");
        }
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(fed(&single), Ok(wanted));
    }

    #[test]
    fn a_length_over_the_largest_is_refused_at_once() {
        assert_eq!(fed(&[&[0x08, 0x01]]), Err(Oversized));
        assert_eq!(fed(&[&[0xff], &[0xff]]), Err(Oversized));
        assert_eq!(fed(&[&[0x08, 0x00]]), Ok(vec![]));
    }

    #[test]
    fn random_streams_never_panic_and_keep_no_more_than_a_frame() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..2_000 {
            let mut frames = Frames::default();
            for _ in 0..20 {
                let piece: Vec<u8> = (0..rng.usize(..300)).map(|_| rng.u8(..9)).collect();
                if frames.feed(&piece, |_| {}).is_err() {
                    break;
                }
                assert!(frames.partial.len() < HEADER_BYTES + LARGEST_FRAME);
            }
        }
    }

    fn drained(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while !outbox.is_empty() {
            let flat = outbox.slices().map(|slice| slice.to_vec()).concat();
            let count = step.min(flat.len());
            written.extend(&flat[..count]);
            outbox.wrote(count);
        }
        written
    }

    #[test]
    fn what_is_queued_is_written_in_order() {
        let now = Instant::now();
        for step in 1..20 {
            let mut outbox = Outbox::default();
            assert_eq!(outbox.push(now, b"one"), 0);
            assert_eq!(outbox.push(now, &[9; 40]), 0);
            assert_eq!(drained(&mut outbox, step), framed(&[b"one", &[9; 40]]));
            assert!(outbox.frames.is_empty());
        }
    }

    #[test]
    fn a_full_queue_forgets_the_oldest_but_never_half_a_frame() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(now, &[1; 1000]);
        outbox.wrote(10);
        let mut forgotten = 0;
        for _ in 0..2 * QUEUE_BYTES / 1000 {
            forgotten += outbox.push(now, &[2; 998]);
            assert!(outbox.len() <= QUEUE_BYTES);
        }
        assert!(forgotten > 900, "{forgotten}");
        let written = drained(&mut outbox, usize::MAX);
        assert_eq!(&written[..992], &[1; 992]);
        let rest = fed(&[&written[992..]]).unwrap();
        assert!(rest.len() > 900 && rest.iter().all(|frame| *frame == [2; 998]));
    }

    #[test]
    fn what_waited_too_long_is_forgotten() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(now, b"begun");
        outbox.wrote(1);
        outbox.push(now, b"late");
        assert_eq!(outbox.push(now + QUEUE_FOR * 2, b"fresh"), 1);
        assert_eq!(
            drained(&mut outbox, usize::MAX)[1..],
            framed(&[b"begun", b"fresh"])[2..]
        );
    }
}
