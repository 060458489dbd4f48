//! MCP over standard input and output: one client, the one that started the process. The same over any
//! other pair of byte streams.

use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Server;

/// Serves until the client closes the pipe, or `stop` is cancelled.
pub async fn serve_stdio(server: Server, stop: CancellationToken) -> Result<(), String> {
    let (read, write) = stdio_pipes();
    serve_stream(server, read, write, stop).await
}

/// Serves one client over a pair of byte streams, until it closes its side or `stop` is cancelled.
pub async fn serve_stream(
    server: Server,
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
    stop: CancellationToken,
) -> Result<(), String> {
    match server.serve_with_ct((read, write), stop).await {
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
