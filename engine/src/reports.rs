//! The RTCP of one endpoint (RFC 3550 §6): what it tells, and what it is told.

use std::time::{Duration, Instant, SystemTime};

use crate::allowance::Allowance;
use crate::clock::SenderClock;
use crate::counters::Drop;
use crate::egress::Egress;
use crate::ingress::{Arrived, Ingress};
use crate::outputs::Outputs;
use crate::rtcp::{self, Message, ReportBlock};

/// The first report follows media soon, so that receivers know how to sync lips.
const FIRST_REPORT: Duration = Duration::from_millis(200);
const REPORTS_APART: Duration = Duration::from_secs(1);
/// Assumed before it has been measured.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(100);
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);
/// A datagram of reports is ended at this length.
const FULL: usize = 1_000;
const MOST_BLOCKS: usize = 31;
/// A sender report older than this does not date a packet any more.
const OLDEST_CAPTURE: Duration = Duration::from_secs(10);
const NAME: &str = "tertulia";

/// What a peer's reports ask for.
#[derive(Debug)]
pub enum Told {
    /// These packets of a stream of ours have not arrived.
    Missing { ssrc: u32, numbers: Vec<u16> },
    /// The receiver cannot decode this stream of ours without a key frame.
    KeyframeWanted(u32),
    /// What the path carries, in bits per second, by what it says.
    Estimate(u64),
}

#[derive(Debug)]
pub struct Reporter {
    /// Under which our reports go out.
    ssrc: u32,
    /// One moment on both clocks.
    zero: (Instant, SystemTime),
    clock: SenderClock,
    round_trip: Option<Duration>,
    /// None while no media flows.
    next_report: Option<Instant>,
    media: Option<Instant>,
    keyframes: Vec<u32>,
    allowance: Allowance,
}

impl Reporter {
    /// `reported_per_s` is how much the peer's reports may name in a second.
    pub fn new(now: Instant, seed: u64, reported_per_s: u32) -> Reporter {
        Reporter {
            ssrc: fastrand::Rng::with_seed(seed).u32(1..),
            zero: (now, SystemTime::now()),
            clock: SenderClock::default(),
            round_trip: None,
            next_report: None,
            media: None,
            keyframes: Vec::new(),
            allowance: Allowance::new(now, reported_per_s),
        }
    }

    /// Media flows; true when a report has become due because of it.
    pub fn note_media(&mut self, now: Instant) -> bool {
        self.media = Some(now);
        let begins = self.next_report.is_none();
        if begins {
            self.next_report = Some(now + FIRST_REPORT);
        }
        begins
    }

    /// What the transport measured; what reports say goes before.
    pub fn note_round_trip(&mut self, round_trip: Duration) {
        self.round_trip.get_or_insert(round_trip);
    }

    pub fn request_keyframe(&mut self, ssrc: u32) {
        if !self.keyframes.contains(&ssrc) {
            self.keyframes.push(ssrc);
        }
    }

