//! Stopping a running statement from another task.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Stops whatever statement one session is running. Cancelling an idle session does nothing.
#[derive(Clone)]
pub struct CancelToken {
    socket: PathBuf,
    process_id: i32,
    secret_key: i32,
}

impl std::fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelToken")
            .field("process_id", &self.process_id)
            .finish_non_exhaustive()
    }
}

impl CancelToken {
    pub(super) fn new(socket: &Path, process_id: i32, secret_key: i32) -> Self {
        Self {
            socket: socket.to_owned(),
            process_id,
            secret_key,
        }
    }

    /// Asks the server to cancel. It gives no answer: the statement itself reports SQLSTATE 57014 if it was
    /// stopped. A server that is gone needs no cancelling, so there is no error to return.
    pub async fn cancel(&self) {
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process_id, self.secret_key, &mut request);
        let sent = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(&request).await?;
            // The server closes the socket once the signal is sent.
            stream.read(&mut [0; 1]).await
        };
        if let Err(error) = sent.await {
            tracing::debug!(%error, "a cancel request found no server");
        }
    }
}
