//! Letting go of old events, while nodes serve.

use std::time::Duration;

use longwave::log::retention::{RetentionError, Retired, retire};
use longwave::store::advisory_keys::{LOG_KEY, RETENTION_KEY};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_postgres::Client;

use crate::support::{Database, Raw, SOON, TestApp, User, cursors, eventually, query, within};

/// Gives the log narrow partitions: one up to each of `uppers`, which is excluded, and one for all else.
async fn narrow(database: &Database, uppers: &[i64]) -> Client {
    let sql = database.client().await;
    let drop = "DO $$ DECLARE part regclass; BEGIN
        FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'events'::regclass LOOP
            EXECUTE format('DROP TABLE %s', part);
        END LOOP; END $$";
    sql.batch_execute(drop).await.expect("an empty log");
    let mut lower = 1;
    for upper in uppers.iter().copied().chain([1_000_000]) {
        let make = format!("CREATE TABLE events_{lower} PARTITION OF events FOR VALUES FROM ({lower}) TO ({upper})");
        sql.batch_execute(&make).await.expect("a partition");
        lower = upper;
    }
    sql
}

/// A log with the partitions 1 to 10, 11 to 20 and 21 on, whose events up to the 20th are old, and a conversation at 1.
struct Setting {
    app: TestApp,
    sql: Client,
    anna: User,
    bert: User,
    group: String,
    /// Those at 2 to 26.
    messages: Vec<Value>,
}

impl Setting {
    async fn start() -> Self {
        let database = Database::migrated().await;
        let sql = narrow(&database, &[11, 21]).await;
        let app = TestApp::builder().nodes(2).database(database).start().await;
        let [anna, bert] = app.guests(["anna", "bert"]).await;
        let group = anna.create_group(&[&bert]).await;
        let mut messages = Vec::new();
        for position in 2..=26 {
            let key = format!("00000000-0000-4000-8000-{position:012}");
            messages.push(anna.send_with_key(&group, &key, &position.to_string()).await.expect(201));
        }
        let age = "UPDATE events SET created_at = now() - interval '100 days' WHERE position <= 20";
        sql.batch_execute(age).await.expect("old events");
        Self { app, sql, anna, bert, group, messages }
    }

    async fn retire(&self, days: i64) -> Result<Retired, RetentionError> {
        let bound =
            (std::time::SystemTime::now() - Duration::from_hours(24) * u32::try_from(days).expect("days")).into();
        retire(self.app.database.url(), bound, |_| ()).await
    }

    /// Answers the cursor of the message at a position.
    fn cursor(&self, position: i64) -> &str {
        let cursor = self.messages[usize::try_from(position).expect("a position") - 2]["cursor"].as_str();
        let cursor = cursor.expect("a cursor");
        assert_eq!(cursors::position(cursor), position);
        cursor
    }

    async fn number(&self, query: &str) -> i64 {
        self.sql.query_one(query, &[]).await.expect("a number").get(0)
    }

    async fn check_retired(&self) {
        let left = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname IN ('events_1', 'events_11')";
        assert_eq!(self.number(left).await, 0);
        assert_eq!(self.number("SELECT min(position) FROM events").await, 21);
        assert_eq!(self.number("SELECT min(position) FROM ids").await, 21);
        assert_eq!(self.number("SELECT oldest_position FROM log_epoch ORDER BY number DESC LIMIT 1").await, 21);
    }
}

fn both() -> Vec<String> {
    vec!["events_1".into(), "events_11".into()]
}

