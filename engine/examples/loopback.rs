//! What the engine's thread costs with real sockets: one process is the engine, this one plays all
//! clients over loopback, through real ICE, DTLS and SRTP.
//!
//! `cargo run --release --example loopback [receivers] [packets/s] [seconds] [quiet] [burst] [bytes]`
//!
//! One client sends video at the given rate, in bursts of so many packets, to all receivers. Each
//! receiver also has `quiet` audio and as many video streams, of which each has had one packet. With
//! a rate of 0 the cost is given per participant and second. The clients look at their sockets every
//! 2 ms, so that the engine's sends wake nobody.

#[path = "../tests/world/mod.rs"]
mod world;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use str0m::Input;
use str0m::net::{Protocol, Receive};

use _engine::counters::Snapshot;
use _engine::engine_loop::{EngineThread, Order};
use _engine::setup::{
    CertificateHash, DtlsSetup, EndpointId, EndpointSetup, Limits, RemoteSetup, SourceSetup,
};
use _engine::tcp::TcpSetup;
use world::{Client, Frame, audio, credentials, extensions, opus, payload_types, server, video};
use world::{vp8, wanted};

const TURN: Duration = Duration::from_millis(2);
const SSRC: u32 = 500_000;

#[derive(Clone, Copy)]
struct Plan {
    receivers: usize,
    rate: u64,
    seconds: u64,
    quiet: u32,
    burst: u64,
    bytes: usize,
}

impl Plan {
    fn from_arguments(skip: usize) -> Plan {
        let numbers: Vec<u64> = std::env::args()
            .skip(skip)
            .filter_map(|text| text.parse().ok())
            .collect();
        let get = |at: usize, default: u64| numbers.get(at).copied().unwrap_or(default);
        Plan {
            receivers: get(0, 30) as usize,
            rate: get(1, 400),
            seconds: get(2, 10),
            quiet: get(3, 0) as u32,
            burst: get(4, 1).max(1),
            bytes: get(5, 1100) as usize,
        }
    }

    /// Everything the first client sends: the loud source, then the quiet ones.
    fn sources(&self) -> Vec<SourceSetup> {
        let quiet = (0..self.quiet).flat_map(|n| {
            let id = u64::from(n) * 2 + 10;
            [audio(id, 10_000 + n), video(id + 1, 20_000 + n * 4000, 1)]
        });
        std::iter::once(video(1, SSRC, 1)).chain(quiet).collect()
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("engine") {
        engine(Plan::from_arguments(2));
    } else {
        clients(Plan::from_arguments(1));
    }
}

// ---- the engine's process ----------------------------------------------------------------------

/// Reads "index digest" lines until an empty one, then answers each line with its figures.
fn engine(plan: Plan) {
    let bind = [SocketAddr::from(([127, 0, 0, 1], 0))];
    let engine = EngineThread::start(&bind, &TcpSetup::default(), Limits::default(), 4 << 20)
        .expect("a free port");
    println!("{}", engine.addresses()[0]);
    let mut lines = std::io::stdin().lock().lines();
    while let Some(Ok(line)) = lines.next() {
        let Some((index, digest)) = line.split_once(' ') else {
            break;
        };
        introduce(&engine, index.parse().expect("a number"), digest);
    }
    let sources = plan.sources();
    engine.order(Order::SetSources(EndpointId(1), sources.clone()));
    let all: Vec<_> = sources.iter().map(|each| wanted(each.id.0, 0, 7)).collect();
    for receiver in 1..=plan.receivers {
        engine.order(Order::Forward(EndpointId(receiver as u64 + 1), all.clone()));
    }
    while let Some(Ok(_)) = lines.next() {
        std::thread::sleep(Duration::from_millis(250));
        let Snapshot {
            counters,
            wakeups,
            cpu,
            ..
        } = engine.snapshot();
        println!(
            "{} {} {} {} {} {}",
            cpu.as_nanos(),
            counters.packets_forwarded,
            counters.packets_sent,
            counters.packets_received,
            wakeups,
            pss_kib()
        );
    }
}

fn introduce(engine: &EngineThread, index: usize, digest: &str) {
    let id = EndpointId(index as u64 + 1);
    let (ours, theirs) = credentials(index);
    let setup = EndpointSetup {
        ufrag: ours.ufrag,
        pwd: ours.pass,
        controlling: true,
        payload_types: payload_types(),
        extensions: extensions(),
    };
    engine.order(Order::AddEndpoint(id, Box::new(setup)));
    let remote = RemoteSetup {
        ufrag: theirs.ufrag,
        pwd: theirs.pass,
        fingerprints: vec![CertificateHash::parse("sha-256", digest).expect("a digest")],
        setup: DtlsSetup::Active,
    };
    engine.order(Order::SetRemote(id, remote));
}

fn pss_kib() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

// ---- the clients' process ----------------------------------------------------------------------

struct Peer {
    client: Client,
    socket: UdpSocket,
}

impl Peer {
    fn new(now: Instant, index: usize) -> Peer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a socket");
        let (ours, theirs) = credentials(index);
        let address = socket.local_addr().expect("an address");
        let id = EndpointId(index as u64 + 1);
        let mut client = Client::new(now, id, address, theirs, ours, true);
        client.call();
        Peer { client, socket }
    }

