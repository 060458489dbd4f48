//! Why a text could not be judged at all. Whatever cannot be judged is refused.

/// The text never became statements: nothing of it may run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// Nothing but white space, comments and semicolons.
    #[error("the SQL holds no statement")]
    Empty,
    /// A bound that protects the parser was passed.
    #[error("the SQL is too large: {found} {what}, and at most {limit} are read; split it up")]
    TooLarge {
        /// What was counted, as a plural: `bytes`, `nested brackets`.
        what: &'static str,
        /// The most that is read.
        limit: usize,
        /// How much there was, or how much there was when counting stopped.
        found: usize,
    },
    /// Neither PostgreSQL's grammar nor ours can be sure what this means.
    #[error("the SQL does not parse: {message} (line {line}, column {column})")]
    Unparsable {
        /// What was expected or met.
        message: String,
        /// Line of the offence, from 1.
        line: usize,
        /// Column of the offence in characters, from 1.
        column: usize,
    },
    /// PostgreSQL's text ends at a NUL byte, ours would not.
    #[error("the SQL holds a NUL byte")]
    Nul,
}

impl SqlError {
    /// The stable name of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "sql_empty",
            Self::TooLarge { .. } => "sql_too_large",
            Self::Unparsable { .. } => "sql_unparsable",
            Self::Nul => "sql_nul",
        }
    }

    /// An [`SqlError::Unparsable`] at a byte offset of `sql`.
    pub(super) fn unparsable(sql: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = sql.get(..offset).unwrap_or(sql);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Unparsable {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}
