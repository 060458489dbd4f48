//! What becomes of a call that a fault strikes.

use std::future::ready;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Method;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};

use super::plan::Kind;
use crate::local::fault::Fault;

/// What is done to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    Fail { status: u16 },
    FailAfter,
    Hang { seconds: Option<u64> },
    Half,
    NotOffered,
}

impl Blow {
    /// The word for it.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Fail { .. } => Kind::Fail,
            Self::FailAfter => Kind::FailAfter,
            Self::Hang { .. } => Kind::Hang,
            Self::Half => Kind::Half,
            Self::NotOffered => Kind::RestorePointsNotOffered,
        }
    }

    /// The answer to a call whose own would be `answer`.
    pub(super) async fn on(
        self,
        method: &Method,
        answer: BoxFuture<'static, Response>,
    ) -> Response {
        match self {
            Self::Fail { status } => {
                Fault::new(status, "the platform fails, as was planned").into_response()
            }
            Self::NotOffered => {
                Fault::new(403, "restore points are not offered for this project").into_response()
            }
            Self::Hang { seconds } => {
                match seconds {
                    Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                    // The caller's connection ends this with itself.
                    None => std::future::pending().await,
                }
                Fault::new(504, "the upstream server is timing out").into_response()
            }
            // An answer without a body cannot break off: whoever stands in between says that it is lost.
            Self::FailAfter | Self::Half if method == Method::HEAD => {
                answer.await;
                Fault::new(502, "").into_response()
            }
            Self::FailAfter => {
                answer.await;
                cut()
            }
            Self::Half => halved(answer.await).await,
        }
    }
}

/// An answer whose connection breaks off before its first byte: the server gives up before it has sent
/// what comes before the body.
fn cut() -> Response {
    Response::new(Body::from_stream(stream::once(ready(broken()))))
}

/// The same answer, up to the middle of its body.
async fn halved(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else {
        return cut();
    };
    if whole.len() < 2 {
        return cut();
    }
    // The whole length is promised.
    parts.headers.insert(CONTENT_LENGTH, whole.len().into());
    let half = stream::once(ready(Ok(whole.slice(..whole.len() / 2))));
    let end = stream::once(async {
        // The half is on its way only once there is something to wait for.
        tokio::task::yield_now().await;
        broken()
    });
    Response::from_parts(parts, Body::from_stream(half.chain(end)))
}

/// What ends a body in its midst, and its connection with it.
fn broken() -> io::Result<Bytes> {
    Err(io::ErrorKind::BrokenPipe.into())
}
