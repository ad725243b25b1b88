//! Connections of ICE over TCP, with real sockets and a clock of the test's own.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::world::{Client, credentials};
use _engine::counters::Drop;
use _engine::demux::{Path, Transport};
use _engine::outbox::Outbox;
use _engine::setup::{CertificateHash, DtlsSetup, EndpointId, EndpointSetup, Limits, RemoteSetup};
use _engine::sfu::Sfu;
use _engine::tcp::{Tcp, TcpSetup};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

const PATIENCE: Duration = Duration::from_secs(10);
const S: Duration = Duration::from_secs(1);
const ANA: EndpointId = EndpointId(1);

struct Bridge {
    now: Instant,
    sfu: Sfu,
    tcp: Tcp,
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes(), datagram].concat()
}

impl Bridge {
    /// A bridge with one endpoint, which knows its peer.
    fn new(setup: &TcpSetup) -> Bridge {
        let now = Instant::now();
        let mut sfu = Sfu::new(now, vec![crate::world::server()], Limits::default(), 1);
        let (ours, theirs) = credentials(1);
        let setup_of_ana = EndpointSetup {
            ufrag: ours.ufrag,
            pwd: ours.pass,
            controlling: true,
            payload_types: crate::world::payload_types(),
            extensions: crate::world::extensions(),
        };
        assert!(sfu.add_endpoint(now, ANA, setup_of_ana));
        let remote = RemoteSetup {
            ufrag: theirs.ufrag,
            pwd: theirs.pass,
            fingerprints: vec![CertificateHash {
                hash: "sha-256".into(),
                digest: vec![0; 32],
            }],
            setup: DtlsSetup::Active,
        };
        sfu.set_remote(now, ANA, remote);
        let tcp = Tcp::open(setup, now).unwrap();
        Bridge { now, sfu, tcp }
    }

    fn listening() -> Bridge {
        Bridge::new(&TcpSetup {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            handover: None,
        })
    }

    fn called(&self) -> TcpStream {
        TcpStream::connect(self.tcp.addresses()[0]).unwrap()
    }

    /// Work as the engine's loop does until the condition holds.
    fn until(&mut self, what: &str, holds: impl Fn(&Bridge) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < end,
                "never: {what}; {:?}",
                self.tcp.counters
            );
            self.tcp.receive(self.now, &mut self.sfu);
            self.sfu.flush(self.now);
            let outbox = self.sfu.take_outbox();
            self.tcp.send(self.now, &outbox, &mut self.sfu);
            std::thread::yield_now();
        }
    }

    /// Let the clock of the test go on, and time-outs happen.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.tcp.handle_timeout(self.now, &mut self.sfu);
    }

    fn closed(&self, reason: &str) -> u64 {
        self.tcp.counters.closed.get(reason).copied().unwrap_or(0)
    }

    /// A connection whose check the endpoint has answered, and which said something more with it.
    fn known_saying(&mut self, more: &[u8]) -> TcpStream {
        let mut stream = self.called();
        let sent = self.sfu.counters.packets_sent;
        let said = [&framed(&check(self.now)), more].concat();
        stream.write_all(&said).unwrap();
        let before = self.tcp.counters.open;
        self.until("a further connection", |each| {
            each.tcp.counters.open > before
        });
        self.until("an answer", |each| each.sfu.counters.packets_sent > sent);
        stream
    }

    fn known(&mut self) -> TcpStream {
        self.known_saying(&[])
    }
}

/// A Binding request to the endpoint, with the right password.
fn check(now: Instant) -> Vec<u8> {
    let (theirs, ours) = credentials(1);
    let address = "192.0.2.9:5000".parse().unwrap();
    let mut client = Client::new(now, ANA, address, ours, theirs, true);
    client.call();
    let outbox = client.take_outbox(now);
    outbox.into_iter().next().expect("a check")
}

fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn checks_are_answered_in_frames() {
    let mut bridge = Bridge::listening();
    let mut stream = bridge.known();

    let mut header = [0; 2];
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut header).unwrap();
    let mut answer = vec![0; u16::from_be_bytes(header).into()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[4..8], [0x21, 0x12, 0xa4, 0x42]);
    assert_eq!(bridge.tcp.counters.open, 1);

    drop(stream);
    bridge.until("the end", |each| each.closed("ended") == 1);
    assert_eq!(bridge.tcp.counters.open, 0);
}

