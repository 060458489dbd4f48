//! What a policy's condition asks, read off its text as PostgreSQL prints it.
//!
//! A condition is alternatives of demands. Some say something of the row alone; the others call
//! something or run a query, and are questions: perhaps of the caller. A condition is open if one
//! alternative's demands are of the first kind, or questions that hold for anybody.

/// The demands that are questions.
pub(super) fn questions(condition: &str) -> Vec<&str> {
    let text = unwrapped(condition);
    for word in [OR, AND] {
        let sides = sides(text, word);
        if sides.len() > 1 {
            return sides.into_iter().flat_map(questions).collect();
        }
    }
    match is_plain(text) {
        true => Vec::new(),
        false => vec![text],
    }
}

/// Whether anybody gets past it; `holds` answers questions.
pub(super) fn is_open(condition: &str, holds: &impl Fn(&str) -> bool) -> bool {
    let text = unwrapped(condition);
    let alternatives = sides(text, OR);
    if alternatives.len() > 1 {
        return alternatives.iter().any(|one| is_open(one, holds));
    }
    let demands = sides(text, AND);
    if demands.len() > 1 {
        return demands.iter().all(|one| is_open(one, holds));
    }
    is_plain(text) || holds(text)
}

const OR: &str = " OR ";
const AND: &str = " AND ";

/// Without the parentheses around all of it.
fn unwrapped(condition: &str) -> &str {
    let inner = condition
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    match inner {
        // They are not one pair where the first one closes before the end.
        Some(inner) if outside(inner).all(|(_, _, depth)| depth >= 0) => inner,
        _ => condition,
    }
}

/// The letters that stand in no literal and no quoted name: where, which, and within how many
/// parentheses of the text.
fn outside(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let (mut depth, mut quote) = (0, None);
    text.char_indices().filter_map(move |(at, letter)| {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        quote.is_none().then_some((at, letter, depth))
    })
}

/// What stands before, between and behind a word that joins.
fn sides<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut sides = Vec::new();
    let mut from = 0;
    for (at, _, depth) in outside(text) {
        if depth == 0 && at >= from && text.get(at..).is_some_and(|rest| rest.starts_with(word)) {
            sides.extend(text.get(from..at));
            from = at + word.len();
        }
    }
    sides.extend(text.get(from..));
    sides
}

/// Whether it calls nothing, runs no query and is not always false.
fn is_plain(arm: &str) -> bool {
    let mut before = ' ';
    let mut words = String::new();
    for (_, letter, _) in outside(arm) {
        // A call: a parenthesis right behind a name.
        if letter == '(' && (before.is_alphanumeric() || matches!(before, '_' | '"')) {
            return false;
        }
        before = letter;
        words.push(letter.to_ascii_uppercase());
    }
    let is_query = words
        .split(|one: char| !one.is_alphanumeric() && one != '_')
        .any(|word| word == "SELECT" || word.starts_with("CURRENT_") || word.ends_with("_USER"));
    !is_query && unwrapped(arm) != "false"
}

#[cfg(test)]
mod tests {
    use super::{is_open, questions};

    #[test]
    fn a_condition_is_open_where_one_alternative_asks_nobody() {
        for (condition, open) in [
            ("published", true),
            ("(published OR (owner = auth.uid()))", true),
            (
                "((owner = auth.uid()) OR ((status)::text = 'public'::text))",
                true,
            ),
            ("((owner = auth.uid()) OR ((a = 1) OR is_team(id)))", true),
            (
                "((published AND (auth.uid() IS NOT NULL)) OR (owner = auth.uid()))",
                false,
            ),
            (
                "((published AND (auth.uid() IS NULL)) OR (owner = auth.uid()))",
                true,
            ),
            ("(auth.role() = 'anon'::text)", true),
            ("((owner = auth.uid()) OR false)", false),
            (
                "((owner = auth.uid()) OR (CURRENT_USER = 'x'::name))",
                false,
            ),
            ("((owner = auth.uid()) OR (EXISTS ( SELECT 1)))", false),
            ("((a = ' OR '::text) AND (owner = auth.uid()))", false),
            ("((a OR b) AND (c = auth.uid()))", false),
            ("((a = 'it''s ('::text) OR public.\"f (\"())", true),
            ("(owner = auth.uid())", false),
        ] {
            let holds =
                |asked: &str| ["auth.uid() IS NULL", "auth.role() = 'anon'::text"].contains(&asked);
            assert_eq!(is_open(condition, &holds), open, "{condition}");
        }
    }

    #[test]
    fn what_calls_something_or_runs_a_query_is_a_question() {
        assert_eq!(
            questions(
                "((published AND (auth.uid() IS NOT NULL)) OR (EXISTS ( SELECT 1)) OR (id > 1))"
            ),
            ["auth.uid() IS NOT NULL", "EXISTS ( SELECT 1)"]
        );
    }
}
