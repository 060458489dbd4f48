//! A session with a workspace's MCP server, as any client has one.

use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ServiceError, ServiceExt};
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use super::Reply;
use crate::eval::fleet::Workspace;

/// A session.
pub(in crate::eval) struct Session {
    running: RunningService<RoleClient, ()>,
}

impl Session {
    /// Connects, and initialises.
    pub(in crate::eval) async fn open(
        workspace: &Workspace,
        over_http: bool,
    ) -> Result<Self, String> {
        let address = workspace.address();
        let running = if over_http {
            let transport = StreamableHttpClientTransport::from_uri(address.url());
            ().serve(transport).await
        } else {
            let stream = TcpStream::connect(address.stream)
                .await
                .map_err(|error| error.to_string())?;
            // Small messages are not to wait for company.
            let _ = stream.set_nodelay(true);
            ().serve(stream.into_split()).await
        };
        let running = running.map_err(|error| format!("the MCP server did not begin: {error}"))?;
        Ok(Self { running })
    }

    /// Calls a tool. One that is still at work is called again, which follows it.
    pub(in crate::eval) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Reply, String> {
        loop {
            let reply = self.call_once(tool, arguments.clone()).await?;
            if reply.code() != "in_progress" {
                return Ok(reply);
            }
        }
    }

    async fn call_once(&self, tool: &str, arguments: Map<String, Value>) -> Result<Reply, String> {
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = match self.running.call_tool(request).await {
            Ok(result) => result,
            Err(ServiceError::McpError(error)) => {
                return Ok(Reply {
                    value: Value::Null,
                    text: error.message.to_string(),
                    is_error: true,
                });
            }
            Err(error) => return Err(format!("the MCP server broke off: {error}")),
        };
        let texts = result.content.iter().filter_map(|block| block.as_text());
        Ok(Reply {
            text: texts
                .map(|block| block.text.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            value: result.structured_content.unwrap_or_default(),
            is_error: result.is_error.unwrap_or(false),
        })
    }

    /// Ends it.
    pub(in crate::eval) async fn close(self) {
        // A server that has gone needs no goodbye.
        let _ = self.running.cancel().await;
    }
}