#[test]
fn a_connection_that_is_handed_over_is_like_one_of_our_own() {
    let place = std::env::temp_dir().join(format!("handover-{}.sock", std::process::id()));
    let setup = TcpSetup {
        listen: vec![],
        handover: Some(place.clone()),
    };
    let mut bridge = Bridge::new(&setup);
    let pages = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(pages.local_addr().unwrap()).unwrap();
    stream.write_all(&framed(&check(bridge.now))).unwrap();
    {
        let (accepted, _) = pages.accept().unwrap();
        let owner = UnixDatagram::unbound().unwrap();
        owner.connect(&place).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [accepted.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let text = [IoSlice::new(b"tcp")];
        rustix::net::sendmsg(&owner, &text, &mut control, SendFlags::empty()).unwrap();
    }

    bridge.until("an answer", |each| each.sfu.counters.packets_sent > 0);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut [0; 22]).unwrap();
    drop(bridge);
    assert!(!place.exists());
}

#[test]
fn whoever_does_not_begin_with_a_check_is_closed() {
    let mut wrong_password = check(Instant::now());
    let last = wrong_password.len() - 1;
    wrong_password[last - 12] ^= 1;
    for first in [
        framed(&[0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9]),
        framed(&[22, 254, 253, 0, 0]),
        framed(b"GET / HTTP/1.1"),
        framed(&wrong_password),
    ] {
        let mut bridge = Bridge::listening();
        let mut stream = bridge.called();
        stream.write_all(&first).unwrap();
        bridge.until("closed", |each| each.closed("no-check-first") == 1);
        assert!(is_closed(&mut stream));
    }
}

#[test]
fn whoever_says_nothing_or_half_a_word_is_closed_in_time() {
    let mut bridge = Bridge::listening();
    let mut silent = bridge.called();
    let mut slow = bridge.called();
    slow.write_all(&framed(&check(bridge.now))[..9]).unwrap();
    bridge.until("both", |each| each.tcp.counters.open == 2);

    bridge.pass(4 * S);
    assert_eq!(bridge.tcp.counters.open, 2);
    bridge.pass(S);

    assert_eq!(bridge.closed("no-check-first"), 2);
    assert!(is_closed(&mut silent) && is_closed(&mut slow));
}

#[test]
fn a_known_connection_is_closed_for_half_a_frame_for_silence_and_for_too_long_a_frame() {
    let mut bridge = Bridge::listening();
    let _half = bridge.known_saying(&[0]);
    let _silent = bridge.known();
    for _ in 0..10 {
        bridge.pass(S);
    }
    assert_eq!(bridge.closed("half-frame"), 1);
    for _ in 0..20 {
        bridge.pass(S);
    }
    assert_eq!(bridge.closed("silent"), 1);

    let mut long = bridge.known();
    long.write_all(&[0xff, 0xff, 0]).unwrap();
    bridge.until("closed", |each| each.closed("oversized-frame") == 1);
}

#[test]
fn one_that_does_not_read_costs_a_bounded_queue_and_is_closed() {
    let mut bridge = Bridge::listening();
    let stuck = bridge.known();
    let local = stuck.peer_addr().unwrap();
    let remote = stuck.local_addr().unwrap();
    let mut outbox = Outbox::default();
    let path = Path {
        transport: Transport::Tcp,
        local,
        remote,
    };
    outbox.push(1, path, &[0x80; 1200]);
    for _ in 0..20_000 {
        bridge.tcp.send(bridge.now, &outbox, &mut bridge.sfu);
    }
    let dropped = bridge.sfu.counters.dropped(Drop::SendQueueFull);
    // 24 MB were to be sent; the kernel and one mebibyte of ours hold the rest.
    assert!(dropped > 10_000, "{dropped}");

    bridge.pass(9 * S);
    assert_eq!(bridge.tcp.counters.open, 1);
    bridge.pass(S);
    assert_eq!(bridge.closed("stalled"), 1);
}

#[test]
fn strangers_of_one_address_are_counted_until_they_are_known() {
    let mut bridge = Bridge::listening();
    let strangers: Vec<TcpStream> = (0..257).map(|_| bridge.called()).collect();
    bridge.until("all", |each| each.tcp.counters.opened == 257);
    assert_eq!(bridge.tcp.counters.open, 256);
    assert_eq!(bridge.closed("too-many"), 1);

    drop(strangers);
    bridge.until("the end", |each| each.tcp.counters.open == 0);
    let _known = bridge.known();
}

#[test]
fn connections_of_an_endpoint_end_with_it() {
    let mut bridge = Bridge::listening();
    let mut stream = bridge.known();
    bridge.sfu.remove_endpoint(ANA);
    bridge.pass(S);

    assert_eq!(bridge.closed("endpoint-gone"), 1);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = taken.local_addr().unwrap();
    let setup = TcpSetup {
        listen: vec![address],
        handover: None,
    };

    let error = Tcp::open(&setup, Instant::now()).unwrap_err();

    assert_eq!(error.what, address.to_string());
    assert_eq!(error.error.kind(), ErrorKind::AddrInUse);
}
