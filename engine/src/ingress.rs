//! What comes from one endpoint: packets are authenticated, told apart, put back under their own
//! numbers when they are retransmissions, and reported on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::arrival_log::ArrivalLog;
use crate::counters::Drop;
use crate::grid::EARLY;
use crate::missing::Missing;
use crate::numbers::NumberMap;
use crate::payload::Payload;
use crate::reception::Reception;
use crate::rtcp::ReportBlock;
use crate::rtp::{self, Seen, nearest};
use crate::rtp_extensions::{self, Ids};
use crate::setup::{MediaKind, PayloadType, SourceId, SourceSetup};
use crate::srtp::{Opening, Refusal};

/// A stream that has sent nothing for this long is not reported on.
const REPORTED_FOR: Duration = Duration::from_secs(5);

/// What one SSRC of an endpoint stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    pub source: SourceId,
    pub encoding: usize,
    pub kind: MediaKind,
    primary: u32,
    rtx: Option<u32>,
}

/// A packet of media, decrypted.
#[derive(Debug)]
pub struct Arrived {
    pub inbound: Inbound,
    pub payload_type: Arc<PayloadType>,
    pub marker: bool,
    /// Extended.
    pub seq: u64,
    pub timestamp: u32,
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
    pub descriptor: Option<Box<[u8]>>,
    pub payload: Payload,
    /// The size of the packet, header included.
    pub bytes: usize,
    /// The sender's last report on this stream: its clock (NTP, 32.32 bits) and the RTP time then.
    pub report: Option<(u64, u32)>,
}

/// One stream, retransmissions included.
#[derive(Debug, Default)]
struct Stream {
    seen: Seen,
    missing: Missing,
    reception: Option<Reception>,
    heard: Option<Instant>,
    report: Option<(u64, u32)>,
}

#[derive(Debug)]
pub struct Ingress {
    ids: Ids,
    /// None before the handshake is over.
    opening: Option<Opening>,
    inbound: NumberMap<u32, Inbound>,
    /// By primary SSRC.
    streams: NumberMap<u32, Stream>,
    arrivals: ArrivalLog,
    /// Not later than any stream has something to ask for.
    missing_due: Option<Instant>,
    /// Room for one decrypted packet.
    plain: Vec<u8>,
}

impl Ingress {
    pub fn new(ids: Ids) -> Ingress {
        Ingress {
            ids,
            opening: None,
            inbound: NumberMap::default(),
            streams: NumberMap::default(),
            arrivals: ArrivalLog::default(),
            missing_due: None,
            plain: Vec::new(),
        }
    }

    pub fn secure(&mut self, opening: Opening) {
        self.opening = Some(opening);
    }

    /// Header extensions have been added.
    pub fn agree_on(&mut self, ids: Ids) {
        self.ids = ids;
    }

    pub fn inbound(&self, ssrc: u32) -> Option<Inbound> {
        self.inbound.get(&ssrc).copied()
    }

    /// Set the streams that are expected; one that stays keeps its state.
    pub fn set_sources(&mut self, sources: &[SourceSetup]) {
        let mut wanted = NumberMap::default();
        for source in sources {
            for (index, encoding) in source.encodings.iter().enumerate() {
                let inbound = Inbound {
                    source: source.id,
                    encoding: index,
                    kind: source.kind,
                    primary: encoding.ssrc,
                    rtx: encoding.rtx,
                };
                wanted.insert(encoding.ssrc, inbound);
                if let Some(rtx) = encoding.rtx {
                    wanted.entry(rtx).or_insert(inbound);
                }
            }
        }
        self.streams.retain(|ssrc, _| {
            wanted
                .get(ssrc)
                .is_some_and(|new: &Inbound| new.primary == *ssrc)
        });
        self.inbound = wanted;
    }

