//! What decided about a call, for the journal: a code says why, this says who.

use super::Code;

impl Code {
    /// What decides about it: the stage of the pipeline, the gate's condition, or whoever Drydock asked. The
    /// journal says it, in a word that is stable.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::InvalidArguments | Self::UnknownTool => "arguments",
            Self::ReadOnly
            | Self::Frozen
            | Self::OutOfScope
            | Self::OutsidePolicy
            | Self::ProductionRows
            | Self::NotConfigured => "policy",
            Self::TargetUnknown
            | Self::NoDevBranch
            | Self::AmbiguousBranch
            | Self::ProductionIsProtected
            | Self::ProductionDataInBranch
            | Self::NotFound
            | Self::AlreadyExists => "target",
            Self::ApprovalRequired
            | Self::ApprovalDenied
            | Self::ApprovalExpired
            | Self::TooManyApprovals
            | Self::InvalidRequestState => "approval",
            Self::Sql(_) => "sql",
            Self::SqlError => "database",
            Self::LedgerIsProtected | Self::InvalidVersion | Self::UnmergedMigrations => "ledger",
            Self::RestorePointMissing
            | Self::PointUnreachable
            | Self::RevertUnverified
            | Self::RecoveryDisabled
            | Self::OutsideRecoveryWindow => "recovery",
            Self::AdvisorFailed | Self::AdvisorUnavailable => "gate:advisor",
            Self::ExposureFailed => "gate:exposure",
            Self::Drift => "gate:drift",
            Self::Unreplayable => "gate:replay",
            Self::DataLoss => "gate:data_loss",
            Self::UnforeseeableCode => "gate:code",
            Self::ConstraintViolated => "gate:constraints",
            Self::StaleCheck => "gate:state",
            Self::Partial | Self::UnexpectedSchema => "merge",
            Self::DoesNotCompile => "compiler",
            Self::SecretInSource
            | Self::LivePaymentKey
            | Self::SecretMissing
            | Self::VaultUnavailable => "secrets",
            Self::UnsafeSetting => "settings",
            Self::NotPrepared => "handover",
            Self::Busy | Self::InProgress => "turn",
            Self::NoCapacity
            | Self::InDoubt
            | Self::NotApplied
            | Self::BranchFailed
            | Self::PlatformUnreachable
            | Self::PlatformError
            | Self::Unauthorized
            | Self::PermissionMissing
            | Self::RateLimited => "platform",
            Self::JournalUnavailable => "journal",
            Self::InternalError => "drydock",
        }
    }
}
