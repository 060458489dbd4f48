//! What a call of each operation can send.

use drydock::api::actions::RunsQuery;
use drydock::api::advisors::AdvisorQuery;
use drydock::api::backups::RestorePitrBody;
use drydock::api::billing::ApplyAddonBody;
use drydock::api::branches::{
    CreateBranchBody, DeleteBranchQuery, DiffQuery, UpdateBranchBody, WorkflowBody,
};
use drydock::api::database::{PasswordBody, QueryBody};
use drydock::api::functions::{
    CreateFunctionBody, DeployMetadata, DeployQuery, Deployment, SourceFile, UpdateFunctionBody,
};
use drydock::api::keys::{CreateKeyBody, DeleteKeyQuery, KeyKind, RevealQuery, UpdateKeyBody};
use drydock::api::logs::LogsQuery;
use drydock::api::migrations::{ApplyMigrationBody, PatchMigrationBody, RollbackQuery};
use drydock::api::oauth::{ClaimQuery, RevokeBody, S256, TokenBody};
use drydock::api::organizations::PageQuery;
use drydock::api::pooler::{PoolMode, UpdatePoolerBody};
use drydock::api::projects::{CreateProjectBody, RegionSelection, RegionsQuery, UpdateProjectBody};
use drydock::api::restore_points::{RestorePointName, RestorePointQuery};
use drydock::api::secrets::NewSecret;
use drydock::api::typescript::TypescriptQuery;
use drydock::api::usage::{UsageInterval, UsageQuery};
use serde::Serialize;
use serde_json::{Value, json};

use super::Failure;

/// An OAuth app.
const CLIENT: &str = "66666666-6666-4666-8666-666666666666";

