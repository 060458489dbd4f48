//! `drydock approve`: the operator answers what waits, while servers run.

use serde::Serialize;

use super::{open_store, print_line};
use crate::config::{ApproveAction, ApproveArgs, ApproveCommon};
use crate::guard::{Principal, visible};
use crate::store::{Answer, Answered, Approval, Decision, Open, Road, Store};

pub(super) async fn run(args: ApproveArgs) -> Result<(), String> {
    match args.action {
        ApproveAction::List { all, common } => list(all, &common).await,
        ApproveAction::Show { id, common } => show(&id, &common).await,
        ApproveAction::Grant { id, reason, common } => {
            answer(&id, Decision::Grant, reason, &common).await
        }
        ApproveAction::Deny { id, reason, common } => {
            answer(&id, Decision::Deny, reason, &common).await
        }
    }
}

async fn list(all: bool, common: &ApproveCommon) -> Result<(), String> {
    let open = if all { Open::OrEnded } else { Open::Only };
    let approvals = store(common)?.approvals(open).await.map_err(unusable)?;
    if common.json {
        return print_json(&approvals);
    }
    if approvals.is_empty() {
        print_line("nothing waits for approval");
    }
    for one in &approvals {
        print_line(&format!(
            "{}  {}  until {}  {}",
            one.id,
            one.status,
            one.expires_at,
            visible(&one.summary)
        ));
    }
    Ok(())
}

async fn show(id: &str, common: &ApproveCommon) -> Result<(), String> {
    let found = store(common)?.approval(id).await.map_err(unusable)?;
    print(&found.ok_or_else(|| unknown(id))?, common)
}

async fn answer(
    id: &str,
    decision: Decision,
    reason: Option<String>,
    common: &ApproveCommon,
) -> Result<(), String> {
    let answer = Answer {
        decision,
        road: Road::Operator,
        by: format!("the operator ({})", Principal::os_user().as_str()),
        reason,
    };
    let answered = store(common)?
        .answer_approval(id, answer)
        .await
        .map_err(unusable)?;
    match answered {
        Answered::Counts(approval) => print(&approval, common),
        Answered::TooLate(approval) => Err(format!(
            "{id} is {} and cannot be answered any more",
            approval.status
        )),
        Answered::Unknown | Answered::Replayed => Err(unknown(id)),
    }
}

fn store(common: &ApproveCommon) -> Result<Store, String> {
    open_store(&common.data_dir.path()?)
}

fn print(approval: &Approval, common: &ApproveCommon) -> Result<(), String> {
    if common.json {
        return print_json(approval);
    }
    print_line(&format!("{}  {}", approval.id, approval.status));
    let lines = [
        ("asked", Some(&approval.summary)),
        ("facts", Some(&approval.facts.to_string())),
        ("since", Some(&approval.created_at)),
        ("until", Some(&approval.expires_at)),
        ("answered", approval.answered_at.as_ref()),
        ("by", approval.answered_by.as_ref()),
        ("reason", approval.reason.as_ref()),
        ("used", approval.used_at.as_ref()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            print_line(&format!("  {name:9}{}", visible(value)));
        }
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    print_line(&text);
    Ok(())
}

fn unknown(id: &str) -> String {
    format!(
        "there is no approval {}; drydock approve list --all shows all",
        visible(id)
    )
}

fn unusable(error: crate::store::StoreError) -> String {
    error.to_string()
}
