//! How much may be sent again to one receiver.
//!
//! A request of sixteen bytes may name seventeen packets, so asking alone earns little. The rest is
//! earned by loss that feedback tells of, which nobody can claim without his estimate being judged
//! by it (decision 26).

/// One part in so many of what is sent, for the asking; the repetitions count as sent, so that
/// makes a seventh.
const FOR_ASKING: u64 = 8;
/// One part in so many of all that is sent, whatever the receiver says: as much as the media.
const MOST: u64 = 2;
/// Feedback gets lost as well: three bytes for two that it tells of.
const TOLD: (u64, u64) = (3, 2);
/// What may be saved up: losses are asked for before feedback tells of them, and come in bursts. A
/// link that has become narrow would be kept full by more.
const SAVED_FOR_ASKING: u64 = 32 * 1024;
const SAVED: u64 = 64 * 1024;

/// The budget of one receiver, in bytes. What was sent is settled only when something is asked for,
/// so that a packet that is passed on costs nothing here.
#[derive(Clone, Copy, Debug)]
pub struct Repairs {
    /// Of what was sent until here, everything has been earned.
    settled: u64,
    /// Receiver reports have told of the loss until here.
    reported: u64,
    for_asking: u64,
    told: u64,
    most: u64,
}

impl Default for Repairs {
    fn default() -> Self {
        Repairs {
            settled: 0,
            reported: 0,
            for_asking: SAVED_FOR_ASKING,
            told: 0,
            most: SAVED,
        }
    }
}

impl Repairs {
    /// Feedback says that so much has been lost.
    pub fn lost(&mut self, bytes: u64) {
        self.told = (self.told + bytes * TOLD.0 / TOLD.1).min(SAVED);
    }

    /// A report says which part was lost since the report before it; `sent` is the sum until now.
    pub fn lost_part(&mut self, sent: u64, part: f32) {
        let since = sent.saturating_sub(self.reported);
        self.reported = sent;
        self.lost((since as f64 * f64::from(part)) as u64);
    }

    /// True when so many bytes may be sent again now; they count as sent then. `sent` is the sum of
    /// everything until now.
    pub fn spend(&mut self, sent: u64, bytes: u64) -> bool {
        let since = sent.saturating_sub(self.settled);
        self.settled = sent;
        self.for_asking = (self.for_asking + since / FOR_ASKING).min(SAVED_FOR_ASKING);
        self.most = (self.most + since / MOST).min(SAVED);
        if bytes > self.most || bytes > self.for_asking + self.told {
            return false;
        }
        self.most -= bytes;
        let from_told = bytes.min(self.told);
        self.told -= from_told;
        self.for_asking -= bytes - from_told;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: u64 = 1200;

    /// Send `packets`, ask for `asked` of each, tell of `told` of each as lost: how much of what
    /// was sent first is sent in all?
    fn egress(packets: u64, asked: u64, told: u64) -> f64 {
        let (mut repairs, mut sent) = (Repairs::default(), 0);
        for _ in 0..packets {
            sent += PACKET;
            repairs.lost(PACKET * told / 100);
            let mut wanted = PACKET * asked / 100;
            while wanted > 0 && repairs.spend(sent, wanted.min(PACKET)) {
                sent += wanted.min(PACKET);
                wanted -= wanted.min(PACKET);
            }
        }
        sent as f64 / (packets * PACKET) as f64
    }

    #[test]
    fn requests_alone_get_less_than_a_fifth_more() {
        let flooded = egress(1_000, 2_000, 0);

        assert!((1.14..1.2).contains(&flooded), "{flooded}");
    }

    #[test]
    fn what_feedback_tells_of_is_repaired() {
        for loss in [5, 10, 20, 40] {
            // What is sent again is lost as often: a part of `loss / (100 - loss)` in all.
            let needed = 100 * loss / (100 - loss);
            let sent = egress(1_000, needed, loss);
            assert!(
                (sent - 1.0 - needed as f64 / 100.0).abs() < 0.02,
                "{loss} % of loss: {sent}"
            );
        }
    }

    #[test]
    fn whoever_claims_everything_is_lost_gets_as_much_again() {
        let sent = egress(20_000, 2_000, 500);

        assert!((1.95..2.05).contains(&sent), "{sent}");
    }

    #[test]
    fn reports_alone_earn_repairs_as_well() {
        let (mut repairs, mut sent) = (Repairs::default(), 0);
        let mut denied = 0;
        for second in 0..10 {
            for _ in 0..100 {
                sent += PACKET;
                // One in five is lost, and one in four is asked for.
                if (sent / PACKET).is_multiple_of(4) {
                    match repairs.spend(sent, PACKET) {
                        true => sent += PACKET,
                        false => denied += 1,
                    }
                }
            }
            repairs.lost_part(sent, if second < 9 { 0.2 } else { 0.0 });
        }
        assert_eq!(denied, 0);
    }

    #[test]
    fn a_rest_does_not_save_up_more_than_a_burst() {
        let mut repairs = Repairs::default();
        let sent = 1_000_000_000;
        let mut again = 0;
        while repairs.spend(sent, PACKET) {
            again += PACKET;
        }

        assert!(again <= SAVED_FOR_ASKING, "{again}");
        repairs.lost(u64::from(u32::MAX));
        while repairs.spend(sent, PACKET) {
            again += PACKET;
        }
        assert!(again <= SAVED, "{again}");
    }
}
