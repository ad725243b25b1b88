//! The bound of forwarding on this machine: receive, open once, and per receiver renumber, seal and
//! send; nothing else. A real bridge also answers STUN, feedback and requests, and keeps statistics.
//!
//! Started by the benchmarks: `reference_loop IP [gso]`. It prints its port; standard input then has
//! one line per publisher, its address and those of its receivers, and an empty line. It forwards
//! until standard input ends and prints what it did as JSON. The keys are [`Cipher::numbered`]: the
//! publishers' are number 0, a receiver's is its port.

use std::collections::HashMap;
use std::io::{BufRead, IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, sendmsg, setsockopt,
    sockopt,
};
use rustix::time::{ClockId, clock_gettime};

use _engine::load::bare::{Cipher, header_bytes, renumber};

const BATCH: usize = 64;
const DATAGRAM_BYTES: usize = 2_048;
const BUFFER_BYTES: usize = 4 << 20;
/// The kernel's own limits (UDP_MAX_SEGMENTS, and the length of one UDP datagram).
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65_000;

struct Receiver {
    address: SockaddrIn,
    cipher: Cipher,
    transport_seq: u16,
}

#[derive(Default)]
struct Work {
    wakeups: u64,
    received: u64,
    sent: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let ip = arguments.get(1).map_or("127.0.0.1", String::as_str);
    let with_gso = arguments.get(2).is_some_and(|mode| mode == "gso");
    let socket = UdpSocket::bind((ip, 0)).expect("a free port");
    setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES).expect("a receive buffer");
    setsockopt(&socket, sockopt::SndBuf, &BUFFER_BYTES).expect("a send buffer");
    println!("{}", socket.local_addr().expect("a bound socket").port());
    let (mut receivers, routes) = read_routes();
    // Standard input ends the loop; a socket that wakes up now and then sees it.
    let until = Duration::from_millis(100);
    socket.set_read_timeout(Some(until)).expect("a time-out");
    static ENDED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let _ = std::io::stdin().lines().count();
        ENDED.store(true, Ordering::Relaxed);
    });
    let opener = Cipher::numbered(0);
    let mut buffers = vec![[0; DATAGRAM_BYTES]; BATCH];
    let mut work = Work::default();
    while !ENDED.load(Ordering::Relaxed) {
        let (socket, routes) = (&socket, &routes);
        let buffers = &mut buffers;
        turn(
            socket,
            &mut receivers,
            routes,
            with_gso,
            &opener,
            buffers,
            &mut work,
        );
    }
    let cpu = clock_gettime(ClockId::ThreadCPUTime);
    let cpu_ns = cpu.tv_sec as u64 * 1_000_000_000 + cpu.tv_nsec as u64;
    println!(
        "{{\"cpu_ns\": {cpu_ns}, \"wakeups\": {}, \"received\": {}, \"sent\": {}}}",
        work.wakeups, work.received, work.sent
    );
}

/// Receivers by index, and per publisher whose packets go to which.
fn read_routes() -> (Vec<Receiver>, HashMap<SocketAddrV4, Vec<usize>>) {
    let (mut receivers, mut indices) = (Vec::new(), HashMap::new());
    let mut routes = HashMap::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut addresses = line.split_whitespace().map(|each| {
            let address: SocketAddrV4 = each.parse().expect("an address with port");
            address
        });
        let Some(publisher) = addresses.next() else {
            break;
        };
        let targets = addresses.map(|address| {
            *indices.entry(address).or_insert_with(|| {
                receivers.push(Receiver {
                    address: address.into(),
                    cipher: Cipher::numbered(address.port().into()),
                    transport_seq: 0,
                });
                receivers.len() - 1
            })
        });
        routes.insert(publisher, targets.collect());
    }
    (receivers, routes)
}

