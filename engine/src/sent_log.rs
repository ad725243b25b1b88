//! What was sent towards one receiver, by transport-wide number, until feedback tells of it.

use std::collections::VecDeque;

/// The window over which the offered rate is measured.
pub const OFFERED_US: i64 = 400_000;
/// Packets remembered until feedback tells of them; at any rate this is more than a round trip.
const MOST_SENT: usize = 2048;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    Unknown,
    Lost,
    Arrived,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub at_us: i64,
    pub bytes: u16,
    pub fate: Fate,
}

#[derive(Debug, Default)]
pub struct SentLog {
    packets: VecDeque<Sent>,
    /// The transport-wide number of the first of them.
    first_seq: u16,
}

impl SentLog {
    /// A packet with this number goes out.
    pub fn add(&mut self, at_us: i64, seq: u16, bytes: usize) {
        let expected = self.first_seq.wrapping_add(self.packets.len() as u16);
        if self.packets.is_empty() || seq != expected {
            // The numbers of a session have no gaps; after one, the past tells nothing.
            self.packets.clear();
            self.first_seq = seq;
        }
        if self.packets.len() == MOST_SENT {
            self.packets.pop_front();
            self.first_seq = self.first_seq.wrapping_add(1);
        }
        self.packets.push_back(Sent {
            at_us,
            bytes: bytes.min(usize::from(u16::MAX)) as u16,
            fate: Fate::Unknown,
        });
    }

    /// None of what was never sent, or so long ago that it is forgotten.
    pub fn get_mut(&mut self, seq: u16) -> Option<&mut Sent> {
        let at = usize::from(seq.wrapping_sub(self.first_seq));
        self.packets.get_mut(at)
    }

    /// When the last packet was sent.
    pub fn last_us(&self) -> Option<i64> {
        self.packets.back().map(|sent| sent.at_us)
    }

    /// Bits per second that were sent of late.
    pub fn offered_bps(&self) -> u64 {
        let newest_us = self.last_us().unwrap_or_default();
        let recent = self.packets.iter().rev();
        let recent = recent.take_while(|each| each.at_us > newest_us - OFFERED_US);
        recent.map(|each| u64::from(each.bytes)).sum::<u64>() * 8_000_000 / OFFERED_US as u64
    }
}
