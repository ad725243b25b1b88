//! The TCP connections of peers: opened, read, written, given up (RFC 6544).

use std::time::Instant;

use rustix::event::epoll;

use super::{FIRST_TCP, Peers, token};
use crate::client::events::Event;
use crate::client::peer::Path;
use crate::client::setup::PeerId;

impl Peers {
    pub(super) fn serve_tcp(&mut self, id: PeerId, index: usize) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let now = Instant::now();
        if let Some(at) = entry.opening.iter().position(|each| each.0 == index) {
            let Some(link) = entry.tcp[index].as_mut() else {
                return;
            };
            match link.finish() {
                Ok(None) => return,
                Ok(Some(local)) => {
                    let (_, remote, _) = entry.opening.swap_remove(at);
                    entry.peer.add_connection(local);
                    entry.peer.add_remote_candidate(remote);
                }
                Err(error) => {
                    entry.opening.swap_remove(at);
                    self.give_up(id, index, error.raw_os_error().unwrap_or(0));
                    return;
                }
            }
        }
        let Some(link) = entry.tcp[index].as_mut() else {
            return;
        };
        let read = link.read();
        if let Some(local) = link.local {
            let path = Path {
                is_tcp: true,
                local,
                remote: link.remote,
            };
            while let Some(datagram) = link.pop() {
                self.counters.datagrams_received += 1;
                self.counters.bytes_received += datagram.len() as u64;
                // An error is the datagram's.
                let _ = entry.peer.receive(now, path, datagram);
                entry
                    .peer
                    .drive(now, &mut entry.transmits, &mut self.events);
            }
        }
        self.touched.insert(id);
        match read.and_then(|is_open| link.flush().map(|()| is_open)) {
            Ok(true) => self.watch(id, index),
            Ok(false) => self.give_up(id, index, 0),
            Err(error) => self.give_up(id, index, error.raw_os_error().unwrap_or(0)),
        }
    }

    /// Wait for room to write only while something waits to be written.
    pub(super) fn watch(&mut self, id: PeerId, index: usize) {
        let link = self
            .entries
            .get(&id)
            .and_then(|entry| entry.tcp[index].as_ref());
        if let Some(link) = link {
            let mut flags = epoll::EventFlags::IN;
            if link.is_writing() {
                flags |= epoll::EventFlags::OUT;
            }
            // It was added when the connection was opened.
            let _ = epoll::modify(&self.poll, link, token(id, FIRST_TCP + index as u64), flags);
        }
    }

    pub(super) fn give_up(&mut self, id: PeerId, index: usize, errno: i32) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if let Some(link) = entry.tcp[index].take() {
            self.events.push(Event::CandidateFailed {
                peer: id,
                remote: link.remote,
                errno,
            });
        }
    }

    pub(super) fn end_late_connections(&mut self, now: Instant, id: PeerId) {
        let late: Vec<usize> = match self.entries.get_mut(&id) {
            Some(entry) => {
                let late = entry.opening.iter().filter(|each| each.2 <= now);
                let late = late.map(|each| each.0).collect();
                entry.opening.retain(|each| each.2 > now);
                late
            }
            None => return,
        };
        for index in late {
            self.give_up(id, index, rustix::io::Errno::TIMEDOUT.raw_os_error());
        }
    }
}
