//! Fields of a service's configuration: their names, and what a value of each may be.

use serde_json::Value;

/// The longest text, in characters: a template of a mail is among them.
const TEXT_CHARACTERS: usize = 100_000;
/// Units of time that PostgreSQL knows.
const TIMES: &[&str] = &["us", "ms", "s", "min", "h", "d", ""];
/// Units of memory that PostgreSQL knows.
const SIZES: &[&str] = &["B", "kB", "MB", "GB", "TB", ""];

/// One field that can be written.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name; a dot stands between the names of objects that lie in each other.
    pub name: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// Whether it may also be null.
    pub nullable: bool,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number between these two.
    Integer(i64, i64),
    /// A number that is not negative.
    Number,
    /// A text.
    Text,
    /// One URL: a text without commas.
    OneUrl,
    /// An address of mail.
    Email,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Names of letters, digits, `_` and `-` between commas.
    Tags,
    /// Telephone numbers with the codes that they accept: `15550100=123456`, between commas.
    TestCodes,
    /// A moment, RFC 3339.
    Moment,
    /// A span of time as PostgreSQL writes it: `30s`.
    Duration,
    /// An amount of memory as PostgreSQL writes it: `64MB`.
    Memory,
    /// Names of schemas between commas.
    Schemas,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: false,
            secret: false,
        }
    }

    /// The same, which may also be null.
    pub(super) const fn or_null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// What is wrong with a value, as the end of a sentence that begins with the field's name. Never
    /// repeats the value.
    pub fn misfit(&self, value: &Value) -> Option<String> {
        let fits = match value {
            Value::Null => self.nullable,
            value => self.kind.takes(value),
        };
        let or_null = if self.nullable { ", or null" } else { "" };
        (!fits).then(|| format!("is {}{or_null}", self.kind.describe()))
    }
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Integer(least, most) => value
                .as_i64()
                .is_some_and(|number| (least..=most).contains(&number)),
            Self::Number => value
                .as_f64()
                .is_some_and(|number| number.is_finite() && number >= 0.0),
            Self::Text => text.is_some_and(is_plain),
            Self::OneUrl => text.is_some_and(|text| {
                is_plain(text) && !text.is_empty() && !text.contains([',', '\n'])
            }),
            Self::Email => text.is_some_and(is_email),
            Self::Word(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Tags => text.is_some_and(|text| {
                let names = || {
                    text.split(',')
                        .map(str::trim)
                        .filter(|name| !name.is_empty())
                };
                names().all(is_name) && (text.trim().is_empty() || names().next().is_some())
            }),
            Self::TestCodes => text.is_some_and(|text| text.split(',').all(is_test_code)),
            Self::Moment => {
                text.is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
            }
            Self::Duration => text.is_some_and(|text| is_measure(text, TIMES)),
            Self::Memory => text.is_some_and(|text| is_measure(text, SIZES)),
            Self::Schemas => text.is_some_and(|text| schemas(text).all(is_schema)),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Integer(i64::MIN, i64::MAX) => "a whole number".to_owned(),
            Self::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number => "a number that is not negative".to_owned(),
            Self::Text => format!("a text of at most {TEXT_CHARACTERS} characters"),
            Self::OneUrl => "one URL, without commas".to_owned(),
            Self::Email => "an address of mail".to_owned(),
            Self::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Tags => "names of letters, digits, _ and - between commas".to_owned(),
            Self::TestCodes => {
                "telephone numbers and codes as number=code, between commas".to_owned()
            }
            Self::Moment => "a moment such as \"2026-01-31T12:00:00Z\"".to_owned(),
            Self::Duration => "a text such as \"30s\" (us, ms, s, min, h or d)".to_owned(),
            Self::Memory => "a text such as \"64MB\" (B, kB, MB, GB or TB)".to_owned(),
            Self::Schemas => "names of schemas between commas".to_owned(),
        }
    }
}

