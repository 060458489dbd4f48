//! The operator's commands, one file each.

mod accept;
mod approve;
mod claim;
mod demo;
mod doctor;
mod eval;
mod init;
mod journal;
mod platform;
mod policy;
mod serve;
mod tools;
mod vault;

use std::env::{self, VarError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{Cli, Command, VAULT_KEY, VAULT_KEY_OLD};
use crate::store::{Store, VaultKeys};

pub use serve::{Stop, build_server};

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<(), String> {
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Serve(args)) => serve::run(*args).await,
        Some(Command::Demo(args)) => demo::run(args).await,
        Some(Command::Platform(args)) => platform::run(args).await,
        Some(Command::Doctor(args)) => doctor::run(*args).await,
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Journal(action)) => journal::run(action).await,
        Some(Command::Policy(args)) => policy::run(*args),
        Some(Command::Tools(args)) => {
            tools::run(&args);
            Ok(())
        }
        Some(Command::Approve(args)) => approve::run(args).await,
        Some(Command::Accept(args)) => accept::run(*args).await,
        Some(Command::Vault(args)) => vault::run(*args).await,
        Some(Command::Claim(args)) => claim::run(*args).await,
        Some(Command::Eval(action)) => eval::run(*action).await,
    }
}

/// Ends the process: the command line, or a variable that stands for a part of it, says nothing that is known.
pub fn refuse(error: &clap::Error) -> ! {
    if env::args_os().any(|argument| argument == "--background") {
        let message = error.to_string();
        platform::report_not_ready(message.lines().next().unwrap_or_default());
    }
    error.exit()
}

/// The file that the log goes to, for a platform in the background.
pub fn log_file(cli: &Cli) -> Result<Option<fs::File>, String> {
    match &cli.command {
        Some(Command::Platform(args)) if args.background => {
            platform::log_file(&args.data_dir.path()?).map(Some)
        }
        _ => Ok(None),
    }
}

/// Opens the store of a data directory, and makes both if they are not there.
fn open_store(data_dir: &Path) -> Result<Store, String> {
    let unusable = |error: std::io::Error| format!("cannot use {}: {error}", data_dir.display());
    if !data_dir.exists() {
        fs::create_dir_all(data_dir).map_err(unusable)?;
        // The local platform's database user passes through; it sees nothing.
        fs::set_permissions(data_dir, fs::Permissions::from_mode(0o711)).map_err(unusable)?;
    }
    let path = data_dir.join("drydock.sqlite");
    let variable = |name: &str| match std::env::var(name) {
        Ok(key) => Ok(Some(key)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not text")),
    };
    let (key, old) = (variable(VAULT_KEY)?, variable(VAULT_KEY_OLD)?);
    let keys = VaultKeys::new(data_dir.join("vault.key"), key.as_deref(), old.as_deref())
        .map_err(|error| error.to_string())?;
    Store::open(&path, keys).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a line to standard output, for commands whose output is for people or pipes. A reader
/// that has gone away is no error.
fn print_line(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
