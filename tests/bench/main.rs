//! The figures: `cargo bench`, in release, against the real binary, real PostgreSQL and real HTTP.
//!
//! ```text
//! cargo bench                        under two minutes: a table
//! cargo bench -- --json figures.json the same as data
//! cargo bench -- --full              more runs, and reverts at 200 MB and 2 GB
//! cargo bench -- --only calls        one theme: start, memory, sessions, calls, flow, branches, points, fleet, advisor, merge, functions, eval, catalogue
//! cargo bench -- --only scale        how cost grows up to 300 projects: some minutes, and only when it is asked for
//! ```
//!
//! Nothing here fails on time: a figure stands beside what it is to reach, and the ratio says how
//! far it is. What Drydock adds is measured in turns with the bare platform call, so that whatever
//! else the machine does hits both.
//!
//! ```text
//! world   the scratch directory and the local platform      client  MCP as thin as can be
//! report  figures, table, JSON                               cloud   a platform that only answers
//! one file per theme: start, memory, sessions, calls, flow, branches, points, fleet, scale, advisor, merge, functions, eval, catalogue
//! ```

mod advisor;
mod branches;
mod calls;
mod catalogue;
mod client;
mod cloud;
mod eval;
mod fleet;
mod flow;
mod functions;
mod memory;
mod merge;
mod points;
mod report;
mod scale;
mod sessions;
mod start;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use report::Report;
use world::World;

/// What a step of a benchmark fails with: it goes to the terminal and nowhere else.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The figures of Drydock.
#[derive(Debug, Parser)]
struct Args {
    /// Write the figures here as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// More runs, and what takes long.
    #[arg(long)]
    full: bool,
    /// One theme alone.
    #[arg(long, value_name = "THEME")]
    only: Option<String>,
    /// What `cargo bench` adds; without it nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,
}

macro_rules! themes {
    ($args:ident, $world:ident, $report:ident: $($theme:ident)*) => {$(
        let name = stringify!($theme);
        if $args.only.as_deref().is_none_or(|only| only == name) {
            $report.theme(name);
            $theme::run(&$world, &mut $report)
                .await
                .map_err(|failure| format!("{name}: {failure}"))?;
        }
    )*};
}

async fn measure(args: &Args, world: &World) -> Result<Report, Failure> {
    let mut report = Report::new()?;
    if args.only.as_deref() == Some("scale") {
        themes! { args, world, report: scale }
    }
    themes! { args, world, report: start memory sessions calls flow branches points fleet advisor merge functions eval catalogue }
    Ok(report)
}

async fn run(args: &Args) -> Result<(), Failure> {
    let world = World::open(args.full).await?;
    let measured = tokio::select! {
        measured = measure(args, &world) => measured,
        _ = tokio::signal::ctrl_c() => Err("stopped".into()),
    };
    world.close().await?;
    let report = measured?;
    report.print_end()?;
    if let Some(file) = &args.json {
        std::fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench {
        eprintln!("benchmarks run by `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("the benchmarks could not run: {failure}");
            ExitCode::FAILURE
        }
    }
}
