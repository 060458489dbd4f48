//! MCP over standard input and output: one client, the one that started the process.

use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio_pipes;
use tokio_util::sync::CancellationToken;

use super::Server;

/// Serves until the client closes the pipe, or `stop` is cancelled.
pub async fn serve_stdio(server: Server, stop: CancellationToken) -> Result<(), String> {
    match server.serve_with_ct(stdio_pipes(), stop).await {
        Ok(running) => {
            running.waiting().await.map_err(|error| error.to_string())?;
            Ok(())
        }
        // A client that leaves before it has said anything is no error.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}