/// The names in a list of schemas.
pub fn schemas(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn is_plain(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARACTERS && !text.contains('\0')
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What needs no quotes in a list, and could stand in one.
fn is_schema(name: &str) -> bool {
    name.len() < 64
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | '$'))
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else {
        return false;
    };
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte);
    let label = |label: &str| {
        !label.is_empty() && !label.starts_with('-') && is_name(label) && !label.contains('_')
    };
    let labels: Vec<&str> = host.split('.').collect();
    !name.is_empty()
        && name.bytes().all(in_name)
        && !name.starts_with('.')
        && !name.ends_with(['.', '\''])
        && !name.contains("..")
        && labels.len() > 1
        && labels.iter().copied().all(label)
        && labels.last().is_some_and(|last| {
            last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
}

fn is_test_code(pair: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match pair.split_once('=') {
        Some((number, code)) => digits(number) && number.len() <= 15 && digits(code),
        None => pair.is_empty(),
    }
}

/// A number and one of the units.
fn is_measure(text: &str, units: &[&str]) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let end = unsigned
        .find(|one: char| !one.is_ascii_digit() && one != '.')
        .unwrap_or(unsigned.len());
    let (number, unit) = unsigned.split_at(end);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match number.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(number),
    };
    is_number && number.len() <= 20 && units.contains(&unit)
}

macro_rules! constructors {
    ($($name:ident $kind:ident)*) => {$(
        pub(super) const fn $name(name: &'static str) -> Field {
            Field::new(name, Kind::$kind)
        }
    )*};
}

constructors! {
    boolean Boolean
    number Number
    text Text
    one_url OneUrl
    email Email
    tags Tags
    moment Moment
    duration Duration
    memory Memory
    schema_list Schemas
}

pub(super) const fn integer(name: &'static str, least: i64, most: i64) -> Field {
    Field::new(name, Kind::Integer(least, most))
}

pub(super) const fn word(name: &'static str, words: &'static [&'static str]) -> Field {
    Field::new(name, Kind::Word(words))
}

pub(super) const fn secret(name: &'static str) -> Field {
    Field {
        secret: true,
        ..Field::new(name, Kind::Text)
    }
}

/// Whoever knows a code signs in with it.
pub(super) const fn test_codes(name: &'static str) -> Field {
    Field {
        secret: true,
        ..Field::new(name, Kind::TestCodes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Field, Kind};

    fn fits(kind: Kind, value: Value) -> bool {
        Field::new("field", kind).misfit(&value).is_none()
    }

    #[test]
    fn values_of_the_right_kind_fit() {
        for (kind, value) in [
            (Kind::Integer(0, 9), json!(9)),
            (Kind::Number, json!(0.5)),
            (Kind::OneUrl, json!("https://example.com")),
            (Kind::Email, json!("o'neil+a@mail.example.com")),
            (Kind::Tags, json!(" web , app,,")),
            (Kind::TestCodes, json!("15550100=123456,15550101=1,")),
            (Kind::Moment, json!("2026-01-02T03:04:05Z")),
            (Kind::Duration, json!("-1")),
            (Kind::Duration, json!("1.5min")),
            (Kind::Memory, json!("64MB")),
            (Kind::Schemas, json!("public, graphql_public")),
        ] {
            assert!(fits(kind, value.clone()), "{kind:?} {value}");
        }
    }

    #[test]
    fn values_of_another_kind_do_not() {
        for (kind, value) in [
            (Kind::Boolean, json!("true")),
            (Kind::Integer(0, 9), json!(10)),
            (Kind::Integer(0, 9), json!(1.0)),
            (Kind::Integer(0, 9), json!("1")),
            (Kind::Number, json!(-1)),
            (Kind::Text, json!("a\0b")),
            (Kind::Text, json!(["a"])),
            (Kind::OneUrl, json!("https://a.example,https://b.example")),
            (Kind::Email, json!("a@b")),
            (Kind::Email, json!("a b@example.com")),
            (Kind::Word(&["on"]), json!("off")),
            (Kind::TestCodes, json!("one=two")),
            (Kind::Moment, json!("tomorrow")),
            (Kind::Duration, json!("1 s")),
            (Kind::Duration, json!("1s'")),
            (Kind::Memory, json!(64)),
            (Kind::Memory, json!("64MB'; select 1; --")),
            (Kind::Memory, json!("64MB\nsession_preload_libraries = 'x'")),
            (Kind::Schemas, json!("public', 'x")),
            (Kind::Text, json!(null)),
        ] {
            assert!(!fits(kind, value.clone()), "{kind:?} {value}");
        }
    }
}
