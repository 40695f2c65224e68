//! The whole server: builds it, runs it, stops it. `cli` and the tests start it by [`run`].

use crate::config::{Config, DatabaseConfig, Switch};
use crate::delivery::{CatchUpLoader, CloseReason, Epochs, Hub, NodePresence, Tailer};
use crate::domain::{Domain, INDEX_BATCH_TIMEOUT, Indexer, start_webhooks};
use crate::http::{self, App, AppParts, NodeMetrics, RateLimits, UploadSlots};
use crate::ids::Position;
use crate::log::{Log, epoch};
use crate::shutdown::Shutdown;
use crate::store::embedded::{Embedded, EmbeddedOptions};
use crate::store::files::FileStorage;
use crate::store::{self, Pool};
use anyhow::Context;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long connections may take to end after shutdown was requested. Those that are left end with the process.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The database of this process, and its server if that is the embedded one.
pub struct DatabaseServer {
    url: String,
    embedded: Option<Embedded>,
}

impl DatabaseServer {
    /// Takes the database URL of the settings, or starts the embedded PostgreSQL.
    ///
    /// # Errors
    /// The embedded PostgreSQL cannot be started.
    pub async fn open(config: &DatabaseConfig) -> anyhow::Result<Self> {
        if let Some(url) = &config.database_url {
            return Ok(Self::external(url.expose().to_owned()));
        }
        let options =
            EmbeddedOptions { data_dir: config.data_dir(), pg_bin: config.pg_bin.clone(), settings: Vec::new() };
        let embedded = Embedded::start(&options, |line| eprintln!("{line}")).await?;
        Ok(Self { url: embedded.url().to_owned(), embedded: Some(embedded) })
    }

    /// A database whose server is not stopped by [`Self::close`].
    pub fn external(url: String) -> Self {
        Self { url, embedded: None }
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the embedded PostgreSQL, if there is one.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        Ok(())
    }
}

/// Serves until `stop` is cancelled, then drains connections and stops. Calls `ready` once requests are accepted.
///
/// # Errors
/// PostgreSQL cannot be started, reached or migrated, or another part of the server cannot start.
pub async fn run(
    config: Config,
    listener: TcpListener,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let database = DatabaseServer::open(&config.database).await?;
    let served = serve(&config, database.url(), listener, stop, ready).await;
    database.close().await?;
    served
}

async fn serve(
    config: &Config,
    url: &str,
    listener: TcpListener,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    if !config.no_migrate {
        store::migrate(url).await.context("cannot bring the schema up to date")?;
    }
    // What serves clients is stopped first, the background tasks that it needs after it.
    let (serving, background) = (Shutdown::on(stop), Shutdown::default());
    let app = build(config, url, &serving, &background).await?;
    let (hub, presence) = (app.hub.clone(), app.presence.clone());
    let service = http::service(app, &config.allowed_origins());
    ready();
    http::serve(listener, service, &serving).await;
    tracing::info!("shutting down");
    hub.close_all(CloseReason::Draining);
    if !serving.wait(DRAIN_TIMEOUT).await {
        tracing::warn!("some connections did not end in time");
    }
    presence.leave().await;
    hub.stop();
    background.request();
    Ok(())
}

/// Builds the parts of a node, from the log up to what the handlers need, and starts their tasks.
async fn build(config: &Config, url: &str, serving: &Shutdown, background: &Shutdown) -> anyhow::Result<App> {
    let pool = Pool::new(url, config.pool_size.into());
    let (log, commits) = Log::open(url, pool.clone(), background).await.context("cannot open the log")?;
    let files = FileStorage::open(&config.attachments()).context("cannot use the place of attachments")?;
    let domain = Domain::open(log.clone(), files, config).await.context("cannot fetch the deployment's keys")?;
    let state = epoch::load(&mut *pool.get().await?, Position::ZERO).await?;
    let revocations = domain.clone();
    let is_revoked = Box::new(move |user, session| revocations.revocations().has_ended(user, session));
    let (hub, queries, reports) =
        Hub::start(state.head(), config.streams_per_user as usize, is_revoked).context("cannot start deliveries")?;
    let epochs = Epochs::new(hub.clone(), log.clone());
    CatchUpLoader::start(hub.clone(), pool.clone(), epochs.clone(), queries, background);
    let presence = NodePresence::start(hub.clone(), &log, reports, background);
    // The tailer and the indexer have connections of their own, so that they wait for no slow request.
    let tailer = Tailer::start(hub.clone(), Pool::new(url, 1), commits, log.wakeups().head(), background);
    let index_pool = Pool::with_query_timeout(url, 1, INDEX_BATCH_TIMEOUT);
    let indexer = Indexer::start(index_pool, log.wakeups().head(), background);
    let metrics = NodeMetrics::new(log.clone(), hub.clone(), indexer);
    start_domain_tasks(&domain, &hub, background);
    // Webhooks wait for targets, and must not keep connections from requests meanwhile.
    start_webhooks(&domain, Pool::new(url, 2), serving).context("cannot deliver webhooks")?;
    Ok(App::new(AppParts {
        domain,
        uploads: UploadSlots::default(),
        hub,
        presence,
        epochs,
        tailer,
        metrics,
        rate_limits: (config.rate_limits == Switch::On).then(RateLimits::default),
        shutdown: serving.clone(),
    }))
}

/// Starts the background tasks of the domain. Each finishes work that a request, or a node that died, has left.
fn start_domain_tasks(domain: &Domain, hub: &Hub, background: &Shutdown) {
    let [revocations, conversations, accounts, identities, attachments] = std::array::from_fn(|_| domain.clone());
    background.spawn(async move { revocations.follow_revocations().await });
    background.spawn(async move { conversations.blank_deleted_conversations().await });
    background.spawn(async move { accounts.erase_deleted_accounts().await });
    background.spawn(async move { identities.evict_expired_identities().await });
    background.spawn(async move { attachments.clean_up_attachments().await });
    background.spawn(close_revoked(hub.clone(), domain.clone()));
}

/// Ends the subscriptions of revoked sessions and disabled users.
async fn close_revoked(hub: Hub, domain: Domain) {
    let revocations = domain.revocations();
    let mut changes = revocations.changes();
    while changes.changed().await.is_ok() {
        hub.close_revoked();
    }
}
