//! An old snapshot plus the events since then equals a fresh snapshot, for every user, after any actions.

mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::random_actions::{self, Action, Scenario};
use crate::support::{FileStore, TestApp};
use client::Client;

/// The number of random sequences of actions.
const SEQUENCES: u32 = 512;
/// Sequences that run at the same time: read marks are paced, so that one alone would mostly wait.
const CONCURRENT_SEQUENCES: u32 = 16;

async fn snapshots(scenario: &Scenario) -> Vec<Client> {
    let mut clients = Vec::new();
    for user in &scenario.users {
        clients.push(Client::fetch(user, &scenario.conversations).await);
    }
    clients
}

/// Performs the first part of the actions, takes snapshots, performs the rest, and compares the snapshots, with the
/// events since applied, with fresh ones.
async fn check_sequence(app: &TestApp, number: usize, first: &[Action], rest: &[Action]) -> Result<(), TestCaseError> {
    let mut scenario = Scenario::new(app, number).await;
    let empty = snapshots(&scenario).await;
    scenario.perform_all(first).await?;
    let half = snapshots(&scenario).await;
    scenario.perform_all(rest).await?;
    for snapshots in [empty, half] {
        for (user, mut client) in scenario.users.iter().zip(snapshots) {
            client.catch_up(user).await;
            let fresh = Client::fetch(user, &scenario.conversations).await;
            client.compare(&fresh, &scenario)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_plus_the_events_since_equals_a_fresh_snapshot() {
    let (app, _files) = FileStore::start(1).await;
    let app = Arc::new(app);
    let number = Arc::new(AtomicUsize::new(0));
    let handle = tokio::runtime::Handle::current();
    let runs = (0..CONCURRENT_SEQUENCES).map(|_| {
        let (app, number, handle) = (app.clone(), number.clone(), handle.clone());
        tokio::task::spawn_blocking(move || {
            let config =
                Config { cases: SEQUENCES / CONCURRENT_SEQUENCES, failure_persistence: None, ..Config::default() };
            let sequences = (
                proptest::collection::vec(random_actions::actions(), 1..14),
                proptest::collection::vec(random_actions::actions(), 1..14),
            );
            TestRunner::new(config).run(&sequences.no_shrink(), |(first, rest)| {
                handle.block_on(check_sequence(&app, number.fetch_add(1, Ordering::Relaxed), &first, &rest))
            })
        })
    });
    for run in futures_util::future::join_all(runs).await {
        if let Err(error) = run.expect("the run ends") {
            panic!("{error}");
        }
    }
    assert!(number.load(Ordering::Relaxed) >= SEQUENCES as usize);
}
