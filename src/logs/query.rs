//! A query as one tree of known names and types.

/// A query over the table `logs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Whether equal rows are given once.
    pub distinct: bool,
    /// The columns of the result; at least one.
    pub select: Vec<Selected>,
    /// Which lines count.
    pub filter: Option<Expr>,
    /// What lines are gathered by.
    pub group_by: Vec<Expr>,
    /// Which groups count.
    pub having: Option<Expr>,
    /// What comes first.
    pub order_by: Vec<Ordered>,
    /// How many rows at most; 1 to [`MAX_ROWS`](super::MAX_ROWS).
    pub limit: u64,
    /// How many rows are passed over.
    pub offset: u64,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// What is in it.
    pub value: Expr,
    /// What it is called; its own text without.
    pub alias: Option<String>,
}

/// A key of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordered {
    /// The key.
    pub value: Expr,
    /// Whether the largest come first.
    pub descending: bool,
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The line's own id.
    Id,
    /// When it was written.
    Timestamp,
    /// Its text.
    EventMessage,
    /// How bad it is.
    SeverityText,
    /// Which service wrote it.
    Source,
    /// All its fields, as one map of texts.
    LogAttributes,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column.
    Column(Column),
    /// `log_attributes['key']`: a text, empty where a line has no such field.
    Attribute(String),
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Decimal(f64),
    /// A moment, in microseconds since the Unix epoch.
    Moment(i64),
    /// A stretch of time.
    Interval(i64, Unit),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
    /// A function of one line.
    Call(Function, Vec<Expr>),
    /// A function of many lines; without an argument it counts lines.
    Aggregate(Aggregate, Option<Box<Expr>>),
    /// Two values compared.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Two numbers, or a moment and a stretch of time.
    Arithmetic(Operator, Box<Expr>, Box<Expr>),
    /// All of these; two or more.
    All(Vec<Expr>),
    /// Any of these; two or more.
    Any(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// Whether a value is one of a list of constants.
    In {
        /// Whether it is none of them instead.
        negated: bool,
        /// The value.
        value: Box<Expr>,
        /// The constants; at least one.
        list: Vec<Expr>,
    },
    /// Whether a value lies between two, both included.
    Between {
        /// Whether it lies outside instead.
        negated: bool,
        /// The value.
        value: Box<Expr>,
        /// The least.
        low: Box<Expr>,
        /// The greatest.
        high: Box<Expr>,
    },
    /// Whether a text is like a pattern of `%` and `_`.
    Like {
        /// Whether it is not instead.
        negated: bool,
        /// Whether upper and lower case are the same.
        insensitive: bool,
        /// The text.
        value: Box<Expr>,
        /// The pattern.
        pattern: String,
    },
    /// Whether a value is nothing.
    IsNull {
        /// Whether it is something instead.
        negated: bool,
        /// The value.
        value: Box<Expr>,
    },
}

/// A function of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// A text as a whole number; 0 where it is none.
    ToInt32OrZero,
    /// The same, for larger ones.
    ToInt64OrZero,
    /// A text as a number; 0 where it is none.
    ToFloat64OrZero,
    /// A value as a text.
    ToString,
    /// In small letters.
    Lower,
    /// In capitals.
    Upper,
    /// How many bytes a text has.
    Length,
    /// At which character a text has another first, whatever its letters' case; 0 where it has it not.
    Position,
    /// Whether a text matches a regular expression somewhere.
    Match,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether `log_attributes` has a key.
    MapContains,
    /// The keys of `log_attributes`.
    MapKeys,
    /// One row for each key of `log_attributes`.
    ArrayJoin,
    /// The beginning of the stretch that a moment lies in.
    StartOf(Bucket),
    /// The present.
    Now,
    /// A moment in milliseconds since the Unix epoch.
    UnixMillis,
    /// One of two values, by a condition.
    If,
    /// The value of the first condition that holds, or the last value.
    MultiIf,
    /// The first value that is something.
    Coalesce,
    /// A number to so many digits.
    Round,
}

/// A stretch that moments are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// Ten minutes.
    TenMinutes,
    /// A quarter of an hour.
    FifteenMinutes,
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
}

/// A unit of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

