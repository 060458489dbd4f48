//! What is planned: a fault, as it is written and as it is counted.

use serde::{Deserialize, Serialize};

use super::Called;
use super::blow::Blow;
use crate::api::Endpoint;
use crate::api::restore_points::{CreateRestorePoint, GetRestorePoint, Undo};

/// What [`What::Fail`] answers where the plan names no status.
const UNAVAILABLE: u16 = 503;

/// One fault of a plan.
///
/// Written as one flat object: `{"kind": "fail", "status": 503, "nth": 3, "method": "POST",
/// "path": "/v1/projects/{ref}/database/query"}`. Everything but the kind may be left out, except
/// `after` of `merge_stops`, and `seed` and `rate` of `storm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Fault {
    /// What goes wrong.
    pub what: What,
    /// The method of the calls that it concerns; any without.
    pub method: Option<String>,
    /// The path of the calls that it concerns, as the API declares it; any without.
    pub path: Option<String>,
    /// The how-manieth of these calls it strikes first, from 1.
    pub nth: u64,
    /// How many it strikes in a row from there. Without, one; of a storm, and of restore points that
    /// are not offered, all that follow.
    pub times: Option<u64>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The call is refused before any work is done.
    Fail {
        /// The status of the answer: 400 to 599.
        status: u16,
    },
    /// The work is done, and the connection is cut before anything of the answer is sent.
    FailAfter,
    /// No work is done and no answer comes.
    Hang {
        /// After how many seconds the platform gives up, with a 504; only the caller does without.
        seconds: Option<u64>,
    },
    /// The work is done, and the connection is cut in the middle of the answer's body.
    Half,
    /// The routes of restore points answer as where the project has none.
    RestorePointsNotOffered,
    /// A merge's workflow fails half-way.
    MergeStops {
        /// How many migrations it applies first.
        after: usize,
    },
    /// Now and then a call fails, before or after its work is done, or is answered by half: which,
    /// follows from the seed and the count of the call alone.
    Storm {
        /// The seed.
        seed: u64,
        /// The part of the calls that are struck, from 0 to 1.
        rate: f64,
    },
}

/// The word for [`What`] goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// See [`What::Fail`].
    Fail,
    /// See [`What::FailAfter`].
    FailAfter,
    /// See [`What::Hang`].
    Hang,
    /// See [`What::Half`].
    Half,
    /// See [`What::RestorePointsNotOffered`].
    RestorePointsNotOffered,
    /// See [`What::MergeStops`].
    MergeStops,
    /// See [`What::Storm`].
    Storm,
}

/// What a fault does to a call that it concerns.
pub(super) enum Turn {
    Passes,
    Strikes(Blow),
}

impl Fault {
    /// A fault of the first call there is, whatever it is.
    pub fn new(what: What) -> Self {
        Self {
            what,
            method: None,
            path: None,
            nth: 1,
            times: None,
        }
    }

    /// The same of calls of one endpoint, by the method and path that the API declares.
    #[must_use]
    pub fn of<E: Endpoint>(mut self) -> Self {
        self.method = Some(E::METHOD.to_string());
        self.path = Some(E::PATH.to_owned());
        self
    }

    /// The same from the nth call on, from 1, so many times.
    #[must_use]
    pub fn from_nth(mut self, nth: u64, times: u64) -> Self {
        self.nth = nth;
        self.times = Some(times);
        self
    }

    /// Whether a call counts.
    pub(super) fn concerns(&self, called: &Called) -> bool {
        let method = self.method.as_deref();
        let path = self.path.as_deref();
        match self.what {
            // Counted by workflow, not by call.
            What::MergeStops { .. } => false,
            What::RestorePointsNotOffered => {
                let of_points = [CreateRestorePoint::PATH, GetRestorePoint::PATH, Undo::PATH];
                of_points.contains(&called.path)
            }
            _ => {
                method.is_none_or(|method| method.eq_ignore_ascii_case(called.method.as_str()))
                    && path.is_none_or(|path| path == called.path)
            }
        }
    }

    /// Whether it is the turn of this call, of those that count.
    pub(super) fn is_due(&self, count: u64) -> bool {
        let lasts = matches!(
            self.what,
            What::Storm { .. } | What::RestorePointsNotOffered
        );
        let times = self.times.unwrap_or(if lasts { u64::MAX } else { 1 });
        count >= self.nth && count - self.nth < times
    }

