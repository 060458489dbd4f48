//! A query as it was written, before names and types are known.

/// An expression and its place, in characters from 1.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: Raw,
}

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// `a.b.c`
    Name(Vec<String>),
    Text(String),
    /// In double quotes.
    Quoted(String),
    Integer(i64),
    Decimal(f64),
    Bool(bool),
    Null,
    Star,
    Interval(i64, String),
    Index(Box<Node>, Box<Node>),
    Call {
        name: String,
        distinct: bool,
        arguments: Vec<Node>,
    },
    Cast(Box<Node>, String),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    /// An operator between two.
    Binary(&'static str, Box<Node>, Box<Node>),
    In {
        negated: bool,
        value: Box<Node>,
        list: Vec<Node>,
    },
    Between {
        negated: bool,
        value: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
    },
    Like {
        negated: bool,
        insensitive: bool,
        value: Box<Node>,
        pattern: Box<Node>,
    },
    IsNull {
        negated: bool,
        value: Box<Node>,
    },
    /// `case when … then … else … end`
    Case(Vec<(Node, Node)>, Option<Box<Node>>),
}

/// One column of the result.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) value: Node,
    pub(super) alias: Option<(usize, String)>,
}

/// `unnest(path) as alias`
#[derive(Debug, Clone)]
pub(super) struct Unnest {
    pub(super) at: usize,
    pub(super) path: Vec<String>,
    pub(super) alias: String,
}

/// A whole query.
#[derive(Debug, Clone)]
pub(super) struct Select {
    pub(super) distinct: bool,
    pub(super) items: Vec<Item>,
    pub(super) table: (usize, String),
    pub(super) table_alias: Option<String>,
    pub(super) unnests: Vec<Unnest>,
    pub(super) filter: Option<Node>,
    pub(super) group_by: Vec<Node>,
    pub(super) having: Option<Node>,
    pub(super) order_by: Vec<(Node, bool)>,
    pub(super) limit: Option<(usize, i64)>,
    pub(super) offset: Option<(usize, i64)>,
}
