//! How the index keeps up with the log, and how it is made anew.

use super::*;

#[tokio::test]
async fn index_lag_is_public_in_metrics() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    anna.say(&group, "apple 1").await;
    indexed(&app).await;
    let mut sql = app.sql().await;
    let held = sql.transaction().await.expect("a transaction");
    held.batch_execute("SELECT FROM search_progress FOR UPDATE").await.expect("the claim");
    let stream = anna.ready_stream("").await;
    anna.say(&group, "apple 2").await;
    anna.say(&group, "apple 3").await;
    let stranger = app.anonymous();
    let wait_for_metric = async |name: &str, value: f64| {
        let what = format!("{name} is {value}");
        eventually(&what, SOON, async || (figure(&stranger, name).await == Some(value)).then_some(())).await;
    };
    wait_for_metric("longwave_search_lag_events", 2.0).await;
    wait_for_metric("longwave_streams", 1.0).await;
    wait_for_metric("longwave_log_head", 4.0).await;
    assert_eq!(finds(&anna, "apple").await, ["apple 1"]);
    held.rollback().await.expect("the claim is given back");
    wait_for_metric("longwave_search_lag_events", 0.0).await;
    wait_for_metric("longwave_search_position", 4.0).await;
    drop(stream);
    wait_for_metric("longwave_streams", 0.0).await;
    let answer = stranger.get("/metrics").await;
    assert!(answer.header("content-type").is_some_and(|media| media.starts_with("text/plain")));
    assert!(answer.text().contains("# HELP longwave_waiting_polls "), "{}", answer.text());
    assert_eq!(finds(&anna, "apple").await, ["apple 3", "apple 2", "apple 1"]);
    stranger.get("/metrics?x=1").await.problem(400, "malformed");
}

#[tokio::test]
async fn index_keeps_no_text_that_is_blanked_while_it_is_indexed() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let (mut deleting, sql) = (app.sql().await, app.sql().await);
    let deletion = deleting.transaction().await.expect("a transaction");
    deletion.batch_execute("SELECT pg_advisory_xact_lock_shared(search_lock_key())").await.expect("the lock");
    let message = anna.say(&group, "secret apple").await;
    let id = message["id"].as_str().expect("an id");
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually("the index has read the text, and waits", SOON, async || {
        (sql.query_one(waits, &[]).await.expect("the locks").get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    let blank =
        "UPDATE events SET payload = jsonb_set(payload::jsonb, '{text}', 'null')::json WHERE message_id::text = $1";
    assert_eq!(deletion.execute(blank, &[&id]).await.expect("a blanked text"), 1);
    deletion.execute("DELETE FROM search WHERE message_id::text = $1", &[&id]).await.expect("a deletion");
    deletion.commit().await.expect("the deletion");
    indexed(&app).await;
    let rows = sql.query("SELECT FROM search WHERE message_id::text = $1", &[&id]).await.expect("rows");
    assert_eq!(rows.len(), 0);
}

#[tokio::test]
async fn reindex_runs_while_nodes_serve() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let nodes = [anna.on(0), anna.on(1)];
    join_all((0..300).map(|number| nodes[number % 2].send(&group, "apple"))).await;
    indexed(&app).await;
    app.sql().await.batch_execute("UPDATE search SET grams = '{}'").await.expect("a broken index");
    assert_eq!(finds(&anna, "apple").await.len(), 0);
    let more = join_all((0..300).map(|number| nodes[number % 2].send(&group, "pear")));
    let (output, _) = tokio::join!(reindex(&app), more);
    assert!(output.ends_with("events (100 %), the index is complete\n"), "{output}");
    indexed(&app).await;
    let count = "SELECT count(*), count(DISTINCT position) FROM search";
    let row = app.sql().await.query_one(count, &[]).await.expect("a count");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (600, 600));
    for q in ["apple", "pear"] {
        assert_eq!(found(&anna, &[("q", q), ("limit", "200")]).await.len(), 200);
    }
}

#[tokio::test]
async fn reindex_resumes_where_it_was_interrupted() {
    let mut app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    for _ in 0..5 {
        anna.say(&group, "apple").await;
    }
    indexed(&app).await;
    app.stop(0).await;
    let sql = app.sql().await;
    let interrupted = "UPDATE search_progress SET position = 3, rebuilding = 6; DELETE FROM search WHERE position > 3";
    sql.batch_execute(interrupted).await.expect("an interrupted reindex");
    let before: i64 = sql.query_one("SELECT min(xmin::text::bigint) FROM search", &[]).await.expect("rows").get(0);
    assert!(reindex(&app).await.starts_with("going on where an earlier run was interrupted\n"));
    let state =
        "SELECT count(*), min(xmin::text::bigint), (SELECT position FROM search_progress WHERE rebuilding IS NULL)
                   FROM search";
    let row = sql.query_one(state, &[]).await.expect("rows");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (5, before, 6));
    assert!(reindex(&app).await.starts_with("6 of 6 events"));
}
