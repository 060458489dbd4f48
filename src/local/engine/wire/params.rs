//! JSON values as bound parameters in text form.

use serde_json::Value;

use super::arrays;
use super::values::{self, BPCHAR, JSON, JSONB, TEXT, VARCHAR};

/// The text of `value` for a parameter of type `type_oid`; `None` is null. The error completes "parameter $1".
///
/// A JSON array is JSON text where the parameter holds JSON or plain text, and PostgreSQL's array literal everywhere
/// else, since arrays of user-made types have no number known here. An object is JSON text.
pub(super) fn to_text(value: &Value, type_oid: u32) -> Result<Option<String>, String> {
    let text = match value {
        // A string for a JSON parameter is JSON text already, as the usual clients send it.
        Value::String(text) => text.clone(),
        Value::Null => return Ok(None),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Object(_) => value.to_string(),
        Value::Array(elements) => match type_oid {
            JSON | JSONB | TEXT | VARCHAR | BPCHAR => value.to_string(),
            _ => {
                let element_oid = values::element_of(type_oid).unwrap_or(TEXT);
                arrays::to_literal(elements, &|element| to_text(element, element_oid))?
            }
        },
    };
    if text.contains('\0') {
        return Err("contains a zero byte, which PostgreSQL's text cannot hold".into());
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_written_plainly() {
        assert_eq!(to_text(&json!("a'b"), TEXT), Ok(Some("a'b".into())));
        assert_eq!(to_text(&json!(1.5), 701), Ok(Some("1.5".into())));
        assert_eq!(to_text(&json!(true), 16), Ok(Some("true".into())));
        assert_eq!(to_text(&Value::Null, 16), Ok(None));
    }

    #[test]
    fn arrays_follow_the_parameters_type() {
        let array = json!(["a", "b,c"]);
        assert_eq!(to_text(&array, JSONB), Ok(Some(r#"["a","b,c"]"#.into())));
        assert_eq!(to_text(&array, 1009), Ok(Some(r#"{"a","b,c"}"#.into())));
        assert_eq!(
            to_text(&json!([1, null]), 1007),
            Ok(Some(r#"{"1",NULL}"#.into()))
        );
        assert_eq!(
            to_text(&json!([{"a": 1}]), 3807),
            Ok(Some(r#"{"{\"a\":1}"}"#.into()))
        );
    }

    #[test]
    fn a_zero_byte_is_refused_before_it_is_sent() {
        assert!(to_text(&json!("a\0b"), TEXT).is_err());
    }
}
