//! Positions in the write-ahead log, and the road to one.
//!
//! Every revert ends a timeline and begins one, so the log of a cluster is a tree:
//!
//! ```text
//!   base ── 1 ──────A─────────B──►            (left at B, by a revert to A)
//!                   └─ 2 ───────C──►          (left at C, by a revert to B: the undo of the undo)
//!                             (B)└─ 3 ──►
//! ```
//!
//! The archive keeps all of it. To return to a point on timeline *t*, the segments from the base to the point along
//! *t*'s ancestry are needed, where a segment that holds a fork is taken from the younger timeline (PostgreSQL copies
//! the part before the fork into it), and every history file, so that the next timeline gets a number of its own.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{EngineError, IoContext};

/// Bytes of a log segment; the template is made with this size.
pub(super) const SEGMENT_BYTES: u64 = 1024 * 1024;
/// Segments per "log file" in a segment's name: 4 GiB.
const SEGMENTS_PER_LOG: u64 = (1 << 32) / SEGMENT_BYTES;

/// A byte position in the write-ahead log. Written `16/B374D848`, as PostgreSQL writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number of the segment that holds it.
    pub(super) fn segment(self) -> u64 {
        self.0 / SEGMENT_BYTES
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// A text is no position in the log.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no position in the write-ahead log")]
pub struct NoLsn(String);

impl FromStr for Lsn {
    type Err = NoLsn;

    fn from_str(text: &str) -> Result<Self, NoLsn> {
        let parse = || {
            let (high, low) = text.split_once('/')?;
            let high = u32::from_str_radix(high, 16).ok()?;
            let low = u32::from_str_radix(low, 16).ok()?;
            Some(Self(u64::from(high) << 32 | u64::from(low)))
        };
        parse().ok_or_else(|| NoLsn(text.to_owned()))
    }
}

impl Serialize for Lsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// The file name of a segment.
pub(super) fn segment_name(timeline: u32, segment: u64) -> String {
    format!(
        "{timeline:08X}{:08X}{:08X}",
        segment / SEGMENTS_PER_LOG,
        segment % SEGMENTS_PER_LOG
    )
}

/// The timeline and the number of a segment, from its file name; `None` for other names.
pub(super) fn segment_of(name: &str) -> Option<(u32, u64)> {
    if name.len() != 24 || !is_kept(name) {
        return None;
    }
    let part = |range| u64::from_str_radix(name.get(range)?, 16).ok();
    let segment = part(8..16)? * SEGMENTS_PER_LOG + part(16..24)?;
    Some((timeline_of(name)?, segment))
}

/// The timeline in a segment's file name.
pub(super) fn timeline_of(segment_name: &str) -> Option<u32> {
    u32::from_str_radix(segment_name.get(..8)?, 16).ok()
}

/// Whether a file of `pg_wal` belongs into the archive: a whole segment or a history file.
pub(super) fn is_kept(name: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.len() == 24 && hex(name)
        || name
            .strip_suffix(".history")
            .is_some_and(|stem| stem.len() == 8 && hex(stem))
}

/// A timeline of an ancestry and the position at which it was left for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ancestor {
    timeline: u32,
    left_at: Lsn,
}

/// A timeline and what it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    timeline: u32,
    /// Oldest first.
    ancestors: Vec<Ancestor>,
}

impl Line {
    /// Reads a timeline's ancestry from its history file, which lies in one of `places`: one line per ancestor,
    /// `<timeline> <position> <reason>`. Timeline 1 has no such file.
    pub(super) fn read(places: &[&Path], timeline: u32) -> Result<Self, EngineError> {
        let name = format!("{timeline:08X}.history");
        let mut text = String::new();
        for (place, is_last) in places
            .iter()
            .zip((0..places.len()).rev().map(|left| left == 0))
        {
            let path = place.join(&name);
            match fs::read_to_string(&path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && (timeline == 1 || !is_last) => {}
                other => {
                    text = other.doing("read", &path)?;
                    break;
                }
            }
        }
        Ok(Self {
            timeline,
            ancestors: parse(&text),
        })
    }

    /// The timeline whose file of a segment a replay along this line reads.
    pub(super) fn timeline_at(&self, segment: u64) -> u32 {
        let mut ancestors = self.ancestors.iter();
        ancestors
            .find(|ancestor| segment < ancestor.left_at.segment())
            .map_or(self.timeline, |ancestor| ancestor.timeline)
    }

    /// Whether this line goes through a position of `timeline`.
    pub(super) fn holds(&self, timeline: u32, position: Lsn) -> bool {
        timeline == self.timeline
            || self
                .ancestors
                .iter()
                .any(|ancestor| ancestor.timeline == timeline && position <= ancestor.left_at)
    }

    /// The segments that a replay from the segment `first` to `target` reads, in order, by file name.
    pub(super) fn road(&self, first: u64, target: Lsn) -> Vec<String> {
        // `target` is the first byte after the point's record.
        let last = Lsn(target.0.saturating_sub(1)).segment();
        (first..=last)
            .map(|segment| segment_name(self.timeline_at(segment), segment))
            .collect()
    }
}

fn parse(history: &str) -> Vec<Ancestor> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Ancestor {
            timeline: words.next()?.parse().ok()?,
            left_at: words.next()?.parse().ok()?,
        })
    };
    history
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_as_postgresql_writes_them() {
        let lsn: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(lsn, Lsn(0x16_B374_D848));
        assert_eq!(lsn.to_string(), "16/B374D848");
        for text in ["", "16", "16/", "x/1", "1/2/3", "123456789/0"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }

    #[test]
    fn segments_are_named_as_postgresql_names_them() {
        assert_eq!(segment_name(1, 1), "000000010000000000000001");
        assert_eq!(segment_name(10, 4096 + 255), "0000000A00000001000000FF");
        let file = "0000000A00000001000000FF";
        assert_eq!(segment_of(file), Some((10, 4096 + 255)));
        assert_eq!(segment_of("0000000A.history"), None);
        assert!(is_kept("0000000A00000001000000FF") && is_kept("00000002.history"));
        assert!(
            !is_kept("archive_status")
                && !is_kept("xlogtemp.12")
                && !is_kept("000000010000000000000001.partial")
        );
    }

    #[test]
    fn the_road_changes_timelines_at_the_segment_that_holds_the_fork() {
        let archive = std::env::temp_dir().join(format!("drydock-road-{}", std::process::id()));
        fs::create_dir_all(&archive).unwrap();
        fs::write(
            archive.join("00000003.history"),
            "1\t0/200100\tx\n\n2\t0/300000\ty\n",
        )
        .unwrap();
        let line = Line::read(&[&archive.join("elsewhere"), &archive], 3).unwrap();
        assert!(
            Line::read(&[&archive], 2).is_err(),
            "its history is not there"
        );
        let first = Line::read(&[&archive], 1).unwrap();
        fs::remove_dir_all(&archive).unwrap();
        assert_eq!(
            line.road(1, Lsn(0x40_0010)),
            [
                "000000010000000000000001",
                "000000020000000000000002",
                "000000030000000000000003",
                "000000030000000000000004"
            ]
        );
        assert!(line.holds(1, Lsn(0x20_0100)) && !line.holds(1, Lsn(0x20_0101)));
        assert!(line.holds(3, Lsn(0x20_0101)) && !first.holds(3, Lsn(1)));
    }
}
