//! Wake-ups are most of what a quiet room costs, so timers share them: each is served at a point of
//! a grid. What can wait has a wide one, and is done a little before its point when packets have
//! woken the engine anyway.

use std::time::{Duration, Instant};

/// Between the points for what can wait: feedback, reports, consent checks, measurements.
pub const WIDE: Duration = Duration::from_millis(50);
/// How much before its point that may be done.
pub const EARLY: Duration = Duration::from_millis(25);
/// For what is exact: what is far off can be a little later; a bandwidth probe measures what its
/// timing says.
const FINE: Duration = Duration::from_millis(1);
const COARSE: Duration = Duration::from_millis(5);
const AT_LENGTH: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Grid {
    start: Instant,
    /// The first wide point that has not been served.
    next: u64,
}

impl Grid {
    pub fn new(start: Instant) -> Grid {
        Grid { start, next: 1 }
    }

    fn since(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }

    fn point(&self, nanos: u64) -> Instant {
        self.start + Duration::from_nanos(nanos)
    }

    /// Up to when timers are served now: `now`, or the wide point that is near.
    pub fn serve(&mut self, now: Instant) -> Instant {
        let wide = WIDE.as_nanos() as u64;
        let near = self.since(now + EARLY) / wide;
        if near < self.next {
            return now;
        }
        self.next = near + 1;
        now.max(self.point(near * wide))
    }

    /// The point for an exact deadline.
    pub fn exact(&self, now: Instant, at: Instant) -> Instant {
        let is_near = at.saturating_duration_since(now) < AT_LENGTH;
        let step = if is_near { FINE } else { COARSE };
        self.point(self.since(at).next_multiple_of(step.as_nanos() as u64))
    }

    /// The point for what can wait.
    pub fn wide(&self, at: Instant) -> Instant {
        let wide = WIDE.as_nanos() as u64;
        let number = self.since(at).div_ceil(wide);
        self.point(number.max(self.next) * wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_can_wait_is_served_with_the_packets_before_its_point_and_once() {
        let start = Instant::now();
        let mut grid = Grid::new(start);
        let due = grid.wide(start + 30 * MS);
        assert_eq!(due, start + 50 * MS);

        assert_eq!(grid.serve(start + 20 * MS), start + 20 * MS, "too early");
        assert_eq!(grid.serve(start + 27 * MS), due);
        assert_eq!(grid.serve(start + 28 * MS), start + 28 * MS);

        let again = grid.wide(start + 31 * MS);
        assert_eq!(again, start + 100 * MS, "a point is not served twice");
        assert_eq!(grid.serve(start + 100 * MS), again);
    }

    #[test]
    fn whoever_comes_late_serves_all_that_was_missed_at_once() {
        let start = Instant::now();
        let mut grid = Grid::new(start);

        assert_eq!(grid.serve(start + 260 * MS), start + 260 * MS);
        assert_eq!(grid.wide(start + 10 * MS), start + 300 * MS);
    }

    #[test]
    fn an_exact_deadline_is_met_to_a_millisecond_when_it_is_near() {
        let start = Instant::now();
        let grid = Grid::new(start);
        let at = |micros| start + Duration::from_micros(micros);

        assert_eq!(grid.exact(start, at(2_300)), at(3_000));
        assert_eq!(grid.exact(start, at(12_300)), at(15_000));
    }
}
