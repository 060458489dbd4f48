//! Queries of logs: read in either of the platform's dialects, kept as one tree, printed anew for the
//! cloud or evaluated over lines. A caller's text is never passed on.
//!
//! ```text
//!   select … from logs …                    (ClickHouse, the present dialect)  ─┐ lex, parse
//!   select … from edge_logs cross join unnest(metadata) …  (BigQuery, older)  ─┤
//!                                                                              ▼
//!                              raw tree ── resolve: names, types, dialects ──► Query
//!                                                                     print ◄──┤
//!                                                                  evaluate ◄──┘
//! ```
//!
//! One select over one table, and the functions that are listed in [`Function`] and [`Aggregate`]: what
//! people ask of logs. Everything else is [`Refused`] with its place in the text and what to write
//! instead. Sizes and nesting are bounded before anything recurses, and regular expressions run in
//! linear time.

mod check;
mod evaluate;
mod fields;
mod functions;
mod lex;
mod moment;
mod parse;
mod print;
mod query;
mod raw;
mod refused;
mod resolve;
mod sources;
mod value;

pub use evaluate::{Record, TooMuch, evaluate};
pub use fields::{SOURCES, is_source};
pub use moment::shown as shown_moment;
pub use query::{
    Aggregate, Bucket, Column, Comparison, Expr, Function, Operator, Ordered, Query, Selected, Unit,
};
pub use refused::Refused;
pub use resolve::{Dialect, Parsed};

/// How many rows the platform gives at most.
pub const MAX_ROWS: u64 = 1000;

/// Reads a query of either dialect.
///
/// # Errors
///
/// What is not a query of the subset, with its place and what to write instead.
pub fn parse(text: &str) -> Result<Parsed, Refused> {
    let tokens = lex::tokens(text)?;
    let select = parse::select(&tokens)?;
    resolve::resolve(select)
}

#[cfg(test)]
mod tests;
