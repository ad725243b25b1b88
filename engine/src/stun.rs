//! The little of STUN (RFC 8489) the demultiplexer needs before any endpoint is known.
//!
//! The full message, its integrity included, is checked by the endpoint's ICE agent.

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const USERNAME: u16 = 0x0006;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stun<'a> {
    /// A Binding request for the agent whose username fragment this is.
    Request { local_ufrag: &'a str },
    /// A response or an indication.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Read the kind of message and, of a request, the first part of USERNAME (RFC 8445 §7.2.2).
pub fn peek(datagram: &[u8]) -> Result<Stun<'_>, Malformed> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER_BYTES).ok_or(Malformed)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[4..8] != MAGIC_COOKIE || length != attributes.len() || length % 4 != 0 {
        return Err(Malformed);
    }
    if u16::from_be_bytes([header[0], header[1]]) != BINDING_REQUEST {
        return Ok(Stun::Other);
    }
    while let [t0, t1, l0, l1, rest @ ..] = attributes {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value = rest.get(..length).ok_or(Malformed)?;
        if u16::from_be_bytes([*t0, *t1]) == USERNAME {
            let username = std::str::from_utf8(value).map_err(|_| Malformed)?;
            let (local_ufrag, _) = username.split_once(':').ok_or(Malformed)?;
            return Ok(Stun::Request { local_ufrag });
        }
        attributes = rest.get(length.next_multiple_of(4)..).ok_or(Malformed)?;
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &[u8]) -> Vec<u8> {
        let padded = username.len().next_multiple_of(4);
        let mut message = vec![0, 1];
        message.extend(((padded + 4) as u16).to_be_bytes());
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        message.extend(USERNAME.to_be_bytes());
        message.extend((username.len() as u16).to_be_bytes());
        message.extend(username);
        message.resize(HEADER_BYTES + 4 + padded, 0);
        message
    }

    #[test]
    fn the_first_part_of_the_username_is_ours() {
        assert_eq!(
            peek(&request(b"ours:theirs")),
            Ok(Stun::Request {
                local_ufrag: "ours"
            })
        );
    }

    #[test]
    fn a_request_without_a_colon_is_malformed() {
        assert_eq!(peek(&request(b"ours")), Err(Malformed));
    }

    #[test]
    fn every_truncation_is_malformed() {
        let whole = request(b"ours:theirs");
        for end in 0..whole.len() {
            assert_eq!(peek(&whole[..end]), Err(Malformed), "cut at {end}");
        }
    }

    #[test]
    fn damaged_messages_never_panic() {
        let whole = request(b"abcdefgh:ijklmnop");
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut damaged = whole.clone();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(..damaged.len());
                damaged[at] = rng.u8(..);
            }
            damaged.truncate(rng.usize(..=damaged.len()));
            let _ = peek(&damaged);
        }
    }
}
