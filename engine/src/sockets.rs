//! UDP sockets: one per local address, so that each datagram's destination is known to ICE.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::counters::{Counters, Drop};
use crate::demux::Transport;
use crate::outbox::Outbox;

/// Datagrams handed to the kernel in one call; 1024 is its own limit.
const BATCH: usize = 64;

/// What the kernel cuts one datagram into at most (UDP_MAX_SEGMENTS before Linux 6.9), how long
/// that may be, and how long a segment may be to pass everywhere.
const MOST_SEGMENTS: usize = 64;
const LARGEST_TRAIN: usize = 65_000;
const LARGEST_SEGMENT: usize = 1400;

/// A datagram and where it goes.
type Parcel<'a> = (SocketAddr, &'a [u8]);

#[derive(Debug)]
pub struct LocalSocket {
    pub address: SocketAddr,
    socket: UdpSocket,
    /// Whether the kernel cuts one long datagram into many here (UDP GSO).
    segments: Cell<bool>,
}

/// A socket that could not be bound.
#[derive(Debug)]
pub struct BindError {
    pub address: SocketAddr,
    pub error: io::Error,
}

/// Bind every address. After a first port that the system chose, the others try the same one.
pub fn bind_all(
    addresses: &[SocketAddr],
    buffer_bytes: usize,
) -> Result<Vec<LocalSocket>, BindError> {
    let mut bound: Vec<LocalSocket> = Vec::new();
    for &address in addresses {
        let chosen = bound
            .first()
            .map(|first| first.address.port())
            .filter(|_| address.port() == 0);
        let socket = match chosen {
            Some(port) => bind(SocketAddr::new(address.ip(), port), buffer_bytes)
                .or_else(|_| bind(address, buffer_bytes)),
            None => bind(address, buffer_bytes),
        };
        bound.push(socket.map_err(|error| BindError { address, error })?);
    }
    Ok(bound)
}

fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<LocalSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The kernel caps these at net.core.{r,w}mem_max; less than asked for is no error.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    let socket = UdpSocket::from(socket);
    Ok(LocalSocket {
        address: socket.local_addr()?,
        socket,
        segments: Cell::new(true),
    })
}