    /// When [`Reporter::due`] has something to say at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.next_report
    }

    /// When a packet was captured, on our clock.
    pub fn captured(&self, now: Instant, arrived: &Arrived) -> Instant {
        let dated = arrived.report.and_then(|(ntp, timestamp)| {
            let reported = self.clock.local(rtcp::system_time(ntp))?;
            let ticks = arrived.timestamp.wrapping_sub(timestamp) as i32;
            let clock_rate = f64::from(arrived.payload_type.clock_rate.max(1));
            let seconds = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / clock_rate);
            if ticks < 0 {
                reported.checked_sub(seconds)
            } else {
                reported.checked_add(seconds)
            }
        });
        match dated {
            Some(at) if at <= now && now - at < OLDEST_CAPTURE => at,
            _ => now,
        }
    }

    fn ntp(&self, now: Instant) -> u64 {
        rtcp::ntp(self.zero.1 + now.saturating_duration_since(self.zero.0))
    }

    /// Take one datagram of SRTCP. An error is the datagram's.
    pub fn read(
        &mut self,
        now: Instant,
        datagram: &[u8],
        ingress: &mut Ingress,
        egress: &mut Egress,
    ) -> Result<Vec<Told>, Drop> {
        if !self.allowance.is_left(now) {
            return Err(Drop::TooMuchReported);
        }
        let messages = rtcp::parse(ingress.open_reports(datagram)?);
        self.allowance
            .spend(messages.iter().map(Message::named).sum());
        let mut told = Vec::new();
        for message in messages {
            match message {
                Message::SenderReport {
                    ssrc,
                    ntp,
                    rtp_time,
                    blocks,
                    ..
                } => {
                    self.clock.report(rtcp::system_time(ntp), now);
                    ingress.sender_report(now, ssrc, ntp, rtp_time);
                    self.take_blocks(now, &blocks, egress);
                }
                Message::ReceiverReport { blocks, .. } => self.take_blocks(now, &blocks, egress),
                Message::Nack { media, lost } => {
                    egress.counters.nacks_received += 1;
                    told.push(Told::Missing {
                        ssrc: media,
                        numbers: lost,
                    });
                }
                Message::KeyframeRequest { media } => told.push(Told::KeyframeWanted(media)),
                Message::Transport(feedback) => {
                    egress.feedback(now, &feedback);
                    told.extend(egress.bps().map(Told::Estimate));
                }
                Message::Remb { bps, ssrcs } => {
                    egress.remb(now, bps, &ssrcs);
                    told.extend(egress.bps().map(Told::Estimate));
                }
                Message::Bye { .. } => {}
            }
        }
        Ok(told)
    }

    fn take_blocks(&mut self, now: Instant, blocks: &[ReportBlock], egress: &mut Egress) {
        if blocks.is_empty() {
            return;
        }
        let lost: u32 = blocks
            .iter()
            .map(|each| u32::from(each.fraction_lost))
            .sum();
        egress.note_loss(lost as f32 / 256.0 / blocks.len() as f32);
        let middle = (self.ntp(now) >> 16) as u32;
        let measured = blocks.iter().filter(|each| each.last_report != 0);
        let measured = measured.filter_map(|each| {
            let units = middle
                .wrapping_sub(each.last_report)
                .checked_sub(each.delay)?;
            let round_trip = Duration::from_micros(u64::from(units) * 1_000_000 / 65_536);
            (round_trip < LONGEST_ROUND_TRIP).then_some(round_trip)
        });
        if let Some(round_trip) = measured.min() {
            self.round_trip = Some(round_trip);
            egress.counters.rtt = Some(round_trip);
        }
    }

    /// Datagrams of plain RTCP that have to go out now; of what is regular, what is due by `by`.
    pub fn due(
        &mut self,
        now: Instant,
        by: Instant,
        ingress: &mut Ingress,
        egress: &mut Egress,
        outputs: &Outputs,
    ) -> Vec<Vec<u8>> {
        let mut datagrams = Datagrams::new(self.ssrc);
        for ssrc in self.keyframes.drain(..) {
            let own = self.ssrc;
            datagrams.add(|out| rtcp::write_pli(out, own, ssrc));
        }
        let round_trip = self.round_trip.unwrap_or(USUAL_ROUND_TRIP);
        for (ssrc, lost) in ingress.missing(now, round_trip) {
            egress.counters.nacks_sent += 1;
            let own = self.ssrc;
            datagrams.add(|out| rtcp::write_nack(out, own, ssrc, &lost));
        }
        if self.next_report.is_some_and(|at| by >= at) {
            self.report(now, ingress, egress, outputs, &mut datagrams);
        }
        // Padding may only be at the end of a datagram, so each feedback is the last of its own.
        let mut feedback = Vec::new();
        ingress.write_feedback(now, by, &mut feedback, self.ssrc);
        for packet in rtcp::packets(&feedback) {
            datagrams.add(|out| out.extend_from_slice(packet));
            datagrams.close();
        }
        egress.counters.rtt = egress.counters.rtt.or(self.round_trip);
        datagrams.done()
    }

    fn report(
        &mut self,
        now: Instant,
        ingress: &mut Ingress,
        egress: &mut Egress,
        outputs: &Outputs,
        datagrams: &mut Datagrams,
    ) {
        let flows = self.media.is_some_and(|at| now < at + 2 * REPORTS_APART);
        self.next_report = flows.then_some(now + REPORTS_APART);
        let ntp = self.ntp(now);
        for report in outputs.reports(now) {
            datagrams.add(|out| {
                let (packets, bytes) = (report.packets, report.bytes);
                rtcp::write_sender_report(
                    out,
                    report.ssrc,
                    ntp,
                    report.timestamp,
                    packets,
                    bytes,
                    &[],
                );
            });
        }
        let (blocks, loss) = ingress.blocks(now);
        egress.counters.loss_in = loss.unwrap_or(0.0);
        let own = self.ssrc;
        for blocks in blocks.chunks(MOST_BLOCKS) {
            datagrams.add(|out| rtcp::write_receiver_report(out, own, blocks));
        }
    }
}

/// Reports put together to compounds: each begins with a report and names us (RFC 3550 §6.1).
struct Datagrams {
    ssrc: u32,
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Datagrams {
    fn new(ssrc: u32) -> Datagrams {
        Datagrams {
            ssrc,
            done: Vec::new(),
            open: Vec::new(),
        }
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut part = Vec::new();
        write(&mut part);
        if part.is_empty() {
            return;
        }
        if self.open.len() + part.len() > FULL {
            self.close();
        }
        if self.open.is_empty() {
            rtcp::write_receiver_report(&mut self.open, self.ssrc, &[]);
            rtcp::write_name(&mut self.open, self.ssrc, NAME);
        }
        self.open.append(&mut part);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    fn done(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.done
    }
}
