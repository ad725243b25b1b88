//! Datagrams taken from a socket, many with one system call.

use std::fmt;
use std::io::IoSliceMut;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

/// More than the largest datagram of the protocols served here.
const DATAGRAM_BYTES: usize = 2048;
/// Datagrams taken before what they caused is sent.
pub const BATCH: usize = 32;

/// A batch of datagrams and where they came from.
pub struct Inbox {
    buffers: Vec<[u8; DATAGRAM_BYTES]>,
    headers: MultiHeaders<SockaddrStorage>,
    received: Vec<(usize, SocketAddr)>,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox {
            buffers: vec![[0; DATAGRAM_BYTES]; BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
            received: Vec::with_capacity(BATCH),
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// Replace the batch by what waits in a non-blocking socket, at most `most`; how many that were.
    ///
    /// Fewer than asked for means that the socket is empty. A datagram that was cut off is longer
    /// than any that is served here; it counts with a length of 0.
    pub fn fill(&mut self, socket: &impl AsFd, most: usize) -> usize {
        loop {
            match self.try_fill(socket.as_fd().as_raw_fd(), most) {
                Ok(()) => return self.received.len(),
                Err(Errno::EAGAIN) => return 0,
                // Errors of earlier sends (ICMP) are reported here; the next call goes on.
                Err(_) => {}
            }
        }
    }

    fn try_fill(&mut self, fd: RawFd, most: usize) -> Result<(), Errno> {
        self.received.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .iter_mut()
            .take(most)
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        for message in recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None)? {
            let is_whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            let length = if is_whole { message.bytes } else { 0 };
            let from = message.address.as_ref().and_then(address);
            let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
            self.received.push((length, from.unwrap_or(nowhere)));
        }
        Ok(())
    }

    /// The datagrams of the batch and who sent them, in order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let received = self.buffers.iter().zip(&self.received);
        received.map(|(buffer, &(length, from))| (&buffer[..length], from))
    }
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from
        .as_sockaddr_in()
        .map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| {
        from.as_sockaddr_in6()
            .map(|v6| SocketAddrV6::from(*v6).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn datagrams_come_in_batches_with_their_senders() {
        let (to, from) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        for n in 0..BATCH as u8 + 3 {
            let datagram = vec![n; usize::from(n)];
            from.send_to(&datagram, to.local_addr().unwrap()).unwrap();
        }
        let mut inbox = Inbox::default();

        let counts = [
            inbox.fill(&to, 2),
            inbox.fill(&to, BATCH),
            inbox.fill(&to, BATCH),
        ];
        let rest: Vec<_> = inbox.datagrams().collect();

        assert_eq!(counts, [2, BATCH, 1]);
        let last = [BATCH as u8 + 2; BATCH + 2];
        assert_eq!(rest, [(&last[..], from.local_addr().unwrap())]);
        assert_eq!(inbox.fill(&to, BATCH), 0);
    }

    #[test]
    fn a_datagram_that_is_too_long_is_not_taken_for_a_shorter_one() {
        let to = UdpSocket::bind("[::1]:0").unwrap();
        let from = UdpSocket::bind("[::1]:0").unwrap();
        let long = [1; DATAGRAM_BYTES + 1];
        from.send_to(&long, to.local_addr().unwrap()).unwrap();
        let mut inbox = Inbox::default();

        assert_eq!(inbox.fill(&to, BATCH), 1);
        assert_eq!(
            inbox.datagrams().collect::<Vec<_>>(),
            [(&[][..], from.local_addr().unwrap())]
        );
    }
}
