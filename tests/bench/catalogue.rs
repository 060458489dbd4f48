//! What a model reads of the catalogue.

use serde_json::{Value, json};

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::World;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let mut server = OverStdio::start(&world.dir).await?;
    let answer = server.ask("tools/list", json!({})).await?;
    server.end().await?;
    let tools = answer["result"]["tools"].as_array().ok_or("no tools")?;
    let bytes = |keys: &[&str]| -> f64 {
        let parts = tools
            .iter()
            .flat_map(|tool| keys.iter().map(|key| &tool[*key]));
        let sizes = parts.filter(|part| !part.is_null()).map(|part| match part {
            Value::String(text) => text.len(),
            other => other.to_string().len(),
        });
        // A catalogue is far below what a float holds exactly.
        sizes.sum::<usize>() as f64
    };
    let read = bytes(&["name", "description", "inputSchema"]);
    report.add(Figure::one(
        "tools that are listed",
        "tools",
        tools.len() as f64,
    ));
    report.add(Figure::one(
        "names, descriptions, input schemas",
        "bytes",
        read,
    ));
    report
        .add(Figure::one("  the same as tokens (bytes / 4)", "tokens", read / 4.0).at_most(4500.0));
    let output = bytes(&["outputSchema"]);
    report.add(Figure::one("output schemas, apart", "bytes", output));
    Ok(())
}
