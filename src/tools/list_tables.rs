//! `list_tables`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fence::quote;
use crate::guard::{Environment, Read, Refusal, Target, Tool};

/// Lists tables.
pub(super) struct ListTables;

/// Which tables.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Default: public.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    schemas: Option<Vec<String>>,
    /// With columns, keys and comments.
    #[serde(default)]
    verbose: bool,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The tables.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    tables: Vec<Map<String, Value>>,
}

/// What is shown of each table without `verbose`.
const BRIEF: [&str; 5] = ["schema", "name", "kind", "rls_enabled", "estimated_rows"];

impl Tool for ListTables {
    const NAME: &'static str = "list_tables";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let schemas = input.schemas.unwrap_or_else(|| vec!["public".to_owned()]);
        if schemas.iter().any(|schema| schema.contains('\0')) {
            return Err(Refusal::invalid("a schema's name has no NUL in it"));
        }
        let mut tables = grant
            .catalogue_rows(include_str!("list_tables.sql"), vec![json!(schemas)])
            .await?;
        for table in &mut tables {
            table.retain(|key, value| {
                (input.verbose || BRIEF.contains(&key.as_str())) && !value.is_null()
            });
            table.values_mut().for_each(drop_nulls);
        }
        Ok(Output { tables })
    }

    fn say(output: &Output) -> String {
        let open: Vec<String> = output
            .tables
            .iter()
            .filter(|table| {
                table.get("rls_enabled") == Some(&json!(false))
                    && table.get("kind") == Some(&json!("table"))
            })
            .filter_map(|table| table.get("name")?.as_str().map(str::to_owned))
            .collect();
        let mut text = format!("{} table(s).", output.tables.len());
        if !open.is_empty() {
            text.push_str(&format!(
                " Without row security: {}.",
                quote(open.join(", "))
            ));
        }
        text
    }
}

/// What is not there need not be read: a column without a default has none.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}