fn texts(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items").iter();
    items.map(|message| message["text"].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn old_partitions_are_dropped_while_nodes_serve() {
    let setting = Setting::start().await;
    let Setting { anna, bert, group, .. } = &setting;
    let mut stream = bert.ready_stream("").await;
    let sends = (0..200).map(|number| {
        let anna = anna.on(number % 2);
        async move { anna.send(group, "meanwhile").await.status }
    });
    let (retired, statuses) = tokio::join!(setting.retire(90), futures_util::future::join_all(sends));
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    let retired = retired.expect("retention");
    assert_eq!((retired.partitions, retired.oldest.0), (both(), 21));
    setting.check_retired().await;
    for _ in 0..200 {
        assert_eq!(stream.next_event().await.text(), "meanwhile");
    }
    assert_eq!(setting.retire(90).await.expect("retention").partitions, Vec::<String>::new());
}

#[tokio::test]
async fn cursor_below_dropped_events_is_expired_and_nothing_is_skipped() {
    let setting = Setting::start().await;
    let Setting { anna, bert, group, messages, .. } = &setting;
    setting.retire(90).await.expect("retention");
    for node in 0..2 {
        let bert = bert.on(node);
        for position in [2, 10, 19] {
            let answer = bert.updates(&query(&[("after", setting.cursor(position)), ("wait", "0")])).await;
            answer.problem(410, "cursor_expired");
        }
        let (events, _) = bert.collect(setting.cursor(20), 6).await;
        assert_eq!(events.len(), 6);
        assert_eq!(bert.collect("start", 6).await.0, events);
        let history = bert.history(group, "").await.expect(200);
        assert_eq!(texts(&history), ["26", "25", "24", "23", "22", "21"]);
        assert_eq!(history["next"], Value::Null);
        let before = bert.history(group, &query(&[("before", setting.cursor(15))])).await.expect(200);
        assert_eq!(texts(&before), Vec::<&str>::new());
        let gone = messages[3]["id"].as_str().expect("an id");
        bert.message(gone).await.problem(404, "not_found");
        let reply = json!({"text": "about what is gone", "reply_to": gone});
        bert.post(&format!("/v1/conversations/{group}/messages"), reply).await.problem(422, "invalid");
        let listed = bert.conversations("").await.expect(200);
        assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["unread"]), (&json!(group), &json!(6)));
    }
    // An idempotency key holds as long as the event is kept.
    let kept = anna.send_with_key(group, messages[24]["id"].as_str().expect("a key"), "26").await;
    assert!(kept.is_replay() && kept.status == 201, "{}", kept.text());
    let anew = anna.send_with_key(group, messages[0]["id"].as_str().expect("a key"), "2").await;
    assert!(!anew.is_replay() && anew.status == 201, "{}", anew.text());
}

#[tokio::test]
async fn conversations_without_a_kept_event_continue() {
    let setting = Setting::start().await;
    let [anna, bert] = [&setting.anna, &setting.bert];
    let old = anna.direct(bert).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let move_down = "UPDATE members SET joined_at = 5, read = 5 WHERE joined_at > 26";
    setting.sql.batch_execute(move_down).await.expect("an old membership");
    setting.sql.batch_execute("DELETE FROM events WHERE position = 27").await.expect("an old event");
    setting.retire(90).await.expect("retention");
    let found = bert.conversation(&old).await.expect(200);
    assert_eq!((&found["last_message"], &found["unread"]), (&Value::Null, &json!(0)));
    assert_eq!(texts(&bert.history(&old, "").await.expect(200)), Vec::<&str>::new());
    anna.say(&old, "again").await;
    assert_eq!(texts(&bert.history(&old, "").await.expect(200)), ["again"]);
}

#[tokio::test]
async fn reactions_to_dropped_messages_are_removed() {
    let setting = Setting::start().await;
    for message in [&setting.messages[0], &setting.messages[24]] {
        setting.bert.react(message["id"].as_str().expect("an id"), "👍").await.expect(204);
    }
    let age = "UPDATE reactions SET added_at = 5 WHERE added_at = 27";
    setting.sql.batch_execute(age).await.expect("an old reaction");
    setting.retire(90).await.expect("retention");
    assert_eq!(setting.number("SELECT min(added_at) FROM reactions").await, 28);
    let newest = &setting.anna.history(&setting.group, "").await.expect(200)["items"][0];
    assert_eq!(newest["reactions"][0]["count"], 1);
}

#[tokio::test]
async fn search_finds_kept_messages_and_no_dropped_ones() {
    let setting = Setting::start().await;
    let filled = async || (setting.number("SELECT count(*) FROM search").await == 25).then_some(());
    eventually("search has all messages", SOON, filled).await;
    setting.retire(90).await.expect("retention");
    assert_eq!(setting.number("SELECT min(created) FROM search").await, 21);
    let hits = async |text: &str| {
        let found = setting.bert.get(&format!("/v1/search{}", query(&[("q", text)]))).await.expect(200);
        found["items"].as_array().map(Vec::len)
    };
    assert_eq!((hits("15").await, hits("25").await), (Some(0), Some(1)));
}

