//! How long a client may let a body stand still that somebody waits for.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that ends with [`StandsStill`] when nothing of it has come for a while.
pub(in crate::admin) struct Patient<B> {
    body: B,
    patience: Duration,
    /// Runs out while somebody waits.
    wait: Option<Pin<Box<Sleep>>>,
}

/// The client sends nothing more of a body.
#[derive(Debug, thiserror::Error)]
#[error("the client lets the body stand still")]
pub(super) struct StandsStill;

impl<B> Patient<B> {
    /// `body`, each part of which is waited for so long.
    pub(in crate::admin) fn new(body: B, patience: Duration) -> Self {
        Self { body, patience, wait: None }
    }
}

impl<B> Body for Patient<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { body, patience, wait } = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            *wait = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let wait = wait.get_or_insert_with(|| Box::pin(sleep(*patience)));
        wait.as_mut().poll(cx).map(|()| Some(Err(StandsStill.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
