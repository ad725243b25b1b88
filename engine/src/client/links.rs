//! The sockets of one peer: its UDP sockets and the TCP connections it has opened.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use str0m::net::Transmit;

use super::framing::{self, Unframer};

/// Asked for; the kernel caps it at `net.core.rmem_max`.
const BUFFER_BYTES: usize = 1 << 20;
/// Datagrams handed to the kernel in one call.
const BATCH: usize = 64;
/// What waits for a slow connection; more is dropped, as a full queue drops datagrams.
const WAITING_BYTES: usize = 256 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// A UDP socket of a peer's own.
#[derive(Debug)]
pub struct UdpLink {
    pub address: SocketAddr,
    socket: UdpSocket,
}

impl UdpLink {
    /// Bind a port the system chooses.
    pub fn bind(ip: IpAddr) -> io::Result<UdpLink> {
        let address = SocketAddr::new(ip, 0);
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        // Less than asked for is no error.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(address))?;
        let socket = UdpSocket::from(socket);
        Ok(UdpLink {
            address: socket.local_addr()?,
            socket,
        })
    }

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

    /// Send datagrams in order; returns how many the kernel did not take.
    pub fn send<'a>(&self, transmits: impl Iterator<Item = &'a Transmit>) -> u64 {
        let transmits: Vec<&Transmit> = transmits.collect();
        let addresses: Vec<SocketAddrAny> = transmits
            .iter()
            .map(|each| each.destination.into())
            .collect();
        let slices: Vec<[IoSlice<'_>; 1]> = transmits
            .iter()
            .map(|each| [IoSlice::new(&each.contents)])
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
        let (mut done, mut refused) = (0, 0);
        while done < messages.len() {
            let end = messages.len().min(done + BATCH);
            match sendmmsg(&self.socket, &mut messages[done..end], SendFlags::DONTWAIT) {
                Ok(sent) => done += sent.max(1),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return refused + (messages.len() - done) as u64,
                // This one cannot be sent (no route, an ICMP error of an earlier one); go on.
                Err(_) => {
                    refused += 1;
                    done += 1;
                }
            }
        }
        refused
    }
}

impl AsFd for UdpLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A connection to a passive TCP candidate (RFC 6544): datagrams in frames.
#[derive(Debug)]
pub struct TcpLink {
    pub remote: SocketAddr,
    /// Known once the connection stands.
    pub local: Option<SocketAddr>,
    stream: TcpStream,
    incoming: Unframer,
    waiting: Vec<u8>,
}

impl TcpLink {
    /// Begin to connect.
    pub fn open(remote: SocketAddr) -> io::Result<TcpLink> {
        let domain = Domain::for_address(remote);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&SockAddr::from(remote)) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        Ok(TcpLink {
            remote,
            local: None,
            stream: TcpStream::from(socket),
            incoming: Unframer::default(),
            waiting: Vec::new(),
        })
    }

    /// The connection stands, has failed, or (None) is still being made.
    pub fn finish(&mut self) -> io::Result<Option<SocketAddr>> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.local = Some(self.stream.local_addr()?);
                Ok(self.local)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Take what has come in; false when the other side has closed.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.incoming.push(&buffer[..length]);
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// The next whole datagram that was read.
    pub fn pop(&mut self) -> Option<&[u8]> {
        self.incoming.pop()
    }

    /// Queue a datagram; false when there is no room.
    pub fn send(&mut self, datagram: &[u8]) -> bool {
        self.waiting.len() < WAITING_BYTES && framing::frame(datagram, &mut self.waiting)
    }

    /// Write what is queued, as far as the kernel takes it; the rest needs another turn.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.waiting.len() {
                break Ok(());
            }
            match self.stream.write(&self.waiting[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..written);
        result
    }

    pub fn is_writing(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl AsFd for TcpLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
