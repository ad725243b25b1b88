//! What is kept of streams whose sources come and go.

use std::time::Instant;

use super::*;
use crate::incoming::{Incoming, Shape};
use crate::payload::Payload;
use crate::setup::{Codec, Encoding, MediaKind};

fn voice(n: u32) -> SourceSetup {
    SourceSetup {
        id: SourceId(n.into()),
        kind: MediaKind::Audio,
        encodings: vec![Encoding {
            ssrc: 1000 + n,
            rtx: None,
        }],
    }
}

fn opus() -> Arc<PayloadType> {
    Arc::new(PayloadType {
        number: 111,
        codec: Codec::Opus,
        clock_rate: 48_000,
        channels: 2,
        rtx: None,
        parameters: vec![],
    })
}

struct Receiver {
    outputs: Outputs,
    egress: Egress,
    now: Instant,
}

impl Receiver {
    fn new() -> Receiver {
        let now = Instant::now();
        Receiver {
            outputs: Outputs::new(7),
            egress: Egress::new(now, 1, Default::default()),
            now,
        }
    }

    fn aims(&mut self, source: &SourceSetup) {
        let wanted = Wanted {
            source: source.id,
            encoding: 0,
            spatial: 7,
            temporal: 7,
            slot: None,
        };
        assert!(self.outputs.aim(source, &wanted).is_some());
    }

    /// Pass one packet on; its number towards the receiver.
    fn hears(&mut self, source: &SourceSetup, seq: u64) -> u64 {
        let media = Arc::new(Media {
            incoming: Incoming {
                encoding: 0,
                seq,
                timestamp: 960 * seq as u32,
                marker: false,
                shape: Shape::Audio,
                captured: self.now,
                clock_rate: 48_000,
            },
            payload_type: opus(),
            payload: Payload::copy(&[1; 80]),
            audio_level: None,
            orientation: None,
            descriptor: None,
            primary: None,
        });
        let (outcome, _) = self.outputs.forward(
            self.now,
            &mut self.egress,
            &mut Outbox::default(),
            &[opus()],
            source.id,
            &media,
        );
        assert_eq!(outcome, Outcome::Sent);
        let ssrc = source.encodings[0].ssrc;
        self.outputs.by_ssrc[&ssrc].projection.tail().unwrap().seq()
    }
}

#[test]
fn of_a_thousand_senders_that_have_gone_only_numbers_are_kept() {
    let mut receiver = Receiver::new();
    for n in 0..1000 {
        let source = voice(n);
        receiver.aims(&source);
        receiver.hears(&source, 5);
        receiver.outputs.retire(source.id);
    }

    assert_eq!(receiver.outputs.by_ssrc.len(), 0);
    assert_eq!(receiver.outputs.by_source.len(), 0);
    assert_eq!(receiver.outputs.resting.len(), 1000);
    assert!(size_of::<Rest>() <= 80, "{}", size_of::<Rest>());
}

#[test]
fn of_a_sender_that_never_sent_nothing_is_kept() {
    let mut receiver = Receiver::new();
    receiver.aims(&voice(1));
    receiver.outputs.retire(SourceId(1));

    assert_eq!(receiver.outputs.by_ssrc.len(), 0);
    assert_eq!(receiver.outputs.resting.len(), 0);
}

#[test]
fn who_returns_under_the_same_ssrc_goes_on_where_it_stopped() {
    let mut receiver = Receiver::new();
    let source = voice(1);
    receiver.aims(&source);
    let last = receiver.hears(&source, 5);
    let rtx_seq = receiver.outputs.by_ssrc[&1001].rtx_seq;
    receiver.outputs.retire(source.id);

    let returned = SourceSetup {
        id: SourceId(2),
        ..voice(1)
    };
    receiver.aims(&returned);

    assert_eq!(receiver.hears(&returned, 9000), last + 1);
    assert_eq!(receiver.outputs.by_ssrc[&1001].rtx_seq, rtx_seq);
    assert_eq!(receiver.outputs.resting.len(), 0);
}
