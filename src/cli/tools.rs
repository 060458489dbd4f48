//! `drydock tools`: the catalogue, and what a model reads of it.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::print_line;
use crate::config::ToolsArgs;
use crate::guard::{Class, Narrowing, Policy};
use crate::tools::{ALL_TOKENS, CATALOGUE, Entry, LISTED_TOKENS, Weight};

pub(super) fn run(args: &ToolsArgs) {
    let policy = Policy::default().with(&Narrowing {
        features: args.features.clone(),
        ..Narrowing::default()
    });
    let is_listed = |entry: &&Entry| policy.lists(entry.group);
    let listed: Vec<&Entry> = CATALOGUE.iter().filter(is_listed).collect();
    let sums = [
        Sum::of("listed", &listed, LISTED_TOKENS),
        Sum::of("all", &CATALOGUE.iter().collect::<Vec<_>>(), ALL_TOKENS),
    ];
    if args.json {
        print_line(&as_json(args.tokens, &policy, &sums).to_string());
    } else {
        print(args.tokens, &policy, &sums);
    }
}

/// Several tools together.
struct Sum {
    word: &'static str,
    tools: usize,
    weight: Weight,
    budget: usize,
}

impl Sum {
    fn of(word: &'static str, tools: &[&Entry], budget: usize) -> Self {
        Self {
            word,
            tools: tools.len(),
            weight: tools.iter().map(|entry| entry.weight()).sum(),
            budget,
        }
    }
}

fn group(entry: &Entry) -> String {
    let value = entry.group.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn grant(entry: &Entry) -> &'static str {
    match entry.class {
        Class::Read => "read",
        Class::Dev => "dev",
        Class::Release => "release",
    }
}

fn as_json(tokens: bool, policy: &Policy, sums: &[Sum]) -> Value {
    let tool = |entry: &Entry| {
        let mut tool = json!({
            "name": entry.name,
            "group": group(entry),
            "grant": grant(entry),
            "listed": policy.lists(entry.group),
        });
        if tokens && let Some(fields) = tool.as_object_mut() {
            let weight = entry.weight();
            fields.insert("tokens".to_owned(), json!(weight.tokens()));
            fields.insert("output_tokens".to_owned(), json!(weight.output_tokens()));
        }
        tool
    };
    let mut told = json!({ "tools": CATALOGUE.iter().map(tool).collect::<Vec<_>>() });
    if tokens && let Some(fields) = told.as_object_mut() {
        for sum in sums {
            let of_all = json!({
                "tools": sum.tools,
                "tokens": sum.weight.tokens(),
                "output_tokens": sum.weight.output_tokens(),
                "budget": sum.budget,
            });
            fields.insert(sum.word.to_owned(), of_all);
        }
    }
    told
}

fn print(tokens: bool, policy: &Policy, sums: &[Sum]) {
    let weights = match tokens {
        true => format!(" {:>7} {:>7}", "tokens", "output"),
        false => String::new(),
    };
    let heading = format!(
        "{:<28}{:<11}{:<9}{:<6}{weights}",
        "tool", "group", "grant", "listed"
    );
    print_line(heading.trim_end());
    for entry in CATALOGUE.iter() {
        let listed = if policy.lists(entry.group) {
            "yes"
        } else {
            "no"
        };
        let weight = entry.weight();
        let weights = match tokens {
            true => format!(" {:>7} {:>7}", weight.tokens(), weight.output_tokens()),
            false => String::new(),
        };
        let line = format!(
            "{:<28}{:<11}{:<9}{listed:<6}{weights}",
            entry.name,
            group(entry),
            grant(entry),
        );
        print_line(line.trim_end());
    }
    if tokens {
        for sum in sums {
            print_line(&format!(
                "{}: {} tools, {} of {} tokens; output schemas {} more, where a client shows them",
                sum.word,
                sum.tools,
                sum.weight.tokens(),
                sum.budget,
                sum.weight.output_tokens(),
            ));
        }
    }
}
