//! The way of a packet from its sender to the receivers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::Sfu;
use crate::codecs;
use crate::counters::Drop;
use crate::incoming::{Incoming, Shape};
use crate::ingress::Arrived;
use crate::keyframes::Asker;
use crate::media::{Media, Primary};
use crate::output::Outcome;
use crate::red;
use crate::setup::{Codec, EndpointId};

/// No path of the Internet carries more in one piece.
const LARGEST_PAYLOAD: usize = 1500;

impl Sfu {
    pub(super) fn pass_on(&mut self, now: Instant, sender_id: EndpointId, arrived: Arrived) {
        let Some(sender) = self.endpoints.get(&sender_id) else {
            return;
        };
        let (inbound, payload_type) = (arrived.inbound, &arrived.payload_type);
        let source_id = inbound.source;
        let Some(source) = self.sources.get_mut(&source_id) else {
            return;
        };
        let codec = payload_type.codec;
        let mut incoming = Incoming {
            encoding: inbound.encoding,
            seq: arrived.seq,
            timestamp: arrived.timestamp,
            marker: arrived.marker,
            shape: Shape::Audio,
            captured: sender.captured(now, &arrived),
            clock_rate: payload_type.clock_rate,
        };
        let taken = match inbound.kind {
            kind if sender.is_muted(kind) => Err(Some(Drop::Muted)),
            kind if codec.kind() != kind => Err(Some(Drop::UnknownPayloadType)),
            _ if arrived.payload.len() > LARGEST_PAYLOAD => Err(Some(Drop::MalformedPayload)),
            _ => source.take(now, &mut incoming, &arrived),
        };
        if let Err(reason) = taken {
            source.leave_out(&incoming);
            if let Some(reason) = reason {
                self.counters.drop(reason);
            }
            if reason == Some(Drop::Undescribed) && source.lacks_structure(now) {
                self.ask(now, source_id, Asker::Bridge);
            }
            return;
        }
        let Some(seq) = source.number(&incoming) else {
            return;
        };
        incoming.seq = seq;
        self.counters.keyframes_received += u64::from(incoming.shape.starts_keyframe());
        let primary = match codec {
            Codec::Red => red::primary(&arrived.payload).and_then(|(number, start)| {
                Some(Primary {
                    payload_type: Arc::clone(sender.payload_type(number)?),
                    start,
                })
            }),
            _ => None,
        };
        let descriptor = arrived.descriptor;
        let media = Arc::new(Media {
            incoming,
            payload_type: arrived.payload_type,
            payload: arrived.payload,
            audio_level: arrived.audio_level,
            orientation: arrived.orientation,
            descriptor: descriptor.filter(|_| codecs::needs_descriptor(codec)),
            primary,
        });
        let (mut waiting, mut broken) = (Vec::new(), Vec::new());
        for &receiver_id in &source.receivers {
            let Some(receiver) = self.endpoints.get_mut(&receiver_id) else {
                continue;
            };
            if !receiver.is_ready() {
                continue;
            }
            let outbox = &mut self.outbox;
            let forwarded = catch_unwind(AssertUnwindSafe(|| {
                receiver.forward(now, outbox, source_id, &media)
            }));
            match forwarded {
                Ok((outcome, asks)) => {
                    if asks {
                        waiting.push(receiver_id);
                    }
                    match outcome {
                        Outcome::Sent => {
                            self.counters.packets_forwarded += 1;
                            // Its first report has become due.
                            if receiver.is_called_too_late() {
                                self.unscheduled.push(receiver_id);
                            }
                        }
                        Outcome::Held => {}
                        Outcome::NotOffered => self.counters.drop(Drop::CodecNotOffered),
                    }
                }
                Err(_) => broken.push(receiver_id),
            }
        }
        for receiver in broken {
            self.fail(receiver, "internal");
        }
        while let Some(receiver) = self.unscheduled.pop() {
            self.schedule(now, receiver);
        }
        for receiver in waiting {
            self.ask(now, source_id, Asker::Switching(receiver));
        }
    }
}
