//! The tools: THE list, one file each. What the model reads of a tool stands in `tools/<name>.md`.
//!
//! Other names that are answered stand in `aliases`.
//!
//! Adding one: its card, its file, its stem in the list, a test and its snapshot.

mod aliases;

use std::sync::{Arc, LazyLock};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::guard::{
    Caller, Class, Grant, Group, Guard, Outcome, TargetView, Tool, WAIT_ARGUMENT, run,
};

pub use aliases::{ALIASES, Alias, called};

/// How many tokens the tools that are listed by default may take.
pub const LISTED_TOKENS: usize = 4500;
/// How many tokens all tools together may take.
pub const ALL_TOKENS: usize = 8000;

/// What of tools lies in a model's context, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Names, descriptions and input schemas: what every client shows its model.
    pub read: usize,
    /// Output schemas, which most clients keep to themselves.
    pub output: usize,
}

impl Weight {
    /// One tool's, from what is listed of it.
    pub fn of(name: &str, description: &str, input: &Value, output: &Value) -> Self {
        Self {
            read: name.len() + description.len() + input.to_string().len(),
            output: output.to_string().len(),
        }
    }

    /// About how many tokens are read: four bytes make one.
    pub fn tokens(self) -> usize {
        self.read / 4
    }

    /// The same of the output schemas.
    pub fn output_tokens(self) -> usize {
        self.output / 4
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), |sum, one| Self {
            read: sum.read + one.read,
            output: sum.output + one.output,
        })
    }
}

/// One tool of the catalogue, its types erased.
pub struct Entry {
    /// Its name on the wire.
    pub name: &'static str,
    /// The group that it is chosen with.
    pub group: Group,
    /// What it can do at most.
    pub class: Class,
    /// Whether it serves calls that only look as well.
    pub reads: bool,
    /// Whether it only adds, and takes nothing away.
    pub additive: bool,
    /// For people.
    pub title: &'static str,
    /// For models.
    pub description: &'static str,
    /// What it takes.
    pub input_schema: Arc<Map<String, Value>>,
    /// What it answers.
    pub output_schema: Arc<Map<String, Value>>,
    run: fn(Guard, Map<String, Value>, Caller) -> BoxFuture<'static, Outcome>,
}

macro_rules! catalogue {
    ($($group:ident { $($stem:ident: $tool:ident,)* })*) => {
        $($(mod $stem;)*)*

        /// Every tool, in the order in which they are listed.
        pub static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| vec![
            $($(Entry::of::<$stem::$tool>(
                Group::$group,
                include_str!(concat!("../../tools/", stringify!($stem), ".md")),
            ),)*)*
        ]);
    };
}

catalogue! {
    Projects {
        list_organizations: ListOrganizations,
        get_organization: GetOrganization,
        list_projects: ListProjects,
        get_project: GetProject,
        list_regions: ListRegions,
        create_project: CreateProject,
        get_project_health: GetProjectHealth,
    }
    Lifecycle {
        get_cost: GetCost,
        pause_project: PauseProject,
        restore_project: RestoreProject,
        delete_project: DeleteProject,
        list_compute_sizes: ListComputeSizes,
        change_compute_size: ChangeComputeSize,
        list_backups: ListBackups,
        get_recovery_options: GetRecoveryOptions,
        restore_to_point_in_time: RestoreToPointInTime,
    }
    Branches {
        list_branches: ListBranches,
        create_branch: CreateBranch,
        get_branch_diff: GetBranchDiff,
        rebase_branch: RebaseBranch,
        reset_branch: ResetBranch,
        delete_branch: DeleteBranch,
        check_merge: CheckMerge,
        merge_branch: MergeBranch,
    }
    Database {
        list_tables: ListTables,
        list_extensions: ListExtensions,
        list_migrations: ListMigrations,
        apply_migration: ApplyMigration,
        execute_sql: ExecuteSql,
        generate_typescript_types: GenerateTypescriptTypes,
    }
    Recovery {
        create_restore_point: CreateRestorePoint,
        list_restore_points: ListRestorePoints,
        revert_to_restore_point: RevertToRestorePoint,
    }
    Functions {
        list_edge_functions: ListEdgeFunctions,
        get_edge_function: GetEdgeFunction,
        deploy_edge_function: DeployEdgeFunction,
        update_edge_function: UpdateEdgeFunction,
        delete_edge_function: DeleteEdgeFunction,
        invoke_edge_function: InvokeEdgeFunction,
    }
    Config {
        get_config: GetConfig,
        update_config: UpdateConfig,
        promote_config: PromoteConfig,
        list_secrets: ListSecrets,
        set_secrets: SetSecrets,
        delete_secrets: DeleteSecrets,
        promote_secrets: PromoteSecrets,
    }
    Keys {
        get_project_url: GetProjectUrl,
        get_api_keys: GetApiKeys,
        create_api_keys: CreateApiKeys,
    }
    Advisors {
        get_advisors: GetAdvisors,
        get_access_matrix: GetAccessMatrix,
    }
    Storage {
        list_storage_buckets: ListStorageBuckets,
    }
    Debugging {
        query_logs: QueryLogs,
        get_logs: GetLogs,
    }
    Claim {
        prepare_claim: PrepareClaim,
        create_claim_link: CreateClaimLink,
    }
}

