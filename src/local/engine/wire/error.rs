//! Errors of the wire, and the platform's wording of an SQL error.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;
use serde::Serialize;

/// What a connection answers when it does not answer with rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// No server listens at the socket.
    #[error("could not connect to {}", socket.display())]
    Connect {
        /// The socket's path.
        socket: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The server refused the statement, or the login; the connection remains usable in the first case.
    #[error(transparent)]
    Sql(Box<SqlError>),
    /// The connection ended before the answer: whether the statement took effect is unknown.
    #[error("the answer was lost: {}", last_words.as_ref().map_or("the server closed the connection".to_owned(), ToString::to_string))]
    AnswerLost {
        /// What the server said before it closed the connection, if anything.
        last_words: Option<Box<SqlError>>,
        /// The system's answer, if it was not a plain end of file.
        source: Option<io::Error>,
    },
    /// The server had ended the session before the statement was sent: it did not run.
    #[error("the server ended the session")]
    Closed,
    /// The results took more than the given number of bytes; the connection was dropped.
    #[error("the result is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The statement was cancelled because it ran longer than allowed.
    #[error("the statement was cancelled after {limit:?}")]
    TimedOut {
        /// The time it was given.
        limit: Duration,
    },
    /// A statement that had to stay inside a read-only transaction ended it. Its result is withheld.
    #[error("the statement left its read-only transaction")]
    LeftTransaction,
    /// A bound parameter cannot be written as a value of its type.
    #[error("parameter ${number} {reason}")]
    Parameter {
        /// Counted from 1.
        number: usize,
        /// Why, to follow "parameter $1".
        reason: String,
    },
    /// The statement or a name in it contains a zero byte, which PostgreSQL's protocol cannot carry.
    #[error("the statement cannot be sent")]
    Unsendable(#[source] io::Error),
    /// An earlier call on this connection was abandoned half-way; open another.
    #[error("the connection was left in the middle of a statement")]
    Unusable,
    /// The server spoke out of turn.
    #[error("the server answered out of turn: {0}")]
    Protocol(String),
}

impl WireError {
    /// The SQL error inside, if it is one.
    pub fn sql(&self) -> Option<&SqlError> {
        match self {
            Self::Sql(error) => Some(error),
            _ => None,
        }
    }
}

/// An error as the server reports it. Field by field as in "Error and Notice Message Fields" of PostgreSQL's manual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct SqlError {
    /// `ERROR`, `FATAL` or `PANIC`, not translated.
    pub severity: String,
    /// SQLSTATE, five characters.
    pub code: String,
    /// The primary message, one line.
    pub message: String,
    /// More about the problem.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// The statement that a function of the server ran, when the error is in it.
    pub internal_query: Option<String>,
    /// Where in [`internal_query`](Self::internal_query), in characters from 1.
    pub internal_position: Option<u32>,
    /// The call stack.
    pub where_: Option<String>,
    /// The schema of the object concerned.
    pub schema: Option<String>,
    /// The table concerned.
    pub table: Option<String>,
    /// The column concerned.
    pub column: Option<String>,
    /// The constraint concerned.
    pub constraint: Option<String>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.message, self.code)
    }
}

impl SqlError {
    pub(super) fn read(mut fields: ErrorFields<'_>) -> Self {
        let mut error = Self::default();
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' if error.severity.is_empty() => error.severity = text,
                b'V' => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = text.parse().ok(),
                b'p' => error.internal_position = text.parse().ok(),
                b'q' => error.internal_query = Some(text),
                b'W' => error.where_ = Some(text),
                b's' => error.schema = Some(text),
                b't' => error.table = Some(text),
                b'c' => error.column = Some(text),
                b'n' => error.constraint = Some(text),
                _ => {}
            }
        }
        error
    }

    /// Whether the server ended the session with it.
    pub fn is_fatal(&self) -> bool {
        self.severity == "FATAL" || self.severity == "PANIC"
    }

    /// The text that the Management API gives for it: HTTP 400 with this as `message`. `sql` is the statement that
    /// was sent, for the `LINE` excerpt.
    pub fn platform_message(&self, sql: &str) -> String {
        let mut text = format!(
            "Failed to run sql query: {}:  {}: {}\n",
            self.severity, self.code, self.message
        );
        let place = match (self.position, &self.internal_query, self.internal_position) {
            (Some(position), _, _) => excerpt(sql, position),
            (None, Some(query), Some(position)) => excerpt(query, position),
            _ => None,
        };
        text.push_str(&place.unwrap_or_default());
        let lines = [
            ("DETAIL", &self.detail),
            ("HINT", &self.hint),
            ("QUERY", &self.internal_query),
            ("CONTEXT", &self.where_),
        ];
        for (label, value) in lines {
            if let Some(value) = value {
                text.push_str(&format!("{label}:  {value}\n"));
            }
        }
        text
    }
}

