//! What follows an upgrade: bytes both ways, until either side ends.
//!
//! A tunnel begins only after the upstream's `101`. It keeps its downstream connection counted and busy, and ends with it.

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::proxy::edge::Inbound;

/// Joins the two sides once both have switched.
pub(super) fn spawn(downstream: OnUpgrade, upstream: OnUpgrade, inbound: &Inbound) {
    let connection = Arc::clone(&inbound.connection);
    let busy = connection.begin_request();
    tokio::task::spawn_local(async move {
        let _busy = busy;
        let (downstream, upstream) = match tokio::try_join!(downstream, upstream) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "an upgrade was not carried through"),
        };
        let (mut downstream, mut upstream) = (TokioIo::new(downstream), TokioIo::new(upstream));
        tokio::select! {
            joined = tokio::io::copy_bidirectional(&mut downstream, &mut upstream) => {
                if let Err(error) = joined {
                    tracing::debug!(%error, "a tunnel broke off");
                }
            }
            () = connection.cut() => {}
        }
    });
}