    /// Take what has come, send what has to be sent.
    fn turn(&mut self, engine: SocketAddr) {
        let mut buffer = [0; 2048];
        let mut outbox = Vec::new();
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            let now = Instant::now();
            let inside = self.client.inside;
            let receive = Receive::new(Protocol::Udp, server(), inside, &buffer[..length]);
            if let Ok(receive) = receive {
                let _ = self.client.rtc.handle_input(Input::Receive(now, receive));
            }
            self.client.poll(now, &mut outbox);
        }
        let now = Instant::now();
        if now >= self.client.deadline {
            let _ = self.client.rtc.handle_input(Input::Timeout(now));
        }
        self.client.poll(now, &mut outbox);
        for (_, _, bytes) in outbox {
            let _ = self.socket.send_to(&bytes, engine);
        }
    }
}

struct Figures {
    cpu_ns: u64,
    forwarded: u64,
    sent: u64,
    received: u64,
    wakeups: u64,
    pss_kib: u64,
}

fn ask(to: &mut ChildStdin, from: &mut BufReader<ChildStdout>) -> Figures {
    writeln!(to, "figures").expect("the engine to listen");
    let mut line = String::new();
    from.read_line(&mut line).expect("the engine to answer");
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(|text| text.parse().expect("a number"))
        .collect();
    Figures {
        cpu_ns: numbers[0],
        forwarded: numbers[1],
        sent: numbers[2],
        received: numbers[3],
        wakeups: numbers[4],
        pss_kib: numbers[5],
    }
}

