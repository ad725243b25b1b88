//! What leaves towards one endpoint: packets are numbered for the transport, stamped, encrypted
//! and counted here; bandwidth is measured by what its feedback says of them.

use std::time::{Duration, Instant};

use crate::counters::EndpointCounters;
use crate::demux::Path;
use crate::estimate::Estimator;
use crate::feedback::Feedback;
use crate::outbox::Outbox;
use crate::remb::Remb;
use crate::repairs::Repairs;
use crate::rtp;
use crate::rtp_extensions::{self, Ids, Values};
use crate::srtp::Sealing;

/// Where the estimate starts (bridge reference 2.9).
pub const INITIAL_BPS: u64 = 2_500_000;
/// Padding goes out in steps of this.
const PADDING_STEP: Duration = Duration::from_millis(5);
/// A padding step that came late is made up for by this much.
const LONGEST_PADDING_STEP: Duration = Duration::from_millis(40);

/// One packet to be sent, without its payload.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub payload_type: u8,
    pub marker: bool,
    /// The payload is padding, whose last byte says how much.
    pub is_padding: bool,
    /// Extended sequence number: how often it has wrapped, and the 16 bits that are sent.
    pub seq: u64,
    pub timestamp: u32,
    pub ssrc: u32,
    /// What travels with it; the values of this hop are added.
    pub values: Values<'a>,
}

/// Padding under way.
#[derive(Clone, Copy, Debug)]
struct Padding {
    bps: u64,
    next: Instant,
    /// Until when what was due has been sent.
    paid: Instant,
    /// Bytes that went out as something else since then.
    media: usize,
}

/// From what the bandwidth towards the endpoint is known.
#[derive(Debug)]
enum Bandwidth {
    /// From transport-wide feedback.
    Measured(Box<Estimator>),
    /// From what the endpoint says.
    Told(Box<Remb>),
}

impl Bandwidth {
    fn new(now: Instant, ids: Ids) -> Bandwidth {
        match ids.transport_cc {
            Some(_) => Bandwidth::Measured(Box::new(Estimator::new(now, INITIAL_BPS))),
            None => Bandwidth::Told(Box::new(Remb::new(now))),
        }
    }
}

#[derive(Debug)]
pub struct Egress {
    /// Also the owner of its datagrams in the [`Outbox`].
    endpoint: u64,
    ids: Ids,
    /// None before the handshake is over.
    sealing: Option<Sealing>,
    /// Where everything goes; None before ICE has found out.
    pub path: Option<Path>,
    transport_seq: u16,
    /// Where the clock of send times and reports has its zero.
    start: Instant,
    bandwidth: Bandwidth,
    padding: Option<Padding>,
    repairs: Repairs,
    pub counters: EndpointCounters,
}

impl Egress {
    pub fn new(now: Instant, endpoint: u64, ids: Ids) -> Egress {
        Egress {
            endpoint,
            ids,
            sealing: None,
            path: None,
            transport_seq: 0,
            start: now,
            bandwidth: Bandwidth::new(now, ids),
            padding: None,
            repairs: Repairs::default(),
            counters: EndpointCounters::default(),
        }
    }

    /// Header extensions have been added.
    pub fn agree_on(&mut self, now: Instant, ids: Ids) {
        self.ids = ids;
        if ids.transport_cc.is_some() && matches!(self.bandwidth, Bandwidth::Told(_)) {
            self.bandwidth = Bandwidth::new(now, ids);
        }
    }

    pub fn secure(&mut self, sealing: Sealing) {
        self.sealing = Some(sealing);
    }

    /// Send what is not RTP.
    pub fn send_plain(&mut self, path: Path, contents: &[u8], outbox: &mut Outbox) {
        outbox.push(self.endpoint, path, contents);
        self.count(contents.len());
    }

    /// Send a compound of RTCP.
    pub fn send_reports(&mut self, reports: &[u8], outbox: &mut Outbox) {
        let (Some(sealing), Some(path)) = (&mut self.sealing, self.path) else {
            return;
        };
        let start = outbox.begin();
        outbox.buffer().extend_from_slice(reports);
        sealing.seal_rtcp(outbox.buffer(), start);
        let length = outbox.end(self.endpoint, path, start);
        if length > 0 {
            self.count(length);
        }
    }

