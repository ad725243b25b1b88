//! Peers on real sockets: two of them, straight, and through a TCP connection.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use _engine::client::application::Application;
use _engine::client::events::{Event, Listener, ReceivedFrame, ReceivedPacket};
use _engine::client::framing::{Unframer, frame};
use _engine::client::setup::{
    Frame, Mode, Packet, PeerId, PeerLimits, PeerSetup, RemoteCandidate, StreamSetup,
};
use _engine::client::thread::ClientThread;
use _engine::crypto;
use _engine::setup::{CertificateHash, Codec, DtlsSetup, MediaKind, PayloadType, RemoteSetup};

const PATIENCE: Duration = Duration::from_secs(20);
const VIDEO: StreamSetup = StreamSetup {
    ssrc: 1000,
    rtx: Some(2000),
    kind: MediaKind::Video,
};
const AUDIO: StreamSetup = StreamSetup {
    ssrc: 3000,
    rtx: None,
    kind: MediaKind::Audio,
};

struct Tell(Sender<Event>);

impl Application for Tell {}

impl Listener for Tell {
    fn take(&mut self, _now: Instant, event: Event) {
        let _ = self.0.send(event);
    }
}

struct Pair {
    thread: ClientThread,
    events: Receiver<Event>,
    addresses: Vec<Vec<SocketAddr>>,
}

fn payload_types() -> Vec<PayloadType> {
    let of = |number, codec, clock_rate, channels, rtx| PayloadType {
        number,
        codec,
        clock_rate,
        channels,
        rtx,
        parameters: vec![],
    };
    vec![
        of(111, Codec::Opus, 48_000, 2, None),
        of(100, Codec::Vp8, 90_000, 1, Some(96)),
    ]
}

fn ufrag(peer: u64) -> String {
    format!("peer{peer}")
}

fn remote(of: u64, setup: DtlsSetup) -> RemoteSetup {
    RemoteSetup {
        ufrag: ufrag(of),
        pwd: format!("password-of-peer-number-{of}"),
        fingerprints: vec![CertificateHash::parse("sha-256", crypto::fingerprint()).unwrap()],
        setup,
    }
}

fn host(address: SocketAddr, is_tcp: bool) -> RemoteCandidate {
    RemoteCandidate {
        is_tcp,
        address,
        kind: "host".into(),
        priority: 2_000_000_000,
    }
}