fn clients(plan: Plan) {
    // Another build of this program may play the engine, to compare the two side by side.
    let program = std::env::var_os("ENGINE").unwrap_or_else(|| {
        let own = std::env::current_exe().expect("this program");
        own.into_os_string()
    });
    let mut child = Command::new(program)
        .arg("engine")
        .args(std::env::args().skip(1))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the engine's process");
    let mut to = child.stdin.take().expect("a pipe");
    let mut from = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    from.read_line(&mut line).expect("an address");
    let address: SocketAddr = line.trim().parse().expect("an address");

    let now = Instant::now();
    let mut peers: Vec<Peer> = (0..=plan.receivers).map(|n| Peer::new(now, n)).collect();
    for (index, peer) in peers.iter_mut().enumerate() {
        let direct = peer.client.rtc.direct_api();
        let digest = &direct.local_dtls_fingerprint().bytes;
        let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        writeln!(to, "{index} {}", digest.join(":")).expect("the engine to listen");
    }
    writeln!(to).expect("the engine to listen");
    let started = Instant::now();
    while !peers.iter().all(|peer| peer.client.is_connected) {
        assert!(started.elapsed().as_secs() < 20, "not all connected");
        everyone(&mut peers, address);
    }
    for source in plan.sources() {
        peers[0].client.publish(&source);
        for peer in &mut peers[1..] {
            peer.client.expect(&source);
        }
    }
    settle(&mut peers, address, Duration::from_millis(500));
    let mut frames = Frames::default();
    for n in 0..plan.quiet {
        let now = Instant::now();
        peers[0].client.send(now, 10_000 + n, opus(0, -30));
        let frame = frames.next(200);
        peers[0].client.send(now, 20_000 + n * 4000, frame);
        everyone(&mut peers, address);
    }
    settle(&mut peers, address, Duration::from_secs(5));

    let before = ask(&mut to, &mut from);
    let heard = |peers: &[Peer]| -> usize { peers.iter().map(|p| p.client.packets.len()).sum() };
    let heard_before = heard(&peers);
    let started = Instant::now();
    let (mut sent, mut next) = (0_u64, started);
    while started.elapsed() < Duration::from_secs(plan.seconds) {
        if plan.rate > 0 && Instant::now() >= next {
            for _ in 0..plan.burst {
                let now = Instant::now();
                let frame = frames.next(plan.bytes);
                peers[0].client.send(now, SSRC, frame);
                sent += 1;
            }
            next += Duration::from_nanos(1_000_000_000 * plan.burst / plan.rate);
            peers[0].turn(address);
        }
        let now = Instant::now();
        let wake = if plan.rate > 0 {
            next.min(now + TURN)
        } else {
            now + TURN
        };
        std::thread::sleep(wake.saturating_duration_since(now));
        turns(&mut peers, address);
    }
    settle(&mut peers, address, Duration::from_millis(100));
    let after = ask(&mut to, &mut from);
    let took = started.elapsed().as_secs_f64();
    drop(to);
    let _ = child.wait();

    let cpu_us = (after.cpu_ns - before.cpu_ns) as f64 / 1e3;
    let forwarded = after.forwarded - before.forwarded;
    let per_participant = cpu_us / 1e3 / took / (plan.receivers + 1) as f64;
    println!(
        "{} receivers, {}/s, burst {}, {} quiet: {:.2} us per forwarded packet ({forwarded}), \
         {per_participant:.3} ms/s per participant, {:.1} % of a core; per second {:.0} sent, {:.0} received, \
         {:.0} wake-ups; {} KiB Pss ({:.0} per participant); heard {} of {}",
        plan.receivers,
        plan.rate,
        plan.burst,
        plan.quiet,
        cpu_us / forwarded.max(1) as f64,
        cpu_us / took / 1e4,
        (after.sent - before.sent) as f64 / took,
        (after.received - before.received) as f64 / took,
        (after.wakeups - before.wakeups) as f64 / took,
        after.pss_kib,
        after.pss_kib as f64 / (plan.receivers + 1) as f64,
        heard(&peers) - heard_before,
        sent * plan.receivers as u64,
    );
}

fn everyone(peers: &mut [Peer], engine: SocketAddr) {
    turns(peers, engine);
    std::thread::sleep(TURN);
}

fn turns(peers: &mut [Peer], engine: SocketAddr) {
    for peer in peers {
        peer.turn(engine);
    }
}

fn settle(peers: &mut [Peer], engine: SocketAddr, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        everyone(peers, engine);
    }
}

/// VP8 frames of one packet each.
#[derive(Default)]
struct Frames {
    count: u32,
}

impl Frames {
    fn next(&mut self, bytes: usize) -> world::Sent {
        let n = self.count;
        self.count += 1;
        let mut packet = vp8(Frame {
            timestamp: n * 225,
            is_key: n.is_multiple_of(100),
            picture: n as u16 & 0x7fff,
            tl0: n as u8,
            temporal: 0,
            sync: false,
        });
        packet.payload.resize(bytes, 0x55);
        packet
    }
}
