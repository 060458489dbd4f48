//! Everything in a world that can be asserted, as data.

use serde_json::{Map, Value, json};

use super::{WorldState, list, text};
use crate::eval::fleet::Workspace;

/// The most rows of one table.
const ROWS: usize = 1000;

/// Every environment with its ledger, tables, functions and the names of its secrets.
pub(in crate::eval) async fn dump(workspace: &Workspace) -> Result<Value, String> {
    let platform = workspace.platform();
    let state = WorldState::read(workspace).await?;
    let mut environments = Vec::new();
    for environment in &state.environments {
        let mut shown = serde_json::to_value(environment).map_err(|error| error.to_string())?;
        if environment.status == "ACTIVE_HEALTHY" {
            let reference = &environment.reference;
            let at = |rest: &str| format!("/v1/projects/{reference}/{rest}");
            let tables = platform
                .query(reference, include_str!("rows.sql"), true)
                .await?;
            let mut rows = Map::new();
            for table in tables.iter().filter(|table| table["rows"] != 0) {
                let name = text(table, "name");
                // Quoted by the database itself.
                let query = format!(
                    "select row_to_json(r) as row from (select * from {name} r order by r::text limit {ROWS}) r"
                );
                let found = platform.query(reference, &query, true).await?;
                let found = found.into_iter().map(|row| row["row"].clone()).collect();
                rows.insert(name, Value::Array(found));
            }
            shown["migrations"] = json!(list(&platform, &at("database/migrations")).await?);
            shown["rows"] = Value::Object(rows);
            let functions = list(&platform, &at("functions")).await?;
            shown["functions"] = functions
                .iter()
                .map(|one| json!(text(one, "slug")))
                .collect();
            let secrets = list(&platform, &at("secrets")).await?;
            shown["secrets"] = secrets.iter().map(|one| json!(text(one, "name"))).collect();
        }
        environments.push(shown);
    }
    Ok(json!({ "state_hash": state.hash(), "environments": environments }))
}
