//! What handing projects over takes.

use clap::{Args, Subcommand};

use super::{DataDir, ServeArgs};

/// What to do about claims.
#[derive(Debug, Clone, Args)]
pub struct ClaimArgs {
    /// The action.
    #[command(subcommand)]
    pub action: ClaimAction,
}

/// What can be done about claims.
#[derive(Debug, Clone, Subcommand)]
pub enum ClaimAction {
    /// Register an OAuth app on the local platform, and print its id and secret: the one time that
    /// the secret is shown.
    App {
        /// What users read of who asks them.
        name: String,
        /// Where codes may go: HTTPS, or on loopback. May be repeated.
        #[arg(long, value_name = "URI", required = true)]
        redirect_uri: Vec<String>,
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Give an account of the local platform an organization and a personal access token, and print
    /// them: for claim tokens, which have no pages. The one time that the token is shown.
    Account {
        /// Its address of mail; made if nobody has it.
        email: String,
        /// What its organization is called.
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Take a user's answer in where no server on HTTP does: what came to the redirect URI.
    Complete {
        /// The code.
        #[arg(long)]
        code: String,
        /// The state.
        #[arg(long)]
        state: String,
        /// The platform, as for serving.
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
}
