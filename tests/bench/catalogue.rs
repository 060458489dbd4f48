//! What a model reads of the catalogue.

use drydock::tools::{LISTED_TOKENS, Weight};
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
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let weigh = |tool: &Value| {
        let (name, description) = (text(&tool["name"]), text(&tool["description"]));
        Weight::of(
            &name,
            &description,
            &tool["inputSchema"],
            &tool["outputSchema"],
        )
    };
    let weight: Weight = tools.iter().map(weigh).sum();
    report.add(Figure::one(
        "tools that are listed",
        "tools",
        tools.len() as f64,
    ));
    report.add(Figure::one(
        "names, descriptions, input schemas",
        "bytes",
        // A catalogue is far below what a float holds exactly.
        weight.read as f64,
    ));
    let tokens = weight.tokens() as f64;
    report.add(
        Figure::one("  the same as tokens (bytes / 4)", "tokens", tokens)
            .at_most(LISTED_TOKENS as f64),
    );
    let output = weight.output as f64;
    report.add(Figure::one("output schemas, apart", "bytes", output));
    Ok(())
}