/// Sleep until something comes, then work until the socket is empty.
fn turn(
    socket: &UdpSocket,
    receivers: &mut [Receiver],
    routes: &HashMap<SocketAddrV4, Vec<usize>>,
    with_gso: bool,
    opener: &Cipher,
    buffers: &mut [[u8; DATAGRAM_BYTES]],
    work: &mut Work,
) {
    let mut flags = MsgFlags::MSG_WAITFORONE;
    loop {
        let mut arrived: Vec<(SocketAddrV4, usize)> = Vec::with_capacity(BATCH);
        {
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers
                .iter_mut()
                .map(|buffer| [IoSliceMut::new(buffer)])
                .collect();
            let Ok(found) = recvmmsg(
                socket.as_raw_fd(),
                &mut headers,
                slices.iter_mut(),
                flags,
                None,
            ) else {
                return;
            };
            for message in found {
                let from = message.address.map(SocketAddrV4::from);
                let nowhere = SocketAddrV4::new([0, 0, 0, 0].into(), 0);
                arrived.push((from.unwrap_or(nowhere), message.bytes));
            }
        }
        if flags == MsgFlags::MSG_WAITFORONE {
            work.wakeups += 1;
            flags = MsgFlags::MSG_DONTWAIT;
        }
        work.received += arrived.len() as u64;
        let mut outgoing: Vec<(usize, Vec<u8>)> = Vec::new();
        for (&(from, length), buffer) in arrived.iter().zip(&mut *buffers) {
            let Some((header, payload)) = opener.open(&mut buffer[..length]) else {
                continue;
            };
            let plain = &buffer[..header + payload];
            for &target in routes.get(&from).map_or(&[][..], Vec::as_slice) {
                outgoing.push((target, forwarded(&mut receivers[target], plain)));
            }
        }
        work.sent += outgoing.len() as u64;
        if with_gso {
            send_segmented(socket, receivers, outgoing);
        } else {
            send_batched(socket, receivers, &outgoing);
        }
        if arrived.len() < BATCH {
            return;
        }
    }
}

/// One receiver's copy of a packet.
fn forwarded(receiver: &mut Receiver, plain: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(plain.len() + 16);
    packet.extend_from_slice(plain);
    receiver.transport_seq = receiver.transport_seq.wrapping_add(1);
    // The number stays what it is; writing it is what costs.
    let seq = u16::from_be_bytes([plain[2], plain[3]]);
    if header_bytes(&packet).is_some_and(|bytes| bytes >= 20) {
        renumber(&mut packet, seq, receiver.transport_seq);
    }
    receiver.cipher.seal(&mut packet);
    packet
}

fn send_batched(socket: &UdpSocket, receivers: &[Receiver], outgoing: &[(usize, Vec<u8>)]) {
    for chunk in outgoing.chunks(BATCH) {
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(chunk.len(), None);
        let slices: Vec<[IoSlice<'_>; 1]> = chunk
            .iter()
            .map(|(_, packet)| [IoSlice::new(packet)])
            .collect();
        let addresses: Vec<Option<SockaddrIn>> = chunk
            .iter()
            .map(|&(target, _)| Some(receivers[target].address))
            .collect();
        // What the kernel has no room for is lost; the receivers count it.
        let _ = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            &slices,
            &addresses,
            [],
            MsgFlags::MSG_DONTWAIT,
        );
    }
}

/// Runs of equally long packets to one receiver go to the kernel as one (UDP GSO).
fn send_segmented(socket: &UdpSocket, receivers: &[Receiver], mut outgoing: Vec<(usize, Vec<u8>)>) {
    outgoing.sort_by_key(|&(target, _)| target);
    let mut singles = Vec::new();
    let mut at = 0;
    while at < outgoing.len() {
        let (target, bytes) = (outgoing[at].0, outgoing[at].1.len());
        let most = MOST_SEGMENTS.min(MOST_BYTES / bytes);
        let run = outgoing[at..]
            .iter()
            .take(most)
            .take_while(|(other, packet)| *other == target && packet.len() == bytes)
            .count();
        if run == 1 {
            singles.push((target, std::mem::take(&mut outgoing[at].1)));
        } else {
            let slices: Vec<IoSlice<'_>> = outgoing[at..at + run]
                .iter()
                .map(|(_, packet)| IoSlice::new(packet))
                .collect();
            let segment = [ControlMessage::UdpGsoSegments(&(bytes as u16))];
            let address = receivers[target].address;
            let flags = MsgFlags::MSG_DONTWAIT;
            let _ = sendmsg(socket.as_raw_fd(), &slices, &segment, flags, Some(&address));
        }
        at += run;
    }
    send_batched(socket, receivers, &singles);
}
