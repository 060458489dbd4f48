//! Refusals: a typed "no, and here is what to do instead".

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::api::config::Service;
use crate::fence::{quote, unmarked};
use crate::redact;
use crate::store::StoreError;

/// Why a call was refused or failed. The word on the wire is the name in snake_case, and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// An argument is missing, unknown, of the wrong type or malformed.
    InvalidArguments,
    /// There is no tool of that name.
    UnknownTool,
    /// The server offers reading only.
    ReadOnly,
    /// The operator has stopped changes for a time.
    Frozen,
    /// The project is not the one that this server is pinned to.
    OutOfScope,
    /// The operator's policy does not allow what was asked for.
    OutsidePolicy,
    /// The platform has no room in that region.
    NoCapacity,
    /// It cannot be told what the ref stands for, so nothing is written.
    TargetUnknown,
    /// There is no DEV branch yet.
    NoDevBranch,
    /// Several branches carry the name.
    AmbiguousBranch,
    /// The target is production, or cannot be told from it.
    ProductionIsProtected,
    /// The branch holds production's rows.
    ProductionDataInBranch,
    /// Production's rows may not be read here.
    ProductionRows,
    /// Somebody must say yes first.
    ApprovalRequired,
    /// Somebody has said no.
    ApprovalDenied,
    /// The answer came too late.
    ApprovalExpired,
    /// So many calls wait for approval already that no other may.
    TooManyApprovals,
    /// What the client returned with its answer is not what this call was given.
    InvalidRequestState,
    /// The operator has not set up what this takes.
    NotConfigured,
    /// Something must be removed before the project is handed over.
    NotPrepared,
    /// What was named does not exist.
    NotFound,
    /// What was to be made exists.
    AlreadyExists,
    /// The SQL was refused by the judge, with the judge's own code.
    Sql(&'static str),
    /// The database refused the SQL; nothing of it remains.
    SqlError,
    /// The migration ran or not: it is not known.
    InDoubt,
    /// The migration did not run; it may be sent again.
    NotApplied,
    /// The migration touched the ledger.
    LedgerIsProtected,
    /// The version is taken, older than the newest, or not digits.
    InvalidVersion,
    /// A migration has no restore point, and none could be made.
    RestorePointMissing,
    /// The restore point can no longer be returned to.
    PointUnreachable,
    /// A revert or a recovery was asked for and its outcome is not what it should be.
    RevertUnverified,
    /// The project cannot be returned to a point in time, because nobody has enabled that.
    RecoveryDisabled,
    /// What is kept does not hold that moment.
    OutsideRecoveryWindow,
    /// Migrations that exist nowhere else would be lost.
    UnmergedMigrations,
    /// The advisor found what must not reach production.
    AdvisorFailed,
    /// A merge would open to everybody what nobody can have meant.
    ExposureFailed,
    /// The advisor gave no verdict.
    AdvisorUnavailable,
    /// Production is not what the branch was made from.
    Drift,
    /// The branch is not what its migrations make.
    Unreplayable,
    /// Production would lose rows, and nobody has approved exactly that.
    DataLoss,
    /// A merge would run code whose doings on production nobody can foresee, and nobody has approved.
    UnforeseeableCode,
    /// Production's rows do not fulfil what the migrations demand.
    ConstraintViolated,
    /// The branch changed between check and merge.
    StaleCheck,
    /// The merge was carried out in part.
    Partial,
    /// The merge made another schema on production than the gate saw.
    UnexpectedSchema,
    /// The platform's workflow on a branch failed.
    BranchFailed,
    /// The compiler, or the platform, refuses a function's files.
    DoesNotCompile,
    /// A function's source spells a secret out.
    SecretInSource,
    /// Somebody else works on the same thing.
    Busy,
    /// It takes longer than a call may.
    InProgress,
    /// The platform cannot be reached.
    PlatformUnreachable,
    /// The platform answered with an error.
    PlatformError,
    /// The platform does not accept the access token.
    Unauthorized,
    /// The access token lacks a permission.
    PermissionMissing,
    /// The platform's rate limit is used up.
    RateLimited,
    /// A setting opens what must stay closed, or carries a development value to production.
    UnsafeSetting,
    /// A live payment key is for production alone.
    LivePaymentKey,
    /// The operator's environment lacks a secret that was named.
    SecretMissing,
    /// The vault cannot seal, so nothing that needs a secret is begun.
    VaultUnavailable,
    /// The journal cannot be written, so nothing is.
    JournalUnavailable,
    /// Drydock itself failed.
    InternalError,
}

