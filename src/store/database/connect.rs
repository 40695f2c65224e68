//! Connections to the primary that a URL names.

use super::error::StoreError;
use super::stream::negotiation::{NegotiatedStream, Negotiator, take_over};
use super::stream::sqlstate_stream::SqlStateStream;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage, Socket};
use tokio_util::task::AbortOnDropHandle;

/// A connection that queries run on.
pub type Connection = diesel_async::AsyncPgConnection;

/// How long it may take to reach one host, unless the URL says so.
const HOST_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take to open a connection, over all hosts: less than whoever borrows it waits.
const OPEN_CONNECTION_TIMEOUT: Duration = Duration::from_millis(4_500);

type Wire<S> = tokio_postgres::Connection<S, SqlStateStream<NegotiatedStream<S>>>;

/// What must be polled for a [`Client`] to get anywhere.
pub struct Driver(Box<DriverSocket>);

enum DriverSocket {
    Tcp(Wire<Socket>),
    Unix(Wire<UnixStream>),
}

impl Driver {
    /// The next message that answers no query: a notice or a notification. None when the connection has ended.
    pub fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> {
        match &mut *self.0 {
            DriverSocket::Tcp(wire) => wire.poll_message(context),
            DriverSocket::Unix(wire) => wire.poll_message(context),
        }
    }
}

/// Runs to the end of the connection, and drops what answers no query.
impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        while let Some(Ok(_)) = ready!(self.poll_message(context)) {}
        Poll::Ready(())
    }
}

/// A connection with its driver: when it is dropped its socket is closed at once, whatever is under way.
pub struct DrivenConnection {
    connection: Connection,
    _driver: AbortOnDropHandle<()>,
}

impl Deref for DrivenConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for DrivenConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Opens a connection to the primary that `url` names, for queries.
///
/// # Errors
/// [`StoreError::Unreachable`], with the cause.
pub async fn open_connection(url: &str) -> Result<DrivenConnection, StoreError> {
    let (client, driver) = connect(url).await?;
    let driver = AbortOnDropHandle::new(tokio::spawn(driver));
    let connection = Connection::try_from(client).await.map_err(unreachable)?;
    Ok(DrivenConnection { connection, _driver: driver })
}

/// Opens a connection to the primary that `url` names. A peer that vanished is noticed within 15 s.
///
/// # Errors
/// [`StoreError::Unreachable`], with the cause.
pub async fn connect(url: &str) -> Result<(Client, Driver), StoreError> {
    let mut config: Config = url.parse().map_err(unreachable)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(HOST_CONNECT_TIMEOUT);
    }
    config.keepalives_idle(Duration::from_secs(5)).keepalives_interval(Duration::from_secs(3)).keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(12));
    if config.get_application_name().is_none() {
        config.application_name("longwave");
    }
    if config.get_hosts().is_empty() {
        // The negotiation wants a name; the address is one.
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    let negotiator = take_over(&mut config).map_err(unreachable)?;
    match tokio::time::timeout(OPEN_CONNECTION_TIMEOUT, connect_any(&config, negotiator)).await {
        Ok(connected) => connected.map_err(unreachable),
        Err(_) => Err(unreachable("no connection in time")),
    }
}

/// Connects to the first host that will have it; to Unix sockets first.
async fn connect_any(config: &Config, negotiator: Negotiator) -> Result<(Client, Driver), ConnectError> {
    let sockets = unix_sockets(config);
    let mut error = None;
    for socket in &sockets {
        match connect_unix(config, &negotiator, socket).await {
            Ok(connected) => return Ok(connected),
            Err(failure) => error = Some(failure),
        }
    }
    if let Some(error) = error.filter(|_| sockets.len() == config.get_hosts().len()) {
        return Err(error);
    }
    let (client, wire) = config.connect(negotiator).await?;
    Ok((client, Driver(Box::new(DriverSocket::Tcp(wire)))))
}

type ConnectError = Box<dyn std::error::Error + Send + Sync>;

fn unreachable(error: impl Into<ConnectError>) -> StoreError {
    StoreError::Unreachable(error.into())
}

/// The Unix sockets among the hosts. tokio-postgres wraps no stream for them, so they are connected to here.
fn unix_sockets(config: &Config) -> Vec<PathBuf> {
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let socket = |(at, host): (usize, &Host)| match host {
        Host::Unix(directory) => Some(directory.join(format!(".s.PGSQL.{}", port(at)))),
        Host::Tcp(_) => None,
    };
    config.get_hosts().iter().enumerate().filter_map(socket).collect()
}

async fn connect_unix(
    config: &Config,
    negotiator: &Negotiator,
    socket: &Path,
) -> Result<(Client, Driver), ConnectError> {
    let limit = config.get_connect_timeout().copied().unwrap_or(Duration::MAX);
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(limit, UnixStream::connect(socket)).await.map_err(late)??;
    let host = MakeTlsConnect::<UnixStream>::make_tls_connect(&mut negotiator.without_tls(), "")?;
    let (client, wire) = config.connect_raw(stream, host).await?;
    let mut driver = Driver(Box::new(DriverSocket::Unix(wire)));
    require_target(&client, &mut driver, config.get_target_session_attrs()).await?;
    Ok((client, driver))
}

/// Makes sure that the server is what `target_session_attrs` asks for.
async fn require_target(client: &Client, driver: &mut Driver, target: TargetSessionAttrs) -> Result<(), ConnectError> {
    let read_only = match target {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok(()),
    };
    let asking = client.simple_query("SHOW transaction_read_only");
    let rows = tokio::select! {
        rows = asking => rows?,
        () = driver => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    };
    let is = |row: &SimpleQueryMessage| matches!(row, SimpleQueryMessage::Row(row) if row.get(0) == Some(read_only));
    if rows.iter().any(is) { Ok(()) } else { Err(format!("transaction_read_only is not {read_only}").into()) }
}
