//! What every payload ends with: who sent it, where it belongs, its number and its time.

use rustix::time::{ClockId, clock_gettime};

/// Length of a stamp in bytes.
pub const BYTES: usize = 32;
const MAGIC: u32 = 0x5445_5254;

/// The last 32 bytes of a payload, all numbers big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub room: u32,
    pub peer: u32,
    /// Which of the peer's streams.
    pub stream: u32,
    /// Counts the packets of this stream from 0 on.
    pub count: u64,
    /// [`realtime_ns`] when it was made.
    pub sent_ns: u64,
}

impl Stamp {
    /// Overwrite the end of `payload`, which must be long enough.
    pub fn write(&self, payload: &mut [u8]) {
        let start = payload.len() - BYTES;
        let end = &mut payload[start..];
        end[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        end[4..8].copy_from_slice(&self.room.to_be_bytes());
        end[8..12].copy_from_slice(&self.peer.to_be_bytes());
        end[12..16].copy_from_slice(&self.stream.to_be_bytes());
        end[16..24].copy_from_slice(&self.count.to_be_bytes());
        end[24..32].copy_from_slice(&self.sent_ns.to_be_bytes());
    }

    /// The stamp at the end of `payload`; None when there is none.
    pub fn read(payload: &[u8]) -> Option<Stamp> {
        let end = payload.last_chunk::<BYTES>()?;
        let word = |at: usize| u32::from_be_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]);
        let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        (word(0) == MAGIC).then(|| Stamp {
            room: word(4),
            peer: word(8),
            stream: word(12),
            count: long(16),
            sent_ns: long(24),
        })
    }
}

/// The wall clock, which is the clock of the kernel's receive time stamps.
pub fn realtime_ns() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let stamp = Stamp {
            room: 3,
            peer: 70_000,
            stream: 1,
            count: 1 << 40,
            sent_ns: 1_800_000_000_123_456_789,
        };
        let mut payload = vec![0; 100];
        stamp.write(&mut payload);

        assert_eq!(Stamp::read(&payload), Some(stamp));
        payload[68] ^= 1;
        assert_eq!(Stamp::read(&payload), None);
        assert_eq!(Stamp::read(&payload[..31]), None);
    }
}
