//! Parses the command line and starts.

use std::process::ExitCode;

use clap::Parser;
use drydock::config::Cli;
use drydock::{fence, log, redact};

fn main() -> ExitCode {
    if let Some(code) = drydock::local::confine(std::env::args_os()) {
        return code;
    }
    redact::keep_environment();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => drydock::cli::refuse(&error),
    };
    let log = match drydock::cli::log_file(&cli).and_then(log::start) {
        Ok(log) => log,
        Err(reason) => return fail(&reason),
    };
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
    log.end();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(&reason),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("drydock: {}", fence::plain(reason));
    ExitCode::FAILURE
}
