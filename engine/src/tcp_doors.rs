//! Where TCP connections come from: listeners of our own, and a unix socket through which the
//! process that owns the HTTPS port hands over descriptors.

use std::fmt::Display;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path as FilePath, PathBuf};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket, Type};

const BACKLOG: i32 = 1024;
const ACCEPTS_PER_TURN: usize = 64;
/// Tokens of listeners from this one on, and of the handed over: connections have smaller ones.
pub const LISTENER: u64 = 1 << 63;
pub const HANDOVER: u64 = u64::MAX;

/// An address or a unix socket that could not be had.
#[derive(Debug)]
pub struct OpenError {
    pub what: String,
    pub error: io::Error,
}

/// Where connections come from.
#[derive(Clone, Debug, Default)]
pub struct TcpSetup {
    /// Addresses to listen on; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Where to make the unix datagram socket through which descriptors are handed over.
    pub handover: Option<PathBuf>,
}

/// Open until it is dropped.
#[derive(Debug)]
pub struct Doors {
    listeners: Vec<(TcpListener, SocketAddr)>,
    handover: Option<(UnixDatagram, PathBuf)>,
}

impl Doors {
    /// Bind everything; `watch` gets each descriptor with its token.
    pub fn open(
        setup: &TcpSetup,
        watch: impl Fn(BorrowedFd<'_>, u64) -> io::Result<()>,
    ) -> Result<Doors, OpenError> {
        let failed = |what: &dyn Display, error: io::Error| OpenError {
            what: what.to_string(),
            error,
        };
        let mut listeners: Vec<(TcpListener, SocketAddr)> = Vec::new();
        for &address in &setup.listen {
            let chosen = listeners.first().map_or(0, |(_, first)| first.port());
            let port = if address.port() == 0 {
                chosen
            } else {
                address.port()
            };
            let listener = listen(SocketAddr::new(address.ip(), port))
                .map_err(|error| failed(&address, error))?;
            watch(listener.0.as_fd(), LISTENER + listeners.len() as u64)
                .map_err(|error| failed(&address, error))?;
            listeners.push(listener);
        }
        let handover = match &setup.handover {
            Some(path) => {
                let place = path.display();
                let socket = take_place(path).map_err(|error| failed(&place, error))?;
                watch(socket.as_fd(), HANDOVER).map_err(|error| failed(&place, error))?;
                Some((socket, path.clone()))
            }
            None => None,
        };
        Ok(Doors {
            listeners,
            handover,
        })
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }

    /// The connections that came to the listener of this token, up to one turn's share.
    pub fn accept(&self, token: u64) -> Vec<TcpStream> {
        let mut accepted = Vec::new();
        let Some((listener, _)) = self.listeners.get((token - LISTENER) as usize) else {
            return accepted;
        };
        for _ in 0..ACCEPTS_PER_TURN {
            match listener.accept() {
                Ok((socket, _)) => accepted.push(socket),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Nothing waits, or no descriptor is left: the level trigger asks again.
                Err(_) => break,
            }
        }
        accepted
    }

    /// The descriptors that the owner of the HTTPS port hands over, up to one turn's share.
    pub fn adopt(&self) -> Vec<TcpStream> {
        let mut adopted = Vec::new();
        let Some((handover, _)) = &self.handover else {
            return adopted;
        };
        for _ in 0..ACCEPTS_PER_TURN {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut text = [0; 16];
            let mut text = [IoSliceMut::new(&mut text)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            if recvmsg(handover, &mut text, &mut control, flags).is_err() {
                break;
            }
            for message in control.drain() {
                let RecvAncillaryMessage::ScmRights(descriptors) = message else {
                    continue;
                };
                adopted.extend(descriptors.filter_map(|socket| {
                    let kind = sockopt::socket_type(&socket).ok()?;
                    (kind == rustix::net::SocketType::STREAM).then(|| TcpStream::from(socket))
                }));
            }
        }
        adopted
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.handover {
            // Whoever hands over learns from its absence that nobody takes.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(IpProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Make the socket, in the place of one that an earlier process may have left.
fn take_place(path: &FilePath) -> io::Result<UnixDatagram> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
