//! `drydock policy check|show`: what a policy means, and where its values come from.

use serde_json::json;

use super::print_line;
use crate::clock;
use crate::config::{PolicyAction, PolicyArgs, ServeArgs, read_policy};

pub(super) fn run(args: PolicyArgs) -> Result<(), String> {
    match args.action {
        PolicyAction::Check { file } => {
            let read = read_policy(&file)?;
            for sentence in read.policy.explain(clock::today()) {
                print_line(&sentence);
            }
            Ok(())
        }
        PolicyAction::Show { serve, json } => show(&serve, json),
    }
}

fn show(serve: &ServeArgs, as_json: bool) -> Result<(), String> {
    let effective = serve.policy()?;
    let keys = effective.policy.keys();
    if as_json {
        let shown: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({
                    "key": key.name,
                    "value": key.value,
                    "origin": effective.origin(key),
                    "meaning": key.meaning,
                })
            })
            .collect();
        print_line(&json!({ "policy": shown }).to_string());
        return Ok(());
    }
    for key in &keys {
        print_line(&format!("# {}", key.meaning));
        print_line(&format!(
            "{} = {}    # {}",
            key.name,
            key.value,
            effective.origin(key)
        ));
    }
    Ok(())
}