impl Code {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::UnknownTool => "unknown_tool",
            Self::ReadOnly => "read_only",
            Self::Frozen => "frozen",
            Self::OutOfScope => "out_of_scope",
            Self::OutsidePolicy => "outside_policy",
            Self::NoCapacity => "no_capacity",
            Self::TargetUnknown => "target_unknown",
            Self::NoDevBranch => "no_dev_branch",
            Self::AmbiguousBranch => "ambiguous_branch",
            Self::ProductionIsProtected => "production_is_protected",
            Self::ProductionDataInBranch => "production_data_in_branch",
            Self::ProductionRows => "production_rows",
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalExpired => "approval_expired",
            Self::TooManyApprovals => "too_many_approvals",
            Self::InvalidRequestState => "invalid_request_state",
            Self::NotConfigured => "not_configured",
            Self::NotPrepared => "not_prepared",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Sql(code) => code,
            Self::SqlError => "sql_error",
            Self::InDoubt => "in_doubt",
            Self::NotApplied => "not_applied",
            Self::LedgerIsProtected => "ledger_is_protected",
            Self::InvalidVersion => "invalid_version",
            Self::RestorePointMissing => "restore_point_missing",
            Self::PointUnreachable => "point_unreachable",
            Self::RevertUnverified => "revert_unverified",
            Self::RecoveryDisabled => "recovery_disabled",
            Self::OutsideRecoveryWindow => "outside_recovery_window",
            Self::UnmergedMigrations => "unmerged_migrations",
            Self::AdvisorFailed => "advisor_failed",
            Self::ExposureFailed => "exposure_failed",
            Self::AdvisorUnavailable => "advisor_unavailable",
            Self::Drift => "drift",
            Self::Unreplayable => "unreplayable",
            Self::DataLoss => "data_loss",
            Self::UnforeseeableCode => "unforeseeable_code",
            Self::ConstraintViolated => "constraint_violated",
            Self::StaleCheck => "stale_check",
            Self::Partial => "partial",
            Self::UnexpectedSchema => "unexpected_schema",
            Self::BranchFailed => "branch_failed",
            Self::DoesNotCompile => "does_not_compile",
            Self::SecretInSource => "secret_in_source",
            Self::Busy => "busy",
            Self::InProgress => "in_progress",
            Self::PlatformUnreachable => "platform_unreachable",
            Self::PlatformError => "platform_error",
            Self::Unauthorized => "unauthorized",
            Self::PermissionMissing => "permission_missing",
            Self::RateLimited => "rate_limited",
            Self::UnsafeSetting => "unsafe_setting",
            Self::LivePaymentKey => "live_payment_key",
            Self::SecretMissing => "secret_missing",
            Self::VaultUnavailable => "vault_unavailable",
            Self::JournalUnavailable => "journal_unavailable",
            Self::InternalError => "internal_error",
        }
    }
}

/// The call to make instead.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Next {
    /// The tool to call.
    pub tool: &'static str,
    /// Its arguments.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub arguments: Value,
    /// What it achieves.
    pub why: String,
}

impl Next {
    /// A call to `tool` with `arguments`, of which those that are null are left out.
    pub fn new(tool: &'static str, mut arguments: Value, why: impl Into<String>) -> Self {
        if let Some(arguments) = arguments.as_object_mut() {
            arguments.retain(|_, value| !value.is_null());
            // Whoever gave these has them; nobody else is to read them here.
            match arguments.get_mut("secrets") {
                Some(Value::Object(secrets)) => {
                    secrets
                        .values_mut()
                        .for_each(|value| *value = json!(redact::MARK));
                }
                Some(other) => *other = json!(redact::MARK),
                None => {}
            }
            if let Some(Value::Object(settings)) = arguments.get_mut("settings") {
                for (name, value) in settings {
                    if Service::ALL.iter().any(|one| one.holds_secret(name)) {
                        *value = json!(redact::MARK);
                    }
                }
            }
        }
        Self {
            tool,
            arguments,
            why: why.into(),
        }
    }
}

/// A typed "no, and here is what to do instead".
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why, as a stable word.
    pub code: Code,
    /// What happened and what to do, in a sentence or two.
    pub message: String,
    /// The call to make instead, if an agent can do anything.
    pub next: Option<Box<Next>>,
    /// What the operator must do, if an agent cannot.
    pub operator: Option<String>,
    /// Facts, by name.
    pub details: Box<Value>,
}

