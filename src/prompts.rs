//! The prompts. What a model reads of one stands in `prompts/<name>.md`: title, description and
//! arguments between two lines of dashes, then the template.
//!
//! In a template `{{name}}` is an argument's value, and `{{#name}}…{{/name}}` stays only if it was
//! given.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// One prompt.
pub struct Prompt {
    /// Its name on the wire.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What it takes.
    pub arguments: Vec<Argument>,
    template: &'static str,
}

/// One argument of a prompt.
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// Whether the prompt makes no sense without it.
    pub required: bool,
}

macro_rules! prompts {
    ($($name:ident,)*) => {
        /// Every prompt.
        pub static PROMPTS: LazyLock<Vec<Prompt>> = LazyLock::new(|| vec![
            $(Prompt::read(
                stringify!($name),
                include_str!(concat!("../prompts/", stringify!($name), ".md")),
            ),)*
        ]);
    };
}

prompts! {
    launch_project,
    build_feature,
    seed_data,
    debug_project,
    ship_to_production,
    revert_changes,
    recover_production,
    hand_over_project,
}

/// Why a prompt could not be filled in.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// An argument that the prompt needs is not there.
    #[error("the prompt {prompt} needs the argument {argument}")]
    Missing {
        /// The prompt.
        prompt: &'static str,
        /// The argument.
        argument: &'static str,
    },
    /// An argument that the prompt does not know.
    #[error("the prompt {prompt} has no argument {argument:?}")]
    Unknown {
        /// The prompt.
        prompt: &'static str,
        /// What was given.
        argument: String,
    },
    /// An argument that is not a text.
    #[error("the argument {argument} is a text")]
    NotText {
        /// The argument.
        argument: String,
    },
}

/// The prompt of that name; `None` for a name that none has.
pub fn find(name: &str) -> Option<&'static Prompt> {
    PROMPTS.iter().find(|prompt| prompt.name == name)
}

impl Prompt {
    fn read(name: &'static str, file: &'static str) -> Self {
        let rest = file.strip_prefix("---\n").unwrap_or(file);
        let (front, template) = rest.split_once("\n---\n").unwrap_or(("", rest));
        let field = |key: &str| {
            front
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .unwrap_or_default()
        };
        let arguments = front
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
            .map(|(name, text)| {
                let optional = text.strip_suffix(" (optional)");
                Argument {
                    name,
                    description: optional.unwrap_or(text),
                    required: optional.is_none(),
                }
            })
            .collect();
        Self {
            name,
            title: field("title"),
            description: field("description"),
            arguments,
            template: template.trim(),
        }
    }

    /// Fills the template in.
    pub fn fill(&self, given: &Map<String, Value>) -> Result<String, PromptError> {
        for (argument, value) in given {
            if !self.arguments.iter().any(|known| known.name == argument) {
                return Err(PromptError::Unknown {
                    prompt: self.name,
                    argument: argument.clone(),
                });
            }
            if !value.is_string() {
                return Err(PromptError::NotText {
                    argument: argument.clone(),
                });
            }
        }
        // Sections first, values last: a value is never read as a template.
        let mut text = self.template.to_owned();
        for argument in &self.arguments {
            let value = given.get(argument.name).and_then(Value::as_str);
            if value.is_none() && argument.required {
                return Err(PromptError::Missing {
                    prompt: self.name,
                    argument: argument.name,
                });
            }
            text = resolve_sections(&text, argument.name, value.is_some());
        }
        Ok(put_values(&text, given))
    }
}

/// Keeps or drops every `{{#name}}…{{/name}}`.
fn resolve_sections(text: &str, name: &str, keep: bool) -> String {
    let (open, close) = (format!("{{{{#{name}}}}}"), format!("{{{{/{name}}}}}"));
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&open) {
        out.push_str(before);
        let (inside, after) = after.split_once(&close).unwrap_or((after, ""));
        if keep {
            out.push_str(inside);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Replaces every `{{name}}` in one pass.
fn put_values(text: &str, given: &Map<String, Value>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        if let Some(value) = given.get(name).and_then(Value::as_str) {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PROMPTS, find};

    #[test]
    fn every_prompt_says_what_it_is_for() {
        for prompt in PROMPTS.iter() {
            assert!(!prompt.title.is_empty() && !prompt.description.is_empty());
            assert!(!prompt.arguments.is_empty(), "{}", prompt.name);
        }
    }

    #[test]
    fn a_value_is_put_in_once_and_never_read_as_a_template() {
        let prompt = find("launch_project");
        let given = json!({ "name": "{{region}} {{#x}}", "region": "emea" });
        let text = prompt
            .zip(given.as_object())
            .and_then(|(prompt, given)| prompt.fill(given).ok())
            .unwrap_or_default();
        assert!(text.contains("called {{region}} {{#x}} in emea"), "{text}");
    }

    #[test]
    fn sections_of_what_was_not_given_are_left_out() {
        let given = json!({ "name": "Todo" });
        let text = find("launch_project")
            .zip(given.as_object())
            .and_then(|(prompt, given)| prompt.fill(given).ok())
            .unwrap_or_default();
        assert!(text.contains("called Todo.\n"), "{text}");
    }
}
