//! What a receiver's feedback has told: how long packets took, how fast they came, how many did not.
//!
//! Times are microseconds, sent on our clock, arrived on the receiver's: only differences mean
//! something. Everything kept is bounded.

use std::collections::VecDeque;

/// The window in which even the quickest packet must have been slow for a queue to stand.
const STANDING_US: i64 = 250_000;
const STANDING_LEAST_US: i64 = 100_000;
const STANDING_PACKETS: usize = 5;
/// The same for a first sign.
const LATEST_US: i64 = 60_000;
const LATEST_PACKETS: usize = 3;
/// The window over which a rate is measured.
const RATE_US: i64 = 400_000;
const RATE_LEAST_US: i64 = 50_000;
const KEPT_US: i64 = 1_000_000;
const MOST_KEPT: usize = 2048;
/// The quickest packet is looked for in this many periods of this length: clocks drift.
const QUICKEST_PERIODS: usize = 6;
const QUICKEST_PERIOD_US: i64 = 5_000_000;
/// Loss is counted by the time of sending, in periods of this length.
const LOSS_PERIOD_US: i64 = 100_000;
const LOSS_PERIODS: i64 = 10;

#[derive(Clone, Copy, Debug)]
struct Arrival {
    sent_us: i64,
    arrived_us: i64,
    bytes: u16,
}

impl Arrival {
    fn took_us(&self) -> i64 {
        self.arrived_us - self.sent_us
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Period {
    number: i64,
    arrived: u32,
    lost: u32,
}

/// The loss of the last second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    pub share: f64,
    pub packets: u32,
}

#[derive(Debug, Default)]
pub struct Arrivals {
    kept: VecDeque<Arrival>,
    quickest: VecDeque<(i64, i64)>,
    periods: VecDeque<Period>,
    newest_sent_us: i64,
}

impl Arrivals {
    pub fn add(&mut self, sent_us: i64, arrived_us: i64, bytes: u16) {
        let arrival = Arrival {
            sent_us,
            arrived_us,
            bytes,
        };
        self.newest_sent_us = self.newest_sent_us.max(sent_us);
        self.kept.push_back(arrival);
        while self.kept.len() > MOST_KEPT
            || self
                .kept
                .front()
                .is_some_and(|first| first.sent_us < self.newest_sent_us - KEPT_US)
        {
            self.kept.pop_front();
        }
        let took_us = arrival.took_us();
        let number = sent_us / QUICKEST_PERIOD_US;
        match self.quickest.back_mut() {
            Some((last, quickest)) if *last >= number => *quickest = took_us.min(*quickest),
            _ => self.quickest.push_back((number, took_us)),
        }
        if self.quickest.len() > QUICKEST_PERIODS {
            self.quickest.pop_front();
        }
        if let Some(period) = self.period(sent_us) {
            period.arrived += 1;
        }
    }

    pub fn lose(&mut self, sent_us: i64) {
        if let Some(period) = self.period(sent_us) {
            period.lost += 1;
        }
    }

    /// A packet taken for lost has arrived after all, and has been added.
    pub fn found(&mut self, sent_us: i64) {
        if let Some(period) = self.period(sent_us) {
            period.lost = period.lost.saturating_sub(1);
        }
    }

    fn period(&mut self, sent_us: i64) -> Option<&mut Period> {
        let number = sent_us / LOSS_PERIOD_US;
        if self.periods.back().is_none_or(|last| last.number < number) {
            self.periods.push_back(Period {
                number,
                ..Period::default()
            });
            while self
                .periods
                .front()
                .is_some_and(|first| first.number <= number - LOSS_PERIODS)
            {
                self.periods.pop_front();
            }
        }
        self.periods
            .iter_mut()
            .rev()
            .find(|each| each.number == number)
    }

