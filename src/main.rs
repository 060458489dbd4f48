//! Parses the command line and starts.

use std::process::ExitCode;

use clap::Parser;
use drydock::config::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(reason) = start_log(&cli) {
        return fail(&reason);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let done = runtime.block_on(drydock::cli::run(cli));
    // A read of standard input that nobody will answer must not hold the end up.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(&reason),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("drydock: {reason}");
    ExitCode::FAILURE
}

/// The log goes to standard error, or to a file for a platform in the background: standard output
/// is the wire. `DRYDOCK_LOG` chooses what is logged, as in `drydock=debug`.
fn start_log(cli: &Cli) -> Result<(), String> {
    let filter = EnvFilter::try_from_env("DRYDOCK_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,drydock=info,rmcp=error"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    match drydock::cli::log_file(cli)? {
        Some(file) => builder.with_writer(std::sync::Mutex::new(file)).init(),
        None => builder.with_writer(std::io::stderr).init(),
    }
    Ok(())
}
