//! What a tool may do: look through Read, write through Dev, merge through Release, take a project offline through Production.

use drydock::guard::{Dev, MigrationRequest, Production, Read, Refusal, Release};

async fn look(grant: Read) -> Result<usize, Refusal> {
    Ok(grant.projects().await?.len())
}

async fn write(grant: Dev, request: MigrationRequest) -> Result<String, Refusal> {
    Ok(grant.migrate(request).await?.migration.version)
}

async fn merge(grant: Release) -> Result<&'static str, Refusal> {
    Ok(grant.merge(&[]).await?.status)
}

async fn pause(grant: Production) -> Result<String, Refusal> {
    Ok(grant.pause().await?.status)
}

fn main() {
    let _ = (look, write, merge, pause);
}
