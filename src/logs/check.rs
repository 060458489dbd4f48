//! What holds for a query as a whole, and for the arguments of its functions.

use regex::{Regex, RegexBuilder};

use super::Refused;
use super::query::{Expr, Function, Query, Selected};
use super::value::Kind;

/// Characters of a pattern.
const PATTERN: usize = 1000;
/// Bytes of a compiled pattern.
const COMPILED: usize = 256 * 1024;
/// How many patterns a query has.
const PATTERNS: usize = 32;
/// Fields that hold numbers, as texts.
const NUMBERS: [&str; 8] = [
    "response.status_code",
    "response.origin_time",
    "execution_time_ms",
    "duration",
    "status",
    "res.statusCode",
    "responseTime",
    "parsed.process_id",
];

/// Whether a field holds numbers.
pub(super) fn is_number(key: &str) -> bool {
    NUMBERS.contains(&key)
}

/// A regular expression that runs in linear time, of bounded size.
pub(super) fn compiled(pattern: &str, insensitive: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(insensitive)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .nest_limit(50)
        .build()
}

/// A pattern of `%` and `_` as a regular expression of the whole text.
pub(super) fn like_as_regex(pattern: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut escaped = false;
    for one in pattern.chars() {
        match one {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '%' if !escaped => regex.push_str(".*"),
            '_' if !escaped => regex.push('.'),
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
        escaped = false;
    }
    regex.push('$');
    regex
}

/// Whether a pattern of `%` and `_` is one that can be run.
pub(super) fn like(at: usize, pattern: &str) -> Result<(), Refused> {
    fits(at, pattern)?;
    compiled(&like_as_regex(pattern), false)
        .map(|_| ())
        .map_err(|_| Refused::new(at, "this pattern is too large"))
}

fn fits(at: usize, pattern: &str) -> Result<(), Refused> {
    match pattern.chars().count() > PATTERN {
        true => Err(Refused::new(
            at,
            format!("a pattern has at most {PATTERN} characters"),
        )),
        false => Ok(()),
    }
}

/// Two values that are to be compared, or of which one is taken.
pub(super) fn same_kind(at: usize, one: &Expr, other: &Expr) -> Result<(), Refused> {
    let (one, other) = (Kind::of(one), Kind::of(other));
    let comparable = !matches!(one, Kind::Map | Kind::Keys | Kind::Interval);
    match comparable && (one == other || one == Kind::Any || other == Kind::Any) {
        true => Ok(()),
        false => Err(Refused::new(
            at,
            format!("{} and {} do not go together", one.words(), other.words()),
        )),
    }
}

/// The values that `multiIf` chooses from.
pub(super) fn choices(arguments: &[Expr]) -> impl Iterator<Item = &Expr> {
    let last = arguments.last();
    arguments.iter().skip(1).step_by(2).chain(last)
}

/// Whether a function takes these.
pub(super) fn arguments(at: usize, function: Function, values: &[Expr]) -> Result<(), Refused> {
    let kinds: Vec<Kind> = values.iter().map(Kind::of).collect();
    let is = |place: usize, kind: Kind| {
        kinds
            .get(place)
            .is_none_or(|found| *found == kind || *found == Kind::Any)
    };
    let takes = |what: &str| {
        Err(Refused::new(
            at,
            format!("{} takes {what}", function.name()),
        ))
    };
    match function {
        Function::ToInt32OrZero
        | Function::ToInt64OrZero
        | Function::ToFloat64OrZero
        | Function::Lower
        | Function::Upper
        | Function::Length
            if !is(0, Kind::Text) =>
        {
            takes("a text")
        }
        Function::StartsWith | Function::EndsWith | Function::Position
            if !is(0, Kind::Text) || !is(1, Kind::Text) =>
        {
            takes("two texts")
        }
        Function::MapKeys if !is(0, Kind::Map) => takes("log_attributes"),
        Function::ArrayJoin if !is(0, Kind::Keys) => takes("mapKeys(log_attributes)"),
        Function::MapContains
            if !is(0, Kind::Map) || !matches!(values.get(1), Some(Expr::Text(_))) =>
        {
            takes("log_attributes and a key in quotes")
        }
        Function::Round
            if !is(0, Kind::Number)
                || !matches!(values.get(1), None | Some(Expr::Integer(0..=9))) =>
        {
            takes("a number, and 0 to 9 digits")
        }
        Function::ToString
            if matches!(kinds.first(), Some(Kind::Map | Kind::Keys | Kind::Interval)) =>
        {
            takes("one value")
        }
        Function::If if !is(0, Kind::Bool) => takes("a condition and two values"),
        Function::If => match values {
            [_, one, other] => same_kind(at, one, other),
            _ => Ok(()),
        },
        Function::MultiIf => {
            let conditions = (0..values.len() - 1).step_by(2);
            if values.len().is_multiple_of(2)
                || !conditions.into_iter().all(|place| is(place, Kind::Bool))
            {
                return takes("conditions with a value each, and a last value");
            }
            let chosen: Vec<&Expr> = choices(values).collect();
            chosen.windows(2).try_for_each(|pair| match pair {
                [one, other] => same_kind(at, one, other),
                _ => Ok(()),
            })
        }
        Function::Coalesce => values.windows(2).try_for_each(|pair| match pair {
            [one, other] => same_kind(at, one, other),
            _ => Ok(()),
        }),
        Function::Match => {
            let Some(Expr::Text(pattern)) = values.get(1).filter(|_| is(0, Kind::Text)) else {
                return takes("a text and a regular expression in quotes");
            };
            fits(at, pattern)?;
            compiled(pattern, false).map(|_| ()).map_err(|error| {
                let why = match error {
                    regex::Error::CompiledTooBig(_) => "it is too large",
                    _ => "it cannot be read; there are no look-arounds and no back references",
                };
                Refused::new(at, format!("this regular expression is not taken: {why}"))
            })
        }
        _ => Ok(()),
    }
}

/// The names of a result's columns are its members: two of one name would hide each other.
pub(super) fn names_differ(columns: &[Selected], at: usize) -> Result<(), Refused> {
    let mut names: Vec<String> = columns.iter().map(Selected::name).collect();
    names.sort();
    match names.windows(2).any(|pair| pair.first() == pair.last()) {
        true => Err(Refused::new(at, "two columns have one name").instead("an alias, with `as`")),
        false => Ok(()),
    }
}

/// What concerns the clauses together.
pub(super) fn whole(query: &Query) -> Result<(), Refused> {
    let is_aggregate = |part: &Expr| matches!(part, Expr::Aggregate(..));
    let filters = query.filter.iter().chain(&query.group_by);
    if filters.into_iter().any(|one| one.any_part(&is_aggregate)) {
        return Err(
            Refused::new(1, "where and group by come before anything is counted").instead("having"),
        );
    }
    let mut patterns = 0;
    for expression in query.expressions() {
        count_patterns(expression, &mut patterns);
    }
    if patterns > PATTERNS {
        return Err(Refused::new(1, format!("more than {PATTERNS} patterns")));
    }
    if !query.is_gathered() {
        return Ok(());
    }
    let order = query.order_by.iter().map(|key| &key.value);
    let shown = query.select.iter().map(|column| &column.value);
    for value in shown.chain(&query.having).chain(order) {
        if !query.is_of_group(value) {
            return Err(
                Refused::new(1, "a column is neither grouped nor aggregated").instead(format!(
                    "{} in group by, or any(…), min(…) or max(…) around it",
                    value.to_clickhouse()
                )),
            );
        }
    }
    Ok(())
}

fn count_patterns(expression: &Expr, count: &mut usize) {
    if matches!(
        expression,
        Expr::Like { .. } | Expr::Call(Function::Match, _)
    ) {
        *count += 1;
    }
    for part in expression.parts() {
        count_patterns(part, count);
    }
}

impl Selected {
    /// What the column is called in results.
    pub(super) fn name(&self) -> String {
        self.alias
            .clone()
            .unwrap_or_else(|| self.value.to_clickhouse())
    }
}

impl Query {
    /// Whether lines are gathered to groups, or to one.
    pub(super) fn is_gathered(&self) -> bool {
        let is_aggregate = |part: &Expr| matches!(part, Expr::Aggregate(..));
        !self.group_by.is_empty()
            || self.having.is_some()
            || self.expressions().any(|one| one.any_part(&is_aggregate))
    }

    /// Whether a value is the same for all lines of a group.
    fn is_of_group(&self, value: &Expr) -> bool {
        if self.group_by.contains(value) || matches!(value, Expr::Aggregate(..)) {
            return true;
        }
        let parts = value.parts();
        match parts.is_empty() {
            true => !matches!(value, Expr::Column(_) | Expr::Attribute(_)),
            false => parts.into_iter().all(|part| self.is_of_group(part)),
        }
    }
}
