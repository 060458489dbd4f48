//! A reader that comes to its end when it is told to, so that whoever reads it finishes in order.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// `inner` until the token is cancelled, and nothing from then on.
pub(super) struct Until<R> {
    inner: R,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<R> Until<R> {
    pub(super) fn new(inner: R, token: CancellationToken) -> Self {
        Self {
            inner,
            end: Box::pin(token.cancelled_owned()),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Until<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}
