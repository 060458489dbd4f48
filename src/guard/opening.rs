//! What a merge would open to everybody: the gate's condition `exposure`.
//!
//! It stands on the access matrix of the state that is merged, less what production has already.
//!
//! ```text
//! writing that asks nobody who they are, reading with no policy at all,   refused
//!   secrets that everybody reads
//! reading that a policy plainly asks for                                  one approval, remembered
//! what asks who is calling                                                nobody's business here
//! ```
//!
//! What the advisor speaks of is left to it, with its waivers; what it overlooks is found here:
//! partitioned tables, grants on columns, writing without a grant to read.
//!
//! Files are rows of `storage.objects`, and a bucket is a table of theirs: who overwrites or deletes
//! what anybody has put there is asked for more than the bucket. A bucket that is `public` is read
//! by anybody who knows a file's address.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use super::access::{Access, Rows, Who};
use super::gate::{Check, CheckStatus, Finding, FixMigration, NAMED};
use super::{Code, Dev, Next, Operation, Refusal};
use crate::api::DevBranch;
use crate::fence::quote;
use crate::hex;
use crate::sql::quoted;

/// The check's name, and what a waiver of it names.
const NAME: &str = "exposure";
/// What the migration that closes is called.
const CLOSE: &str = "close_what_is_open";

/// A table that anybody would be able to read, because a policy plainly asks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct PublicReading {
    /// `schema.name`.
    pub(super) object: String,
    /// The policies that let them.
    pub(super) policies: Vec<String>,
    /// Which rows, in words.
    pub(super) rows: String,
    /// The same, whole.
    #[serde(skip)]
    condition: String,
}

impl PublicReading {
    fn of(access: &Access) -> Self {
        let columns = access.columns.as_deref().unwrap_or("*");
        let condition = match &access.rows {
            Rows::Some(condition) => condition.as_str(),
            _ => "true",
        };
        Self {
            object: access.object.clone(),
            policies: access.policies.clone(),
            rows: access.words(None),
            condition: format!("{columns}: {condition}"),
        }
    }

    /// A bucket whose files anybody gets who knows their addresses.
    fn of_bucket(name: &str) -> Self {
        Self {
            object: format!("bucket {name}"),
            policies: Vec::new(),
            rows: "every file, by its address".to_owned(),
            condition: "public".to_owned(),
        }
    }

    /// What was approved: the table, its policies and their conditions.
    pub(super) fn digest(&self) -> String {
        let parts = [self.object.as_str(), self.condition.as_str()];
        hex::sha256_of(
            parts
                .into_iter()
                .chain(self.policies.iter().map(String::as_str)),
        )
    }

    fn words(&self) -> String {
        format!("{} ({})", quote(&self.object), quote(&self.rows))
    }
}

/// What is open that nobody can have meant.
struct Opened {
    object: String,
    what: String,
    /// The statements that close it.
    close: Vec<String>,
    /// Whether that takes nothing from anybody who should have it: row security where there are no
    /// policies yet.
    is_certain: bool,
}

/// What the condition says, and what an approval is still needed for.
pub(super) struct Exposure {
    pub(super) finding: Finding,
    pub(super) publishes: Vec<PublicReading>,
    /// Closes what is certain.
    pub(super) fix: Option<FixMigration>,
}

impl Exposure {
    /// It says what the condition before it says: there was nothing to look at, or no reason to.
    pub(super) fn as_before(before: &Finding) -> Self {
        let message = match before.0.status {
            CheckStatus::Failed => "mend what the advisor objects to first",
            _ => before.0.message.as_str(),
        };
        let status = match before.0.status {
            CheckStatus::Failed => CheckStatus::NotRun,
            other => other,
        };
        Self {
            finding: (Check::new(NAME, status, message), None),
            publishes: Vec::new(),
            fix: None,
        }
    }
}