impl Pair {
    /// Peers 1 (controlled, like a participant) and 2 (controlling, like a bridge), introduced.
    fn new(mode: Mode, first_binds: bool) -> Pair {
        let (sender, events) = channel();
        let thread = ClientThread::start(Tell(sender)).unwrap();
        let mut addresses = Vec::new();
        for peer in [1, 2] {
            let is_bound = peer == 2 || first_binds;
            let setup = PeerSetup {
                ufrag: ufrag(peer),
                pwd: format!("password-of-peer-number-{peer}"),
                controlling: peer == 2,
                mode,
                payload_types: payload_types(),
                extensions: vec![(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level".into())],
                bind: is_bound
                    .then_some(IpAddr::from(Ipv4Addr::LOCALHOST))
                    .into_iter()
                    .collect(),
                estimate: false,
                limits: PeerLimits::default(),
            };
            addresses.push(thread.add_peer(PeerId(peer), setup).unwrap());
        }
        thread.act(None, |now, peers| {
            peers.publish(PeerId(1), &[VIDEO, AUDIO]);
            peers.subscribe(PeerId(2), &[VIDEO, AUDIO]);
            peers.set_remote(now, PeerId(1), remote(2, DtlsSetup::ActPass));
            peers.set_remote(now, PeerId(2), remote(1, DtlsSetup::Active));
        });
        Pair {
            thread,
            events,
            addresses,
        }
    }

    fn until<T>(&self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("the event in time");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    fn connected(&self) {
        let mut count = 0;
        self.until(|event| {
            count += usize::from(matches!(event, Event::Connected { .. }));
            (count == 2).then_some(())
        });
    }

    fn frame(&self) -> ReceivedFrame {
        self.until(|event| match event {
            Event::Frame(frame) => Some(frame),
            _ => None,
        })
    }

    fn packet(&self) -> ReceivedPacket {
        self.until(|event| match event {
            Event::Packet(packet) => Some(packet),
            _ => None,
        })
    }

    fn send(&self, frame: Frame) {
        self.thread.act(None, move |now, peers| {
            peers.send_frame(now, PeerId(1), frame).unwrap();
        });
    }
}

/// A VP8 key frame of 320x180 as far as a depacketizer looks, large enough for many packets.
fn vp8_keyframe() -> Vec<u8> {
    let mut data = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
    data.resize(50_000, 0x55);
    data
}

#[test]
fn frames_arrive_whole_with_their_timestamp() {
    let pair = Pair::new(Mode::Frames, true);
    let address = pair.addresses[1][0];
    pair.thread.act(None, move |now, peers| {
        peers.add_remote_candidate(now, PeerId(1), host(address, false));
    });
    pair.connected();

    pair.send(Frame {
        ssrc: VIDEO.ssrc,
        payload_type: 100,
        timestamp: 90_000,
        payload: vp8_keyframe().into(),
        level: None,
    });
    let video = pair.frame();
    pair.send(Frame {
        ssrc: AUDIO.ssrc,
        payload_type: 111,
        timestamp: 960,
        payload: vec![0xfc, 1, 2].into(),
        level: Some(30),
    });
    let audio = pair.frame();

    assert_eq!((video.peer, video.ssrc), (PeerId(2), VIDEO.ssrc));
    assert_eq!(video.timestamp & 0xffff_ffff, 90_000);
    assert!(video.is_keyframe);
    assert_eq!(&*video.data, &vp8_keyframe()[..]);
    assert_eq!((audio.ssrc, audio.level), (AUDIO.ssrc, Some(30)));
    assert_eq!(&*audio.data, [0xfc, 1, 2]);
}

#[test]
fn packets_arrive_as_they_were_sent() {
    let pair = Pair::new(Mode::Packets, true);
    let address = pair.addresses[1][0];
    pair.thread.act(None, move |now, peers| {
        peers.add_remote_candidate(now, PeerId(1), host(address, false));
    });
    pair.connected();

    pair.thread.act(None, |now, peers| {
        let packet = Packet {
            ssrc: VIDEO.ssrc,
            payload_type: 100,
            sequence: 7,
            timestamp: 4_294_967_290,
            marker: true,
            payload: vec![9; 1100].into(),
            level: None,
        };
        peers.send_packet(now, PeerId(1), packet).unwrap();
    });
    let packet = pair.packet();

    assert_eq!(packet.sequence & 0xffff, 7);
    assert_eq!((packet.timestamp, packet.marker), (4_294_967_290, true));
    assert_eq!(&*packet.payload, [9; 1100]);
}

#[test]
fn a_peer_without_udp_takes_a_tcp_candidate() {
    let pair = Pair::new(Mode::Frames, false);
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, inside) = (gate.local_addr().unwrap(), pair.addresses[1][0]);
    std::thread::spawn(move || carry(&gate, inside));
    pair.thread.act(None, move |now, peers| {
        peers.add_remote_candidate(now, PeerId(1), host(address, true));
    });

    let is_tcp = pair.until(|event| match event {
        Event::Path {
            peer: PeerId(1),
            is_tcp,
            remote,
            ..
        } => Some(is_tcp && remote == address),
        _ => None,
    });
    pair.connected();
    pair.send(Frame {
        ssrc: VIDEO.ssrc,
        payload_type: 100,
        timestamp: 1,
        payload: vp8_keyframe().into(),
        level: None,
    });

    assert!(is_tcp);
    assert_eq!(pair.frame().data.len(), 50_000);
}

/// What a bridge with ICE-TCP does, in small: datagrams of one connection to a UDP address.
fn carry(gate: &TcpListener, inside: SocketAddr) {
    let (mut outer, _) = gate.accept().unwrap();
    let inner = UdpSocket::bind("127.0.0.1:0").unwrap();
    inner.connect(inside).unwrap();
    let (mut back, back_inner) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok(length) = back_inner.recv(&mut datagram) {
            let mut framed = Vec::new();
            assert!(frame(&datagram[..length], &mut framed));
            if back.write_all(&framed).is_err() {
                return;
            }
        }
    });
    let (mut unframer, mut bytes) = (Unframer::default(), [0; 4096]);
    while let Ok(length @ 1..) = outer.read(&mut bytes) {
        unframer.push(&bytes[..length]);
        while let Some(datagram) = unframer.pop() {
            inner.send(datagram).unwrap();
        }
    }
}

#[test]
fn a_refused_connection_is_told() {
    let pair = Pair::new(Mode::Frames, false);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    pair.thread.act(None, move |now, peers| {
        peers.add_remote_candidate(now, PeerId(1), host(address, true));
    });

    let failed = pair.until(|event| match event {
        Event::CandidateFailed { remote, errno, .. } => Some((remote, errno)),
        _ => None,
    });

    assert_eq!(
        failed,
        (address, rustix::io::Errno::CONNREFUSED.raw_os_error())
    );
}

#[test]
fn the_end_of_one_side_reaches_the_other() {
    let pair = Pair::new(Mode::Frames, true);
    let address = pair.addresses[1][0];
    pair.thread.act(None, move |now, peers| {
        peers.add_remote_candidate(now, PeerId(1), host(address, false));
    });
    pair.connected();

    pair.thread
        .act(None, |now, peers| peers.remove(now, PeerId(1)));
    let failed = pair.until(|event| match event {
        Event::Failed { peer, reason } => Some((peer, reason)),
        _ => None,
    });

    assert_eq!(failed, (PeerId(2), "closed"));
}

#[test]
fn a_bug_costs_its_peer_only() {
    let pair = Pair::new(Mode::Frames, true);
    pair.thread
        .act(Some(PeerId(2)), |_, _| panic!("on purpose, by a test"));

    let failed = pair.until(|event| match event {
        Event::Failed { peer, reason } => Some((peer, reason)),
        _ => None,
    });
    let (sender, left) = channel();
    pair.thread.act(None, move |_, peers| {
        let _ = sender.send(peers.len());
    });

    assert_eq!(failed, (PeerId(2), "internal"));
    assert_eq!(left.recv_timeout(PATIENCE).unwrap(), 1);
}
