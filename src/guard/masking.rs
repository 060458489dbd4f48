//! Values in PostgreSQL's messages, for readers that may not see rows. Names of tables, columns and
//! constraints stay; what a program raises in words of its own stays, too.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// How PostgreSQL's messages write values, and what is shown instead.
static VALUES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Literals of statements.
        (r"(?s)\$(\w*)\$.*\$\w*\$", "[value]"),
        (r"'(?:[^']|'')*'", "[value]"),
        // Key (email)=(…) already exists.
        (
            r"(?s)\)=\(.*?\)( already| is not| is still| conflicts|,|\.|$)",
            ")=([value])$1",
        ),
        (r"(?s)(Failing row contains )\(.*\)", "$1([value])"),
        // invalid input syntax for type integer: "…"
        (r#"(?s)(: )".*""#, "$1[value]"),
        (r#"((?i:value) )"(?:[^"]|"")*""#, "$1[value]"),
    ]
    .into_iter()
    .filter_map(|(pattern, shown)| Some((Regex::new(pattern).ok()?, shown)))
    .collect()
});

/// Replaces values in every text of a row; says in `masked` whether there were any.
pub(super) fn mask(value: &mut Value, masked: &mut bool) {
    match value {
        Value::String(text) => {
            for (pattern, instead) in VALUES.iter() {
                if let Cow::Owned(shown) = pattern.replace_all(text, *instead) {
                    *masked |= shown != *text;
                    *text = shown;
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, masked)),
        Value::Object(members) => members.values_mut().for_each(|member| mask(member, masked)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::mask;

    #[test]
    fn values_are_masked_and_names_stay() {
        let cases = [
            (
                "duplicate key value violates unique constraint \"users_pkey\"",
                "duplicate key value violates unique constraint \"users_pkey\"",
            ),
            (
                "Key (email)=(ada@example.com (work)) already exists.",
                "Key (email)=([value]) already exists.",
            ),
            (
                "Failing row contains (1, ada@example.com, null).",
                "Failing row contains ([value]).",
            ),
            (
                "invalid input syntax for type integer: \"ada \"\" x\"",
                "invalid input syntax for type integer: [value]",
            ),
            (
                "statement: insert into users values ('ada''s', $x$secret$x$)",
                "statement: insert into users values ([value], [value])",
            ),
            (
                "value \"99999999999\" is out of range for type integer",
                "value [value] is out of range for type integer",
            ),
            (
                "relation \"public.x\" does not exist",
                "relation \"public.x\" does not exist",
            ),
        ];
        for (message, expected) in cases {
            let mut row = json!({ "event_message": message });
            mask(&mut row, &mut false);
            assert_eq!(row["event_message"], expected, "{message}");
        }
    }
}
