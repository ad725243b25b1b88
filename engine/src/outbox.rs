//! Datagrams that wait to be sent, one behind the other in one buffer.
//!
//! Packets are written and encrypted where they lie, so a forwarded packet is copied once per
//! receiver and needs no allocation of its own.

use crate::demux::Path;

/// One datagram of an [`Outbox`].
#[derive(Clone, Copy, Debug)]
pub struct Datagram {
    pub path: Path,
    pub owner: u64,
    start: usize,
    end: usize,
}

#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// How many bytes all datagrams have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forget everything, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    /// Send these bytes. `owner` is any number: [`Outbox::group`] puts the same ones together.
    pub fn push(&mut self, owner: u64, path: Path, contents: &[u8]) {
        let start = self.begin();
        self.bytes.extend_from_slice(contents);
        self.end(owner, path, start);
    }

    /// Where the next datagram starts in [`Outbox::buffer`]; it is appended there.
    pub fn begin(&self) -> usize {
        self.bytes.len()
    }

    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was appended since [`Outbox::begin`] is one datagram, unless it is nothing; its length.
    pub fn end(&mut self, owner: u64, path: Path, start: usize) -> usize {
        let end = self.bytes.len();
        if end <= start {
            // A packet that could not be encrypted has been taken back.
            return 0;
        }
        self.datagrams.push(Datagram {
            path,
            owner,
            start,
            end,
        });
        end - start
    }

    /// Put what belongs to one owner together, in the order in which it was written.
    pub fn group(&mut self) {
        if !self.datagrams.is_sorted_by_key(|each| each.owner) {
            self.datagrams.sort_by_key(|each| each.owner);
        }
    }

    pub fn contents(&self, datagram: &Datagram) -> &[u8] {
        self.bytes
            .get(datagram.start..datagram.end)
            .unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Datagram, &[u8])> {
        let datagrams = self.datagrams.iter();
        datagrams.map(|each| (each, self.contents(each)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::Transport;

    #[test]
    fn datagrams_of_one_owner_come_together_in_their_order() {
        let at = |text: &str| text.parse().unwrap();
        let path = Path {
            transport: Transport::Udp,
            local: at("192.0.2.1:1"),
            remote: at("192.0.2.2:2"),
        };
        let mut outbox = Outbox::default();
        for (owner, contents) in [(2, "a"), (1, "bc"), (2, "d"), (1, "e")] {
            outbox.push(owner, path, contents.as_bytes());
        }
        let start = outbox.begin();
        assert_eq!(outbox.end(1, path, start), 0, "nothing is no datagram");
        outbox.group();

        let sent: Vec<&[u8]> = outbox.iter().map(|(_, contents)| contents).collect();
        assert_eq!(sent, [&b"bc"[..], b"e", b"a", b"d"]);
        assert_eq!((outbox.len(), outbox.bytes()), (4, 5));
    }
}
