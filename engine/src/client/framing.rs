//! Datagrams on a TCP connection: a length of two bytes before each (RFC 4571 §2).

const LENGTH_BYTES: usize = 2;

/// Append one datagram as it goes on the wire; false when it is too long for a frame.
pub fn frame(datagram: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(datagram.len()) else {
        return false;
    };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(datagram);
    true
}

/// Bytes of a connection that were read and not yet taken as datagrams.
#[derive(Debug, Default)]
pub struct Unframer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Unframer {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole datagram.
    pub fn pop(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.taken..)?;
        let [high, low, rest @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let datagram = rest.get(..length)?;
        self.taken += LENGTH_BYTES + length;
        Some(datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_survive_any_split_of_the_connection() {
        let datagrams: Vec<Vec<u8>> = [0, 1, 300, 1200].map(|size| vec![7; size]).to_vec();
        let mut wire = Vec::new();
        for datagram in &datagrams {
            assert!(frame(datagram, &mut wire));
        }
        for step in [1, 2, 3, 299, 5000] {
            let mut unframer = Unframer::default();
            let mut found = Vec::new();
            for part in wire.chunks(step) {
                unframer.push(part);
                while let Some(datagram) = unframer.pop() {
                    found.push(datagram.to_vec());
                }
            }
            assert_eq!(found, datagrams, "in parts of {step} bytes");
        }
    }

    #[test]
    fn what_does_not_fit_a_frame_is_refused() {
        assert!(!frame(&vec![0; 70_000], &mut Vec::new()));
    }
}
