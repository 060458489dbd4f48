//! `drydock eval`: workspaces for agent eval harnesses.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Stop, open_store, print_line};
use crate::chance;
use crate::clock;
use crate::config::{
    EvalAction, EvalRunArgs, EvalServeArgs, EvalWorldArgs, FleetArgs, default_data_dir,
};
use crate::eval::{
    ControlSettings, Fleet, FleetSettings, RunSettings, WorldSettings, least_utility,
    list_scenarios, run_world, serve_control,
};
use crate::local::faults::Faults;
use crate::local::{GrantsProfile, PlatformSettings};
use crate::redact;

/// After how long without use the database of a world is stopped.
const DATABASE_IDLE: Duration = Duration::from_secs(300);
/// How far back a world's databases can be returned.
const HISTORY: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) async fn run(action: EvalAction) -> Result<(), String> {
    match action {
        EvalAction::Serve(args) => serve(args).await,
        EvalAction::Run(args) => run_scenarios(args).await,
        EvalAction::List { scenarios } => {
            for (family, name, title) in list_scenarios(scenarios.as_deref())? {
                print_line(&format!("{family:<12} {name:<44} {title}"));
            }
            Ok(())
        }
        EvalAction::Connect { address } => connect(address).await,
        EvalAction::World(args) => world(args).await,
    }
}

async fn serve(args: EvalServeArgs) -> Result<(), String> {
    let Stop(stop) = Stop::on_signals()?;
    let token = args
        .control_token
        .unwrap_or_else(|| format!("drydock_eval_{}", chance::unseen_hex::<24>()));
    redact::keep_secret(&token);
    let (fleet, dir) = open_fleet(&args.fleet).await?;
    let settings = ControlSettings {
        address: args.control,
        token: token.clone(),
        program: program()?,
        scenarios: args.scenarios,
    };
    let served = serve_control(fleet.clone(), settings, stop, |address| {
        print_line(
            &json!({
                "ready": true,
                "control_url": format!("http://{address}"),
                "control_token": token,
            })
            .to_string(),
        );
    })
    .await;
    fleet.close().await;
    dir.remove()?;
    served
}

async fn run_scenarios(args: EvalRunArgs) -> Result<(), String> {
    let Stop(stop) = Stop::on_signals()?;
    if args.report.is_some() && args.agent.len() > 1 {
        return Err("a report is of one agent; run several one by one".to_owned());
    }
    // An episode is its snapshot's only one, or one of many: what waits started ahead would wait in vain.
    let mut fleet_args = args.fleet.clone();
    fleet_args.spares = 0;
    let (fleet, dir) = open_fleet(&fleet_args).await?;
    let settings = RunSettings {
        scenarios: args.scenarios,
        wanted: args.scenario,
        agents: args.agent,
        episodes: args.episodes,
        parallel: args.parallel,
        over_http: args.http,
        program: program()?,
        seed: args.fleet.seed,
    };
    let ran = tokio::select! {
        ran = crate::eval::run(&fleet, &settings, print_line) => ran,
        () = stop.cancelled() => Err("stopped".to_owned()),
    };
    fleet.close().await;
    dir.remove()?;
    let mut missed = Vec::new();
    for (report, agent) in ran?.iter().zip(&settings.agents) {
        print_line("");
        print_line(&report.summary());
        if let Some(file) = &args.report {
            report.write(file)?;
        }
        let least_utility = args.min_utility.unwrap_or_else(|| least_utility(agent));
        if report.utility() < least_utility {
            missed.push(format!(
                "{}: utility is {:.3}, below {least_utility}",
                agent.name(),
                report.utility()
            ));
        }
        if report.safety() < args.min_safety {
            missed.push(format!(
                "{}: safety is {:.3}, below {}",
                agent.name(),
                report.safety(),
                args.min_safety
            ));
        }
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(missed.join("\n")),
    }
}

/// Where a fleet lies.
struct FleetDir {
    path: PathBuf,
    /// Whether it was made for this process alone.
    temporary: bool,
}

impl FleetDir {
    fn remove(self) -> Result<(), String> {
        if !self.temporary {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.path)
            .map_err(|error| format!("cannot remove {}: {error}", self.path.display()))
    }
}

async fn open_fleet(args: &FleetArgs) -> Result<(Fleet, FleetDir), String> {
    let dir = match &args.dir {
        Some(path) => FleetDir {
            path: std::path::absolute(path).map_err(|error| error.to_string())?,
            temporary: false,
        },
        None => {
            let name = format!("drydock-eval-{}", chance::unseen_hex::<4>());
            FleetDir {
                path: std::env::temp_dir().join(name),
                temporary: true,
            }
        }
    };
    let mut arguments: Vec<OsString> = Vec::new();
    let mut give = |flag: &str, value: Option<&PathBuf>| {
        if let Some(value) = value {
            arguments.extend([flag.into(), value.clone().into_os_string()]);
        }
    };
    give("--postgres-bin", args.engine.postgres_bin.as_ref());
    give("--deno", args.functions.deno.as_ref());
    // What npm has fetched once is not fetched again for the next fleet.
    let tools = match (&args.functions.tools, dir.temporary) {
        (Some(tools), _) => tools.clone(),
        (None, true) => default_data_dir()?.join("tools"),
        (None, false) => dir.path.join("tools"),
    };
    give("--tools", Some(&tools));
    let settings = FleetSettings {
        dir: dir.path.clone(),
        templates: args.engine.templates.clone(),
        program: program()?,
        arguments,
        spares: args.spares,
        seed: args.seed,
        clock: args.clock.clone().unwrap_or_else(clock::now),
    };
    match Fleet::open(settings).await {
        Ok(fleet) => Ok((fleet, dir)),
        Err(error) => {
            let _ = dir.remove();
            Err(error.to_string())
        }
    }
}

fn program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

/// Two pipes between standard input and output and a workspace.
async fn connect(address: std::net::SocketAddr) -> Result<(), String> {
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not a loopback address"));
    }
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("no workspace answers at {address}: {error}"))?;
    // Small messages are not to wait for company.
    let _ = stream.set_nodelay(true);
    let (mut read, mut write) = stream.into_split();
    let there = async {
        let sent = tokio::io::copy(&mut tokio::io::stdin(), &mut write).await;
        let ended = write.shutdown().await;
        sent.and(ended)
    };
    let back = async {
        let mut out = tokio::io::stdout();
        let got = tokio::io::copy(&mut read, &mut out).await;
        let flushed = out.flush().await;
        got.and(flushed)
    };
    tokio::pin!(back);
    tokio::select! {
        // When the workspace has nothing more to say, nobody hears what the client says.
        got = &mut back => got,
        sent = there => match sent {
            // The client is done; what it has asked is still answered.
            Ok(()) => back.await,
            Err(error) => Err(error),
        },
    }
    .map_err(|error| error.to_string())
}

async fn world(args: EvalWorldArgs) -> Result<(), String> {
    let settings = WorldSettings {
        platform: PlatformSettings {
            data_dir: args.data_dir.path()?,
            port: None,
            ephemeral: false,
            idle: None,
            postgres: args.engine.postgres_bin,
            templates: args.engine.templates,
            deno: args.functions.deno,
            tools: args.functions.tools,
            function_patience: Duration::from_secs(args.functions.function_seconds),
            database_idle: Some(DATABASE_IDLE),
            history: HISTORY,
            grants: GrantsProfile::Explicit,
            // A copy made ahead would be copied again with every fork.
            template_spares: 0,
            faults: Some(Faults::default()),
        },
        open_store,
    };
    run_world(settings).await
}
