//! A small world for tests: the engine's core, clients made of str0m sessions, a network and a
//! clock that stands still unless told otherwise.

#![allow(dead_code, reason = "not every test uses all of it")]

mod client;
pub mod dependency;
mod media;
mod raw;
pub mod svc;
pub mod unharmed;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use _engine::demux::{Path, Transport};
use _engine::events::Event;
use _engine::outbox::Outbox;
use _engine::setup::{
    CertificateHash, Codec, DtlsSetup, EndpointId, EndpointSetup, Limits, PayloadType, RemoteSetup,
    SourceSetup, Wanted,
};
use _engine::sfu::Sfu;
use str0m::net::{Protocol, Receive};
use str0m::{IceCreds, Input};

pub use client::Client;
pub use media::*;
pub use raw::Raw;

pub const MS: Duration = Duration::from_millis(1);
const LATENCY: Duration = Duration::from_millis(5);
/// What a narrow link holds before it drops.
const LONGEST_QUEUE: Duration = Duration::from_millis(400);

pub fn server() -> SocketAddr {
    "192.0.2.1:10000".parse().unwrap()
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

type Late = Box<dyn FnMut(Instant, SocketAddr) -> Instant>;
type Filter = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub sfu: Sfu,
    pub clients: Vec<Client>,
    pub raws: Vec<Raw>,
    pub events: Vec<Event>,
    /// Says false of datagrams the network loses.
    pub passes: Filter,
    /// The rate of the link towards one address, in bits per second.
    pub narrow: Option<(SocketAddr, u64)>,
    narrow_free_at: Instant,
    /// When a datagram for this address arrives that would have arrived then.
    pub late: Late,
    flights: BTreeMap<(Instant, u64), Flight>,
    flown: u64,
}