    /// The loss of the last second. Periods in which nothing at all arrived are left out: that is
    /// an outage, and says nothing of how much the path carries.
    pub fn loss(&self) -> Loss {
        let (mut arrived, mut lost) = (0, 0);
        for period in self.periods.iter().filter(|period| period.arrived > 0) {
            arrived += period.arrived;
            lost += period.lost;
        }
        let packets = arrived + lost;
        Loss {
            share: f64::from(lost) / f64::from(packets.max(1)),
            packets,
        }
    }

    fn quickest_us(&self) -> Option<i64> {
        self.quickest.iter().map(|&(_, took_us)| took_us).min()
    }

    /// The path has become another one: what was quick before is not any more.
    pub fn forget_quickest(&mut self) {
        let quickest = self.recent().map(|each| each.took_us()).min();
        self.quickest.clear();
        if let Some(took_us) = quickest {
            let number = self.newest_sent_us / QUICKEST_PERIOD_US;
            self.quickest.push_back((number, took_us));
        }
    }

    fn recent(&self) -> impl Iterator<Item = &Arrival> {
        let from = self.newest_sent_us - STANDING_US;
        self.kept.iter().filter(move |each| each.sent_us >= from)
    }

    /// How much longer than the quickest packet ever even the quickest one of late took; None
    /// while too few came to tell.
    pub fn standing_us(&self) -> Option<i64> {
        let (mut packets, mut least, mut first_us) = (0, i64::MAX, i64::MAX);
        for arrival in self.recent() {
            packets += 1;
            least = least.min(arrival.took_us());
            first_us = first_us.min(arrival.sent_us);
        }
        let is_enough =
            packets >= STANDING_PACKETS && self.newest_sent_us - first_us >= STANDING_LEAST_US;
        (is_enough).then_some(least - self.quickest_us()?)
    }

    /// The shortest queue of the last moment, all of it after `from_us`; None while that is too
    /// little to tell.
    pub fn latest_queue_us(&self, from_us: i64) -> Option<i64> {
        let since = self.newest_sent_us - LATEST_US;
        if since < from_us {
            return None;
        }
        let latest = self.kept.iter().filter(|each| each.sent_us >= since);
        let (packets, least) = latest.fold((0, i64::MAX), |(packets, least), each| {
            (packets + 1, each.took_us().min(least))
        });
        (packets >= LATEST_PACKETS).then_some(least - self.quickest_us()?)
    }

    /// Bits per second that arrived of late; None while there is no past to tell.
    pub fn rate_bps(&self) -> Option<u64> {
        let newest_us = self.kept.iter().map(|each| each.arrived_us).max()?;
        let oldest_us = self.kept.iter().map(|each| each.arrived_us).min()?;
        let from_us = newest_us - RATE_US;
        let bytes: u64 = self
            .kept
            .iter()
            .filter(|each| each.arrived_us > from_us)
            .map(|each| u64::from(each.bytes))
            .sum();
        let span_us = (newest_us - oldest_us).min(RATE_US);
        (span_us >= STANDING_LEAST_US).then(|| bytes * 8_000_000 / span_us.unsigned_abs())
    }

    /// Bits per second at which what was sent between two times arrived; None when that is too
    /// little to tell.
    pub fn rate_between(&self, from_us: i64, until_us: i64) -> Option<u64> {
        let (mut bytes, mut first_us, mut last_us) = (0_u64, i64::MAX, i64::MIN);
        let mut first_bytes = 0;
        let sent = from_us..until_us;
        for arrival in self.kept.iter().filter(|each| sent.contains(&each.sent_us)) {
            bytes += u64::from(arrival.bytes);
            if arrival.arrived_us < first_us {
                first_us = arrival.arrived_us;
                first_bytes = u64::from(arrival.bytes);
            }
            last_us = last_us.max(arrival.arrived_us);
        }
        let spread_us = last_us.checked_sub(first_us)?;
        (spread_us >= RATE_LEAST_US)
            .then(|| (bytes - first_bytes) * 8_000_000 / spread_us.unsigned_abs())
    }
}
