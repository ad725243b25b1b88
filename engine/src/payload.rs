//! Payloads of media packets, in memory that is used again: they are larger than what allocators
//! keep at hand, and each is kept for as long as it may have to be sent again.

use std::cell::RefCell;
use std::ops::Deref;

/// What is kept for later at most, on each thread that had payloads.
const MOST_KEPT: usize = 512;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
pub struct Payload(Vec<u8>);

impl Payload {
    pub fn copy(bytes: &[u8]) -> Payload {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        let mut memory = kept.unwrap_or_default();
        memory.extend_from_slice(bytes);
        Payload(memory)
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.0);
        memory.clear();
        // At the end of a thread there is nothing left to keep it in.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST_KEPT {
                kept.push(memory);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_holds_nothing_of_what_was_in_it() {
        let first = Payload::copy(&[1; 1000]);
        let memory = first.as_ptr();
        drop(first);

        let second = Payload::copy(&[2; 10]);

        assert_eq!(second.as_ptr(), memory);
        assert_eq!(&*second, [2; 10]);
    }

    #[test]
    fn a_burst_is_not_kept_for_ever() {
        drop(
            (0..2 * MOST_KEPT)
                .map(|_| Payload::copy(&[1]))
                .collect::<Vec<_>>(),
        );

        assert_eq!(KEPT.with_borrow(Vec::len), MOST_KEPT);
    }
}