impl Dev {
    /// Looks at what `judged` opens, with these schemas shown, beyond what production has open.
    pub(super) async fn check_exposure(
        &self,
        judged: &DevBranch,
        exposed: &str,
    ) -> Result<Exposure, Refusal> {
        let guard = &self.call.guard;
        self.call.step("looking at what becomes public");
        let project = self.branch.project();
        let here = guard.access(judged.reference(), exposed).await?;
        let shown = guard.exposed(project).await?;
        let known = guard.access(project, &shown).await?;
        let mut new: Vec<Access> = here
            .iter()
            .filter(|one| one.kind != "function" || one.behind.is_some())
            .filter(|one| !known.contains(one))
            .cloned()
            .collect();
        guard.try_conditions(judged, &mut new).await?;
        let advised: BTreeSet<&str> = here
            .iter()
            .filter(|one| one.is_read_as_a_whole())
            .map(|one| one.object.as_str())
            .collect();
        let opened: Vec<Opened> = new
            .iter()
            .filter(|one| !one.is_the_advisors(&advised))
            .filter_map(refused)
            .filter(|opened| !self.is_waived(NAME, &opened.object))
            .collect();
        if !opened.is_empty() {
            return Ok(Exposure {
                finding: self.too_open(&opened),
                publishes: Vec::new(),
                fix: FixMigration::of(CLOSE, &closing(opened.iter().filter(|one| one.is_certain))),
            });
        }
        let mut publishes: Vec<PublicReading> = new
            .iter()
            .filter(|one| is_public(one))
            .map(PublicReading::of)
            .collect();
        let known = guard.public_buckets(project).await?;
        let buckets = guard.public_buckets(judged.reference()).await?;
        let new = buckets.iter().filter(|bucket| !known.contains(bucket));
        publishes.extend(new.map(|bucket| PublicReading::of_bucket(bucket)));
        publishes.sort();
        publishes.dedup();
        let digests = publishes.iter().map(PublicReading::digest).collect();
        let approved = guard.store().approved_reading(project, digests).await?;
        publishes.retain(|one| !approved.contains(&one.digest()));
        let message = match publishes.as_slice() {
            [] => "nothing becomes public that was not approved".to_owned(),
            some => format!(
                "anybody will be able to read {}, as policies or buckets plainly say; the merge needs an approval of it, once",
                named(some.iter().map(PublicReading::words))
            ),
        };
        let mut check = Check::new(NAME, CheckStatus::Passed, message);
        if !publishes.is_empty() {
            check.status = self.status_with(Operation::PublicReading);
            check = check
                .next(self.asks_for_approval())
                .details(json!({ "public_reading": publishes }));
        }
        Ok(Exposure {
            finding: (check, None),
            publishes,
            fix: None,
        })
    }

    /// What is read by anybody with an approval is not asked for again.
    pub(super) async fn remember_public_reading(
        &self,
        publishes: &[PublicReading],
    ) -> Result<(), Refusal> {
        let read = publishes
            .iter()
            .map(|one| (one.object.clone(), one.digest()))
            .collect();
        let store = self.call.guard.store();
        Ok(store.approve_reading(self.branch.project(), read).await?)
    }

    fn too_open(&self, opened: &[Opened]) -> Finding {
        let check = Check::new(
            NAME,
            CheckStatus::Failed,
            format!(
                "it would be open to everybody: {}",
                named(opened.iter().map(|one| format!("{} {}", quote(&one.object), one.what)))
            ),
        )
        .next(Next::new(
            "apply_migration",
            json!({
                "project_id": self.branch.project(),
                "branch": self.branch.name(),
                "name": CLOSE,
                "query": closing(opened.iter()).join("\n"),
            }),
            "closes it; if the app needs it, give it policies that ask who is calling in a migration of your own instead. Then check again",
        ));
        (check, Some(Code::ExposureFailed))
    }
}

/// Their statements, each once: one policy can open several actions.
fn closing<'a>(opened: impl Iterator<Item = &'a Opened>) -> Vec<String> {
    let mut close: Vec<String> = Vec::new();
    for statement in opened.flat_map(|one| &one.close) {
        if !close.contains(statement) {
            close.push(statement.clone());
        }
    }
    close
}

