//! MCP over standard input and output: one client, the one that started the process.

use rmcp::ServiceExt;
use rmcp::transport::stdio_pipes;

use super::Server;

/// Serves until the client closes the pipe.
pub async fn serve_stdio(server: Server) -> Result<(), String> {
    let running = match server.serve(stdio_pipes()).await {
        Ok(running) => running,
        // A client that leaves before it has said anything is no error.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    running.waiting().await.map_err(|error| error.to_string())?;
    Ok(())
}
