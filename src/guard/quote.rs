//! Words that an agent, a database or somebody else's user chose, for a person to read: nothing in
//! them moves the cursor, and nothing is hidden.

use crate::fence::shown;

/// How many characters of such words are shown.
pub(super) const SHOWN: usize = 200;

/// A name or a reason: in quotes, cut, and with nothing hidden.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let cut = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    format!("{shown:?}{cut}")
}

/// A text on one line, with what cannot be seen in it shown as `\u{202e}`.
pub fn visible(text: &str) -> String {
    shown(text)
        .replace('\r', "\\r")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, quoted, visible};

    #[test]
    fn nothing_stays_hidden_and_what_can_be_read_stays() {
        assert_eq!(visible("Grüße, \"x\" \\n"), "Grüße, \"x\" \\n");
        for (hidden, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}", "\\u{9b}"),
            ("a\nb", "a\\nb"),
            ("\u{202e}", "\\u{202e}"),
            ("\u{200b}", "\\u{200b}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(visible(hidden), shown);
            assert_eq!(quoted(hidden), format!("\"{shown}\""));
        }
    }

    #[test]
    fn quotes_cannot_be_left_from_within() {
        assert_eq!(quoted("a\" b"), "\"a\\\" b\"");
        assert_eq!(quoted(&"x".repeat(SHOWN)).chars().count(), SHOWN + 2);
        assert!(quoted(&"x".repeat(SHOWN + 1)).ends_with("\"…"));
    }
}
