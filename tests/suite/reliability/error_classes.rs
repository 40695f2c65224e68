//! What an error of PostgreSQL means is decided by its SQLSTATE: its words may be in any language.

use crate::support::Database;
use crate::support::proxy::Proxy;
use diesel_async::SimpleAsyncConnection;
use longwave::store::{Pool, StoreError};

/// SQLSTATEs, and whether PostgreSQL is at fault and not the query.
const CODES: [(&str, bool); 16] = [
    ("57P01", true),
    ("57P02", true),
    ("57P03", true),
    ("08006", true),
    ("25006", true),
    ("57014", true),
    ("55P03", true),
    ("40P01", true),
    ("40001", true),
    ("53100", true),
    ("53200", true),
    ("58030", true),
    ("23505", false),
    ("22P02", false),
    ("P0001", false),
    ("XX000", false),
];

/// Raises an error, and answers whether it is held to be PostgreSQL's fault, and its text.
async fn raise(pool: &Pool, code: &str, message: &str) -> (bool, String) {
    let raise = format!("DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'; END $$");
    let mut connection = pool.get().await.expect("a connection");
    let error = connection.batch_execute(&raise).await.expect_err("an error");
    let text = error.to_string();
    (!matches!(StoreError::from(error), StoreError::Query(_)), text)
}

async fn assert_codes_decide(pool: &Pool) {
    for (code, unavailable) in CODES {
        for message in ["Verbindung wird abgebrochen", "terminating connection due to administrator command"] {
            let (is_unavailable, text) = raise(pool, code, message).await;
            assert_eq!(is_unavailable, unavailable, "{code}: {message}");
            assert_eq!(text, format!("{code}: {message}"));
        }
    }
}

#[tokio::test]
async fn sqlstate_and_not_the_message_decides_the_class_of_an_error() {
    let database = Database::empty().await;
    assert_codes_decide(&Pool::new(database.url(), 1)).await;
}

#[tokio::test]
async fn sqlstate_is_known_over_tcp_as_over_a_unix_socket() {
    let database = Database::empty().await;
    let proxy = Proxy::start(database.url()).await;
    assert_codes_decide(&Pool::new(&proxy.url(), 1)).await;
}
