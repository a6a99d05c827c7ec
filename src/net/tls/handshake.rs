//! The handshake: from a client's first byte to a connection that HTTP can be spoken on.
//!
//! Who speaks plain text is told so in plain text, as nginx does, and sees no bytes of TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::server::{Acceptor, ServerConnection};
use rustls::{Error, HandshakeKind, InconsistentKeys, PeerIncompatible};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::{ClientCertificate, H2, Session, Tls};
use crate::telemetry::metrics::{HandshakeOutcome, TlsGroup, TlsVersion};

/// A handshake that came to nothing, already counted.
#[derive(Debug)]
pub struct Failure<IO> {
    /// What is to be closed, where it is still there.
    pub stream: Option<IO>,
    /// Why.
    pub outcome: HandshakeOutcome,
}

impl Tls {
    /// Has the handshake on `stream`, and counts its outcome. How long that may take is the caller's to say.
    ///
    /// # Errors
    /// No TLS, or none that both sides speak.
    pub async fn accept<IO>(&self, stream: IO) -> Result<(TlsStream<IO>, Session), Failure<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = self.shake_hands(stream).await;
        match &accepted {
            Ok((stream, _)) => {
                let connection = stream.get_ref().1;
                self.metrics.handshake(outcome(connection));
                self.metrics.session(version(connection), group(connection));
            }
            Err(failure) => self.metrics.handshake(failure.outcome),
        }
        accepted
    }

    /// Counts a handshake that was broken off from outside.
    pub fn broken_off(&self, outcome: HandshakeOutcome) {
        self.metrics.handshake(outcome);
    }

    async fn shake_hands<IO>(&self, stream: IO) -> Result<(TlsStream<IO>, Session), Failure<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let StartHandshake { accepted, io, .. } = hello(stream).await?;
        let (certificate, is_named) = {
            let hello = accepted.client_hello();
            // RFC 6066 section 3: no dot at the end. The library has it in lower case.
            let name = hello.server_name().map(|name| name.strip_suffix('.').unwrap_or(name));
            let certificates = self.certificates.load();
            (certificates.find(name, hello.signature_schemes()).cloned(), name.is_some())
        };
        let Some(certificate) = certificate else {
            return Err(Failure { stream: Some(io.stream), outcome: HandshakeOutcome::Failed });
        };
        let start = StartHandshake::from_parts(accepted, io.stream);
        let stream = start.into_stream(certificate.config()).into_fallible().await;
        let stream = stream.map_err(|(error, stream)| {
            let outcome = failure_of(&error);
            Failure { stream: Some(stream), outcome }
        })?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        let client = match (&self.clients, stream.get_ref().1.peer_certificates()) {
            (Some(clients), Some(chain)) => {
                let shown = ClientCertificate::new(chain, clients, certificate.verified_by());
                match shown {
                    Some(shown) => Some(Arc::new(shown)),
                    None => {
                        let stream = Some(stream.into_inner().0);
                        return Err(Failure {
                            stream,
                            outcome: HandshakeOutcome::ClientCertificate,
                        });
                    }
                }
            }
            _ => None,
        };
        Ok((stream, Session { is_h2, named: is_named.then_some(certificate), client }))
    }
}

/// Reads the client's first message. Who does not speak TLS is told so.
async fn hello<IO>(stream: IO) -> Result<StartHandshake<FirstByte<IO>>, Failure<IO>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let stream = FirstByte { stream, seen: None };
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let error = match (&mut acceptor).await {
        Ok(start) => return Ok(start),
        Err(error) => error,
    };
    let Some(FirstByte { mut stream, seen }) = acceptor.take_io() else {
        return Err(Failure { stream: None, outcome: failure_of(&error) });
    };
    let outcome = match seen {
        Some(HANDSHAKE_RECORD) => failure_of(&error),
        None => HandshakeOutcome::Closed,
        Some(first) => {
            if first.is_ascii_uppercase() {
                // It fits into the empty buffer of a new socket; who does not take it is closed all the same.
                let _ = stream.write_all(PLAIN_TEXT_ANSWER.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            HandshakeOutcome::NotTls
        }
    };
    Err(Failure { stream: Some(stream), outcome })
}

/// A stream that ends before the library sees anything but TLS: it would answer in TLS.
#[derive(Debug)]
struct FirstByte<IO> {
    stream: IO,
    seen: Option<u8>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for FirstByte<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let first = buf.filled().get(before).copied();
        self.seen = self.seen.or(first);
        match self.seen {
            None | Some(HANDSHAKE_RECORD) => Poll::Ready(Ok(())),
            Some(_) => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for FirstByte<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn outcome(connection: &ServerConnection) -> HandshakeOutcome {
    match connection.handshake_kind() {
        Some(HandshakeKind::Resumed) => HandshakeOutcome::Resumed,
        _ => HandshakeOutcome::Full,
    }
}

fn version(connection: &ServerConnection) -> TlsVersion {
    match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
        _ => TlsVersion::Tls13,
    }
}

fn group(connection: &ServerConnection) -> TlsGroup {
    use rustls::NamedGroup;
    match connection.negotiated_key_exchange_group().map(|group| group.name()) {
        None => TlsGroup::None,
        Some(NamedGroup::X25519MLKEM768) => TlsGroup::X25519MlKem768,
        Some(NamedGroup::X25519) => TlsGroup::X25519,
        Some(NamedGroup::secp256r1) => TlsGroup::Secp256r1,
        Some(NamedGroup::secp384r1) => TlsGroup::Secp384r1,
        Some(_) => TlsGroup::Other,
    }
}

/// Why a handshake failed, as far as metrics tell.
fn failure_of(error: &io::Error) -> HandshakeOutcome {
    let library = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    match library {
        // The socket's own: reset, or the end before the end.
        None => HandshakeOutcome::Closed,
        Some(Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        )) => HandshakeOutcome::Version,
        Some(Error::PeerIncompatible(_)) => HandshakeOutcome::Parameters,
        Some(Error::NoApplicationProtocol) => HandshakeOutcome::Protocol,
        Some(Error::AlertReceived(_)) => HandshakeOutcome::Alert,
        Some(
            Error::InvalidCertificate(_)
            | Error::NoCertificatesPresented
            | Error::InvalidCertRevocationList(_),
        ) => HandshakeOutcome::ClientCertificate,
        Some(
            Error::General(_)
            | Error::FailedToGetCurrentTime
            | Error::FailedToGetRandomBytes
            | Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        ) => HandshakeOutcome::Failed,
        Some(_) => HandshakeOutcome::Malformed,
    }
}

/// The first byte of a record that belongs to a handshake. Source: RFC 8446 section 5.1.
const HANDSHAKE_RECORD: u8 = 22;

/// The answer to HTTP in plain text on a port of TLS. Its body ends with the connection.
pub const PLAIN_TEXT_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nThis port speaks HTTPS, and the request came in plain text.\n";
