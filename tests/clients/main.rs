//! Proof by clients that nobody here wrote.
//!
//! ```text
//! install   npm and pip fetch the pinned clients, beside the build
//! drivers/  one program for each client: drives it, and says of each operation whether it works
//! table     what they said, against tests/clients/table.md
//! lints     our advisors against the lints that a client carries
//! types/    TypeScript that must compile against generated types
//! ```
//!
//! Adding an operation is one line in a driver, and `DRYDOCK_UPDATE_CLIENTS=1 cargo test --test
//! clients` writes the table. Without an internet `DRYDOCK_OFFLINE=1` leaves these tests out.

mod install;
mod lints;
#[path = "../contract/platform.rs"]
mod platform;
mod table;

use std::path::Path;
use std::process::{Command, Stdio};

use install::Installed;
use platform::{DRYDOCK, Folder, Platform};
use table::Row;

/// What a step of a test fails with.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The drivers, in the order in which their clients stand in the table.
const DRIVERS: [&str; 7] = [
    "official_server.mjs",
    "cli.mjs",
    "management_js.mjs",
    "typescript.mjs",
    "mcp_clients.mjs",
    "python_sdk.py",
    "inspector.mjs",
];

/// Runs one driver to its end. Answers what it said.
fn drive(
    driver: &str,
    installed: &Installed,
    platform: &Platform,
    folder: &Path,
) -> Result<Vec<Row>, Failure> {
    let output = Command::new(installed.interpreter(driver))
        .arg(installed.drivers().join(driver))
        .env("CLIENTS_API_URL", &platform.base)
        .env("CLIENTS_API_TOKEN", &platform.token)
        .env("CLIENTS_DATA_DIR", &platform.folder.0)
        .env("CLIENTS_DRYDOCK", DRYDOCK)
        .env("CLIENTS_FOLDER", folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{driver} cannot be run: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{driver} did not come to its end: {words}").into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| Row::read(line, platform))
        .collect()
}

#[test]
fn every_client_does_what_the_table_says() -> Result<(), Failure> {
    let Some(installed) = Installed::ready()? else {
        return Ok(());
    };
    let platform = Platform::start()?;
    let folder = Folder::make()?;
    let (installed, platform, folder) = (&installed, &platform, folder.0.as_path());
    let said: Vec<Result<Vec<Row>, Failure>> = std::thread::scope(|scope| {
        let drives: Vec<_> = DRIVERS
            .iter()
            .map(|driver| scope.spawn(move || drive(driver, installed, platform, folder)))
            .collect();
        drives
            .into_iter()
            .map(|drive| drive.join().expect("a driver's thread"))
            .collect()
    });
    let mut rows = Vec::new();
    for said in said {
        rows.extend(said?);
    }
    table::compare(&rows)
}