#[tokio::test]
async fn partition_of_the_head_is_kept_at_any_age() {
    let setting = Setting::start().await;
    let age = "UPDATE events SET created_at = now() - interval '100 days'";
    setting.sql.batch_execute(age).await.expect("old events");
    assert_eq!(setting.retire(0).await.expect("retention").partitions, both());
    setting.check_retired().await;
    setting.anna.say(&setting.group, "on").await;
}

#[tokio::test]
async fn partitions_with_a_young_event_and_those_above_are_kept() {
    let setting = Setting::start().await;
    setting.sql.batch_execute("UPDATE events SET created_at = now() WHERE position = 10").await.expect("a young event");
    let retired = setting.retire(90).await.expect("retention");
    assert_eq!((retired.partitions, retired.oldest.0), (Vec::new(), 1));
    assert_eq!(setting.number("SELECT count(*) FROM events").await, 26);
}

#[tokio::test]
async fn retention_finishes_what_a_killed_run_left() {
    let moved = "SELECT log_lock(0); UPDATE log_epoch SET oldest_position = 21";
    let marked = "COMMENT ON TABLE events_1 IS 'Retired: to be dropped by longwave retention.'";
    let detached = "ALTER TABLE events DETACH PARTITION events_1";
    for (steps, pending) in [(vec![moved], false), (vec![moved, marked], true), (vec![moved, marked, detached], false)]
    {
        let setting = Setting::start().await;
        for step in &steps {
            setting.sql.batch_execute(step).await.expect("a step");
        }
        if pending {
            // A query that reads the log makes it wait, until it is killed.
            let mut reader = setting.app.sql().await;
            let reading = reader.transaction().await.expect("a transaction");
            reading.query("SELECT count(*) FROM events", &[]).await.expect("a query");
            let killed = "SET statement_timeout = '200ms'";
            setting.sql.batch_execute(killed).await.expect("a setting");
            let detach = "ALTER TABLE events DETACH PARTITION events_1 CONCURRENTLY";
            setting.sql.batch_execute(detach).await.expect_err("it waits");
            setting.sql.batch_execute("RESET statement_timeout").await.expect("a setting");
            assert_eq!(setting.number("SELECT count(*) FROM pg_inherits WHERE inhdetachpending").await, 1);
        }
        let mut retired = setting.retire(10_000).await.expect("retention").partitions;
        retired.sort();
        assert_eq!(retired, both(), "{steps:?}");
        setting.check_retired().await;
    }
}

#[tokio::test]
async fn partitions_detached_by_somebody_else_are_left_alone() {
    let setting = Setting::start().await;
    setting.sql.batch_execute("ALTER TABLE events DETACH PARTITION events_1").await.expect("an archive");
    assert_eq!(setting.retire(90).await.expect("retention").partitions, ["events_11"]);
    assert_eq!(setting.number("SELECT count(*) FROM events_1").await, 10);
}

#[tokio::test]
async fn retention_runs_one_at_a_time() {
    let setting = Setting::start().await;
    setting.sql.execute("SELECT pg_advisory_lock($1)", &[&RETENTION_KEY.0]).await.expect("the right to retire");
    assert!(matches!(setting.retire(90).await, Err(RetentionError::AlreadyRunning)));
    setting.sql.batch_execute("SELECT pg_advisory_unlock_all()").await.expect("no right to retire");
    setting.retire(90).await.expect("retention");
}

/// A deployment with a conversation of anna's that is longer than what the sockets between client and node take: the first
/// 2,000 of 3,002 positions are one old partition.
async fn long_log() -> (TestApp, User, String) {
    let database = Database::migrated().await;
    let sql = narrow(&database, &[2_001]).await;
    let before = TestApp::builder().database(Database::at(database.url())).start().await;
    let anna = before.guest("anna").await;
    let group = anna.create_group(&[]).await;
    anna.say(&group, "filler").await;
    let fill = "INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
         SELECT e.position + n, e.conversation_id, e.kind, gen_random_uuid(), e.sender_id, now() - interval '9 days',
                replace(e.payload::text, 'filler', repeat('x', 16000))::json
           FROM (SELECT * FROM events ORDER BY position DESC LIMIT 1) e, generate_series(1, 3000) n";
    sql.batch_execute(fill).await.expect("many events");
    drop(before);
    // None of it is in this one's memory.
    let app = TestApp::builder().database(database).start().await;
    let anna = app.guest("anna").await;
    (app, anna, group)
}

