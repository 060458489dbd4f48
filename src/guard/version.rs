//! Versions of migrations, and the names of the restore points that follow them.

use serde_json::json;

use super::ledger::Ledger;
use super::{Code, Dev, MigrationRequest, Next, Refusal};
use crate::clock;

/// Digits that a version may have.
const VERSION_DIGITS: usize = 14;

/// The latest version that may be given: the end of the year 9999.
const LAST_VERSION: u64 = 99_991_231_235_959;

impl Dev {
    /// The given version, if it is one that can follow; else the later of the present and the
    /// newest of both ledgers plus one.
    pub(super) async fn choose_version(
        &self,
        request: &MigrationRequest,
        ledger: &Ledger,
    ) -> Result<String, Refusal> {
        let production = self.call.guard.ledger(self.branch.project()).await?;
        let newest = ledger.newest().max(production.newest());
        let last = ledger.last_version().max(production.last_version());
        let Some(version) = &request.version else {
            // Short versions sort by their text among long ones: the next is later in both orders.
            let follows = format!("{last:0<VERSION_DIGITS$}")
                .parse::<u64>()
                .map_or(0, |last| last + 1);
            // Two branches that take the same version could not both be merged. A version that a
            // revert has freed may come again: it names no migration any more.
            let elsewhere = self
                .call
                .guard
                .store()
                .newest_version(self.branch.project())
                .await?;
            let present = clock::version_now();
            let apart = if elsewhere == present {
                present + 1
            } else {
                present
            };
            return Ok(apart.max(newest + 1).max(follows).to_string());
        };
        let again = Next::new(
            "apply_migration",
            json!({ "project_id": self.branch.project(), "name": request.name, "query": request.query }),
            "without a version the server chooses one that fits",
        );
        let invalid =
            |message: String| Refusal::new(Code::InvalidVersion, message).next(again.clone());
        let Some(number) = Some(version)
            .filter(|version| {
                (1..=VERSION_DIGITS).contains(&version.len())
                    && version.bytes().all(|byte| byte.is_ascii_digit())
            })
            .and_then(|version| version.parse::<u64>().ok())
        else {
            return Err(invalid(format!(
                "a version is 1 to {VERSION_DIGITS} digits, like {}",
                clock::version_now()
            )));
        };
        if ledger.find(version).is_some() || production.find(version).is_some() {
            return Err(invalid(format!(
                "version {version} is in the ledger already"
            )));
        }
        if number > LAST_VERSION {
            return Err(invalid(format!(
                "version {version} leaves no room for later ones"
            )));
        }
        if number <= newest || version.as_str() <= last {
            return Err(invalid(format!(
                "version {version} is not newer than {last}, the newest migration, as number and as text: a replay would run them in another order"
            )));
        }
        Ok(version.clone())
    }

    /// `rp-<version>`, or `rp-<version>~2` and so on where a revert has freed the version.
    pub(super) async fn name_point(&self, version: &str) -> Result<String, Refusal> {
        let points = self
            .call
            .guard
            .store()
            .points(self.branch.reference())
            .await?;
        let taken = |name: &str| points.iter().any(|point| point.name == name);
        let plain = format!("rp-{version}");
        if !taken(&plain) {
            return Ok(plain);
        }
        (2_u32..)
            .map(|again| format!("{plain}~{again}"))
            .find(|name| !taken(name))
            .ok_or_else(|| {
                Refusal::new(Code::InternalError, "no name is left for the restore point")
            })
    }
}