    /// What becomes of this call, of those that count.
    pub(super) fn turn(&self, count: u64) -> Turn {
        if !self.is_due(count) {
            return Turn::Passes;
        }
        let blow = match self.what {
            What::Fail { status } => Some(Blow::Fail { status }),
            What::FailAfter => Some(Blow::FailAfter),
            What::Hang { seconds } => Some(Blow::Hang { seconds }),
            What::Half => Some(Blow::Half),
            What::RestorePointsNotOffered => Some(Blow::NotOffered),
            What::MergeStops { .. } => None,
            What::Storm { seed, rate } => drawn(seed, count, rate),
        };
        blow.map_or(Turn::Passes, Turn::Strikes)
    }
}

/// What a storm does to a call: the same for the same seed and count, on every machine.
fn drawn(seed: u64, count: u64, rate: f64) -> Option<Blow> {
    let first = mixed(seed ^ mixed(count));
    // 53 bits are what a float holds exactly.
    let part = (first >> 11) as f64 / (1_u64 << 53) as f64;
    if part >= rate {
        return None;
    }
    Some(match mixed(first) % 3 {
        0 => Blow::Fail {
            status: UNAVAILABLE,
        },
        1 => Blow::FailAfter,
        _ => Blow::Half,
    })
}

/// Spreads a number over all 64 bits: the finalizer of SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A fault as it stands in a plan.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

impl Written {
    /// The fields that belong to some kinds alone: name, whether it is there, to which.
    fn particular(&self) -> [(&'static str, bool, &'static [Kind]); 7] {
        const OF_CALLS: &[Kind] = &[
            Kind::Fail,
            Kind::FailAfter,
            Kind::Hang,
            Kind::Half,
            Kind::Storm,
        ];
        [
            ("status", self.status.is_some(), &[Kind::Fail]),
            ("seconds", self.seconds.is_some(), &[Kind::Hang]),
            ("after", self.after.is_some(), &[Kind::MergeStops]),
            ("seed", self.seed.is_some(), &[Kind::Storm]),
            ("rate", self.rate.is_some(), &[Kind::Storm]),
            ("method", self.method.is_some(), OF_CALLS),
            ("path", self.path.is_some(), OF_CALLS),
        ]
    }
}

impl TryFrom<Written> for Fault {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        for (name, is_given, kinds) in written.particular() {
            if is_given && !kinds.contains(&written.kind) {
                return Err(format!("{name} is not for {:?}", written.kind));
            }
        }
        let what = match written.kind {
            Kind::Fail => What::Fail {
                status: written.status.unwrap_or(UNAVAILABLE),
            },
            Kind::FailAfter => What::FailAfter,
            Kind::Hang => What::Hang {
                seconds: written.seconds,
            },
            Kind::Half => What::Half,
            Kind::RestorePointsNotOffered => What::RestorePointsNotOffered,
            Kind::MergeStops => What::MergeStops {
                after: written.after.ok_or("merge_stops needs after")?,
            },
            Kind::Storm => What::Storm {
                seed: written.seed.ok_or("storm needs a seed")?,
                rate: written.rate.ok_or("storm needs a rate")?,
            },
        };
        match what {
            What::Fail { status } if !(400..600).contains(&status) => {
                return Err(format!("{status} is no status of a failure"));
            }
            What::Storm { rate, .. } if !(0.0..=1.0).contains(&rate) => {
                return Err(format!("rate is from 0 to 1, and not {rate}"));
            }
            _ => {}
        }
        if written.nth == Some(0) || written.times == Some(0) {
            return Err("nth and times are at least 1".to_owned());
        }
        Ok(Self {
            what,
            method: written.method,
            path: written.path,
            nth: written.nth.unwrap_or(1),
            times: written.times,
        })
    }
}

impl From<Fault> for Written {
    fn from(fault: Fault) -> Self {
        let mut written = Self {
            kind: Kind::Half,
            status: None,
            seconds: None,
            after: None,
            seed: None,
            rate: None,
            method: fault.method,
            path: fault.path,
            nth: (fault.nth != 1).then_some(fault.nth),
            times: fault.times,
        };
        written.kind = match fault.what {
            What::Fail { status } => {
                written.status = Some(status);
                Kind::Fail
            }
            What::FailAfter => Kind::FailAfter,
            What::Hang { seconds } => {
                written.seconds = seconds;
                Kind::Hang
            }
            What::Half => Kind::Half,
            What::RestorePointsNotOffered => Kind::RestorePointsNotOffered,
            What::MergeStops { after } => {
                written.after = Some(after);
                Kind::MergeStops
            }
            What::Storm { seed, rate } => {
                (written.seed, written.rate) = (Some(seed), Some(rate));
                Kind::Storm
            }
        };
        written
    }
}
