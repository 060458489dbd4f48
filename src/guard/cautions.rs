//! What is worth a word, and is refused nowhere: seeds that could reach real people.

use std::collections::BTreeSet;

use super::Dev;

/// Domains that never belong to anybody (RFC 2606 and RFC 6761), and those under them.
const NOBODYS: [&str; 7] = [
    "example.com",
    "example.net",
    "example.org",
    "example",
    "test",
    "invalid",
    "localhost",
];

impl Dev {
    /// What to be careful about with SQL that puts rows into a branch.
    pub fn cautions(&self, query: &str) -> Option<String> {
        caution(query)
    }
}

/// The same, of SQL alone.
pub(super) fn caution(query: &str) -> Option<String> {
    let count = addresses(query).len();
    (count > 0).then(|| {
        format!(
            "{count} e-mail address(es) here could be real people's, and whatever sends mail on a branch would reach them: make them up, at example.com or under .test, and never copy production's rows"
        )
    })
}

/// The e-mail addresses in a text that somebody could have.
fn addresses(text: &str) -> BTreeSet<String> {
    text.match_indices('@')
        .filter_map(|(at, _)| {
            let before = &text[..at];
            let local = before.len() - trailing(before, "._%+-");
            let after = &text[at + 1..];
            let end = after
                .find(|one: char| !(one.is_ascii_alphanumeric() || matches!(one, '.' | '-')))
                .unwrap_or(after.len());
            let domain = after[..end].trim_end_matches('.').to_ascii_lowercase();
            let ending = domain.rsplit_once('.')?.1;
            let is_domain =
                ending.len() >= 2 && ending.bytes().all(|one| one.is_ascii_alphabetic());
            let is_nobodys = NOBODYS.iter().any(|nobodys| {
                domain
                    .strip_suffix(nobodys)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            });
            (local < at && is_domain && !is_nobodys)
                .then(|| format!("{}@{domain}", text[local..at].to_ascii_lowercase()))
        })
        .collect()
}

/// How many bytes at the end of a text are letters, digits or of `marks`.
fn trailing(text: &str, marks: &str) -> usize {
    text.bytes()
        .rev()
        .take_while(|one| one.is_ascii_alphanumeric() || marks.as_bytes().contains(one))
        .count()
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn only_what_somebody_could_have_is_an_address() {
        for (text, count) in [
            ("insert into t values ('jo@gmail.com'), ('JO@gmail.com')", 1),
            ("('a.b+c@mail.firm.co.uk', 'd@firm.io.')", 2),
            (
                "('ann@example.com'), ('b@sub.example.org'), ('c@shop.test')",
                0,
            ),
            // Not a reserved domain, for all that it ends like one.
            ("('d@notexample.com')", 1),
            (
                "select data @> '{\"a\": 1}', a @@ b, '@home', 'x@y', 'é@ü.de'",
                0,
            ),
            ("'5@1.2', 'user@10.0.0.1'", 0),
        ] {
            assert_eq!(addresses(text).len(), count, "{text}");
        }
    }
}
