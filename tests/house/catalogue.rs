//! Rules that hold for every tool.

use std::collections::BTreeSet;

use drydock::guard::Class;
use drydock::tools::{ALIASES, ALL_TOKENS, CATALOGUE, Entry, Weight, find};
use serde_json::Value;

use crate::{read, stems};

/// What all tools together may take of a model's attention: names, descriptions and input schemas,
/// in tokens of four bytes.
const TOKENS: usize = 8000;

#[test]
fn every_tool_has_its_card_its_file_and_a_name_of_its_own() {
    let names: Vec<String> = CATALOGUE.iter().map(|tool| tool.name.to_owned()).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    let mut sorted = names;
    sorted.sort();
    assert_eq!(stems("tools", ".md"), sorted, "cards");
    let mut files = stems("src/tools", ".rs");
    files.retain(|stem| stem != "mod" && stem != "aliases");
    assert_eq!(files, sorted, "files");
}

#[test]
fn an_alias_is_no_tools_name_and_leads_to_a_tool() {
    for alias in ALIASES {
        assert!(find(alias.name).is_none(), "{} is a tool", alias.name);
        assert!(find(alias.tool).is_some(), "{}", alias.name);
    }
}

/// Clients that read schemas strictly refuse the whole list over one that is `true`.
#[test]
fn every_property_of_a_schema_is_an_object() {
    for tool in CATALOGUE.iter() {
        for schema in [&tool.input_schema, &tool.output_schema] {
            let properties = schema.get("properties").and_then(|all| all.as_object());
            for (name, property) in properties.into_iter().flatten() {
                assert!(property.is_object(), "{}: {name}", tool.name);
            }
        }
    }
}

/// Clients hold refusals against it as well, which have an `error` and nothing else.
#[test]
fn no_output_schema_requires_anything() {
    for tool in CATALOGUE.iter() {
        let required = tool.output_schema.get("required");
        assert_eq!(required, None, "{}", tool.name);
    }
}

#[test]
fn every_tool_says_what_it_is() {
    for tool in CATALOGUE.iter() {
        assert!(!tool.title.is_empty(), "{} has no title", tool.name);
        assert!(
            tool.description.len() > 20,
            "{} has no description",
            tool.name
        );
    }
}

#[test]
fn no_schema_holds_a_reference_and_every_input_denies_what_it_does_not_know() {
    for tool in CATALOGUE.iter() {
        for schema in [&tool.input_schema, &tool.output_schema] {
            let text = Value::Object((**schema).clone()).to_string();
            for word in ["$ref", "$defs", "$schema"] {
                assert!(!text.contains(word), "{}: {word} in {text}", tool.name);
            }
            assert_eq!(
                schema.get("type"),
                Some(&Value::from("object")),
                "{}",
                tool.name
            );
        }
        assert_eq!(
            tool.input_schema.get("additionalProperties"),
            Some(&Value::Bool(false)),
            "{}",
            tool.name
        );
    }
}

#[test]
fn the_catalogue_stays_within_its_budget() {
    let weight: Weight = CATALOGUE.iter().map(Entry::weight).sum();
    assert!(weight.tokens() <= TOKENS, "{} tokens", weight.tokens());
    assert_eq!(ALL_TOKENS, TOKENS);
}

#[test]
fn a_tool_that_only_adds_is_never_one_that_reads() {
    for tool in CATALOGUE.iter() {
        assert!(
            !(tool.additive && tool.class == Class::Read),
            "{}",
            tool.name
        );
    }
}

#[test]
fn every_prompt_has_its_file() {
    let mut names: Vec<&str> = drydock::prompts::PROMPTS
        .iter()
        .map(|prompt| prompt.name)
        .collect();
    names.sort_unstable();
    assert_eq!(stems("prompts", ".md"), names);
}

#[test]
fn tools_that_a_card_or_prompt_names_exist() {
    let known: BTreeSet<&str> = CATALOGUE.iter().map(|tool| tool.name).collect();
    for prompt in stems("prompts", ".md") {
        let text = read(format!("prompts/{prompt}.md"));
        for word in text.split(|one: char| !(one.is_ascii_lowercase() || one == '_')) {
            let looks_like_a_tool = [
                "list_", "get_", "create_", "apply_", "execute_", "check_", "merge_", "revert_",
            ]
            .iter()
            .any(|stem| word.starts_with(stem) && word.len() > stem.len());
            assert!(
                !looks_like_a_tool || known.contains(word),
                "{prompt}: {word}"
            );
        }
    }
}
