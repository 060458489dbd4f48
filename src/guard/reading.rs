//! What only looks: organizations, projects, health, tables, queries, findings.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::judging::{AskedSql, AskedTool};
use super::{
    AppliedMigration, Code, Dev, Environment, LaunchedProject, Limits, Next, Read, Refusal,
};
use crate::api::branches::Branch;
use crate::api::database::{QueryBody, Row, RunQuery};
use crate::api::organizations::{
    GetOrganization, ListOrganizations, Organization, OrganizationDetail,
};
use crate::api::projects::{
    GetHealth, GetProject, GetRegions, Regions, RegionsQuery, ServiceHealth,
};
use crate::sql;

/// Rows, cut to what a result may hold.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The rows.
    pub rows: Vec<Value>,
    /// How many the database gave.
    pub row_count: usize,
    /// Whether some are missing in `rows`.
    pub truncated: bool,
}

impl Read {
    /// The organizations that the token can see.
    pub async fn organizations(&self) -> Result<Vec<Organization>, Refusal> {
        Ok(self
            .call
            .guard
            .client()
            .look::<ListOrganizations>((), &())
            .await?)
    }

    /// One organization, by its slug.
    pub async fn organization(&self, slug: String) -> Result<OrganizationDetail, Refusal> {
        let plain = (1..=100).contains(&slug.len())
            && slug
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !plain {
            return Err(Refusal::invalid(
                "organization_id is the id of an organization: letters, digits, `-` and `_`",
            )
            .next(Next::new(
                "list_organizations",
                json!({}),
                "lists the organizations with their ids",
            )));
        }
        Ok(self
            .call
            .guard
            .client()
            .look::<GetOrganization>(slug, &())
            .await?)
    }

    /// Production as the platform has it, and its DEV branch's ref if there is one.
    pub async fn project_with_branches(&self) -> Result<(LaunchedProject, Vec<Branch>), Refusal> {
        let guard = &self.call.guard;
        let project = guard
            .client()
            .look::<GetProject>(self.project()?.clone(), &())
            .await?;
        let branches = guard.branches_of(self.project()?).await?;
        Ok((project.project.into(), branches))
    }

    /// The project's branches, without production's own entry.
    pub async fn branches(&self) -> Result<Vec<Branch>, Refusal> {
        Ok(self.call.guard.branches_of(self.project()?).await?)
    }

    /// The name of the branch where writes land.
    pub fn dev_branch_name(&self) -> &str {
        &self.call.guard.policy().dev_branch.name
    }

    /// The regions that an organization can put projects in.
    pub async fn regions(&self, organization_slug: Option<String>) -> Result<Regions, Refusal> {
        let organization_slug = match organization_slug {
            Some(slug) => slug,
            None => match self.organizations().await?.into_iter().next() {
                Some(first) => first.slug,
                None => return Err(Refusal::invalid("organization_id is needed")),
            },
        };
        let query = RegionsQuery {
            organization_slug,
            continent: None,
            desired_instance_size: None,
        };
        Ok(self
            .call
            .guard
            .client()
            .look::<GetRegions>((), &query)
            .await?)
    }

    /// The health of services.
    pub async fn health(&self, services: &[&str]) -> Result<Vec<ServiceHealth>, Refusal> {
        let query = vec![("services".to_owned(), services.join(","))];
        Ok(self
            .call
            .guard
            .client()
            .look::<GetHealth>(self.reference()?.clone(), &query)
            .await?)
    }

    /// The ledger, oldest first.
    pub async fn ledger(&self) -> Result<Vec<AppliedMigration>, Refusal> {
        let ledger = self.call.guard.ledger(self.reference()?).await?;
        Ok(ledger
            .0
            .into_iter()
            .map(|entry| AppliedMigration {
                version: entry.version,
                name: entry.name.unwrap_or_default(),
            })
            .collect())
    }

    /// Where the environment's API answers.
    pub async fn api_urls(&self) -> Result<(String, Vec<(String, String)>), Refusal> {
        let guard = &self.call.guard;
        let place = guard.client().place().await?;
        let url = |reference: &str| crate::api::project_url(&place.base, reference);
        let production = url(self.project()?.as_str());
        let branches = guard
            .branches_of(self.project()?)
            .await?
            .into_iter()
            .map(|branch| {
                let url = url(branch.project_ref.as_str());
                (branch.name, url)
            })
            .collect();
        Ok((production, branches))
    }