impl AsFd for LocalSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl LocalSocket {
    /// Send datagrams in order; what the kernel has no room for is dropped and counted.
    fn send(&self, transmits: &[Parcel<'_>], counters: &mut Counters) {
        let mut singles: Vec<Parcel<'_>> = Vec::with_capacity(transmits.len());
        let mut rest = transmits;
        while let Some(&first) = rest.first() {
            let count = if self.segments.get() { run(rest) } else { 1 };
            let (same, others) = rest.split_at(count);
            rest = others;
            if count == 1 {
                singles.push(first);
                continue;
            }
            self.send_singly(&singles, counters);
            singles.clear();
            self.send_segmented(same, counters);
        }
        self.send_singly(&singles, counters);
    }

    /// Send datagrams of one size to one destination with one trip through the network stack
    /// (UDP GSO); the last may be shorter.
    fn send_segmented(&self, same: &[Parcel<'_>], counters: &mut Counters) {
        let slices: Vec<IoSlice<'_>> = same
            .iter()
            .map(|(_, contents)| IoSlice::new(contents))
            .collect();
        let Some(&(destination, first)) = same.first() else {
            return;
        };
        let size = first.len() as u16;
        let destination = SockaddrStorage::from(destination);
        let sent = sendmsg(
            self.socket.as_raw_fd(),
            &slices,
            &[ControlMessage::UdpGsoSegments(&size)],
            MsgFlags::MSG_DONTWAIT,
            Some(&destination),
        );
        match sent {
            Ok(_) => {}
            Err(Errno::EAGAIN) => counters.drop_many(Drop::SendQueueFull, same.len() as u64),
            Err(error) => {
                // No support, in the kernel or in this device: do without from now on.
                if !matches!(
                    error,
                    Errno::ECONNREFUSED | Errno::ENETUNREACH | Errno::EHOSTUNREACH
                ) {
                    self.segments.set(false);
                }
                self.send_singly(same, counters);
            }
        }
    }

    fn send_singly(&self, transmits: &[Parcel<'_>], counters: &mut Counters) {
        if transmits.is_empty() {
            return;
        }
        let addresses: Vec<SocketAddrAny> = transmits
            .iter()
            .map(|&(destination, _)| destination.into())
            .collect();
        let slices: Vec<[IoSlice<'_>; 1]> = transmits
            .iter()
            .map(|(_, contents)| [IoSlice::new(contents)])
            .collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = transmits
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let mut messages: Vec<MMsgHdr<'_>> = addresses
            .iter()
            .zip(&slices)
            .zip(&mut controls)
            .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
            .collect();
        let mut done = 0;
        while done < messages.len() {
            let end = messages.len().min(done + BATCH);
            match sendmmsg(&self.socket, &mut messages[done..end], SendFlags::DONTWAIT) {
                Ok(sent) => done += sent.max(1),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    counters.drop_many(Drop::SendQueueFull, (messages.len() - done) as u64);
                    return;
                }
                // This one cannot be sent (no route, ICMP error of an earlier one); go on.
                Err(_) => {
                    counters.drop(Drop::SendError);
                    done += 1;
                }
            }
        }
    }
}

/// How many datagrams at the start can be sent as one: same destination, same size, at most the
/// last one shorter.
fn run(transmits: &[Parcel<'_>]) -> usize {
    let Some(&(destination, first)) = transmits.first() else {
        return 0;
    };
    let size = first.len();
    if size > LARGEST_SEGMENT {
        return 1;
    }
    let most = MOST_SEGMENTS.min(LARGEST_TRAIN / size.max(1));
    let mut count = 1;
    while let Some(&(next, contents)) = transmits.get(count)
        && count < most
        && next == destination
        && contents.len() <= size
        && !contents.is_empty()
    {
        count += 1;
        if contents.len() < size {
            break;
        }
    }
    count
}

/// Send everything that goes by UDP, each datagram from the address it has to come from.
pub fn send_all(sockets: &[LocalSocket], outbox: &Outbox, counters: &mut Counters) {
    for socket in sockets {
        let own: Vec<Parcel<'_>> = outbox
            .iter()
            .filter(|(datagram, _)| {
                let path = datagram.path;
                path.transport == Transport::Udp && path.local == socket.address
            })
            .map(|(datagram, contents)| (datagram.path.remote, contents))
            .collect();
        if !own.is_empty() {
            socket.send(&own, counters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::Path;

    fn receiver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    fn received(socket: &UdpSocket) -> Vec<(u8, usize)> {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| {
            let (length, _) = socket.recv_from(&mut buffer).ok()?;
            Some((buffer[0], length))
        })
        .collect()
    }

    #[test]
    fn runs_end_with_the_destination_the_size_and_a_shorter_one() {
        let [a, b]: [SocketAddr; 2] = ["127.0.0.1:1", "127.0.0.1:2"].map(|at| at.parse().unwrap());
        let bytes = [0; 1500];
        let runs = |to: &[(SocketAddr, usize)]| {
            let parcels = to.iter().map(|&(at, length)| (at, &bytes[..length]));
            run(&parcels.collect::<Vec<_>>())
        };
        assert_eq!(runs(&[(a, 1100), (a, 1100), (a, 1100), (b, 1100)]), 3);
        assert_eq!(runs(&[(a, 1100), (a, 1101)]), 1);
        assert_eq!(runs(&[(a, 1100), (a, 700), (a, 700)]), 2);
        assert_eq!(runs(&[(a, 1401), (a, 1401)]), 1);
        assert_eq!(runs(&[(a, 1100); 100]), 59);
        assert_eq!(runs(&[(a, 80); 100]), MOST_SEGMENTS);
    }

    #[test]
    fn every_datagram_arrives_whole_and_in_order_with_and_without_segmentation() {
        let bound = bind_all(&["127.0.0.1:0".parse().unwrap()], 1 << 20).unwrap();
        let ((one, a), (two, b)) = (receiver(), receiver());
        let to = [
            (a, 500),
            (b, 90),
            (a, 1100),
            (a, 1100),
            (a, 1100),
            (a, 60),
            (a, 60),
            (b, 91),
        ];
        let mut outbox = Outbox::default();
        for (n, &(remote, length)) in to.iter().enumerate() {
            let path = Path {
                transport: Transport::Udp,
                local: bound[0].address,
                remote,
            };
            outbox.push(0, path, &vec![n as u8; length]);
        }
        for segments in [true, false] {
            bound[0].segments.set(segments);
            let mut counters = Counters::default();

            send_all(&bound, &outbox, &mut counters);

            let to_a = [(0, 500), (2, 1100), (3, 1100), (4, 1100), (5, 60), (6, 60)];
            assert_eq!(received(&one), to_a);
            assert_eq!(received(&two), [(1, 90), (7, 91)]);
            assert!(counters.dropped.is_empty());
        }
    }
}
