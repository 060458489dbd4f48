//! `drydock accept REF`: the operator says that production is right as it is.

use super::print_line;
use super::serve::build_guard;
use crate::config::AcceptArgs;

pub(super) async fn run(args: AcceptArgs) -> Result<(), String> {
    let guard = build_guard(&args.serve)?;
    guard
        .accept_production(args.project.as_str())
        .await
        .map_err(|refusal| refusal.to_text())?;
    print_line(&format!(
        "production of {} is recorded as it is; the gate measures drift from here",
        args.project
    ));
    Ok(())
}