    /// Rows of a catalogue query of Drydock's own.
    pub async fn catalogue_rows(
        &self,
        query: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, Refusal> {
        let parameters = (!parameters.is_empty()).then_some(parameters);
        Ok(self
            .call
            .guard
            .client()
            .query_read_only(self.reference()?, query, parameters)
            .await?)
    }

    /// Runs one statement that reads. Production's rows are guarded; its catalogue is not.
    pub async fn query(&self, query: &str) -> Result<QueryResult, Refusal> {
        let on_production = self.environment() == Environment::Production;
        let place = if on_production {
            sql::Place::Production
        } else {
            sql::Place::Dev
        };
        let asked = AskedSql {
            tool: AskedTool::ExecuteSql,
            project: self.project()?.as_str(),
            branch: self.branch_name(),
            query,
        };
        let (batch, _) = asked.judge(place)?;
        // What a name stands for is decided by the database, not by the text: a view, a function or
        // an operator of the app's own can stand behind any of them. So all or nothing.
        if on_production {
            self.may_read_rows(query).await?;
        }
        let guard = &self.call.guard;
        let reference = self.reference()?;
        // At once, so that a read takes no longer; what it gave, an error's text too, is withheld
        // until it is known what was behind the names.
        let (rows, allowed) = tokio::join!(
            guard.client().query_read_only(reference, query, None),
            guard.refuse_secrets_behind(reference, asked, &batch, sql::Purpose::Show),
        );
        allowed?;
        Ok(cut(rows?, &guard.policy().limits))
    }
}

/// Rows that data changes touched, those by triggers included.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct ChangedRows {
    /// Rows inserted.
    pub inserted: i64,
    /// Rows updated.
    pub updated: i64,
    /// Rows deleted; those of a TRUNCATE are not counted.
    pub deleted: i64,
}

/// The transaction's own counters, as its last statement.
const COUNT_CHANGES: &str = ";\nselect coalesce(sum(n_tup_ins), 0)::bigint as inserted, \
    coalesce(sum(n_tup_upd), 0)::bigint as updated, coalesce(sum(n_tup_del), 0)::bigint as deleted \
    from pg_catalog.pg_stat_xact_user_tables";

impl Dev {
    /// Runs data changes as one transaction. What they return is the result; where they return
    /// nothing, the rows that they changed are counted.
    pub async fn change_data(
        &self,
        query: &str,
    ) -> Result<(QueryResult, Option<ChangedRows>), Refusal> {
        let returns = sql::mentions_returning(query);
        let counted = if returns {
            query.to_owned()
        } else {
            // A new line ends a comment that the query may end with.
            format!("{query}\n{COUNT_CHANGES}")
        };
        let body = QueryBody {
            query: counted,
            parameters: None,
            read_only: None,
        };
        let guard = &self.call.guard;
        // In turn with migrations and merges: what they look at does not change meanwhile.
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.repair().await?;
        self.refuse_secrets_behind(query).await?;
        let rows = guard
            .client()
            .write::<RunQuery>(&self.branch, &(), &body)
            .await
            .map_err(|error| {
                let lost = error.may_have_happened();
                let mut refusal = Refusal::from(error);
                if lost && refusal.code != Code::PlatformUnreachable {
                    refusal.message.push_str(
                        "; whether the rows were changed is not known, so look before you repeat it",
                    );
                }
                refusal
            })?;
        // A function that the SQL calls can reach the ledger.
        let ledger = guard.ledger(self.branch.reference()).await?;
        self.refuse_strangers(&ledger).await?;
        if returns {
            return Ok((cut(rows, &guard.policy().limits), None));
        }
        let count = |column: &str| {
            rows.first()
                .and_then(|row| row.get(column)?.as_i64())
                .unwrap_or_default()
        };
        let changed = ChangedRows {
            inserted: count("inserted"),
            updated: count("updated"),
            deleted: count("deleted"),
        };
        Ok((cut(Vec::new(), &guard.policy().limits), Some(changed)))
    }

    /// Makes the restore point that precedes a mass change of data.
    pub async fn point_before_mass_change(&self, query: &str) -> Result<super::MadePoint, Refusal> {
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.repair().await?;
        // No point for a change that is then refused.
        self.refuse_secrets_behind(query).await?;
        self.numbered_point("before").await
    }
}

/// Keeps what a result may hold, whole rows only.
pub(super) fn cut(rows: Vec<Row>, limits: &Limits) -> QueryResult {
    let row_count = rows.len();
    let mut bytes = 0;
    let kept: Vec<Value> = rows
        .into_iter()
        .take(limits.rows)
        .map(Value::Object)
        .take_while(|row| {
            bytes += row.to_string().len();
            bytes <= limits.bytes
        })
        .collect();
    QueryResult {
        truncated: kept.len() < row_count,
        rows: kept,
        row_count,
    }
}
