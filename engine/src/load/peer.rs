//! One client: its socket, its session, what it sends and what it has got.

use std::net::SocketAddr;
use std::time::Instant;

use super::bare::{Cipher, Header};
use super::publication::{Outgoing, Publication, PublicationSetup};
use super::socket::{Arrival, PeerSocket};
use super::tally::{Progresses, Tally};
use super::webrtc::{Agreed, Expected, Milestones, Produced, Session};

/// How a peer's packets are protected.
#[derive(Debug)]
enum Transport {
    /// Signalling has not come to an agreement yet.
    Waiting,
    WebRtc(Box<Session>),
    Bare {
        sealing: Cipher,
        opening: Cipher,
        server: SocketAddr,
        transport_seq: u16,
    },
}

#[derive(Debug)]
pub struct Peer {
    pub id: u32,
    pub room: u32,
    pub socket: PeerSocket,
    transport: Transport,
    publications: Vec<Publication>,
    progresses: Progresses,
    produced: Produced,
}

impl Peer {
    pub fn new(id: u32, room: u32, socket: PeerSocket) -> Peer {
        Peer {
            id,
            room,
            socket,
            transport: Transport::Waiting,
            publications: Vec::new(),
            progresses: Progresses::default(),
            produced: Produced::default(),
        }
    }

    /// Connect with what signalling agreed.
    pub fn connect(&mut self, now: Instant, agreed: Agreed) {
        if let Ok(session) = Session::new(now, self.socket.address, agreed) {
            self.transport = Transport::WebRtc(Box::new(session));
        }
    }

    /// Talk to a server that knows the keys: all send under number 0, each receives under its port.
    pub fn connect_bare(&mut self, server: SocketAddr) {
        self.transport = Transport::Bare {
            sealing: Cipher::numbered(0),
            opening: Cipher::numbered(self.socket.address.port().into()),
            server,
            transport_seq: 0,
        };
    }

    pub fn publish(&mut self, now: Instant, setup: PublicationSetup) {
        if let Transport::WebRtc(session) = &mut self.transport {
            session.publish(&setup);
        }
        let stream = self.publications.len() as u32;
        let seed = u64::from(self.id) << 8 | u64::from(stream);
        self.publications
            .push(Publication::new(now, setup, stream, seed));
    }

    pub fn expect(&mut self, streams: &[Expected]) {
        if let Transport::WebRtc(session) = &mut self.transport {
            session.expect(streams);
        }
    }

    pub fn start(&mut self, now: Instant) {
        for publication in &mut self.publications {
            publication.start(now);
        }
    }

    pub fn stop(&mut self) {
        for publication in &mut self.publications {
            publication.stop();
        }
    }

    /// Start counting anew.
    pub fn forget(&mut self) {
        self.progresses.forget();
    }

    pub fn streams_heard(&self) -> usize {
        self.progresses.heard()
    }

    pub fn milestones(&self) -> Milestones {
        match &self.transport {
            Transport::WebRtc(session) => session.milestones,
            _ => Milestones::default(),
        }
    }

    /// When a packet is to be sent.
    pub fn send_due(&self) -> Option<Instant> {
        self.publications.iter().filter_map(Publication::due).min()
    }

    /// When the session wants to be driven.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.transport {
            Transport::WebRtc(session) => Some(session.deadline),
            _ => None,
        }
    }

    /// Send what is due, each packet by itself so that its stamp is true.
    pub fn send(&mut self, now: Instant, tally: &mut Tally) {
        for index in 0..self.publications.len() {
            while let Some(packet) = self.publications[index].next(now, self.room, self.id) {
                tally.sent += 1;
                self.send_one(now, packet);
                self.drive(now, tally);
            }
        }
    }

    fn send_one(&mut self, now: Instant, packet: Outgoing) {
        match &mut self.transport {
            Transport::Waiting => {}
            Transport::WebRtc(session) => session.send(now, packet),
            Transport::Bare {
                sealing,
                server,
                transport_seq,
                ..
            } => {
                *transport_seq = transport_seq.wrapping_add(1);
                let header = Header {
                    marker: packet.marker,
                    payload_type: packet.payload_type,
                    seq: packet.seq as u16,
                    timestamp: packet.timestamp,
                    ssrc: packet.ssrc,
                    transport_seq: *transport_seq,
                };
                let mut bytes = header.packet(&packet.payload);
                sealing.seal(&mut bytes);
                self.socket.send(*server, &bytes);
            }
        }
    }

    /// Take one datagram that came in.
    pub fn receive(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &mut [u8],
        tally: &mut Tally,
    ) {
        match &mut self.transport {
            Transport::Waiting => {}
            Transport::WebRtc(session) => {
                session.receive(now, arrival.from, self.socket.address, datagram);
                self.drive_since(now, arrival.at_ns, tally);
            }
            Transport::Bare { opening, .. } => {
                if let Some((at, length)) = opening.open(datagram) {
                    let seq = u64::from(u16::from_be_bytes([datagram[2], datagram[3]]));
                    let ssrc =
                        u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]);
                    let payload = &datagram[at..at + length];
                    self.progresses
                        .note(tally, self.room, ssrc, seq, payload, arrival.at_ns);
                }
            }
        }
    }

    /// Let the session work.
    pub fn drive(&mut self, now: Instant, tally: &mut Tally) {
        self.drive_since(now, super::stamp::realtime_ns(), tally);
    }

    fn drive_since(&mut self, now: Instant, at_ns: u64, tally: &mut Tally) {
        let Transport::WebRtc(session) = &mut self.transport else {
            return;
        };
        session.drive(now, &mut self.produced);
        for (to, bytes) in self.produced.datagrams.drain(..) {
            self.socket.send(to, &bytes);
        }
        for packet in self.produced.packets.drain(..) {
            let (ssrc, seq) = (*packet.header.ssrc, *packet.seq_no);
            self.progresses
                .note(tally, self.room, ssrc, seq, &packet.payload, at_ns);
        }
        if std::mem::take(&mut self.produced.keyframe_wanted) {
            for publication in &mut self.publications {
                publication.want_key();
            }
        }
    }
}
