//! How often a sender is asked for a key frame.
//!
//! Key frames are expensive for everybody, so requests are limited per source over all receivers,
//! in the short and in the long run, and per receiver (bridge reference 2.7). Those the bridge itself
//! needs, to begin or to switch what a receiver is sent, repeat until the key frame is there, and more
//! slowly each time; who makes it switch again and again is limited in that too.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::setup::{EndpointId, Limits};

const WINDOW: Duration = Duration::from_secs(10);
const SLOWEST_REPEAT: Duration = Duration::from_millis(1600);

/// Who wants the key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A receiver sent PLI or FIR; its round-trip time, where known.
    Receiver(EndpointId, Option<Duration>),
    /// The bridge needs it to begin or to switch what it sends this receiver.
    Switching(EndpointId),
    /// The bridge's caller ordered it, or the sender has left something out.
    Bridge,
}

/// The limiter of one source.
#[derive(Debug, Default)]
pub struct KeyframeLimiter {
    sent: VecDeque<Instant>,
    receivers: HashMap<EndpointId, VecDeque<Instant>>,
    switching: HashMap<EndpointId, VecDeque<Instant>>,
}

impl KeyframeLimiter {
    /// True when the sender is to be asked now; the request then counts.
    pub fn admit(&mut self, now: Instant, asker: Asker, limits: &Limits) -> bool {
        forget_old(&mut self.sent, now);
        let last = self.sent.back();
        if last.is_some_and(|&at| now < at + limits.keyframe_interval) {
            return false;
        }
        if let Asker::Switching(id) = asker {
            let history = self.switching.entry(id).or_default();
            forget_old(history, now);
            if history.len() >= limits.keyframes_per_switching_10s {
                return false;
            }
            history.push_back(now);
        }
        if let Asker::Receiver(id, rtt) = asker {
            if self.sent.len() >= limits.keyframes_per_source_10s {
                return false;
            }
            let history = self.receivers.entry(id).or_default();
            forget_old(history, now);
            let apart = rtt.map_or(limits.keyframe_interval, |rtt| {
                limits
                    .keyframe_interval
                    .min(rtt + Duration::from_millis(10))
            });
            let too_soon = history.back().is_some_and(|&at| now < at + apart);
            if too_soon || history.len() >= limits.keyframes_per_receiver_10s {
                return false;
            }
            history.push_back(now);
        }
        self.sent.push_back(now);
        true
    }

    pub fn forget(&mut self, receiver: EndpointId) {
        self.receivers.remove(&receiver);
        self.switching.remove(&receiver);
    }
}

fn forget_old(history: &mut VecDeque<Instant>, now: Instant) {
    while history.front().is_some_and(|&at| now >= at + WINDOW) {
        history.pop_front();
    }
}

/// When one subscription that waits for a key frame asks again.
#[derive(Debug, Default)]
pub struct Repeat {
    next: Option<Instant>,
    wait: Duration,
}

impl Repeat {
    /// True when it is time to ask; the next time is then twice as far away.
    pub fn due(&mut self, now: Instant, first_wait: Duration) -> bool {
        if self.next.is_some_and(|at| now < at) {
            return false;
        }
        self.wait = if self.wait.is_zero() {
            first_wait
        } else {
            (self.wait * 2).min(SLOWEST_REPEAT)
        };
        self.next = Some(now + self.wait);
        true
    }

    /// The key frame has come.
    pub fn reset(&mut self) {
        *self = Repeat::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(number: u64) -> Asker {
        Asker::Receiver(EndpointId(number), None)
    }

    #[test]
    fn twenty_receivers_in_a_tenth_of_a_second_make_one_request() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut limiter = KeyframeLimiter::default();

        let admitted = (0..20)
            .filter(|&n| limiter.admit(start + Duration::from_millis(5 * n), receiver(n), &limits))
            .count();

        assert_eq!(admitted, 1);
    }

    #[test]
    fn one_receiver_gets_three_in_ten_seconds() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut limiter = KeyframeLimiter::default();

        let admitted: Vec<bool> = (0..6)
            .map(|n| {
                limiter.admit(
                    start + Duration::from_millis(2100 * n),
                    receiver(1),
                    &limits,
                )
            })
            .collect();

        assert_eq!(admitted, [true, true, true, false, false, true]);
    }

    #[test]
    fn a_hundred_receivers_get_two_a_second_in_the_long_run() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut limiter = KeyframeLimiter::default();

        let admitted = (0..3000)
            .filter(|&n| {
                let at = start + Duration::from_millis(10 * n);
                limiter.admit(at, receiver(n % 100), &limits)
            })
            .count();

        assert_eq!(admitted, 60, "in thirty seconds");
    }

    #[test]
    fn whoever_makes_the_bridge_switch_all_the_time_gets_one_a_second() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut limiter = KeyframeLimiter::default();

        let mut admitted = |asker| {
            (0..300)
                .filter(|&n| limiter.admit(start + Duration::from_millis(100 * n), asker, &limits))
                .count()
        };

        assert_eq!(admitted(Asker::Switching(EndpointId(1))), 30);
    }

    #[test]
    fn a_refused_request_does_not_count() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut limiter = KeyframeLimiter::default();
        assert!(limiter.admit(start, receiver(1), &limits));
        for n in 0..10 {
            assert!(!limiter.admit(start + Duration::from_millis(n), receiver(2), &limits));
        }

        assert!(limiter.admit(start + limits.keyframe_interval, receiver(2), &limits));
    }

    #[test]
    fn a_repeat_slows_down_until_the_keyframe_comes() {
        let start = Instant::now();
        let first = Duration::from_millis(200);
        let mut repeat = Repeat::default();

        let asked: Vec<u64> = (0..100)
            .map(|n| n * 50)
            .filter(|&ms| repeat.due(start + Duration::from_millis(ms), first))
            .collect();

        assert_eq!(asked, [0, 200, 600, 1400, 3000, 4600]);
        repeat.reset();
        assert!(repeat.due(start, first));
    }
}