    /// Take one datagram of SRTP; None when there is nothing to pass on in it.
    pub fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        payload_types: &[Arc<PayloadType>],
    ) -> Result<Option<Arrived>, Drop> {
        let opening = self.opening.as_mut().ok_or(Drop::NotReady)?;
        let header = rtp::read(datagram).ok_or(Drop::MalformedRtp)?;
        let index = opening
            .open_rtp(datagram, header.length, &mut self.plain)
            .map_err(refused)?;
        let values = header
            .extensions(&self.plain)
            .map(|(profile, elements)| rtp_extensions::read(&self.ids, profile, elements))
            .unwrap_or_default();
        if let Some(seq) = values.transport_seq {
            self.arrivals.note(now, seq);
        }
        // SSRC 0 carries the sender's bandwidth probes, which need feedback alone (libwebrtc).
        let Some(&inbound) = self.inbound.get(&header.ssrc) else {
            return Ok(None);
        };
        let payload = header.payload(&self.plain).ok_or(Drop::MalformedRtp)?;
        let stream = self.streams.entry(inbound.primary).or_default();
        let is_repeated = header.ssrc != inbound.primary;
        let (payload_type, seq, payload) = if is_repeated {
            let Some((&[high, low], original)) = payload.split_first_chunk::<2>() else {
                // Padding alone.
                return Ok(None);
            };
            let Some(highest) = stream.seen.highest() else {
                return Ok(None);
            };
            let repaired = payload_types
                .iter()
                .find(|pt| pt.rtx == Some(header.payload_type));
            let Some(seq) = nearest(highest, u16::from_be_bytes([high, low])) else {
                return Ok(None);
            };
            (repaired, seq, original)
        } else {
            let own = payload_types
                .iter()
                .find(|pt| pt.number == header.payload_type);
            (own, index, payload)
        };
        let payload_type = payload_type.ok_or(Drop::UnknownPayloadType)?;
        if !stream.seen.first_time(seq) {
            return Ok(None);
        }
        stream.heard = Some(now);
        if inbound.kind == MediaKind::Video {
            stream.missing.arrived(now, seq);
            if let Some(due) = stream.missing.next_due() {
                self.missing_due = Some(self.missing_due.map_or(due, |at| at.min(due)));
            }
        }
        if !is_repeated {
            let clock_rate = payload_type.clock_rate;
            let reception = stream
                .reception
                .get_or_insert_with(|| Reception::new(clock_rate));
            reception.arrived(now, seq, header.timestamp);
        }
        Ok(Some(Arrived {
            inbound,
            payload_type: Arc::clone(payload_type),
            marker: header.marker,
            seq,
            timestamp: header.timestamp,
            audio_level: values.audio_level,
            orientation: values.orientation,
            descriptor: values.descriptor.map(Into::into),
            bytes: header.length + payload.len(),
            payload: Payload::copy(payload),
            report: stream.report,
        }))
    }

    /// Decrypt one datagram of SRTCP.
    pub fn open_reports(&mut self, datagram: &[u8]) -> Result<&[u8], Drop> {
        let opening = self.opening.as_mut().ok_or(Drop::NotReady)?;
        opening
            .open_rtcp(datagram, &mut self.plain)
            .map_err(|refusal| match refusal {
                Refusal::Malformed => Drop::MalformedRtcp,
                refusal => refused(refusal),
            })?;
        Ok(&self.plain)
    }

    /// The sender says when it sent what of a stream.
    pub fn sender_report(&mut self, now: Instant, ssrc: u32, ntp: u64, timestamp: u32) {
        if let Some(stream) = self.streams.get_mut(&ssrc) {
            stream.report = Some((ntp, timestamp));
            if let Some(reception) = &mut stream.reception {
                reception.sender_report(now, ntp);
            }
        }
    }

    /// When something has to be asked for, or told because much waits.
    pub fn deadline(&self) -> Option<Instant> {
        let full = self.arrivals.next_due().filter(|_| self.arrivals.is_full());
        self.missing_due.into_iter().chain(full).min()
    }

    /// From when on feedback may go out.
    pub fn feedback_from(&self) -> Option<Instant> {
        let due = self.arrivals.next_due()?;
        Some(due.checked_sub(EARLY).unwrap_or(due))
    }

    /// What is missing of each stream and has to be asked for now.
    pub fn missing(&mut self, now: Instant, round_trip: Duration) -> Vec<(u32, Vec<u16>)> {
        let mut found = Vec::new();
        if self.missing_due.is_none_or(|at| at > now) {
            return found;
        }
        for (&ssrc, stream) in &mut self.streams {
            let mut lost = Vec::new();
            if stream.missing.due(now, round_trip, &mut lost) {
                found.push((ssrc, lost));
            }
        }
        let due = self.streams.values().filter_map(|s| s.missing.next_due());
        self.missing_due = due.min();
        found
    }

    /// Write transport-wide feedback, if it is time to.
    pub fn write_feedback(&mut self, now: Instant, by: Instant, out: &mut Vec<u8>, sender: u32) {
        if self.ids.transport_cc.is_some() && self.arrivals.is_due(by + EARLY) {
            let media = self.streams.keys().next().copied().unwrap_or(0);
            self.arrivals.write(now, out, sender, media);
        }
    }

    /// Report blocks on the streams that were heard of late, and the mean loss they tell.
    pub fn blocks(&mut self, now: Instant) -> (Vec<ReportBlock>, Option<f32>) {
        let mut blocks = Vec::new();
        for (&ssrc, stream) in &mut self.streams {
            if stream.heard.is_some_and(|at| now < at + REPORTED_FOR)
                && let Some(reception) = &mut stream.reception
            {
                blocks.extend(reception.block(now, ssrc));
            }
        }
        let lost: u32 = blocks
            .iter()
            .map(|each| u32::from(each.fraction_lost))
            .sum();
        let mean = (!blocks.is_empty()).then(|| lost as f32 / 256.0 / blocks.len() as f32);
        (blocks, mean)
    }
}

fn refused(refusal: Refusal) -> Drop {
    match refusal {
        Refusal::Malformed => Drop::MalformedRtp,
        Refusal::NotAuthentic => Drop::SrtpAuth,
        Refusal::Replayed => Drop::Replayed,
    }
}
