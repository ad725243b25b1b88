//! UDP sockets: one per local address, so that each datagram's destination is known to ICE.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use str0m::net::Transmit;

use crate::counters::{Counters, Drop};

/// Datagrams handed to the kernel in one call; 1024 is its own limit.
const BATCH: usize = 64;

#[derive(Debug)]
pub struct LocalSocket {
    pub address: SocketAddr,
    socket: UdpSocket,
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
    })
}

impl AsFd for LocalSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl LocalSocket {
    /// The next datagram, or None when there is none waiting.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // Errors of earlier sends (ICMP) are reported here; the next call goes on.
                Err(_) => {}
            }
        }
    }

    /// Send datagrams in order; what the kernel has no room for is dropped and counted.
    fn send(&self, transmits: &[&Transmit], counters: &mut Counters) {
        let addresses: Vec<SocketAddrAny> = transmits
            .iter()
            .map(|transmit| transmit.destination.into())
            .collect();
        let slices: Vec<[IoSlice<'_>; 1]> = transmits
            .iter()
            .map(|transmit| [IoSlice::new(&transmit.contents)])
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

/// Send everything, each datagram from the address it has to come from.
pub fn send_all(sockets: &[LocalSocket], transmits: &[Transmit], counters: &mut Counters) {
    for socket in sockets {
        let own: Vec<&Transmit> = transmits
            .iter()
            .filter(|transmit| transmit.source == socket.address)
            .collect();
        if !own.is_empty() {
            socket.send(&own, counters);
        }
    }
}