async fn retire_long_log(app: &TestApp) {
    let bound = std::time::SystemTime::now() - Duration::from_hours(24);
    let retired = retire(app.database.url(), bound.into(), |_| ()).await.expect("retention");
    assert_eq!(retired.partitions, ["events_1"]);
}

#[tokio::test]
async fn stream_below_dropped_events_is_reset() {
    let (app, anna, group) = long_log().await;
    let mut stream = anna.ready_stream("?after=start").await;
    retire_long_log(&app).await;
    let mut next = 1;
    let reset = loop {
        let received = within("an event or a reset", SOON, stream.next()).await;
        if received.kind == "reset" {
            break received.value;
        }
        let position = cursors::position(received.value["cursor"].as_str().expect("a cursor"));
        assert_eq!(position, next, "an event was skipped");
        next += 1;
    };
    assert_eq!(reset["code"], "cursor_expired");
    assert!(next < 2_001, "everything was read before it was dropped");
    let said = anna.say(&group, "on").await;
    assert_eq!(stream.next_event().await.value["data"]["message"]["id"], said["id"]);
}

#[tokio::test]
async fn export_below_dropped_events_is_cut() {
    let (app, anna, group) = long_log().await;
    let mut raw = Raw::connect(&anna).await;
    let path = format!("/v1/conversations/{group}/export");
    raw.write(&raw.get(&path, "")).await;
    raw.read_until("message.created").await;
    retire_long_log(&app).await;
    let rest = raw.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "the body has an end");
    let last = rest.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = last.expect("whole lines")["cursor"].as_str().expect("a cursor").to_owned();
    anna.get(&format!("{path}{}", query(&[("after", &last)]))).await.problem(410, "cursor_expired");
}

async fn run(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    let output = command.args(arguments).env_remove("DATABASE_URL").output().await.expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

#[tokio::test]
async fn retention_command_prints_what_it_dropped() {
    let setting = Setting::start().await;
    let url = setting.app.database.url();
    let (done, text) = run(&["retention", "--keep", "90d", "--database-url", url]).await;
    assert!(done && text.contains("dropped events_1, events_11; kept from position 21"), "{text}");
    let (done, text) = run(&["retention", "--keep", "90d", "--database-url", url]).await;
    assert!(done && text.contains("nothing to drop"), "{text}");
    let (done, text) = run(&["retention", "--database-url", url]).await;
    assert!(!done && text.contains("--keep"), "{text}");
}

#[tokio::test]
async fn admin_command_grants_and_revokes_the_role() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let url = app.database.url();
    for (arguments, role) in [(vec!["admin", "Anna"], "admin"), (vec!["admin", "anna", "--revoke"], "user")] {
        let (done, text) = run(&[arguments, vec!["--database-url", url]].concat()).await;
        assert!(done, "{text}");
        let known = async || (anna.me().await.expect(200)["role"] == role).then_some(());
        eventually("the node knows of the role", 4 * SOON, known).await;
    }
    let (done, text) = run(&["admin", "nobody", "--database-url", url]).await;
    assert!(!done && text.contains("there is no user nobody"), "{text}");
}

#[tokio::test]
async fn edit_of_a_dropped_message_loses_its_text() {
    let setting = Setting::start().await;
    let (old, young) = (setting.messages[0]["id"].as_str(), setting.messages[24]["id"].as_str());
    setting.anna.edit(old.expect("an id"), "secret of old").await.expect(200);
    setting.anna.edit(young.expect("an id"), "still young").await.expect(200);
    setting.retire(90).await.expect("it is done");
    let texts = "SELECT payload->>'text' FROM events WHERE kind = 'message.edited' ORDER BY position";
    let rows = setting.sql.query(texts, &[]).await.expect("the edits");
    let texts: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(texts, [None, Some("still young".to_owned())]);
}

