//! Words that are no names.

/// Words that end an expression, and so are no aliases.
const KEYWORDS: [&str; 39] = [
    "select",
    "from",
    "where",
    "prewhere",
    "group",
    "by",
    "having",
    "order",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "join",
    "cross",
    "left",
    "right",
    "inner",
    "outer",
    "full",
    "on",
    "using",
    "as",
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "ilike",
    "is",
    "asc",
    "desc",
    "case",
    "when",
    "then",
    "else",
    "end",
    "with",
];
/// Clauses that a query does not have here, by the word that they begin with.
pub(super) const UNSUPPORTED: [(&str, &str, &str); 14] = [
    (
        "union",
        "queries are not joined to one",
        "one query for each",
    ),
    (
        "except",
        "queries are not subtracted",
        "a condition in where",
    ),
    (
        "intersect",
        "queries are not intersected",
        "a condition in where",
    ),
    (
        "with",
        "there is no with",
        "the expression itself where it is used",
    ),
    ("prewhere", "there is no prewhere", "where"),
    ("sample", "there is no sample", "limit"),
    ("final", "there is no final", "the query without it"),
    ("window", "there are no windows", "group by"),
    ("qualify", "there is no qualify", "having"),
    (
        "settings",
        "settings cannot be given",
        "the query without them",
    ),
    (
        "format",
        "the format cannot be chosen",
        "the query without it",
    ),
    ("into", "a query writes nothing", "the query without it"),
    (
        "array",
        "there is no array join clause",
        "arrayJoin(mapKeys(log_attributes)) in select",
    ),
    ("fetch", "there is no fetch", "limit"),
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
        || UNSUPPORTED
            .iter()
            .any(|(begins, ..)| word.eq_ignore_ascii_case(begins))
}
