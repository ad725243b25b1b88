//! A client without a session library: it sends the RTP and RTCP it is told to, right or wrong,
//! with the keys of a real handshake.

use std::net::SocketAddr;
use std::time::Instant;

use _engine::crypto;
use _engine::demux::{self, Path, Transport};
use _engine::dtls::{Handshake, Progress};
use _engine::ice::{Ice, Turn};
use _engine::rtp::{self, FIXED_BYTES, Header};
use _engine::setup::{CertificateHash, EndpointId};
use _engine::srtp::{Opening, Sealing};
use str0m::net::Protocol;
use str0m::{Candidate, IceCreds};

use super::server;

pub struct Raw {
    pub id: EndpointId,
    pub address: SocketAddr,
    pub deadline: Instant,
    /// Headers and payloads of RTP, in order of arrival.
    pub packets: Vec<(Header, Vec<u8>)>,
    /// Compounds of RTCP.
    pub reports: Vec<Vec<u8>>,
    /// Of RTP and RTCP, as they came.
    pub bytes_received: usize,
    /// What of it could not be opened.
    pub refused: usize,
    ice: Ice,
    handshake: Handshake,
    protection: Option<(Sealing, Opening)>,
    waiting: Vec<Vec<u8>>,
    outbox: Vec<Vec<u8>>,
    is_reachable: bool,
}

impl Raw {
    pub fn new(
        now: Instant,
        id: EndpointId,
        address: SocketAddr,
        ours: IceCreds,
        theirs: IceCreds,
    ) -> Raw {
        let mut ice = Ice::new(ours, false, &[address]);
        ice.connect(now, theirs);
        ice.add_remote(&Candidate::host(server(), Protocol::Udp).unwrap());
        Raw {
            id,
            address,
            deadline: now,
            packets: Vec::new(),
            reports: Vec::new(),
            bytes_received: 0,
            refused: 0,
            ice,
            handshake: Handshake::start(now, true).unwrap(),
            protection: None,
            waiting: Vec::new(),
            outbox: Vec::new(),
            is_reachable: false,
        }
    }

    /// Of the certificate it shows.
    pub fn fingerprint() -> CertificateHash {
        CertificateHash::parse("sha-256", crypto::fingerprint()).unwrap()
    }

    pub fn is_connected(&self) -> bool {
        self.protection.is_some()
    }

    /// Send a packet; `index` is its sequence number with the rollovers before it.
    pub fn send_rtp(
        &mut self,
        payload_type: u8,
        ssrc: u32,
        index: u64,
        timestamp: u32,
        payload: &[u8],
    ) {
        let (sealing, _) = self.protection.as_mut().expect("a connected client");
        let mut packet = Vec::new();
        let seq = index as u16;
        rtp::write(&mut packet, payload_type, true, seq, timestamp, ssrc, false);
        packet.extend_from_slice(payload);
        sealing.seal_rtp(&mut packet, 0, FIXED_BYTES, index);
        self.outbox.push(packet);
    }

    /// Send a whole packet of RTP, which may be any bytes; what is no packet is not sent.
    pub fn send_packet(&mut self, plain: &[u8], index: u64) {
        let (sealing, _) = self.protection.as_mut().expect("a connected client");
        let mut packet = plain.to_vec();
        if let Some(header) = rtp::read(&packet) {
            sealing.seal_rtp(&mut packet, 0, header.length, index);
            self.outbox.push(packet);
        }
    }

    /// Send a compound of RTCP, which may be any bytes; less than a header is not sent.
    pub fn send_rtcp(&mut self, compound: &[u8]) {
        let (sealing, _) = self.protection.as_mut().expect("a connected client");
        let mut packet = compound.to_vec();
        sealing.seal_rtcp(&mut packet, 0);
        if !packet.is_empty() {
            self.outbox.push(packet);
        }
    }

    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let path = Path {
            transport: Transport::Udp,
            local: self.address,
            remote: server(),
        };
        match demux::classify(datagram) {
            Ok(demux::Protocol::Stun) => _ = self.ice.receive(now, path, datagram),
            Ok(demux::Protocol::Dtls) => self.handshake.receive(datagram).unwrap(),
            Ok(media) => self.open(datagram, media),
            Err(_) => self.refused += 1,
        }
        self.drive(now);
    }

    fn open(&mut self, datagram: &[u8], media: demux::Protocol) {
        self.bytes_received += datagram.len();
        let Some((_, opening)) = &mut self.protection else {
            self.refused += 1;
            return;
        };
        let mut plain = Vec::new();
        if media == demux::Protocol::Rtcp {
            match opening.open_rtcp(datagram, &mut plain) {
                Ok(()) => self.reports.push(plain),
                Err(_) => self.refused += 1,
            }
            return;
        }
        let header = rtp::read(datagram).unwrap();
        match opening.open_rtp(datagram, header.length, &mut plain) {
            Ok(_) => self.packets.push((header, plain.split_off(header.length))),
            Err(_) => self.refused += 1,
        }
    }

    pub fn drive(&mut self, now: Instant) {
        let (mut transmits, mut turns) = (Vec::new(), Vec::new());
        self.ice.drive(now, &mut transmits, &mut turns);
        self.outbox
            .extend(transmits.into_iter().map(|each| each.contents.into()));
        if turns.contains(&Turn::Reachable(true)) {
            self.is_reachable = true;
        }
        for each in self.handshake.drive(now).unwrap() {
            match each {
                Progress::Datagram(datagram) => self.waiting.push(datagram),
                Progress::Connected => {
                    let keys = self.handshake.take_keys().unwrap();
                    let opening = Opening::new(&keys, true).unwrap();
                    self.protection = Some((Sealing::new(&keys, true).unwrap(), opening));
                }
                Progress::Closed => {}
            }
        }
        if self.is_reachable {
            self.outbox.append(&mut self.waiting);
        }
        let deadlines = [self.ice.deadline(), self.handshake.deadline()];
        let soonest = deadlines.into_iter().flatten().min();
        self.deadline = soonest
            .unwrap_or(now + super::MS * 1000)
            .max(now + super::MS);
    }

    pub fn take_outbox(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outbox)
    }
}