/// Waits until a session waits for the advisory lock `key`, which fits into 32 bits or is of the log.
async fn wait_for_waiter(sql: &Client, key: i64) {
    let waiters = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND (classid::bigint << 32) | objid::bigint = $1";
    eventually("a session waits for the lock", SOON, async || {
        let waiting: i64 = sql.query_one(waiters, &[&key]).await.expect("a count").get(0);
        (waiting > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sends_are_answered_while_retention_erases_orphaned_edits() {
    const HELD_KEY: i64 = 1;
    let setting = Setting::start().await;
    setting.anna.edit(setting.messages[0]["id"].as_str().expect("an id"), "secret of old").await.expect(200);
    let hold = format!(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock({HELD_KEY}); RETURN NEW; END $$;
         CREATE TRIGGER hold BEFORE UPDATE ON events FOR EACH ROW WHEN (OLD.kind = 'message.edited')
            EXECUTE FUNCTION hold();
         SELECT pg_advisory_lock({HELD_KEY})"
    );
    setting.sql.batch_execute(&hold).await.expect("a trigger");
    let (retired, sent) = tokio::join!(setting.retire(90), async {
        wait_for_waiter(&setting.sql, HELD_KEY).await;
        let sent = setting.anna.send(&setting.group, "meanwhile").await;
        setting.sql.execute("SELECT pg_advisory_unlock($1)", &[&HELD_KEY]).await.expect("retention goes on");
        sent
    });
    assert_eq!(sent.status, 201, "{}", sent.text());
    retired.expect("retention");
    assert_eq!(setting.number("SELECT count(*) FROM events WHERE payload->>'text' LIKE 'secret%'").await, 0);
}

#[tokio::test]
async fn edit_that_found_its_message_before_it_was_dropped_loses_its_text_too() {
    let setting = Setting::start().await;
    let (mut deletion, mut edit) = (setting.app.sql().await, setting.app.sql().await);
    let deletion = deletion.transaction().await.expect("a transaction");
    deletion.execute("SELECT FROM ids WHERE position = 2 FOR UPDATE", &[]).await.expect("retention waits for it");
    let (retired, ()) = tokio::join!(setting.retire(90), async {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM ids%'
                        AND datname = current_database()";
        let deleting = async || (setting.number(waits).await > 0).then_some(());
        eventually("retention removes ids", SOON, deleting).await;
        let edit = edit.transaction().await.expect("a transaction");
        edit.execute("SELECT log_lock(0)", &[]).await.expect("the log's lock");
        let append = "INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
                      SELECT (SELECT max(position) + 1 FROM events), conversation_id, 'message.edited', message_id,
                             sender_id, now(), payload FROM events WHERE position = 2";
        edit.execute(append, &[]).await.expect("an edit");
        deletion.rollback().await.expect("retention goes on");
        wait_for_waiter(&setting.sql, LOG_KEY.0).await;
        edit.commit().await.expect("the edit is in the log");
    });
    retired.expect("retention");
    let texts = "SELECT count(*) FROM events WHERE kind = 'message.edited' AND payload->>'text' IS NOT NULL";
    assert_eq!(setting.number(texts).await, 0);
}

#[tokio::test]
async fn change_of_a_message_whose_id_retention_has_removed_is_refused() {
    let setting = Setting::start().await;
    let (mut holder, changes) = (setting.app.sql().await, setting.app.sql().await);
    let holder = holder.transaction().await.expect("a transaction");
    // It lets rows of the partition be read and written; only retiring it has to wait.
    let hold = "LOCK TABLE events_1 IN SHARE UPDATE EXCLUSIVE MODE";
    holder.batch_execute(hold).await.expect("retention waits for it");
    let (retired, ()) = tokio::join!(setting.retire(90), async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COMMENT ON%'
                        AND datname = current_database()";
        let retiring = async || (setting.number(waits).await > 0).then_some(());
        eventually("retention has erased orphaned edits", SOON, retiring).await;
        let change = "SELECT c.rejection
               FROM events e, log_change(0, (SELECT system_identifier FROM pg_control_system()), gen_random_uuid(), e.sender_id,
                    '', $1, jsonb_build_object('conversation', e.conversation_id, 'message', e.message_id, 'created', 2,
                                               'text', 'secret', 'mentions', '[]'::jsonb, 'max_edits', 200,
                                               'emoji', 'x', 'add', true, 'max_additions', 100, 'max_emoji', 50),
                    ARRAY['{\"text\": \"secret\"}']) c
              WHERE e.position = 2";
        for function in ["change_text", "change_reaction"] {
            let answer = changes.query_one(change, &[&function]).await.expect("an answer");
            assert_eq!(answer.get::<_, Option<&str>>(0), Some("not_found"), "{function}");
        }
        holder.rollback().await.expect("retention goes on");
    });
    retired.expect("retention");
    assert_eq!(setting.number("SELECT count(*) FROM events WHERE payload->>'text' = 'secret'").await, 0);
    assert_eq!(setting.number("SELECT count(*) FROM reactions").await, 0);
}
