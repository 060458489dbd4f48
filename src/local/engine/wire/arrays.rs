//! PostgreSQL's array literals: `{1,NULL,"a b"}`, nested by dimension, with optional bounds in front (`[2:3]={…}`).

use serde_json::Value;

use super::values;

/// Dimensions that PostgreSQL allows.
const MAX_DEPTH: usize = 6;
/// The separator of every core type except `box`, whose arrays are not in the table of [`values`].
const SEPARATOR: char = ',';

/// Parses a literal as the server prints it. `None` if it is none, and then the text itself is the better answer.
pub(super) fn to_json(text: &str, element_oid: u32) -> Option<Value> {
    // Bounds are lost: JSON arrays have none.
    let body = if text.starts_with('[') {
        text.split_once('=')?.1
    } else {
        text
    };
    let mut parser = Parser {
        rest: body,
        element_oid,
    };
    let value = parser.array(0)?;
    parser.rest.is_empty().then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    element_oid: u32,
}

impl Parser<'_> {
    fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        if depth >= MAX_DEPTH || !self.eat('{') {
            return None;
        }
        let mut elements = Vec::new();
        if self.eat('}') {
            return Some(Value::Array(elements));
        }
        loop {
            elements.push(match self.rest.chars().next()? {
                '{' => self.array(depth + 1)?,
                '"' => self.quoted()?,
                _ => self.bare()?,
            });
            if self.eat('}') {
                return Some(Value::Array(elements));
            }
            if !self.eat(SEPARATOR) {
                return None;
            }
        }
    }

    fn quoted(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[index + 1..];
                    return Some(values::to_json(&text, self.element_oid));
                }
                '\\' => text.push(characters.next()?.1),
                other => text.push(other),
            }
        }
        None
    }

    fn bare(&mut self) -> Option<Value> {
        let end = self.rest.find([SEPARATOR, '}'])?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if text == "NULL" {
            return Some(Value::Null);
        }
        Some(values::to_json(text, self.element_oid))
    }
}

/// Writes a JSON array as a literal. `element` gives an element's text, `None` for null; nested arrays become
/// dimensions.
pub(super) fn to_literal(
    elements: &[Value],
    element: &impl Fn(&Value) -> Result<Option<String>, String>,
) -> Result<String, String> {
    let mut literal = String::from("{");
    for (index, value) in elements.iter().enumerate() {
        if index > 0 {
            literal.push(SEPARATOR);
        }
        match value {
            Value::Array(inner) => literal.push_str(&to_literal(inner, element)?),
            other => match element(other)? {
                None => literal.push_str("NULL"),
                Some(text) => quote(&text, &mut literal),
            },
        }
    }
    literal.push('}');
    Ok(literal)
}

fn quote(text: &str, literal: &mut String) {
    literal.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::values::{BOOL, INT4, JSONB, TEXT};
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_become_arrays() {
        assert_eq!(to_json("{}", INT4), Some(json!([])));
        assert_eq!(to_json("{1,NULL,3}", INT4), Some(json!([1, null, 3])));
        assert_eq!(
            to_json("{{1,2},{3,4}}", INT4),
            Some(json!([[1, 2], [3, 4]]))
        );
        assert_eq!(to_json("[2:3]={5,6}", INT4), Some(json!([5, 6])));
        assert_eq!(to_json("{t,f}", BOOL), Some(json!([true, false])));
        assert_eq!(
            to_json(r#"{a,"b \"c\" \\","NULL","","{x}"}"#, TEXT),
            Some(json!(["a", r#"b "c" \"#, "NULL", "", "{x}"]))
        );
        assert_eq!(
            to_json(r#"{"{\"a\": [1, 2]}"}"#, JSONB),
            Some(json!([{"a": [1, 2]}]))
        );
    }

    #[test]
    fn what_is_no_literal_is_left_alone() {
        for text in [
            "",
            "{",
            "{1",
            "1}",
            "{1}}",
            r#"{"a"#,
            "{{{{{{{1}}}}}}}",
            "[1:2]",
            "{1,}x",
        ] {
            assert_eq!(to_json(text, INT4), None, "{text}");
        }
    }

    #[test]
    fn arrays_become_literals() {
        let element = |value: &Value| Ok(value.as_str().map(str::to_owned));
        let value = json!(["a", null, "q\"\\", ["n"]]);
        let literal = to_literal(value.as_array().unwrap(), &element).unwrap();
        assert_eq!(literal, r#"{"a",NULL,"q\"\\",{"n"}}"#);
    }
}