impl Access {
    /// A function as statements name it: quoted, with its arguments.
    fn signature(&self) -> String {
        let arguments = self.object.split_once('(').map_or("", |(_, rest)| rest);
        format!("{}({arguments}", self.quoted)
    }

    /// Whether it makes the advisor look at the object, if nothing protects it.
    fn is_read_as_a_whole(&self) -> bool {
        self.action == "select" && self.columns.is_none() && self.kind != "partitioned table"
    }

    /// Whether the advisor speaks of it, which knows these objects to be read. It looks at no schema that is not shown.
    fn is_the_advisors(&self, read: &BTreeSet<&str>) -> bool {
        if self.behind.is_some() {
            return false;
        }
        if self.row_security {
            return !self.is_of_files()
                && self.kind == "table"
                && self.action != "select"
                && self.rows == Rows::Every;
        }
        read.contains(self.object.as_str())
    }
}

/// Whether anybody may read it because a policy says so.
fn is_public(access: &Access) -> bool {
    access.who == Who::Anonymous
        && access.action == "select"
        && access.row_security
        && access.kind.ends_with("table")
        && asks_nobody(access)
}

fn asks_nobody(access: &Access) -> bool {
    match access.rows {
        Rows::Every => true,
        Rows::Some(_) => access.asks_nobody,
        Rows::Callers | Rows::None => false,
    }
}

/// Why an access is not for a merge to open, if it is not.
fn refused(access: &Access) -> Option<Opened> {
    if !asks_nobody(access) {
        return None;
    }
    let who = match access.who {
        Who::Anonymous => "anybody",
        Who::SignedIn => "anybody who signs up",
    };
    let (role, action) = (access.who.role(), access.action.as_str());
    let opened = |what: String, is_certain: bool| {
        Some(Opened {
            object: access.object.clone(),
            what,
            close: match is_certain {
                true => vec![format!(
                    "alter table {} enable row level security;",
                    access.quoted
                )],
                false if access.is_of_files() => without_policies(access),
                false => vec![format!(
                    "revoke {action} on {} from public, {role};",
                    access.quoted
                )],
            },
            is_certain,
        })
    };
    if access.kind == "function" {
        // Those that the API shows are the advisor's.
        let door = access.behind.as_deref()?;
        return Some(Opened {
            object: access.object.clone(),
            what: format!(
                "runs with its owner's rights, and {who} may call it by way of {}",
                quote(door)
            ),
            close: vec![format!(
                "revoke execute on function {} from public, {role};",
                access.signature()
            )],
            is_certain: false,
        });
    }
    if let Some(columns) = &access.sensitive
        && access.kind != "view"
    {
        return opened(format!("lets {who} read {}", quote(columns)), false);
    }
    if !access.row_security {
        let can_have_policies = matches!(access.kind.as_str(), "table" | "partitioned table");
        let what = match &access.columns {
            Some(columns) => format!(
                "has no policy at all, and {who} may {action} its columns {}",
                quote(columns)
            ),
            None => format!("has no policy at all, and {who} may {action}"),
        };
        return opened(what, can_have_policies);
    }
    let writes = action != "select";
    let changes_others = access.is_of_files() && matches!(action, "update" | "delete");
    (writes && (access.who == Who::Anonymous || access.rows == Rows::Every || changes_others))
        .then(|| {
            opened(
                format!("has a policy that lets {who} {action} without asking who they are"),
                false,
            )
        })
        .flatten()
}

/// What a grant of the platform's opens is closed by dropping the policies that let it.
fn without_policies(access: &Access) -> Vec<String> {
    let open = access.open_policies.iter();
    open.map(|policy| format!("drop policy {} on {};", quoted(policy), access.quoted))
        .collect()
}

fn named(all: impl Iterator<Item = String>) -> String {
    let mut shown: Vec<String> = all.collect();
    let more = shown.len().saturating_sub(NAMED);
    shown.truncate(NAMED);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join("; ")
}
