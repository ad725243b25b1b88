//! Between one endpoint's session and its [`Estimator`]: which datagrams carry which transport-wide
//! number, what the feedback in them says, and padding when the estimator wants to know more.
//!
//! str0m numbers the packets and makes the padding, as retransmissions, because clients expect no
//! other streams. Its own estimate is not used: it follows the trend of delays and takes a late
//! receiver for a full link (docs/decisions/0017). It is set to what a probe needs, no more.

use std::time::Instant;

use str0m::Rtc;
use str0m::bwe::Bitrate;

use crate::crypto;
use crate::estimate::Estimator;
use crate::extensions;
use crate::feedback;

/// Where the estimate starts (bridge reference 2.9).
pub const INITIAL_BPS: u64 = 2_500_000;
/// Of SRTCP, what is not encrypted (RFC 3711 §3.4).
const CLEAR_BYTES: usize = 8;

#[derive(Debug)]
pub struct Congestion {
    estimator: Estimator,
    /// The id of the header extension that carries the number.
    transport_cc: u8,
}

impl Congestion {
    pub fn new(now: Instant, transport_cc: u8) -> Congestion {
        Congestion {
            estimator: Estimator::new(now, INITIAL_BPS),
            transport_cc,
        }
    }

    /// The estimate, once feedback has arrived.
    pub fn bps(&self) -> Option<u64> {
        self.estimator.is_informed().then_some(self.estimator.bps())
    }

    /// A datagram leaves; RTP of it counts.
    pub fn sent(&mut self, now: Instant, datagram: &[u8]) {
        if let Some(seq) = extensions::transport_seq(datagram, self.transport_cc) {
            self.estimator.sent(now, seq, datagram.len());
        }
    }

    /// Call it with a datagram before the session decrypts it; true when it is RTCP, and
    /// [`Congestion::decrypted`] shall be called afterwards.
    pub fn expects(&self, datagram: &[u8]) -> bool {
        let is_rtcp = matches!(datagram, [128..=191, 192..=223, ..]);
        if is_rtcp {
            crypto::listen();
        }
        is_rtcp
    }

    /// Take what the session has decrypted of this datagram, if it was authentic.
    pub fn decrypted(&mut self, now: Instant, datagram: &[u8]) {
        let (Some(rest), Some(clear)) = (crypto::overheard(), datagram.get(..CLEAR_BYTES)) else {
            return;
        };
        let plain = [clear, rest.as_slice()].concat();
        for each in feedback::parse(&plain) {
            self.estimator.feedback(now, &each);
        }
    }

    /// True while padding is sent, which has to be done on time.
    pub fn is_padding(&self) -> bool {
        self.estimator.is_padding()
    }

    /// Start or end padding; true when that changed. To be called ten times a second, with the rate
    /// that what the receiver may see would take at its best.
    pub fn steer(&mut self, now: Instant, needed_bps: u64, rtc: &mut Rtc) -> bool {
        let Some(padding_bps) = self.estimator.steer(now, needed_bps) else {
            return false;
        };
        let rate = Bitrate::bps(padding_bps);
        if padding_bps > 0 {
            // str0m pads up to its own estimate, which therefore has to be this.
            rtc.bwe().reset(rate);
        }
        rtc.bwe().set_bitrate(rate, rate);
        true
    }
}
