//! UDP sockets: one per local address, so that each datagram's destination is known to ICE.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
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

/// A datagram, where it goes, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Parcel<'a> {
    owner: u64,
    to: SocketAddr,
    contents: &'a [u8],
}

#[derive(Debug)]
pub struct LocalSocket {
    pub address: SocketAddr,
    socket: UdpSocket,
    /// Whether the kernel cuts one long datagram into many here (UDP GSO).
    segments: Cell<bool>,
}

/// Room for the headers of one call: of messages as they are, and of those that are cut.
pub struct Headers {
    singles: MultiHeaders<SockaddrStorage>,
    trains: MultiHeaders<SockaddrStorage>,
}

impl Default for Headers {
    fn default() -> Self {
        Headers {
            singles: MultiHeaders::preallocate(BATCH, None),
            trains: MultiHeaders::preallocate(BATCH, Some(cmsg_space!(u16))),
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers").finish_non_exhaustive()
    }
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

/// What one call hands to the kernel as one message.
#[derive(Clone, Copy, Debug)]
struct Message {
    to: SocketAddr,
    /// Its datagrams: from which on, and how many.
    first: usize,
    count: usize,
    /// Messages to the same receiver go out in this order.
    place: usize,
    /// The kernel cuts it into datagrams of this size; 0: it is one.
    segment: u16,
}

impl LocalSocket {
    /// Send datagrams, those of one receiver in order; what the kernel has no room for is dropped
    /// and counted.
    ///
    /// What differs in neither segment size nor place goes with one system call, so a burst of one
    /// frame to many receivers takes as many as the frame has sizes of packets.
    fn send(&self, parcels: &[Parcel<'_>], headers: &mut Headers, counters: &mut Counters) {
        let mut messages = self.messages(parcels);
        let kind = |each: &Message| (each.place, each.segment);
        if !messages.is_sorted_by_key(kind) {
            messages.sort_by_key(kind);
        }
        for alike in messages.chunk_by(|a, b| kind(a) == kind(b)) {
            for batch in alike.chunks(BATCH) {
                self.send_batch(parcels, batch, headers, counters);
            }
        }
    }

    fn messages(&self, parcels: &[Parcel<'_>]) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::with_capacity(parcels.len());
        let (mut owner, mut place, mut first) = (None, 0, 0);
        while let Some(parcel) = parcels.get(first) {
            let count = if self.segments.get() {
                run(&parcels[first..])
            } else {
                1
            };
            place = if owner == Some(parcel.owner) {
                place + 1
            } else {
                0
            };
            owner = Some(parcel.owner);
            messages.push(Message {
                to: parcel.to,
                first,
                count,
                place: if self.segments.get() { place } else { 0 },
                segment: if count > 1 {
                    parcel.contents.len() as u16
                } else {
                    0
                },
            });
            first += count;
        }
        messages
    }

    /// Send at most [`BATCH`] messages that are alike with as few calls as the kernel allows.
    fn send_batch(
        &self,
        parcels: &[Parcel<'_>],
        batch: &[Message],
        headers: &mut Headers,
        counters: &mut Counters,
    ) {
        let segment = batch.first().map_or(0, |first| first.segment);
        let datagrams = |message: &Message| &parcels[message.first..message.first + message.count];
        let slices: Vec<IoSlice<'_>> = batch
            .iter()
            .flat_map(datagrams)
            .map(|parcel| IoSlice::new(parcel.contents))
            .collect();
        let mut rest = &slices[..];
        let mut bodies = Vec::with_capacity(batch.len());
        let mut addresses = Vec::with_capacity(batch.len());
        for message in batch {
            let (body, others) = rest.split_at(message.count);
            bodies.push(body);
            rest = others;
            addresses.push(Some(SockaddrStorage::from(message.to)));
        }
        let cut = [ControlMessage::UdpGsoSegments(&segment)];
        let controls = if segment > 0 { &cut[..] } else { &[] };
        let mut done = 0;
        while done < batch.len() {
            let room = match segment {
                0 => &mut headers.singles,
                _ => &mut headers.trains,
            };
            let sent = sendmmsg(
                self.socket.as_raw_fd(),
                room,
                &bodies[done..],
                &addresses[done..],
                controls,
                MsgFlags::MSG_DONTWAIT,
            )
            .map(Iterator::count);
            match sent {
                Ok(sent) => done += sent.max(1),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let lost: usize = batch[done..].iter().map(|each| each.count).sum();
                    counters.drop_many(Drop::SendQueueFull, lost as u64);
                    return;
                }
                Err(error) if segment > 0 => {
                    // No support, in the kernel or in this device: do without from now on.
                    if !matches!(
                        error,
                        Errno::ECONNREFUSED | Errno::ENETUNREACH | Errno::EHOSTUNREACH
                    ) {
                        self.segments.set(false);
                    }
                    let singly: Vec<Message> = (0..batch[done].count)
                        .map(|n| Message {
                            first: batch[done].first + n,
                            count: 1,
                            segment: 0,
                            ..batch[done]
                        })
                        .collect();
                    self.send_batch(parcels, &singly, headers, counters);
                    done += 1;
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
fn run(parcels: &[Parcel<'_>]) -> usize {
    let Some(first) = parcels.first() else {
        return 0;
    };
    let size = first.contents.len();
    if size > LARGEST_SEGMENT {
        return 1;
    }
    let most = MOST_SEGMENTS.min(LARGEST_TRAIN / size.max(1));
    let mut count = 1;
    while let Some(next) = parcels.get(count)
        && count < most
        && next.to == first.to
        && next.contents.len() <= size
        && !next.contents.is_empty()
    {
        count += 1;
        if next.contents.len() < size {
            break;
        }
    }
    count
}

/// Send everything that goes by UDP, each datagram from the address it has to come from.
pub fn send_all(
    sockets: &[LocalSocket],
    outbox: &Outbox,
    headers: &mut Headers,
    counters: &mut Counters,
) {
    for socket in sockets {
        let own: Vec<Parcel<'_>> = outbox
            .iter()
            .filter(|(datagram, _)| {
                let path = datagram.path;
                path.transport == Transport::Udp && path.local == socket.address
            })
            .map(|(datagram, contents)| Parcel {
                owner: datagram.owner,
                to: datagram.path.remote,
                contents,
            })
            .collect();
        if !own.is_empty() {
            socket.send(&own, headers, counters);
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
            let parcels = to.iter().map(|&(to, length)| Parcel {
                owner: 0,
                to,
                contents: &bytes[..length],
            });
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
            outbox.push(remote.port().into(), path, &vec![n as u8; length]);
        }
        outbox.group();
        for segments in [true, false] {
            bound[0].segments.set(segments);
            let mut counters = Counters::default();

            send_all(&bound, &outbox, &mut Headers::default(), &mut counters);

            let to_a = [(0, 500), (2, 1100), (3, 1100), (4, 1100), (5, 60), (6, 60)];
            assert_eq!(received(&one), to_a);
            assert_eq!(received(&two), [(1, 90), (7, 91)]);
            assert!(counters.dropped.is_empty());
        }
    }
}