/// Characters of a line that an excerpt shows at most, as psql does.
const EXCERPT_WIDTH: usize = 60;
/// Characters that stay visible to the right of the caret when the end is cut.
const EXCERPT_RIGHT: usize = 10;

/// `LINE 3: …` with a caret under the character at `position` (from 1), or nothing if it lies outside `sql`.
///
/// One character counts as one column: the width of East Asian characters is deliberately not looked up.
fn excerpt(sql: &str, position: u32) -> Option<String> {
    let offset = usize::try_from(position).ok()?.checked_sub(1)?;
    let mut start = 0;
    for (index, line) in sql.split('\n').enumerate() {
        let length = line.chars().count();
        if offset > start + length {
            start += length + 1;
            continue;
        }
        let line: Vec<char> = line.trim_end_matches('\r').chars().collect();
        let caret = (offset - start).min(line.len());
        let (shown, caret) = cut(&line, caret);
        let label = format!("LINE {}: ", index + 1);
        let indent = " ".repeat(label.len() + caret);
        return Some(format!("{label}{shown}\n{indent}^\n"));
    }
    None
}

/// Cuts a long line around `caret` and gives the caret's column in what is left.
fn cut(line: &[char], caret: usize) -> (String, usize) {
    let plain = |chars: &[char]| {
        chars
            .iter()
            .map(|c| if *c == '\t' { ' ' } else { *c })
            .collect::<String>()
    };
    if line.len() <= EXCERPT_WIDTH {
        return (plain(line), caret);
    }
    let end = (caret + EXCERPT_RIGHT).max(EXCERPT_WIDTH).min(line.len());
    let start = end - EXCERPT_WIDTH;
    let left = if start > 0 { "..." } else { "" };
    let right = if end < line.len() { "..." } else { "" };
    let shown = format!("{left}{}{right}", plain(&line[start..end]));
    (shown, caret - start + left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undefined_table(position: u32) -> SqlError {
        SqlError {
            severity: "ERROR".into(),
            code: "42P01".into(),
            message: "relation \"x\" does not exist".into(),
            position: Some(position),
            ..SqlError::default()
        }
    }

    #[test]
    fn an_sql_error_reads_as_the_platform_words_it() {
        assert_eq!(
            undefined_table(15).platform_message("select * from x"),
            "Failed to run sql query: ERROR:  42P01: relation \"x\" does not exist\n\
             LINE 1: select * from x\n                      ^\n"
        );
    }

    #[test]
    fn the_caret_counts_characters_not_bytes() {
        let message = undefined_table(11).platform_message("/* äöü */ x");
        assert!(
            message.ends_with("LINE 1: /* äöü */ x\n                  ^\n"),
            "{message}"
        );
    }

    #[test]
    fn detail_and_hint_follow_the_excerpt_on_a_later_line() {
        let error = SqlError {
            detail: Some("d".into()),
            hint: Some("h".into()),
            ..undefined_table(10)
        };
        let message = error.platform_message("select\n  x\n");
        assert!(
            message.ends_with("\nLINE 2:   x\n          ^\nDETAIL:  d\nHINT:  h\n"),
            "{message}"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let sql = format!("select {}, x, {} from y", "a".repeat(100), "b".repeat(100));
        let message = undefined_table(110).platform_message(&sql);
        let lines: Vec<&str> = message.lines().collect();
        let caret = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().nth(caret), Some('x'));
        assert!(lines[1].len() < 80);
    }

    #[test]
    fn a_position_outside_the_statement_gives_no_excerpt() {
        assert!(!undefined_table(99).platform_message("x").contains("LINE"));
        assert!(!undefined_table(0).platform_message("x").contains("LINE"));
    }
}