impl Entry {
    fn of<T: Tool>(group: Group, card: &'static str) -> Self {
        let (title, description) = read_card(card);
        let mut output_schema = schema_of::<T::Output>();
        if let Some(Value::Object(properties)) = output_schema.get_mut("properties") {
            let target = Value::Object(schema_of::<TargetView>());
            properties.insert("target".to_owned(), target);
        }
        let mut input_schema = schema_of::<T::Input>();
        if T::SLOW
            && let Some(Value::Object(properties)) = input_schema.get_mut("properties")
        {
            // What it means is said once, in the server's instructions.
            let wait = json!({ "type": "integer" });
            properties.insert(WAIT_ARGUMENT.to_owned(), wait);
        }
        Self {
            name: T::NAME,
            group,
            class: T::Grant::CLASS,
            reads: T::Grant::READS,
            additive: T::ADDITIVE,
            title,
            description,
            input_schema: Arc::new(input_schema),
            output_schema: Arc::new(shallow(output_schema)),
            run: |guard, arguments, caller| {
                Box::pin(async move { run::<T>(&guard, arguments, caller).await })
            },
        }
    }

    /// What it takes of a model's context.
    pub fn weight(&self) -> Weight {
        let schema = |schema: &Map<String, Value>| Value::Object(schema.clone());
        Weight::of(
            self.name,
            self.description,
            &schema(&self.input_schema),
            &schema(&self.output_schema),
        )
    }

    /// Serves one call.
    pub fn call(
        &self,
        guard: Guard,
        arguments: Map<String, Value>,
        caller: Caller,
    ) -> BoxFuture<'static, Outcome> {
        (self.run)(guard, arguments, caller)
    }
}

/// The tool of that name; `None` for a name that no tool has.
pub fn find(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

/// A card's title and description: `title: …` between two lines of dashes, then the text.
fn read_card(card: &'static str) -> (&'static str, &'static str) {
    let rest = card.strip_prefix("---\n").unwrap_or(card);
    let (front, body) = rest.split_once("\n---\n").unwrap_or(("", rest));
    let title = front
        .lines()
        .find_map(|line| line.strip_prefix("title: "))
        .unwrap_or_default();
    (title, body.trim())
}

/// A schema without `$schema`, `$ref` and `$defs`, which several clients reject, and without the
/// type's own name and remarks, which models need not read.
fn schema_of<T: JsonSchema>() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    terse(&mut schema);
    let Value::Object(mut object) = schema else {
        return Map::new();
    };
    object.remove("title");
    object.remove("description");
    object
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    object
}

/// A schema without what a model need not read: that what may be left out is null then, and what
/// each of a few words means.
fn terse(schema: &mut Value) {
    let children = match schema {
        Value::Object(fields) => {
            if fields.get("default") == Some(&Value::Null) {
                fields.remove("default");
            }
            let words: Option<Vec<Value>> = fields
                .get("oneOf")
                .and_then(Value::as_array)
                .and_then(|words| words.iter().map(|one| one.get("const").cloned()).collect());
            if let Some(words) = words {
                fields.remove("oneOf");
                fields.insert("type".to_owned(), json!("string"));
                fields.insert("enum".to_owned(), Value::Array(words));
            }
            fields.values_mut().collect()
        }
        Value::Array(items) => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    children.into_iter().for_each(terse);
}

/// An output schema down to its first level: what is deeper shows itself in the result.
///
/// Nothing in it is required. Clients hold refusals against it as well, which have an `error` and
/// nothing else, and one that finds a misfit shows neither its user nor its model a word of it.
fn shallow(mut schema: Map<String, Value>) -> Map<String, Value> {
    schema.remove("required");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            // Anything is `true` to a generator, and no schema to clients that want an object.
            if *property == Value::Bool(true) {
                *property = json!({ "description": "Any JSON." });
            }
            if let Value::Object(property) = property {
                property.retain(|key, _| matches!(key.as_str(), "type" | "items" | "description"));
                if let Some(Value::Object(items)) = property.get_mut("items") {
                    items.retain(|key, _| key == "type");
                }
            }
        }
    }
    schema
}
