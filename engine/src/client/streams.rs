//! The RTP streams of one peer: which of them are sent and received, and what they carry.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{KeyframeRequestKind, MediaData, MediaKind as StreamKind, MediaTime, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};

use super::events::{ReceivedFrame, ReceivedPacket};
use super::setup::{Frame, Mode, Packet, PeerId, StreamSetup};
use crate::setup::{MediaKind, PayloadType, frequency};

/// Packets kept for retransmission, and for how long.
const CACHED_PACKETS: usize = 1000;
const CACHED_FOR: Duration = Duration::from_secs(3);
/// The level of digital silence (RFC 6464 §3).
const SILENCE: u8 = 127;

/// Why a frame or packet could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotConnected,
    UnknownStream,
    UnknownPayloadType,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    setup: StreamSetup,
    mid: Mid,
}

/// Keeps what its session is told about streams; the session itself comes with each call.
#[derive(Debug)]
pub struct Streams {
    peer: PeerId,
    mode: Mode,
    payload_types: Vec<PayloadType>,
    sent: HashMap<u32, Stream>,
    received: HashMap<u32, Stream>,
    by_mid: HashMap<Mid, u32>,
    next_mid: u64,
}

impl Streams {
    pub fn new(peer: PeerId, mode: Mode, payload_types: Vec<PayloadType>) -> Streams {
        Streams {
            peer,
            mode,
            payload_types,
            sent: HashMap::new(),
            received: HashMap::new(),
            by_mid: HashMap::new(),
            next_mid: 0,
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The stream that this medium is.
    pub fn ssrc(&self, mid: Mid) -> Option<u32> {
        self.by_mid.get(&mid).copied()
    }

    /// Say all streams that are received; a stream that stays keeps its state.
    pub fn subscribe(&mut self, rtc: &mut Rtc, streams: &[StreamSetup]) {
        for mid in depart(&mut self.received, streams) {
            self.forget(rtc, mid);
        }
        for &setup in streams {
            if !self.received.contains_key(&setup.ssrc) {
                let mid = self.declare(rtc, setup);
                let rtx = setup.rtx.map(Into::into);
                let mut direct = rtc.direct_api();
                direct.expect_stream_rx(setup.ssrc.into(), rtx, mid, None);
                self.received.insert(setup.ssrc, Stream { setup, mid });
            }
        }
    }

    /// Say all streams that are sent; a stream that stays keeps its state.
    pub fn publish(&mut self, rtc: &mut Rtc, streams: &[StreamSetup]) {
        for mid in depart(&mut self.sent, streams) {
            self.forget(rtc, mid);
        }
        for &setup in streams {
            if !self.sent.contains_key(&setup.ssrc) {
                let mid = self.declare(rtc, setup);
                let rtx = setup.rtx.map(Into::into);
                let mut direct = rtc.direct_api();
                let stream = direct.declare_stream_tx(setup.ssrc.into(), rtx, mid, None);
                if setup.kind == MediaKind::Video {
                    stream.set_rtx_cache(CACHED_PACKETS, CACHED_FOR, None);
                }
                if self.mode == Mode::Packets {
                    // Whoever makes packets decides when they leave.
                    stream.set_unpaced(true);
                }
                self.sent.insert(setup.ssrc, Stream { setup, mid });
            }
        }
    }

    /// Every stream is a medium of its own, so that what comes out of one is known by its mid.
    fn declare(&mut self, rtc: &mut Rtc, setup: StreamSetup) -> Mid {
        self.next_mid += 1;
        let mid = Mid::from(format!("m{}", self.next_mid).as_str());
        let kind = match setup.kind {
            MediaKind::Audio => StreamKind::Audio,
            MediaKind::Video => StreamKind::Video,
        };
        rtc.direct_api().declare_media(mid, kind);
        self.by_mid.insert(mid, setup.ssrc);
        mid
    }

    fn forget(&mut self, rtc: &mut Rtc, mid: Mid) {
        rtc.direct_api().remove_media(mid);
        self.by_mid.remove(&mid);
    }

    fn payload_type(&self, number: u8) -> Result<&PayloadType, Refused> {
        let found = self.payload_types.iter().find(|pt| pt.number == number);
        found.ok_or(Refused::UnknownPayloadType)
    }

    fn sent(&self, ssrc: u32) -> Result<&Stream, Refused> {
        self.sent.get(&ssrc).ok_or(Refused::UnknownStream)
    }

    pub fn send_frame(&self, rtc: &mut Rtc, now: Instant, frame: Frame) -> Result<(), Refused> {
        let clock_rate = self.payload_type(frame.payload_type)?.clock_rate;
        let mid = self.sent(frame.ssrc)?.mid;
        let mut writer = rtc.writer(mid).ok_or(Refused::NotConnected)?;
        if let Some(level) = frame.level {
            writer = writer.audio_level(in_decibel(level), level < SILENCE);
        }
        let pt = Pt::new_with_value(frame.payload_type);
        let time = MediaTime::new(frame.timestamp, frequency(clock_rate));
        writer
            .write(pt, now, time, frame.payload)
            .map_err(|_| Refused::NotConnected)
    }

    pub fn send_packet(&self, rtc: &mut Rtc, now: Instant, packet: Packet) -> Result<(), Refused> {
        self.payload_type(packet.payload_type)?;
        let is_video = self.sent(packet.ssrc)?.setup.kind == MediaKind::Video;
        let mut write = RtpWrite::new(
            Pt::new_with_value(packet.payload_type),
            packet.sequence.into(),
            packet.timestamp,
            now,
            packet.payload,
        )
        .marker(packet.marker)
        .nackable(is_video);
        if let Some(level) = packet.level {
            write = write.ext_vals(ExtensionValues {
                audio_level: Some(in_decibel(level)),
                voice_activity: Some(level < SILENCE),
                ..ExtensionValues::default()
            });
        }
        let mut direct = rtc.direct_api();
        let stream = direct.stream_tx(&packet.ssrc.into());
        stream.ok_or(Refused::UnknownStream)?.write_rtp(write);
        Ok(())
    }

    /// What came out of the session in the mode `Frames`; None of a medium that is gone.
    pub fn frame(&self, data: MediaData) -> Option<ReceivedFrame> {
        Some(ReceivedFrame {
            peer: self.peer,
            ssrc: self.ssrc(data.mid)?,
            payload_type: *data.pt,
            timestamp: data.time.numer(),
            is_keyframe: data.is_keyframe(),
            is_contiguous: data.contiguous,
            level: data.ext_vals.audio_level.map(from_decibel),
            arrived: data.network_time,
            data: data.data,
        })
    }

    /// What came out of the session in the mode `Packets`.
    pub fn packet(&self, packet: RtpPacket) -> ReceivedPacket {
        ReceivedPacket {
            peer: self.peer,
            ssrc: *packet.header.ssrc,
            payload_type: *packet.header.payload_type,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            level: packet.header.ext_vals.audio_level.map(from_decibel),
            arrived: packet.timestamp,
            payload: packet.payload,
        }
    }
}

/// Ask for a key frame of a stream that is received.
pub fn request_keyframe(rtc: &mut Rtc, ssrc: u32) {
    if let Some(stream) = rtc.direct_api().stream_rx(&ssrc.into()) {
        stream.request_keyframe(KeyframeRequestKind::Pli);
    }
}

/// Take out what is not among `streams` any more, or not as it was; returns their media.
fn depart(known: &mut HashMap<u32, Stream>, streams: &[StreamSetup]) -> Vec<Mid> {
    let gone = known.extract_if(|_, each| !streams.contains(&each.setup));
    gone.map(|(_, each)| each.mid).collect()
}

fn in_decibel(level: u8) -> i8 {
    -(level.min(SILENCE) as i8)
}

fn from_decibel(level: i8) -> u8 {
    level.unsigned_abs().min(SILENCE)
}
