//! Between the time that a world shows and the time that passes.
//!
//! The clock of a world stands still until it is moved, and PostgreSQL stamps what it does with the
//! time that passes. Every move is remembered, so that either time can be told from the other:
//!
//! ```text
//!   shown       12:00:00        │ 12:00:01 │        12:01:01
//!   real   ─────────────────────┼──────────┼───────────────────────►
//!                             real       real: the last moment before the move
//! ```
//!
//! Both are milliseconds since 1970. What is shown is always a whole second: versions of migrations
//! and the targets of recoveries are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A move of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Move {
    /// What it shows from then on.
    pub(crate) shown_ms: i64,
    /// The last moment of the time before.
    pub(crate) real_ms: i64,
}

/// Why a clock cannot stand there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotStarted {
    /// This process has such a clock.
    #[error("the clock stands still already")]
    Before,
    /// It would go backwards.
    #[error("the clock has shown {0} before, and does not go back")]
    Backwards(String),
    /// The earlier moves are not in their order.
    #[error("the earlier moves of the clock are not in the order of time")]
    OutOfOrder,
}

/// Every move of a clock, oldest first. There is at least one.
#[derive(Debug)]
pub(super) struct Mapping {
    first: Move,
    moves: Vec<Move>,
}

impl Mapping {
    /// A clock that stands at the second of `shown`, from `real` on; the earlier moves are those of
    /// earlier processes on the same data.
    pub(super) fn new(shown: i64, real: i64, earlier: Vec<Move>) -> Result<Self, NotStarted> {
        let shown_ms = shown.div_euclid(1000) * 1000;
        let in_order = |pair: &[Move]| matches!(pair, [a, b] if a.shown_ms <= b.shown_ms && a.real_ms <= b.real_ms);
        if !earlier.windows(2).all(in_order) {
            return Err(NotStarted::OutOfOrder);
        }
        let last = earlier.last().copied();
        if let Some(last) = last.filter(|last| last.shown_ms > shown_ms) {
            return Err(NotStarted::Backwards(super::at(last.shown_ms)));
        }
        // The wall's clock may have been set back since, or be another machine's.
        let real_ms = last.map_or(real, |last| last.real_ms.max(real));
        let mut moves = earlier;
        moves.push(Move { shown_ms, real_ms });
        Ok(Self {
            first: moves.first().copied().unwrap_or(Move { shown_ms, real_ms }),
            moves,
        })
    }

    /// All of them.
    pub(super) fn moves(&self) -> &[Move] {
        &self.moves
    }

    fn last(&self) -> Move {
        self.moves.last().copied().unwrap_or(self.first)
    }

    /// What the clock shows.
    pub(super) fn present(&self) -> i64 {
        self.last().shown_ms
    }

    /// Moves it by whole seconds, a part of one counting as one; `real` is the last moment before.
    pub(super) fn advance(&mut self, by: Duration, real: i64) {
        let seconds = by.as_secs() + u64::from(by.subsec_nanos() > 0);
        let millis = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        let last = self.last();
        if millis > 0 {
            self.moves.push(Move {
                shown_ms: last.shown_ms.saturating_add(millis),
                real_ms: last.real_ms.max(real),
            });
        }
    }

    /// Lets the second that was shown at `real` end there: what came after is of the next second, or
    /// of what was shown next. The clock moves if nothing has moved it since.
    pub(super) fn part_at(&mut self, real: i64) {
        let place = self.moves.partition_point(|one| one.real_ms < real);
        let next = self.moves.get(place).copied();
        let before = place.checked_sub(1).and_then(|at| self.moves.get(at));
        let Some(before) = before.filter(|_| next.is_none_or(|next| next.real_ms > real)) else {
            return;
        };
        let second = before.shown_ms.saturating_add(1000);
        let parted = Move {
            shown_ms: next.map_or(second, |next| second.min(next.shown_ms)),
            real_ms: real,
        };
        self.moves.insert(place, parted);
    }

    /// The last real moment at which the clock showed `shown` or less; at the latest `now`.
    pub(super) fn to_real(&self, shown: i64, now: i64) -> i64 {
        if shown < self.first.shown_ms {
            // From before there was such a clock.
            return shown.saturating_add(self.first.real_ms.saturating_sub(self.first.shown_ms));
        }
        let later = self.moves.partition_point(|one| one.shown_ms <= shown);
        self.moves.get(later).map_or(now, |next| next.real_ms)
    }