impl Refusal {
    /// A refusal with neither a next step nor details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            next: None,
            operator: None,
            details: Box::new(json!({})),
        }
    }

    /// Bad arguments.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArguments, message)
    }

    /// A name that Drydock writes down, and that therefore must hold no secret.
    pub(super) fn unless_harmless(what: &str, name: &str) -> Result<(), Self> {
        match redact::text(name) {
            None => Ok(()),
            Some(_) => Err(Self::invalid(format!(
                "the {what} looks like a secret, and names are kept and shown: choose another"
            ))),
        }
    }

    /// With the call to make instead.
    #[must_use]
    pub fn next(mut self, next: Next) -> Self {
        self.next = Some(Box::new(next));
        self
    }

    /// With what the operator must do.
    #[must_use]
    pub fn operator(mut self, what: impl Into<String>) -> Self {
        self.operator = Some(what.into());
        self
    }

    /// With facts.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Box::new(details);
        self
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match &error {
            ApiError::Unreachable { .. } => Self::new(Code::PlatformUnreachable, error.to_string())
                .operator("check the API URL, the network and, for the local platform, `drydock platform`"),
            ApiError::NotStarted(reason) => Self::new(
                Code::PlatformUnreachable,
                format!("the local platform did not start: {}", quote(reason)),
            )
            .operator("mend what the message names, or run `drydock platform` to see it start"),
            ApiError::AnswerLost { .. } => Self::new(
                Code::PlatformUnreachable,
                format!("{error}; whether it was carried out is not known"),
            ),
            ApiError::Status { status: 404, message, .. } => Self::new(Code::NotFound, quote(message).to_string()),
            ApiError::Status { status: 400, message, .. } if message.contains("ERROR:") => {
                Self::sql_error(message)
            }
            ApiError::Status { status: 401, .. } => {
                Self::new(Code::Unauthorized, "the platform does not accept Drydock's access token: it is wrong, expired or revoked; no call can help")
                    .operator("start Drydock with an access token that holds, in SUPABASE_ACCESS_TOKEN; `drydock doctor` tries it")
            }
            ApiError::Status { status: 403, permission, .. } => Self::forbidden(&error, permission),
            ApiError::TooFast { .. } => Self::new(Code::RateLimited, format!("{error}; nothing was done, and it may be tried again in a few minutes"))
                .operator("the platform counts 120 requests a minute for each user and project: ask it for more, or spread agents over several users' tokens"),
            ApiError::Status { status, .. } => Self::new(Code::PlatformError, error.to_string())
                .details(json!({ "status": status })),
            ApiError::Unreadable { .. } => Self::new(Code::PlatformError, error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(
            Code::JournalUnavailable,
            format!(
                "{}; what this call had begun may be done, so look before you repeat it",
                quote(error)
            ),
        )
        .operator("free disk space or mend the data directory, then try again")
    }
}

impl Refusal {
    /// The platform let the token in and does not let it do this.
    fn forbidden(error: &ApiError, permission: &'static str) -> Self {
        let (needs, remedy) = match permission {
            "" => (
                String::new(),
                "give Drydock an access token of somebody who may do this".to_owned(),
            ),
            one => (
                format!("; it takes the permission {one}"),
                format!(
                    "give Drydock an access token with the permission {one}, or of somebody who has it; some operations are open to selected customers alone, and `drydock doctor` says which"
                ),
            ),
        };
        Self::new(
            Code::PermissionMissing,
            format!("the platform does not let Drydock's access token do this: {error}{needs}"),
        )
        .operator(remedy)
        .details(json!({ "permission": permission }))
    }

    /// The database's own error, taken apart.
    pub fn sql_error(message: &str) -> Self {
        // Before anything is cut: half a secret is one that nobody recognises.
        let message = redact::clean(unmarked(message).into_owned());
        let text = message
            .trim_start_matches("Failed to run sql query:")
            .trim();
        let body = text.trim_start_matches("ERROR:").trim_start();
        let mut details = serde_json::Map::new();
        if let Some((state, _)) = body.split_once(':')
            && state.len() == 5
            && state.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            details.insert("sqlstate".to_owned(), json!(state));
        }
        for (key, label) in [("detail", "DETAIL:"), ("hint", "HINT:")] {
            if let Some(line) = text.lines().find_map(|line| line.strip_prefix(label)) {
                details.insert(key.to_owned(), json!(shorten(line.trim())));
            }
        }
        if let Some(line) = text.lines().find(|line| line.starts_with("LINE ")) {
            details.insert("position".to_owned(), json!(line));
        }
        Self::new(Code::SqlError, quote(shorten(text)).to_string()).details(Value::Object(details))
    }
}

/// The most bytes of a database's message that an answer holds.
const MESSAGE_BYTES: usize = 4096;

/// A message cut to what is worth reading, and what was cut.
fn shorten(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES {
        return text.to_owned();
    }
    let end = (0..=MESSAGE_BYTES)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!(
        "{}… ({} bytes more)",
        text.get(..end).unwrap_or_default(),
        text.len() - end
    )
}
