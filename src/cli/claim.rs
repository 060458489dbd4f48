//! `drydock claim`: the operator's part of handing a project over.

use serde_json::json;

use super::print_line;
use super::serve::build_guard;
use crate::config::{ClaimAction, ClaimArgs};
use crate::local::{register_account, register_app};

pub(super) async fn run(args: ClaimArgs) -> Result<(), String> {
    match args.action {
        ClaimAction::App {
            name,
            redirect_uri,
            data_dir,
        } => {
            let app = register_app(&data_dir.path()?, &name, &redirect_uri).await?;
            print_line(
                &json!({ "client_id": app.client_id, "client_secret": app.client_secret })
                    .to_string(),
            );
            Ok(())
        }
        ClaimAction::Account {
            email,
            organization,
            data_dir,
        } => {
            let own = register_account(&data_dir.path()?, &email, &organization).await?;
            print_line(
                &json!({
                    "account": own.account,
                    "organization": own.organization,
                    "access_token": own.access_token,
                })
                .to_string(),
            );
            Ok(())
        }
        ClaimAction::Complete { code, state, serve } => {
            let project = build_guard(&serve)?
                .complete_claim(&state, &code)
                .await
                .map_err(|error| error.to_string())?;
            print_line(&json!({ "claimed": project }).to_string());
            Ok(())
        }
    }
}