/// What a call of an operation can send, in our own types: bodies, and query strings as objects.
pub(super) fn sent(endpoint: &str) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    fn all<T: Serialize>(values: &[T]) -> Result<Vec<Value>, Failure> {
        Ok(values
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()?)
    }
    let text = |text: &str| Some(text.to_owned());
    let project = CreateProjectBody {
        db_pass: "secret".to_owned(),
        name: "Shop".to_owned(),
        organization_slug: "acme".to_owned(),
        region_selection: None,
        region: None,
        desired_instance_size: None,
    };
    let name = RestorePointName {
        name: "rp-20260102030405~2".to_owned(),
    };
    let query = |parameters, read_only| QueryBody {
        query: "select $1".to_owned(),
        parameters,
        read_only,
    };
    let parameters = Some(vec![json!(1), Value::Null, json!({ "a": [] })]);
    let none = Vec::new;
    Ok(match endpoint {
        "GetSecurityAdvisor" => {
            let lint_type = text("sql");
            (
                none(),
                all(&[AdvisorQuery::default(), AdvisorQuery { lint_type }])?,
            )
        }
        "ListActionRuns" => {
            let most = RunsQuery {
                offset: Some(10),
                limit: Some(20),
            };
            (none(), all(&[RunsQuery::default(), most])?)
        }
        "QueryLogs" => {
            let most = LogsQuery {
                sql: text("select id from logs limit 1"),
                iso_timestamp_start: text("2025-03-01T00:00:00Z"),
                iso_timestamp_end: text("2025-03-01T23:59:00Z"),
            };
            (none(), all(&[LogsQuery::default(), most])?)
        }
        "CreateBranch" => {
            let least = CreateBranchBody {
                branch_name: "DEV".to_owned(),
                ..CreateBranchBody::default()
            };
            let most = CreateBranchBody {
                persistent: Some(true),
                with_data: Some(false),
                desired_instance_size: text("micro"),
                secrets: Some([("KEY".to_owned(), "value".to_owned())].into()),
                git_branch: text("dev"),
                ..least.clone()
            };
            (all(&[least, most])?, none())
        }
        "UpdateBranch" => {
            let most = UpdateBranchBody {
                branch_name: text("next"),
                persistent: Some(false),
                git_branch: text("next"),
            };
            (all(&[UpdateBranchBody::default(), most])?, none())
        }
        "PushBranch" | "MergeBranch" | "ResetBranch" => {
            let most = WorkflowBody {
                migration_version: text("20260102030405"),
            };
            (all(&[WorkflowBody::default(), most])?, none())
        }
        "DeleteBranch" => (none(), all(&[DeleteBranchQuery { force: Some(true) }])?),
        "DiffBranch" => {
            let most = DiffQuery {
                included_schemas: text("public,auth"),
                pgdelta: Some(true),
            };
            (none(), all(&[DiffQuery::default(), most])?)
        }
        "RunQuery" => (
            all(&[query(None, None), query(parameters, Some(true))])?,
            none(),
        ),
        "RunReadOnlyQuery" => (all(&[query(None, None), query(parameters, None)])?, none()),
        "UpdatePassword" => {
            let password = "secret".to_owned();
            (all(&[PasswordBody { password }])?, none())
        }
        "ApplyMigration" | "UpsertMigration" => {
            let least = ApplyMigrationBody {
                query: "select 1".to_owned(),
                name: None,
                rollback: None,
            };
            let most = ApplyMigrationBody {
                name: text("create_todos"),
                rollback: text("select 2"),
                ..least.clone()
            };
            (all(&[least, most])?, none())
        }
        "CreateProject" => {
            let specific = CreateProjectBody {
                region_selection: Some(RegionSelection::Specific {
                    code: "eu-central-1".to_owned(),
                }),
                desired_instance_size: text("micro"),
                ..project.clone()
            };
            let group = CreateProjectBody {
                region_selection: Some(RegionSelection::SmartGroup {
                    code: "emea".to_owned(),
                }),
                ..project.clone()
            };
            let older = CreateProjectBody {
                region: text("us-east-1"),
                ..project.clone()
            };
            (all(&[project, specific, group, older])?, none())
        }
        "UpdateProject" => {
            let name = "Shop".to_owned();
            (all(&[UpdateProjectBody { name }])?, none())
        }
        "ListOrganizationProjects" => {
            let page = PageQuery {
                offset: 100,
                limit: PageQuery::LONGEST,
            };
            (none(), all(&[page])?)
        }
        "ListApiKeys" | "GetApiKey" => (
            none(),
            all(&[RevealQuery {
                reveal: Some(false),
            }])?,
        ),
        "CreateApiKey" => {
            let body = CreateKeyBody {
                kind: KeyKind::Secret,
                name: "default".to_owned(),
                description: None,
                secret_jwt_template: None,
            };
            let query = RevealQuery { reveal: Some(true) };
            (all(&[body])?, all(&[query])?)
        }
        "UpdateApiKey" => {
            let least = UpdateKeyBody {
                name: text("shop_server"),
                ..UpdateKeyBody::default()
            };
            let most = UpdateKeyBody {
                name: text("shop_server"),
                description: Some(None),
                secret_jwt_template: Some(None),
            };
            let query = RevealQuery { reveal: Some(true) };
            (all(&[least, most])?, all(&[query])?)
        }
        "DeleteApiKey" => {
            let query = DeleteKeyQuery {
                reveal: Some(false),
                was_compromised: Some(true),
                reason: text("it was in a chat"),
            };
            (none(), all(&[query])?)
        }
        "PatchMigration" => {
            let body = PatchMigrationBody {
                name: text("create_todos"),
                rollback: text("select 2"),
            };
            (all(&[body])?, none())
        }
        "RollbackMigrations" => {
            let gte = "20260102030405".to_owned();
            (none(), all(&[RollbackQuery { gte }])?)
        }
        "UpdatePoolerConfig" => {
            let body = UpdatePoolerBody {
                default_pool_size: Some(Some(25)),
                pool_mode: Some(PoolMode::Transaction),
            };
            (all(&[body, UpdatePoolerBody::default()])?, none())
        }
        "GetApiCounts" => {
            let interval = Some(UsageInterval::QuarterOfAnHour);
            (none(), all(&[UsageQuery { interval }])?)
        }
        "ApplyAddon" => {
            let body = ApplyAddonBody {
                addon_type: "compute_instance".to_owned(),
                addon_variant: "ci_small".to_owned(),
            };
            (all(&[body])?, none())
        }
        "GetRegions" => {
            let most = RegionsQuery {
                organization_slug: "acme".to_owned(),
                continent: text("EU"),
                desired_instance_size: text("micro"),
            };
            (none(), all(&[most])?)
        }
        // Pairs: one value of a list, as it stands in the query string.
        "GetHealth" => (none(), vec![json!({ "services": ["db"] })]),
        "DeployFunction" => {
            let least = Deployment {
                metadata: DeployMetadata {
                    entrypoint_path: "index.ts".to_owned(),
                    ..DeployMetadata::default()
                },
                file: vec![SourceFile::from(
                    "Deno.serve(() => new Response())".to_owned(),
                )],
            };
            let mut most = least.clone();
            most.metadata.import_map_path = text("deno.json");
            most.metadata.static_patterns = Some(vec!["assets/*".to_owned()]);
            most.metadata.verify_jwt = Some(true);
            most.metadata.name = text("Hello");
            let query = DeployQuery {
                slug: text("hello"),
                bundle_only: Some(false),
            };
            (all(&[least, most])?, all(&[query])?)
        }
        "CreateFunction" => {
            let body = CreateFunctionBody {
                slug: "hello".to_owned(),
                name: "Hello".to_owned(),
                body: "Deno.serve(() => new Response())".to_owned(),
                verify_jwt: Some(true),
            };
            (all(&[body])?, none())
        }
        "UpdateFunction" => {
            let body = UpdateFunctionBody {
                name: text("Hello"),
                body: text("Deno.serve(() => new Response())"),
                verify_jwt: Some(false),
            };
            (all(&[body])?, none())
        }
        "UpdateFunctions" => {
            let function = json!({
                "id": "1", "slug": "hello", "name": "Hello", "status": "ACTIVE", "version": 2,
                "verify_jwt": true, "import_map": false, "entrypoint_path": "index.ts",
                "ezbr_sha256": "00",
            });
            (vec![json!([function])], none())
        }
        "CreateRestorePoint" | "Undo" => (all(&[name])?, none()),
        "GenerateTypescriptTypes" => {
            let most = TypescriptQuery {
                included_schemas: text("public,auth"),
            };
            (none(), all(&[TypescriptQuery::default(), most])?)
        }
        "RestorePitr" => {
            let body = RestorePitrBody {
                recovery_time_target_unix: 1_764_000_000,
            };
            (all(&[body])?, none())
        }
        "GetRestorePoint" => {
            let most = RestorePointQuery {
                name: text("baseline"),
            };
            (none(), all(&[RestorePointQuery::default(), most])?)
        }
        "SetSecrets" => {
            let secret = NewSecret {
                name: "KEY".to_owned(),
                value: "value".to_owned(),
            };
            (all(&[vec![], vec![secret]])?, none())
        }
        // Every field has a test of its own, in `config`.
        "UpdateAuthConfig" => (
            vec![json!({ "site_url": "https://example.com", "sms_provider": null })],
            none(),
        ),
        "UpdateDataApiConfig" => (vec![json!({ "db_schema": "public" })], none()),
        "UpdateStorageConfig" => {
            let features = json!({ "s3Protocol": { "enabled": true } });
            (vec![json!({ "features": features })], none())
        }
        "UpdateRealtimeConfig" => (vec![json!({ "private_only": true })], none()),
        "UpdatePostgresConfig" => {
            let most = json!({ "work_mem": "8MB", "restart_database": true });
            (vec![json!({}), most], none())
        }
        "AuthorizeProjectClaim" => {
            let query = ClaimQuery {
                project_ref: "abcdefghijklmnopqrst".parse()?,
                client_id: CLIENT.to_owned(),
                response_type: "code".to_owned(),
                redirect_uri: "https://builder.example/claimed".to_owned(),
                state: text("state"),
                response_mode: text("query"),
                code_challenge: text("challenge"),
                code_challenge_method: text(S256),
            };
            (none(), all(&[query])?)
        }
        "ExchangeToken" => {
            let code = TokenBody {
                grant_type: text("authorization_code"),
                client_id: text(CLIENT),
                client_secret: text("secret"),
                code: text("code"),
                code_verifier: text("verifier"),
                redirect_uri: text("https://builder.example/claimed"),
                refresh_token: None,
            };
            let refresh = TokenBody {
                grant_type: text("refresh_token"),
                refresh_token: text("token"),
                ..TokenBody::default()
            };
            (all(&[code, refresh])?, none())
        }
        "RevokeToken" => {
            let body = RevokeBody {
                client_id: CLIENT.to_owned(),
                client_secret: "secret".to_owned(),
                refresh_token: "token".to_owned(),
            };
            (all(&[body])?, none())
        }
        "DeleteSecrets" => (all(&[vec!["KEY"]])?, none()),
        _ => (none(), none()),
    })
}
