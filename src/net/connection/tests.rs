use std::convert::Infallible;

use ::http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::net::listener::Slots;
use crate::telemetry::metrics::{CloseReason, Metrics};

/// A connection as a worker accepts it, and its other end.
async fn accepted(
    connections: &Connections,
    slots: &Arc<Slots>,
) -> (TcpStream, WatchedStream, Arc<Connection>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (socket, connection) = connections.open(stream, slots.take().unwrap(), Arc::default());
    (client, WatchedStream::Plain(socket), connection)
}

fn slots() -> Arc<Slots> {
    Slots::new(1, Metrics::new().unwrap().listener("main"))
}

async fn answer_ok(_: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    Ok(Response::new(Full::from("ok")))
}

#[tokio::test]
async fn a_connection_that_is_accepted_while_the_program_stops_is_served() {
    let connections = Connections::new(CoarseClock::new());
    let slots = slots();
    let (mut client, stream, connection) = accepted(&connections, &slots).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let builder = http_builder(TokioExecutor::new(), &ConnectionLimits::default());
    let serving = async move {
        let reason = serve(&builder, stream, &connection, &slots, service_fn(answer_ok)).await;
        drop(connection);
        reason
    };
    let ((), reason) = tokio::join!(connections.drain_within(Duration::from_secs(30)), serving);
    assert_eq!(reason, CloseReason::Drain);
    let mut response = String::new();
    client.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
}

#[tokio::test]
async fn a_preface_is_known_however_it_is_cut() {
    let connections = Connections::new(CoarseClock::new());
    let slots = slots();
    for cut in 1..PREFACE.len() {
        let (_client, _stream, connection) = accepted(&connections, &slots).await;
        connection.read_some(&PREFACE[..cut]);
        assert_eq!(connection.phase.load(Relaxed), HEAD, "still late when nothing follows");
        connection.read_some(&PREFACE[cut..]);
        assert!(connection.multiplexed.load(Relaxed));
        assert_eq!(connection.phase.load(Relaxed), IDLE);
        connection.read_some(b"frames");
        assert_eq!(connection.phase.load(Relaxed), IDLE, "not the beginning of a head");
    }
    for other in [&b"PRI /pri HTTP/1.1\r\n"[..], b"GET / HTTP/1.1\r\n", b"P", b"POST"] {
        let (_client, _stream, connection) = accepted(&connections, &slots).await;
        connection.read_some(other);
        connection.read_some(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(!connection.multiplexed.load(Relaxed), "{other:?}");
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_holds_up_only_what_waits_for_it() {
    let clock = CoarseClock::new();
    let connections = Connections::new(Arc::clone(&clock));
    let slots = slots();
    let (_client, _stream, connection) = accepted(&connections, &slots).await;
    let pass = |span: Duration| {
        clock.now_ms.fetch_add(u64::try_from(span.as_millis()).unwrap(), Relaxed);
        connection.check();
        connection.ended.load(Relaxed)
    };
    let (mut stalled, waiting) = (connection.begin_request(), connection.begin_request());
    stalled.handed_on();
    let limit = connection.limits.stall_timeout;
    assert_eq!(pass(limit * 2), OPEN, "another request waits for its upstream");
    drop(waiting);
    stalled.asked_for_more();
    assert_eq!(pass(limit * 2), OPEN, "nothing waits for the peer");
    stalled.handed_on();
    assert_eq!(pass(limit - Duration::from_millis(1)), OPEN);
    assert_eq!(pass(Duration::from_millis(1)), STALL_TIMEOUT);
}
