//! A peer's UDP socket; the kernel says when each datagram came in.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::stamp::realtime_ns;

const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub struct PeerSocket {
    pub address: SocketAddr,
    socket: UdpSocket,
}

/// One datagram; its bytes are at the beginning of the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub length: usize,
    pub from: SocketAddr,
    /// When the kernel took it in, on [`realtime_ns`]'s clock.
    pub at_ns: u64,
}

impl PeerSocket {
    /// Bind a port that the system chooses.
    pub fn bind(ip: IpAddr) -> io::Result<PeerSocket> {
        let socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
        Ok(PeerSocket {
            address: socket.local_addr()?,
            socket,
        })
    }

    /// The next datagram, or None when none is waiting.
    pub fn receive(&self, buffer: &mut [u8], control: &mut [u8]) -> Option<Arrival> {
        loop {
            let mut slices = [IoSliceMut::new(buffer)];
            let found = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(control),
                MsgFlags::MSG_DONTWAIT,
            );
            match found {
                Ok(message) => {
                    let at_ns = message
                        .cmsgs()
                        .ok()
                        .and_then(|mut all| {
                            all.find_map(|each| match each {
                                ControlMessageOwned::ScmTimestampns(time) => Some(time),
                                _ => None,
                            })
                        })
                        .map_or_else(realtime_ns, |time: TimeSpec| {
                            time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
                        });
                    let length = message.bytes;
                    let from = address(message.address.as_ref()?)?;
                    return Some(Arrival {
                        length,
                        from,
                        at_ns,
                    });
                }
                Err(nix::errno::Errno::EAGAIN) => return None,
                // Errors of earlier sends (ICMP) are reported here; the next call goes on.
                Err(_) => {}
            }
        }
    }

    /// What the system has no room for is lost, as on any network.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let _ = self.socket.send_to(bytes, to);
    }
}

/// Room for what comes beside a datagram.
pub fn control_buffer() -> Vec<u8> {
    cmsg_space!(TimeSpec)
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()))
        .or_else(|| {
            let v6 = storage.as_sockaddr_in6()?;
            Some(SocketAddr::V6((*v6).into()))
        })
}

impl AsFd for PeerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
