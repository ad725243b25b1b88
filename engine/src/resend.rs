//! Packets of one stream that were sent and may have to be sent again (RFC 4588).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::forward::Numbers;
use crate::media::Media;
use crate::rtp::nearest;

/// Packets kept, and for how long (bridge reference 2.8).
const MOST_PACKETS: usize = 500;
const KEPT_FOR: Duration = Duration::from_secs(2);
/// A packet is not sent again while its last repetition may still be under way: until the round
/// trip is nearly over, as receivers measure it differently.
const LEAST_APART: Duration = Duration::from_millis(10);
const DOUBT: Duration = Duration::from_millis(5);
const DOUBTED_PART: u32 = 10;

/// A packet as one receiver got it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub numbers: Numbers,
    pub payload_type: u8,
    pub media: Arc<Media>,
    at: Instant,
    resent: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Resend {
    /// In the order of their numbers.
    packets: VecDeque<Sent>,
}

impl Resend {
    pub fn keep(&mut self, now: Instant, numbers: Numbers, payload_type: u8, media: &Arc<Media>) {
        while let Some(oldest) = self.packets.front()
            && (self.packets.len() >= MOST_PACKETS || now >= oldest.at + KEPT_FOR)
        {
            self.packets.pop_front();
        }
        let sent = Sent {
            numbers,
            payload_type,
            media: Arc::clone(media),
            at: now,
            resent: None,
        };
        let later = self.packets.iter().rev();
        let later = later.take_while(|each| each.numbers.seq > numbers.seq);
        let later = later.count();
        if later == 0 {
            self.packets.push_back(sent);
        } else {
            self.packets.insert(self.packets.len() - later, sent);
        }
    }

    /// The packet with this number, if it may be sent again now; `affords` says whether its bytes
    /// may be sent.
    pub fn take(
        &mut self,
        now: Instant,
        seq: u16,
        round_trip: Option<Duration>,
        affords: impl FnOnce(usize) -> bool,
    ) -> Option<Sent> {
        let newest = self.packets.back()?.numbers.seq;
        let wanted = nearest(newest, seq)?;
        let at = self
            .packets
            .binary_search_by_key(&wanted, |each| each.numbers.seq)
            .ok()?;
        let sent = self.packets.get_mut(at)?;
        let round_trip = round_trip.unwrap_or_default();
        let doubt = DOUBT.max(round_trip / DOUBTED_PART);
        let apart = round_trip.saturating_sub(doubt).max(LEAST_APART);
        let is_under_way = sent.resent.is_some_and(|at| now < at + apart);
        let is_too_old = now >= sent.at + KEPT_FOR;
        if is_under_way || is_too_old || !affords(sent.media.payload.len()) {
            return None;
        }
        sent.resent = Some(now);
        Some(sent.clone())
    }

    /// A packet to fill the line with, the longest of the last few, however old: receivers know it.
    pub fn filler(&self) -> Option<&Sent> {
        const LAST: usize = 8;
        let last = self.packets.iter().rev().take(LAST);
        last.max_by_key(|each| each.media.payload.len())
    }
}