    /// Send one packet of RTP, whose payload `write` appends; how many bytes it has. None when
    /// nothing can be sent.
    pub fn send(
        &mut self,
        now: Instant,
        head: Head<'_>,
        outbox: &mut Outbox,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<usize> {
        let (sealing, path) = (self.sealing.as_mut()?, self.path?);
        let transport_seq = self.transport_seq;
        let values = Values {
            transport_seq: Some(transport_seq),
            abs_send_time: Some(send_time(now.saturating_duration_since(self.start))),
            ..head.values
        };
        let has_extensions = !rtp_extensions::is_empty(&self.ids, &values);
        let start = outbox.begin();
        let buffer = outbox.buffer();
        let (seq, timestamp) = (head.seq as u16, head.timestamp);
        rtp::write(
            buffer,
            head.payload_type,
            head.marker,
            seq,
            timestamp,
            head.ssrc,
            has_extensions,
        );
        if head.is_padding
            && let Some(first) = buffer.get_mut(start)
        {
            *first |= 0x20;
        }
        if has_extensions {
            rtp_extensions::write(buffer, &self.ids, &values);
        }
        let header = buffer.len() - start;
        write(buffer);
        let payload = buffer.len() - start - header;
        sealing.seal_rtp(buffer, start, header, head.seq);
        let length = outbox.end(self.endpoint, path, start);
        if length == 0 {
            return None;
        }
        match &mut self.bandwidth {
            Bandwidth::Measured(estimator) => {
                estimator.sent(now, transport_seq, length);
                self.transport_seq = transport_seq.wrapping_add(1);
            }
            Bandwidth::Told(remb) => remb.sent(now, head.ssrc, payload),
        }
        if let Some(padding) = &mut self.padding {
            padding.media += length;
        }
        self.count(length);
        Some(length)
    }

    fn count(&mut self, bytes: usize) {
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += bytes as u64;
    }

    // ---- bandwidth -----------------------------------------------------------------------------

    pub fn feedback(&mut self, now: Instant, feedback: &Feedback) {
        if let Bandwidth::Measured(estimator) = &mut self.bandwidth {
            let news = estimator.feedback(now, feedback);
            self.counters.unmatched_feedback += news.unmatched;
            self.repairs.lost(news.lost_bytes);
        }
    }

    /// The receiver says that it can take so much of these streams, which counts only where it
    /// gives no better feedback.
    pub fn remb(&mut self, now: Instant, bps: u64, ssrcs: &[u32]) {
        if let Bandwidth::Told(remb) = &mut self.bandwidth {
            remb.say(now, bps, ssrcs);
        }
    }

    /// A report says which part of what was sent since the one before was lost.
    pub fn note_loss(&mut self, part: f32) {
        self.counters.loss_out = part;
        if let Bandwidth::Told(remb) = &mut self.bandwidth {
            remb.note_loss(part);
            self.repairs.lost_part(self.counters.bytes_sent, part);
        }
    }

    /// True when so many bytes may be sent again; they count as sent then.
    pub fn may_repeat(&mut self, bytes: usize) -> bool {
        self.repairs.spend(self.counters.bytes_sent, bytes as u64)
    }

    /// The estimate, once the receiver has told anything.
    pub fn bps(&self) -> Option<u64> {
        match &self.bandwidth {
            Bandwidth::Measured(estimator) => estimator.is_informed().then_some(estimator.bps()),
            Bandwidth::Told(remb) => remb.bps(),
        }
    }

    /// Begin or end padding; true when that changed. To be called ten times a second, with the rate
    /// that what the receiver may see would take at its best.
    pub fn steer(&mut self, now: Instant, needed_bps: u64) -> bool {
        let told = match &mut self.bandwidth {
            Bandwidth::Measured(estimator) => estimator.steer(now, needed_bps),
            Bandwidth::Told(remb) => remb.steer(now, needed_bps),
        };
        let Some(bps) = told else {
            return false;
        };
        self.padding = (bps > 0).then_some(Padding {
            bps,
            next: now,
            paid: now,
            media: 0,
        });
        true
    }

    /// When padding is due.
    pub fn next_padding(&self) -> Option<Instant> {
        self.padding.map(|padding| padding.next)
    }

    /// How many bytes of padding have to go out now, so that everything together takes the rate
    /// that was asked for.
    pub fn due_padding(&mut self, now: Instant) -> usize {
        let Some(padding) = &mut self.padding else {
            return 0;
        };
        if now < padding.next {
            return 0;
        }
        let step = now.saturating_duration_since(padding.paid);
        let step = step.min(LONGEST_PADDING_STEP).max(PADDING_STEP);
        let due = (padding.bps as u128 * step.as_micros() / 8_000_000) as usize;
        let missing = due.saturating_sub(padding.media);
        padding.media = padding.media.saturating_sub(due);
        padding.paid = now;
        padding.next = now + PADDING_STEP;
        missing
    }

    /// Padding has been sent: it does not count as something else.
    pub fn padded(&mut self, bytes: usize) {
        if let Some(padding) = &mut self.padding {
            padding.media = padding.media.saturating_sub(bytes);
        }
    }
}

/// 24 bits of seconds with 18 bits of fraction, since any zero (the abs-send-time extension).
fn send_time(since: Duration) -> u32 {
    let seconds = since.as_secs() & 0x3f;
    let fraction = (u64::from(since.subsec_nanos()) << 18) / 1_000_000_000;
    ((seconds << 18) | fraction) as u32 & 0x00ff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_time_counts_seconds_in_six_bits_and_wraps() {
        assert_eq!(send_time(Duration::from_millis(1_500)), 3 << 17);
        assert_eq!(send_time(Duration::from_secs(64)), 0);
        assert_eq!(send_time(Duration::from_nanos(63_999_999_999)), 0x00ff_ffff);
    }
}
