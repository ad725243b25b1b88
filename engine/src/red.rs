//! Redundant audio (RFC 2198): a packet repeats earlier frames in front of the new one.

/// More than any sender repeats; a chain of headers longer than this is refused.
const MOST_BLOCKS: usize = 8;

/// The payload type of the new frame, and where it begins; None when the payload is malformed.
pub fn primary(payload: &[u8]) -> Option<(u8, usize)> {
    let (mut headers, mut redundant) = (0, 0);
    for _ in 0..=MOST_BLOCKS {
        let header = payload.get(headers..)?;
        let payload_type = header.first()? & 0x7f;
        if header[0] & 0x80 == 0 {
            let start = headers + 1 + redundant;
            return (start < payload.len()).then_some((payload_type, start));
        }
        let [_, _, high, low, ..] = header else {
            return None;
        };
        redundant += usize::from(u16::from_be_bytes([high & 0x03, *low]));
        headers += 4;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_frame_is_found_behind_what_is_repeated() {
        // One block of opus, 960 ticks earlier, three bytes; then the new frame.
        let payload = [0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3, 9, 8];

        assert_eq!(primary(&payload), Some((111, 8)));
        assert_eq!(primary(&[0x6f, 9, 8]), Some((111, 1)));
    }

    #[test]
    fn blocks_that_do_not_fit_are_refused() {
        for payload in [
            &[0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3][..],
            &[0xef, 0x0f, 0x03, 0xff, 0x6f, 1],
            &[0xef, 0x0f, 0x00],
            &[0x6f],
            &[],
            &[0xff; 200],
        ] {
            assert_eq!(primary(payload), None, "{payload:?}");
        }
    }
}