/// A function of many lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// How many; with an argument, how many are something.
    Count,
    /// How many satisfy a condition.
    CountIf,
    /// How many different values.
    UniqExact,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The mean.
    Avg,
    /// The sum.
    Sum,
    /// That of some line.
    Any,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// What is done with two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl Column {
    /// Every column with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Id, "id"),
        (Self::Timestamp, "timestamp"),
        (Self::EventMessage, "event_message"),
        (Self::SeverityText, "severity_text"),
        (Self::Source, "source"),
        (Self::LogAttributes, "log_attributes"),
    ];
}

impl Unit {
    /// Every unit with its name and its microseconds.
    pub(super) const ALL: [(Self, &'static str, i64); 4] = [
        (Self::Second, "second", 1_000_000),
        (Self::Minute, "minute", 60_000_000),
        (Self::Hour, "hour", 3_600_000_000),
        (Self::Day, "day", 86_400_000_000),
    ];

    pub(super) fn micros(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(unit, ..)| *unit == self)
            .map_or(0, |(_, _, micros)| *micros)
    }
}

impl Bucket {
    /// Its length in microseconds.
    pub(super) fn micros(self) -> i64 {
        const MINUTE: i64 = 60_000_000;
        match self {
            Self::Second => 1_000_000,
            Self::Minute => MINUTE,
            Self::FiveMinutes => 5 * MINUTE,
            Self::TenMinutes => 10 * MINUTE,
            Self::FifteenMinutes => 15 * MINUTE,
            Self::Hour => 60 * MINUTE,
            Self::Day => 24 * 60 * MINUTE,
        }
    }
}

impl Comparison {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Equal, "="),
        (Self::NotEqual, "!="),
        (Self::Less, "<"),
        (Self::AtMost, "<="),
        (Self::Greater, ">"),
        (Self::AtLeast, ">="),
    ];

    pub(super) fn of(sign: &str) -> Option<Self> {
        let sign = match sign {
            "==" => "=",
            "<>" => "!=",
            sign => sign,
        };
        Self::ALL
            .iter()
            .find(|(_, known)| *known == sign)
            .map(|(comparison, _)| *comparison)
    }
}

impl Operator {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Add, "+"),
        (Self::Subtract, "-"),
        (Self::Multiply, "*"),
        (Self::Divide, "/"),
        (Self::Modulo, "%"),
    ];

    pub(super) fn of(sign: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == sign)
            .map(|(operator, _)| *operator)
    }
}

impl Expr {
    /// All of these; one that is such a list itself is part of this one.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::All(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::All)
    }

    /// Any of these; one that is such a list itself is part of this one.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Any(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::Any)
    }

    /// What it is made of.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Call(_, parts) | Self::All(parts) | Self::Any(parts) => parts.iter().collect(),
            Self::Aggregate(_, part) => part.iter().map(AsRef::as_ref).collect(),
            Self::Compare(_, one, other) | Self::Arithmetic(_, one, other) => vec![one, other],
            Self::Not(part) | Self::Like { value: part, .. } | Self::IsNull { value: part, .. } => {
                vec![part]
            }
            Self::In { value, list, .. } => std::iter::once(value.as_ref()).chain(list).collect(),
            Self::Between {
                value, low, high, ..
            } => vec![value, low, high],
            _ => Vec::new(),
        }
    }

    /// Whether it, or anything that it is made of, is so.
    pub fn any_part(&self, is_so: &impl Fn(&Self) -> bool) -> bool {
        is_so(self) || self.parts().into_iter().any(|part| part.any_part(is_so))
    }

    pub(super) fn is_constant(&self) -> bool {
        matches!(
            self,
            Self::Text(_)
                | Self::Integer(_)
                | Self::Decimal(_)
                | Self::Moment(_)
                | Self::Bool(_)
                | Self::Null
        )
    }
}

fn one_or(mut parts: Vec<Expr>, kind: fn(Vec<Expr>) -> Expr) -> Expr {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            kind(parts)
        }
    }
}

impl Query {
    /// Every expression of it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let select = self.select.iter().map(|one| &one.value);
        let order = self.order_by.iter().map(|one| &one.value);
        select
            .chain(&self.filter)
            .chain(&self.group_by)
            .chain(&self.having)
            .chain(order)
    }
}