    /// What the clock showed at a real moment, both in microseconds.
    pub(super) fn to_shown_micros(&self, real: i64) -> i64 {
        let after = self
            .moves
            .partition_point(|one| one.real_ms.saturating_mul(1000) < real);
        match after.checked_sub(1).and_then(|at| self.moves.get(at)) {
            Some(one) => one.shown_ms.saturating_mul(1000),
            None => {
                let apart = self.first.shown_ms.saturating_sub(self.first.real_ms);
                real.saturating_add(apart.saturating_mul(1000))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Shows 10 s from 1,000 on, 11 s from 2,000, and 71 s from 5,000.
    fn moved() -> Mapping {
        let mut mapping = Mapping::new(10_400, 1_000, Vec::new()).unwrap();
        mapping.advance(SECOND, 2_000);
        mapping.advance(Duration::from_millis(59_001), 5_000);
        mapping
    }

    fn shown(mapping: &Mapping, real: i64) -> i64 {
        mapping.to_shown_micros(real * 1000) / 1000
    }

    #[test]
    fn a_shown_moment_is_the_last_real_one_at_which_it_was_shown() {
        let mapping = moved();
        assert_eq!(mapping.present(), 71_000);
        assert_eq!(mapping.to_real(10_000, 9_000), 2_000);
        assert_eq!(mapping.to_real(11_000, 9_000), 5_000);
        assert_eq!(mapping.to_real(70_999, 9_000), 5_000);
        assert_eq!(mapping.to_real(71_000, 9_000), 9_000);
        assert_eq!(mapping.to_real(99_000, 9_000), 9_000);
    }

    #[test]
    fn a_real_moment_is_what_was_shown_then() {
        let mapping = moved();
        assert_eq!(shown(&mapping, 1_001), 10_000);
        assert_eq!(shown(&mapping, 2_000), 10_000);
        assert_eq!(mapping.to_shown_micros(2_000_001), 11_000_000);
        assert_eq!(shown(&mapping, 5_000), 11_000);
        assert_eq!(shown(&mapping, 1_000_000), 71_000);
    }

    #[test]
    fn what_is_older_than_the_clock_keeps_its_distance_from_its_start() {
        let mapping = moved();
        assert_eq!(shown(&mapping, 700), 9_700);
        assert_eq!(mapping.to_real(9_700, 9_000), 700);
    }

    #[test]
    fn what_was_left_is_found_in_the_second_before_and_what_followed_in_the_next() {
        let mut mapping = moved();
        mapping.part_at(8_000);
        mapping.part_at(8_000);
        assert_eq!(mapping.present(), 72_000);
        assert_eq!(mapping.to_real(71_000, 9_000), 8_000);
        assert_eq!(mapping.to_real(72_000, 9_000), 9_000);
        assert_eq!(shown(&mapping, 8_000), 71_000);
        assert_eq!(shown(&mapping, 8_001), 72_000);
    }

    #[test]
    fn a_parting_that_comes_late_takes_no_second_from_what_was_shown_meanwhile() {
        let mut mapping = moved();
        mapping.advance(SECOND, 8_500);
        mapping.part_at(8_000);
        assert_eq!(mapping.present(), 72_000);
        assert_eq!(mapping.to_real(71_000, 9_000), 8_000);
        assert_eq!(shown(&mapping, 8_400), 72_000);
        assert_eq!(mapping.to_real(72_000, 9_000), 9_000);
    }

    #[test]
    fn a_later_process_knows_what_an_earlier_one_showed() {
        let earlier = moved().moves().to_vec();
        let written = serde_json::to_string(&earlier).unwrap();
        let read: Vec<Move> = serde_json::from_str(&written).unwrap();
        let back = Mapping::new(70_999, 20_000, read.clone());
        assert_eq!(
            back.err(),
            Some(NotStarted::Backwards("1970-01-01T00:01:11.000Z".into()))
        );
        let later = Mapping::new(100_000, 20_000, read).unwrap();
        assert_eq!(later.to_real(10_000, 21_000), 2_000);
        assert_eq!(later.to_real(71_000, 21_000), 20_000);
        assert_eq!(later.to_real(100_000, 21_000), 21_000);
        assert_eq!(shown(&later, 20_001), 100_000);
        let elsewhere = Mapping::new(100_000, 300, earlier.clone()).unwrap();
        assert_eq!(elsewhere.to_real(71_000, 400), 5_000);
        let reversed = earlier.into_iter().rev().collect();
        let mixed = Mapping::new(100_000, 20_000, reversed);
        assert_eq!(mixed.err(), Some(NotStarted::OutOfOrder));
    }
}
