//! The first bytes of a connection: asking for TLS, and speaking it if the server does.
//!
//! tokio-postgres can do this itself, but then a connection without TLS could not be wrapped. So it is told that TLS begins
//! at once ([`take_over`]), and what it believes to be the TLS client decides.

use super::sqlstate_stream::SqlStateStream;
use super::tls::tls_client;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The message that asks a server whether it speaks TLS: its length, and the number of this request.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Prepares the streams of connections. Cheap to clone.
#[derive(Clone)]
pub struct Negotiator {
    mode: SslMode,
    direct: bool,
    tls: MakeRustlsConnect,
}

/// Takes the negotiation over from tokio-postgres.
///
/// # Errors
/// The roots of `sslmode=require` cannot be used.
pub fn take_over(config: &mut Config) -> Result<Negotiator, rustls::Error> {
    let (mode, direct) = (config.get_ssl_mode(), config.get_ssl_negotiation() == SslNegotiation::Direct);
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    Ok(Negotiator { mode, direct, tls: tls_client(mode)? })
}

impl Negotiator {
    /// Does without TLS: what a Unix socket never has.
    pub fn without_tls(&self) -> Self {
        Self { mode: SslMode::Disable, ..self.clone() }
    }

    /// Asks the server whether it speaks TLS, if that is wanted and not agreed.
    async fn wants_tls<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S) -> io::Result<bool> {
        if self.mode == SslMode::Disable || self.direct {
            return Ok(self.mode != SslMode::Disable);
        }
        stream.write_all(&SSL_REQUEST).await?;
        let mut answer = [0];
        stream.read_exact(&mut answer).await?;
        if answer != *b"S" && self.mode == SslMode::Require {
            return Err(io::Error::other("server does not support TLS"));
        }
        Ok(answer == *b"S")
    }
}

/// The stream of one connection, with TLS or without.
pub enum NegotiatedStream<S>
where
    MakeRustlsConnect: MakeTlsConnect<S>,
{
    Plain(S),
    Tls(Box<<MakeRustlsConnect as MakeTlsConnect<S>>::Stream>),
}

/// Prepares the stream to one host.
pub struct HostNegotiator {
    negotiator: Negotiator,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> MakeTlsConnect<S> for Negotiator {
    type Stream = SqlStateStream<NegotiatedStream<S>>;
    type TlsConnect = HostNegotiator;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<HostNegotiator> {
        Ok(HostNegotiator { negotiator: self.clone(), host: host.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> TlsConnect<S> for HostNegotiator {
    type Stream = SqlStateStream<NegotiatedStream<S>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(mut self, mut stream: S) -> Self::Future {
        Box::pin(async move {
            let negotiated = if self.negotiator.wants_tls(&mut stream).await? {
                let client = MakeTlsConnect::<S>::make_tls_connect(&mut self.negotiator.tls, &self.host);
                NegotiatedStream::Tls(Box::new(client.map_err(io::Error::other)?.connect(stream).await?))
            } else {
                NegotiatedStream::Plain(stream)
            };
            Ok(SqlStateStream::new(negotiated))
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> TlsStream for NegotiatedStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Self::Plain(_) => ChannelBinding::none(),
            Self::Tls(stream) => stream.channel_binding(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncRead for NegotiatedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(context, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for NegotiatedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(context, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }
}
