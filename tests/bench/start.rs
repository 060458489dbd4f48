//! From the start of the process to the reply to `initialize`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Failure;
use super::client::initialize;
use super::report::{Figure, Report};
use super::world::{DRYDOCK, World};

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let runs = world.runs(60);
    let (mut bare, mut served, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
    let dir = world.dir.join("start");
    for number in 0..runs {
        bare.push(version()?);
        served.push(initialized(&dir)?);
        if number % 10 == 0 {
            fresh.push(initialized(&dir.join(number.to_string()))?);
        }
    }
    let bare = Figure::times("the process alone (drydock --version)", &bare);
    let served = Figure::times("start to the initialize reply", &served).at_most(10.0);
    report.add(bare);
    report.add(served);
    report.add(Figure::times("the same in a new data directory", &fresh));
    let bytes = std::fs::metadata(DRYDOCK)?.len();
    // The count of a file's bytes is far below what a float holds exactly.
    report.add(Figure::one("size of the binary", "MB", bytes as f64 / 1e6));
    Ok(())
}

fn version() -> Result<Duration, Failure> {
    let begun = Instant::now();
    Command::new(DRYDOCK)
        .arg("--version")
        .stdout(Stdio::null())
        .status()?;
    Ok(begun.elapsed())
}

fn initialized(data_dir: &Path) -> Result<Duration, Failure> {
    let hello = format!("{}\n", initialize());
    let begun = Instant::now();
    let mut child = Command::new(DRYDOCK)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("the child has no input")?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let mut reply = String::new();
    input.write_all(hello.as_bytes())?;
    BufReader::new(output).read_line(&mut reply)?;
    let took = begun.elapsed();
    drop(input);
    child.wait()?;
    if reply.contains("\"serverInfo\"") {
        return Ok(took);
    }
    Err(format!("the reply to initialize was {reply:?}").into())
}