impl World {
    pub fn new() -> World {
        World::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> World {
        // Some time has passed since the clock's zero, as on any machine.
        let now = Instant::now() + Duration::from_secs(100);
        World {
            now,
            start: now,
            sfu: Sfu::new(now, vec![server()], limits, 7),
            clients: Vec::new(),
            raws: Vec::new(),
            events: Vec::new(),
            passes: Box::new(|_, _, _| true),
            narrow: None,
            narrow_free_at: now,
            late: Box::new(|at, _| at),
            flights: BTreeMap::new(),
            flown: 0,
        }
    }

    /// Add a client and the endpoint that serves it, with the right credentials on both sides.
    pub fn join(&mut self) -> usize {
        let index = self.add_client();
        self.introduce(index, None);
        index
    }

    /// The client and its endpoint; the endpoint knows nothing of the client yet.
    pub fn add_client(&mut self) -> usize {
        let index = self.add_client_with(true);
        self.clients[index].call();
        index
    }

    fn add_client_with(&mut self, is_dtls_client: bool) -> usize {
        self.add_client_offered(is_dtls_client, payload_types(), extensions())
    }

    fn add_client_offered(
        &mut self,
        is_dtls_client: bool,
        offered: Vec<PayloadType>,
        extensions: Vec<(u8, String)>,
    ) -> usize {
        let index = self.clients.len();
        let id = EndpointId(index as u64 + 1);
        let (ours, theirs) = credentials(index);
        let setup = EndpointSetup {
            ufrag: ours.ufrag.clone(),
            pwd: ours.pass.clone(),
            controlling: true,
            payload_types: offered,
            extensions,
        };
        assert!(self.sfu.add_endpoint(self.now, id, setup));
        let address: SocketAddr = format!("198.51.100.{}:5000", index + 1).parse().unwrap();
        self.clients.push(Client::new(
            self.now,
            id,
            address,
            theirs,
            ours,
            is_dtls_client,
        ));
        index
    }

    /// A client without redundant audio.
    pub fn join_without_red(&mut self) -> usize {
        let mut offered = payload_types();
        offered.retain(|each| each.codec != Codec::Red);
        self.join_offered(offered, extensions())
    }

    /// A client whose endpoint is offered only this.
    pub fn join_offered(
        &mut self,
        payload_types: Vec<PayloadType>,
        extensions: Vec<(u8, String)>,
    ) -> usize {
        let index = self.add_client_offered(true, payload_types, extensions);
        self.clients[index].call();
        self.introduce(index, None);
        index
    }

    /// A client that does not know the header extension whose URI has this in it.
    pub fn join_without_extension(&mut self, unknown: &str) -> usize {
        let mut known = extensions();
        known.retain(|(_, uri)| !uri.contains(unknown));
        self.join_offered(payload_types(), known)
    }

    /// A client that sends what it is told to, and its endpoint.
    pub fn join_raw(&mut self) -> usize {
        let index = self.raws.len();
        let number = 100 + index;
        let id = EndpointId(number as u64);
        let (ours, theirs) = credentials(number);
        let setup = EndpointSetup {
            ufrag: ours.ufrag.clone(),
            pwd: ours.pass.clone(),
            controlling: true,
            payload_types: payload_types(),
            extensions: extensions(),
        };
        assert!(self.sfu.add_endpoint(self.now, id, setup));
        let remote = RemoteSetup {
            ufrag: theirs.ufrag.clone(),
            pwd: theirs.pass.clone(),
            fingerprints: vec![Raw::fingerprint()],
            setup: DtlsSetup::Active,
        };
        self.sfu.set_remote(self.now, id, remote);
        let address = format!("198.51.100.{number}:5000").parse().unwrap();
        let raw = Raw::new(self.now, id, address, theirs, ours);
        self.raws.push(raw);
        index
    }

    /// A client that does not know where the engine is, and waits to be called.
    pub fn join_waiting(&mut self) -> usize {
        let index = self.add_client_with(true);
        self.introduce(index, None);
        index
    }

    /// A client that takes the server's side of DTLS.
    pub fn join_passive(&mut self) -> usize {
        let index = self.add_client_with(false);
        self.clients[index].call();
        self.introduce_as(index, None, DtlsSetup::Passive);
        index
    }

    /// Tell the endpoint about its client; another digest than the client's makes it a stranger.
    pub fn introduce(&mut self, index: usize, digest: Option<Vec<u8>>) {
        self.introduce_as(index, digest, DtlsSetup::Active);
    }

    fn introduce_as(&mut self, index: usize, digest: Option<Vec<u8>>, setup: DtlsSetup) {
        let (_, theirs) = credentials(index);
        let client = &mut self.clients[index];
        let real = client
            .rtc
            .direct_api()
            .local_dtls_fingerprint()
            .bytes
            .clone();
        let fingerprints = vec![
            CertificateHash {
                hash: "sha-256".into(),
                digest: vec![0; 32],
            },
            CertificateHash {
                hash: "sha-256".into(),
                digest: digest.unwrap_or(real),
            },
        ];
        let remote = RemoteSetup {
            ufrag: theirs.ufrag,
            pwd: theirs.pass,
            fingerprints,
            setup,
        };
        self.sfu.set_remote(self.now, client.id, remote);
    }

    /// `count` clients, connected.
    pub fn connected(count: usize) -> World {
        let mut world = World::new();
        for _ in 0..count {
            world.join();
        }
        world.run(1000 * MS);
        assert!(
            world.clients.iter().all(|client| client.is_connected),
            "{:?}",
            world.events
        );
        world
    }

    /// Two connected clients who hear each other; their voices have the SSRCs 11 and 22.
    pub fn of_two_voices() -> World {
        let mut world = World::connected(2);
        let (a, b) = (audio(1, 11), audio(2, 22));
        world.clients[0].publish(&a);
        world.clients[1].publish(&b);
        world.clients[0].expect(&b);
        world.clients[1].expect(&a);
        world.set_sources(0, vec![a]);
        world.set_sources(1, vec![b]);
        world.forward(0, vec![wanted(2, 0, 7)]);
        world.forward(1, vec![wanted(1, 0, 7)]);
        world
    }

    /// Let time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange();
            let mut next = self.sfu.next_timeout();
            for client in &self.clients {
                next = next.min(client.deadline);
            }
            for raw in &self.raws {
                next = next.min(raw.deadline);
            }
            if let Some((&(at, _), _)) = self.flights.first_key_value() {
                next = next.min(at);
            }
            if next > end {
                self.now = end;
                return;
            }
            self.now = next.max(self.now);
            self.deliver();
            self.sfu.handle_timeout(self.now);
            for client in &mut self.clients {
                if client.deadline <= self.now {
                    client.rtc.handle_input(Input::Timeout(self.now)).unwrap();
                }
            }
            for raw in &mut self.raws {
                if raw.deadline <= self.now {
                    raw.drive(self.now);
                }
            }
        }
    }

    fn deliver(&mut self) {
        while let Some((&key, _)) = self.flights.first_key_value()
            && key.0 <= self.now
        {
            let flight = self.flights.remove(&key).unwrap();
            if flight.to == server() {
                let path = Path {
                    transport: Transport::Udp,
                    local: flight.to,
                    remote: flight.from,
                };
                self.sfu.receive(self.now, path, &flight.bytes);
            } else if let Some(client) = self.clients.iter_mut().find(|c| c.address == flight.to) {
                let receive =
                    Receive::new(Protocol::Udp, flight.from, client.inside, &flight.bytes);
                let input = Input::Receive(self.now, receive.unwrap());
                client.rtc.handle_input(input).unwrap();
                let mut outbox = Vec::new();
                client.poll(self.now, &mut outbox);
                client.outbox = outbox;
            } else if let Some(raw) = self.raws.iter_mut().find(|raw| raw.address == flight.to) {
                raw.receive(self.now, &flight.bytes);
            }
        }
        self.sfu.flush(self.now);
    }

    /// What the engine has sent, on its way to the clients.
    pub fn put_in_flight(&mut self, outbox: &Outbox) {
        for (datagram, contents) in outbox.iter() {
            let path = datagram.path;
            self.launch(path.local, path.remote, contents.to_vec());
        }
    }

    fn exchange(&mut self) {
        let mut sent = Vec::new();
        for client in &mut self.clients {
            client.poll(self.now, &mut sent);
        }
        for raw in &mut self.raws {
            let address = raw.address;
            let datagrams = raw.take_outbox().into_iter();
            sent.extend(datagrams.map(|bytes| (address, server(), bytes)));
        }
        let outbox = self.sfu.take_outbox();
        for (datagram, contents) in outbox.iter() {
            let path = datagram.path;
            sent.push((path.local, path.remote, contents.to_vec()));
        }
        self.events.extend(self.sfu.take_events());
        for (from, to, bytes) in sent {
            self.launch(from, to, bytes);
        }
    }

    /// Put a datagram on its way, unless the network loses it.
    fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if !(self.passes)(from, to, &bytes) {
            return;
        }
        let mut at = self.now + LATENCY;
        if let Some((narrow, bps)) = self.narrow
            && narrow == to
        {
            let start = self.narrow_free_at.max(self.now);
            if start > self.now + LONGEST_QUEUE {
                return;
            }
            self.narrow_free_at =
                start + Duration::from_nanos(bytes.len() as u64 * 8_000_000_000 / bps);
            at = self.narrow_free_at + LATENCY;
        }
        at = (self.late)(at, to);
        self.flown += 1;
        self.flights
            .insert((at, self.flown), Flight { from, to, bytes });
    }

    /// A datagram from nowhere.
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.sfu.receive(
            self.now,
            Path {
                transport: Transport::Udp,
                local: server(),
                remote: from,
            },
            bytes,
        );
        self.sfu.flush(self.now);
    }

    pub fn set_sources(&mut self, client: usize, sources: Vec<SourceSetup>) {
        let id = self.clients[client].id;
        self.sfu.set_sources(self.now, id, sources);
    }

    pub fn forward(&mut self, client: usize, wanted: Vec<Wanted>) {
        let id = self.clients[client].id;
        self.sfu.forward(self.now, id, wanted);
    }

    pub fn count_events(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| matches(event)).count()
    }
}

/// Of the engine's and of the client's side.
pub fn credentials(index: usize) -> (IceCreds, IceCreds) {
    let creds = |side: &str| IceCreds {
        ufrag: format!("{side}{index:04}"),
        pass: format!("{side}{index:04}passwordpassword"),
    };
    (creds("srv"), creds("cli"))
}
