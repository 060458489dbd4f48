//! What may be said of the policy beside the file: by flags and variables, and by one request.

use serde::Serialize;

use super::{BranchCreation, Group, Policy, ProductionRows, Switch};
use crate::api::Ref;

/// Values given for keys of the policy; `None` says nothing about a key.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    /// `read_only`
    pub read_only: Option<bool>,
    /// `projects`
    pub projects: Option<Vec<Ref>>,
    /// `features`
    pub features: Option<Vec<Group>>,
    /// `dev_branch.name`
    pub dev_branch: Option<String>,
    /// `dev_branch.create`
    pub create: Option<BranchCreation>,
    /// `production.rows`
    pub production_rows: Option<ProductionRows>,
    /// `gate.replay`
    pub replay: Option<Switch>,
    /// `limits.rows`
    pub rows: Option<usize>,
    /// `limits.wait_s`
    pub wait_s: Option<u64>,
}

impl Narrowing {
    /// The keys that it says something about.
    pub fn keys(&self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        let _ = Policy::default().take(self, Way::Replace, &mut keys);
        keys
    }
}

/// A value that allows more than the policy does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {asked} allows more than the policy, which says {bound}")]
pub struct Looser {
    /// The key.
    pub key: &'static str,
    /// What the policy says.
    pub bound: String,
    /// What was asked for.
    pub asked: String,
}

/// What becomes of a value that is looser than the policy's.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// It takes its place.
    Replace,
    /// It is an error.
    Refuse,
    /// It changes nothing.
    Ignore,
}

impl Policy {
    /// The policy with an operator's flags and variables in place of the defaults: where there is
    /// no policy file, they are the policy.
    #[must_use]
    pub fn with(mut self, given: &Narrowing) -> Self {
        // Replacing refuses nothing.
        let _ = self.take(given, Way::Replace, &mut Vec::new());
        self
    }

    /// The policy as tightened.
    ///
    /// # Errors
    ///
    /// The first value that would loosen it.
    pub fn narrowed(mut self, given: &Narrowing) -> Result<Self, Looser> {
        self.take(given, Way::Refuse, &mut Vec::new())?;
        Ok(self)
    }

    /// The policy for one request: what would loosen it changes nothing.
    ///
    /// # Errors
    ///
    /// A list of which the policy allows nothing: an empty one would allow everything.
    pub fn met(mut self, given: &Narrowing) -> Result<Self, Looser> {
        self.take(given, Way::Ignore, &mut Vec::new())?;
        Ok(self)
    }

    fn take(
        &mut self,
        given: &Narrowing,
        way: Way,
        keys: &mut Vec<&'static str>,
    ) -> Result<(), Looser> {
        let mut put = Put { way, keys };
        let (dev, limits) = (&mut self.dev_branch, &mut self.limits);
        put.within("projects", &mut self.projects, &given.projects)?;
        put.within("features", &mut self.features, &given.features)?;
        put.value(
            "read_only",
            &mut self.read_only,
            given.read_only,
            |bound, asked| asked >= bound,
        )?;
        put.value(
            "dev_branch.name",
            &mut dev.name,
            given.dev_branch.clone(),
            |bound, asked| asked == bound,
        )?;
        put.value(
            "dev_branch.create",
            &mut dev.create,
            given.create,
            |bound, asked| asked <= bound,
        )?;
        put.value(
            "production.rows",
            &mut self.production.rows,
            given.production_rows,
            |bound, asked| asked <= bound,
        )?;
        put.value(
            "gate.replay",
            &mut self.gate.replay,
            given.replay,
            |bound, asked| asked <= bound,
        )?;
        put.value(
            "limits.rows",
            &mut limits.rows,
            given.rows,
            |bound, asked| asked <= bound,
        )?;
        put.value(
            "limits.wait_s",
            &mut limits.wait_s,
            given.wait_s,
            |bound, asked| asked <= bound,
        )
    }
}

/// Puts values in, one key after the other.
struct Put<'a> {
    way: Way,
    keys: &'a mut Vec<&'static str>,
}

impl Put<'_> {
    /// A value that is tight enough if `fits(bound, asked)`.
    fn value<T: Serialize>(
        &mut self,
        key: &'static str,
        slot: &mut T,
        asked: Option<T>,
        fits: impl Fn(&T, &T) -> bool,
    ) -> Result<(), Looser> {
        let Some(asked) = asked else {
            return Ok(());
        };
        if self.way != Way::Replace && !fits(slot, &asked) {
            return match self.way {
                Way::Ignore => Ok(()),
                _ => Err(looser(key, slot, &asked)),
            };
        }
        self.keys.push(key);
        *slot = asked;
        Ok(())
    }

    /// A list that allows no more than the policy's; an empty one allows everything.
    fn within<T: Clone + PartialEq + Serialize>(
        &mut self,
        key: &'static str,
        slot: &mut Vec<T>,
        asked: &Option<Vec<T>>,
    ) -> Result<(), Looser> {
        let mut asked = asked.clone();
        if self.way == Way::Ignore
            && let Some(list) = &mut asked
            && !slot.is_empty()
        {
            let all = list.clone();
            list.retain(|one| slot.contains(one));
            if list.is_empty() {
                return Err(looser(key, slot, &all));
            }
        }
        self.value(key, slot, asked, |bound, asked| {
            bound.is_empty() || (!asked.is_empty() && asked.iter().all(|one| bound.contains(one)))
        })
    }
}

fn looser(key: &'static str, bound: &impl Serialize, asked: &impl Serialize) -> Looser {
    Looser {
        key,
        bound: shown(bound),
        asked: shown(asked),
    }
}

fn shown(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
