//! PostgreSQL's text form of a value, as JSON the way the platform gives it.
//!
//! | type | JSON |
//! |---|---|
//! | `int2`, `int4`, `int8`, `oid` | number; a string beyond ±(2⁵³ − 1), where JSON readers lose digits |
//! | `float4`, `float8` | number; `NaN` and the infinities as strings |
//! | `bool` | `true`, `false` |
//! | `json`, `jsonb` | parsed; what the parser refuses (depth above 128, `1e999`) as text |
//! | arrays of known types | array, nested by dimension |
//! | everything else (`numeric`, dates, intervals, `uuid`, `bytea` as `\x…`, enums, ranges, composites) | text |

use serde_json::{Number, Value};

use super::arrays;

pub(super) const BOOL: u32 = 16;
pub(super) const BYTEA: u32 = 17;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
pub(super) const OID: u32 = 26;
pub(super) const JSON: u32 = 114;
pub(super) const FLOAT4: u32 = 700;
pub(super) const FLOAT8: u32 = 701;
pub(super) const BPCHAR: u32 = 1042;
pub(super) const VARCHAR: u32 = 1043;
pub(super) const NUMERIC: u32 = 1700;
pub(super) const JSONB: u32 = 3802;

/// (array type, element type) of the core types; their numbers are fixed in PostgreSQL's catalogue. An array of a type
/// that a user made has a number of its own and stays text.
const ARRAYS: &[(u32, u32)] = &[
    (143, 142),
    (199, JSON),
    (629, 628),
    (651, 650),
    (719, 718),
    (775, 774),
    (791, 790),
    (1000, BOOL),
    (1001, BYTEA),
    (1002, 18),
    (1003, 19),
    (1005, INT2),
    (1007, INT4),
    (1008, 24),
    (1009, TEXT),
    (1010, 27),
    (1011, 28),
    (1014, BPCHAR),
    (1015, VARCHAR),
    (1016, INT8),
    (1017, 600),
    (1021, FLOAT4),
    (1022, FLOAT8),
    (1028, OID),
    (1040, 829),
    (1041, 869),
    (1115, 1114),
    (1182, 1082),
    (1183, 1083),
    (1185, 1184),
    (1187, 1186),
    (1231, NUMERIC),
    (1270, 1266),
    (1561, 1560),
    (1563, 1562),
    (2207, 2202),
    (2210, 2205),
    (2211, 2206),
    (2951, 2950),
    (3221, 3220),
    (3643, 3614),
    (3645, 3615),
    (3807, JSONB),
    (3905, 3904),
    (3907, 3906),
    (3909, 3908),
    (3911, 3910),
    (3913, 3912),
    (3927, 3926),
    (4073, 4072),
    (4090, 4089),
    (4097, 4096),
];

/// The largest integer up to which every integer is a distinct double.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The element type of an array type of the core.
pub(super) fn element_of(type_oid: u32) -> Option<u32> {
    let found = ARRAYS
        .binary_search_by_key(&type_oid, |(array, _)| *array)
        .ok()?;
    ARRAYS.get(found).map(|(_, element)| *element)
}

/// One value that is not null.
pub(super) fn to_json(text: &str, type_oid: u32) -> Value {
    let value = match type_oid {
        INT2 | INT4 | INT8 | OID => integer(text),
        FLOAT4 | FLOAT8 => float(text),
        BOOL => match text {
            "t" => Some(Value::Bool(true)),
            "f" => Some(Value::Bool(false)),
            _ => None,
        },
        JSON | JSONB => serde_json::from_str(text).ok(),
        _ => element_of(type_oid).and_then(|element| arrays::to_json(text, element)),
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let number: i64 = text.parse().ok()?;
    (number.unsigned_abs() <= SAFE_INTEGER).then(|| number.into())
}

fn float(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
    if number.fract() == 0.0 && number.abs() <= SAFE_INTEGER as f64 {
        // The platform writes 3 where 3.0 would be as true.
        return Some((number as i64).into());
    }
    Number::from_f64(number).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_of_arrays_is_sorted() {
        assert!(ARRAYS.is_sorted_by_key(|(array, _)| *array));
    }

    #[test]
    fn numbers_stay_exact_or_become_text() {
        assert_eq!(to_json("42", INT8), json!(42));
        assert_eq!(
            to_json("9007199254740991", INT8),
            json!(9_007_199_254_740_991_i64)
        );
        assert_eq!(to_json("9007199254740992", INT8), json!("9007199254740992"));
        assert_eq!(
            to_json("-9223372036854775808", INT8),
            json!("-9223372036854775808")
        );
        assert_eq!(to_json("4294967295", OID), json!(4_294_967_295_u32));
        assert_eq!(to_json("0.1", FLOAT4), json!(0.1));
        assert_eq!(to_json("3", FLOAT8), json!(3));
        assert_eq!(to_json("NaN", FLOAT8), json!("NaN"));
        assert_eq!(to_json("-Infinity", FLOAT8), json!("-Infinity"));
        assert_eq!(to_json("1.50", NUMERIC), json!("1.50"));
    }

    #[test]
    fn json_is_parsed_and_what_cannot_be_stays_text() {
        assert_eq!(
            to_json(r#"{"b": 1, "a": [null]}"#, JSONB),
            json!({"b": 1, "a": [null]})
        );
        assert_eq!(to_json("null", JSON), Value::Null);
        assert_eq!(to_json("1e999", JSON), json!("1e999"));
    }

    #[test]
    fn everything_else_is_text() {
        assert_eq!(to_json(r"\x00ff", BYTEA), json!(r"\x00ff"));
        assert_eq!(
            to_json("2026-01-02 03:04:05+00", 1184),
            json!("2026-01-02 03:04:05+00")
        );
        assert_eq!(to_json("{a,b}", 99_999), json!("{a,b}"));
    }
}
