//! The server as a whole: build, run, stop. The tests' way in, too.

use crate::config::{Config, Database, Switch};
use crate::delivery::{self, Close, Epochs, Hub, Live, Tailer};
use crate::domain::search::Indexer;
use crate::domain::{Domain, webhooks};
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

/// How long connections may take to end: what has not by then goes with the process.
const DRAIN: Duration = Duration::from_millis(2_500);

/// A database to work with, and the server of it if it is our own.
pub struct Backend {
    pub url: String,
    embedded: Option<Embedded>,
}

impl Backend {
    /// Takes the database of the settings, or starts the embedded one.
    ///
    /// # Errors
    /// The embedded one cannot be started.
    pub async fn open(database: &Database) -> anyhow::Result<Self> {
        if let Some(url) = &database.database_url {
            return Ok(Self::elsewhere(url.expose().to_owned()));
        }
        let options =
            EmbeddedOptions { data_dir: database.data_dir(), pg_bin: database.pg_bin.clone(), settings: Vec::new() };
        let embedded = Embedded::start(&options, |line| eprintln!("{line}")).await?;
        Ok(Self { url: embedded.url().to_owned(), embedded: Some(embedded) })
    }

    /// A database whose server is not ours to stop.
    pub fn elsewhere(url: String) -> Self {
        Self { url, embedded: None }
    }

    /// Stops the embedded one.
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

/// Serves until `stop` is cancelled, and then ends what is open. Calls `ready` when requests are taken.
///
/// # Errors
/// PostgreSQL cannot be started, reached or migrated.
pub async fn run(
    config: Config,
    listener: TcpListener,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let backend = Backend::open(&config.database).await?;
    let served = serve(&config, &backend.url, listener, stop, ready).await;
    backend.close().await?;
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
    hub.close_all(Close::Draining);
    if !serving.wait(DRAIN).await {
        tracing::warn!("some connections did not end in time");
    }
    live.leave().await;
    hub.stop();
    working.begin();
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
    let (hub, questions, news) =
        Hub::start(state.head(), config.streams_per_user as usize, gate).context("cannot start deliveries")?;
    let epochs = Epochs::new(hub.clone(), log.clone());
    delivery::answer(hub.clone(), pool.clone(), epochs.clone(), questions, working);
    let live = Live::start(hub.clone(), &log, news, working);
    // The tailer waits for nobody's slow request.
    let tailer = Tailer::start(hub.clone(), Pool::new(url, 1), handed, log.wakeups().head(), working);
    let indexer = Indexer::start(Pool::new(url, 1), log.wakeups().head(), working);
    let metrics = NodeMetrics::new(log.clone(), hub.clone(), indexer);
    let following = domain.clone();
    working.spawn(async move { following.follow_revocations().await });
    let blanking = domain.clone();
    working.spawn(async move { blanking.blank_the_deleted().await });
    let erasing = domain.clone();
    working.spawn(async move { erasing.erase_the_deleted().await });
    let forgetting = domain.clone();
    working.spawn(async move { forgetting.forget_identities().await });
    let sweeping = domain.clone();
    working.spawn(async move { sweeping.sweep_attachments().await });
    working.spawn(end_the_revoked(hub.clone(), domain.clone()));
    // It delivers to others, and must not take their connections from who waits here.
    webhooks::start(&domain, Pool::new(url, 2), serving).context("cannot deliver webhooks")?;
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
        hub.close_the_ended();
    }
}
