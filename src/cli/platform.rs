//! `drydock platform`: the local platform in the foreground, or its end.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::print_line;
use crate::config::PlatformArgs;
use crate::local::{
    PlatformSettings, Ready, TEMPLATE_SPARES, run_or_join, run_platform, stop_platform,
};

pub(super) async fn run(args: PlatformArgs) -> Result<(), String> {
    let data_dir = args.data_dir.path()?;
    if args.stop {
        let was_serving = stop_platform(&data_dir)
            .await
            .map_err(|error| error.to_string())?;
        print_line(&json!({ "stopped": was_serving }).to_string());
        return Ok(());
    }
    let background = args.background;
    if background {
        // A session of its own: the terminal's signals are for the server, not for what it shares.
        if let Err(error) = rustix::process::setsid() {
            tracing::debug!(%error, "the platform stays in its session");
        }
    }
    let settings = PlatformSettings {
        data_dir,
        port: args.port,
        ephemeral: args.ephemeral,
        idle: background.then(|| Duration::from_secs(args.idle_minutes.saturating_mul(60))),
        postgres: args.engine.postgres_bin,
        templates: args.engine.templates,
        deno: args.functions.deno,
        tools: args.functions.tools,
        function_patience: Duration::from_secs(args.functions.function_seconds),
        grants: args.grants,
        database_idle: match args.database_idle_seconds {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        },
        // An operator's platform does nothing wrong on purpose.
        faults: None,
        history: Duration::from_secs(args.history_days * 24 * 3600),
        template_spares: TEMPLATE_SPARES,
    };
    let announce = |ready: &Ready| {
        if let Ok(line) = serde_json::to_string(ready) {
            print_line(&line);
        }
    };
    let served = if background {
        run_or_join(settings, announce).await
    } else {
        run_platform(settings, announce).await
    };
    served.map_err(|error| {
        let message = error.to_string();
        if background {
            report_not_ready(&message);
        }
        message
    })
}

/// The server that started a platform in the background waits for a line, and passes the reason on.
pub(super) fn report_not_ready(reason: &str) {
    print_line(&json!({ "ready": false, "error": reason }).to_string());
}

/// What a platform in the background says; begun anew when it has grown past a megabyte.
pub(super) fn log_file(data_dir: &Path) -> Result<fs::File, String> {
    let folder = data_dir.join("platform");
    let unusable = |error: std::io::Error| format!("cannot use {}: {error}", folder.display());
    for path in [data_dir, &folder] {
        if !path.exists() {
            fs::create_dir_all(path).map_err(unusable)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o711)).map_err(unusable)?;
        }
    }
    let path = folder.join("platform.log");
    let is_large = fs::metadata(&path).is_ok_and(|file| file.len() > 1024 * 1024);
    fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(!is_large)
        .truncate(is_large)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)
}
