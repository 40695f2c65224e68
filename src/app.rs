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
    // What serves ends first; what it needs, after it.
    let (serving, working) = (Shutdown::on(stop), Shutdown::default());
    let app = build(config, url, &serving, &working).await?;
    let (hub, live) = (app.hub.clone(), app.live.clone());
    let service = http::service(app, &config.allowed_origins());
    ready();
    http::serve(listener, service, &serving).await;
    tracing::info!("shutting down");
    hub.close_all(CloseReason::Draining);
    if !serving.wait(DRAIN_TIMEOUT).await {
        tracing::warn!("some connections did not end in time");
    }
    live.leave().await;
    hub.stop();
    working.request();
    Ok(())
}

async fn build(config: &Config, url: &str, serving: &Shutdown, working: &Shutdown) -> anyhow::Result<App> {
    let pool = Pool::new(url, config.pool_size.into());
    let (log, handed) = Log::open(url, pool.clone(), working).await.context("cannot open the log")?;
    let files = FileStorage::open(&config.attachments()).context("cannot use the place of attachments")?;
    let domain = Domain::open(log.clone(), files, config).await.context("cannot fetch the deployment's keys")?;
    let state = epoch::load(&mut *pool.get().await?, Position::ZERO).await?;
    let judging = domain.clone();
    let gate = Box::new(move |user, session| judging.revocations().has_ended(user, session));
    let (hub, queries, reports) =
        Hub::start(state.head(), config.streams_per_user as usize, gate).context("cannot start deliveries")?;
    let epochs = Epochs::new(hub.clone(), log.clone());
    CatchUpLoader::start(hub.clone(), pool.clone(), epochs.clone(), queries, working);
    let live = NodePresence::start(hub.clone(), &log, reports, working);
    // The tailer waits for nobody's slow request.
    let tailer = Tailer::start(hub.clone(), Pool::new(url, 1), handed, log.wakeups().head(), working);
    let indexer = Indexer::start(Pool::with_query_timeout(url, 1, INDEX_BATCH_TIMEOUT), log.wakeups().head(), working);
    let metrics = NodeMetrics::new(log.clone(), hub.clone(), indexer);
    let following = domain.clone();
    working.spawn(async move { following.follow_revocations().await });
    let blanking = domain.clone();
    working.spawn(async move { blanking.blank_deleted_conversations().await });
    let erasing = domain.clone();
    working.spawn(async move { erasing.erase_deleted_accounts().await });
    let forgetting = domain.clone();
    working.spawn(async move { forgetting.evict_expired_identities().await });
    let sweeping = domain.clone();
    working.spawn(async move { sweeping.clean_up_attachments().await });
    working.spawn(end_the_revoked(hub.clone(), domain.clone()));
    // It delivers to others, and must not take their connections from who waits here.
    start_webhooks(&domain, Pool::new(url, 2), serving).context("cannot deliver webhooks")?;
    let rate_limits = (config.rate_limits == Switch::On).then(RateLimits::default);
    let uploads = UploadSlots::default();
    Ok(App::new(AppParts {
        domain,
        uploads,
        hub,
        live,
        epochs,
        tailer,
        metrics,
        rate_limits,
        shutdown: serving.clone(),
    }))
}

/// Ends the subscriptions of revoked sessions and disabled users.
async fn end_the_revoked(hub: Hub, domain: Domain) {
    let revocations = domain.revocations();
    let mut changes = revocations.changes();
    while changes.changed().await.is_ok() {
        hub.close_revoked();
    }
}
