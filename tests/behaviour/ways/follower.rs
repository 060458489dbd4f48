//! The follower: it does what `next` says, and when that is done what it was told to do, to merge.

use serde_json::{Value, json};

use super::Provoked;

/// How many refusals it follows.
const STEPS: usize = 12;

/// Where following `next` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The work is on production.
    Merged,
    /// The way led through giving the work up, and nothing is left to merge.
    GaveUpWork,
    /// An approval waits for an answer.
    Approval,
    /// A refusal says what the operator must do, and nothing that an agent can do changes it.
    Operator,
}

/// Follows `next` to the end.
pub(super) async fn follow(provoked: Provoked) -> Ending {
    let Provoked {
        mcp,
        project,
        tool,
        arguments,
        mut error,
    } = provoked;
    let mut asked = (tool.to_owned(), arguments);
    let mut met: Vec<((String, Value), Value, Value)> = Vec::new();
    for _ in 0..STEPS {
        // A loss, and code, are refused under their own names, and wait for an approval as well.
        let waits = ["approval_required", "data_loss", "unforeseeable_code"];
        if error["code"]
            .as_str()
            .is_some_and(|code| waits.contains(&code))
        {
            return Ending::Approval;
        }
        let operator = error["operator"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        let refusal = (
            asked.clone(),
            error["message"].clone(),
            error["next"].clone(),
        );
        let again = met.contains(&refusal);
        met.push(refusal);
        let Some(next) = error["next"]["tool"].as_str() else {
            assert!(operator, "neither next nor operator: {asked:?}: {error}");
            return Ending::Operator;
        };
        if again {
            assert!(operator, "a loop that nobody ends: {met:#?}, {error}");
            return Ending::Operator;
        }
        let call = (next.to_owned(), error["next"]["arguments"].clone());
        let answer = mcp.call(&call.0, call.1.clone()).await;
        asked = call;
        if !answer.refused {
            if asked.0 == "merge_branch" {
                return ending(&answer.value);
            }
            asked = goal(&project, &asked.1);
            let merge = mcp.call(&asked.0, asked.1.clone()).await;
            if !merge.refused {
                return ending(&merge.value);
            }
            error = merge.value["error"].clone();
        } else {
            error = answer.value["error"].clone();
        }
    }
    panic!("it goes on and on: {met:#?}");
}

/// What it was told to do; on the branch that the last call was about, if it named one.
fn goal(project: &str, arguments: &Value) -> (String, Value) {
    let mut merge = json!({ "project_id": project });
    if let Some(branch) = arguments["branch"].as_str() {
        merge["branch"] = json!(branch);
    }
    ("merge_branch".to_owned(), merge)
}

fn ending(merged: &Value) -> Ending {
    match merged["status"].as_str() {
        Some("merged") => Ending::Merged,
        Some("nothing_to_merge") => Ending::GaveUpWork,
        other => panic!("neither merged nor nothing to merge: {other:?}"),
    }
}
