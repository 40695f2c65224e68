//! Who is connected: by streams and polls, on all nodes, told to those who share a conversation.

use std::time::Duration;

use longwave::ids::{ConnectionId, NodeId, UserId};
use longwave::store::connections::{ConnectionChanges, OpenedConnection};
use longwave::store::{Pool, Transport, connections, nodes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{PrivateCluster, Received, SOON, Stream, TestApp, User, eventually, query, within};

/// The time within which the users of a killed node are offline.
const OFFLINE_WITHIN: Duration = Duration::from_secs(30);

fn seen(notice: &Received) -> (&str, bool) {
    let data = &notice.value["data"];
    assert_eq!(
        (&notice.value["conversation_id"], &notice.value["actor"]["name"]),
        (&Value::Null, &data["user"]["name"])
    );
    (data["user"]["name"].as_str().expect("a name"), data["online"].as_bool().expect("whether they are online"))
}

/// Waits for a presence event that says this of a user, and skips those of others.
async fn expect(stream: &mut Stream, user: &User, online: bool) {
    let notified = async { while seen(&stream.next_ephemeral("presence").await) != (&user.name, online) {} };
    within(&format!("{} is seen to be online: {online}", user.name), OFFLINE_WITHIN + SOON, notified).await;
}

/// Answers the only item of whom `asker` asks for.
async fn presence_of(asker: &User, user: &User) -> Option<Value> {
    let answer = asker.presence(&query(&[("users", &user.name)])).await.expect(200);
    assert_eq!(answer["next"], Value::Null);
    let items = answer["items"].as_array().expect("items").clone();
    assert!(items.len() <= 1, "{items:?}");
    items.into_iter().next()
}

async fn is_online(asker: &User, user: &User) -> bool {
    let item = presence_of(asker, user).await.expect("they share a conversation");
    assert_eq!((&item["user"]["id"], item["since"].is_null()), (&json!(user.id), item["online"] == false), "{item}");
    item["online"] == true
}

async fn wait_until_online_is(asker: &User, user: &User, online: bool) {
    let asked = async || (is_online(asker, user).await == online).then_some(());
    eventually(&format!("{} is online: {online}", user.name), OFFLINE_WITHIN + SOON, asked).await;
}

#[tokio::test]
async fn presence_is_sent_to_those_who_share_a_conversation_on_any_node() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    anna.create_group(&[&bert]).await;
    carl.create_group(&[&dora]).await;
    assert!(!is_online(&anna, &bert).await);
    let mut annas = anna.ready_stream("").await;
    let request = carl.request(Method::GET, "/v1/stream").header("accept", "application/x-ndjson");
    let mut carls = carl.open_stream(request).await;
    wait_until_online_is(&anna, &anna, true).await;
    wait_until_online_is(&carl, &carl, true).await;
    let berts = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
    wait_until_online_is(&anna, &bert, true).await;
    assert!(is_online(&anna.on(1), &bert).await);
    assert_eq!(presence_of(&carl, &bert).await, None, "strangers do not see each other");
    let doras = dora.on(1).ready_stream("").await;
    assert_eq!(seen(&carls.next_ephemeral("presence").await), ("dora", true), "the first that carl is told");
    drop((berts, doras));
    expect(&mut annas, &bert, false).await;
    expect(&mut carls, &dora, false).await;
    wait_until_online_is(&anna, &bert, false).await;
    assert_eq!(annas.ephemeral_count("presence"), 0, "only of bert, once each");
}

#[tokio::test]
async fn presence_is_hidden_from_former_members() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    anna.create_group(&[&bert]).await;
    let (mut annas, mut berts) = (anna.ready_stream("").await, bert.ready_stream("").await);
    wait_until_online_is(&anna, &bert, true).await;
    anna.remove_member(&group, &bert.id).await.expect(204);
    let carls = carl.ready_stream("").await;
    expect(&mut annas, &carl, true).await;
    assert_eq!(presence_of(&bert, &carl).await, None);
    drop(annas);
    expect(&mut berts, &anna, false).await;
    let count = carls.ephemeral_count("presence");
    assert_eq!((count, berts.ephemeral_count("presence")), (0, 0), "bert is told nothing of carl");
}

#[tokio::test]
async fn polling_user_is_online_between_polls_and_gets_no_ephemeral_events() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let mut annas = anna.ready_stream("").await;
    wait_until_online_is(&anna, &anna, true).await;
    let mut cursor = bert.on(1).now().await;
    expect(&mut annas, &bert, true).await;
    for round in 0..3 {
        let batch = bert.on(1).updates(&query(&[("after", &cursor), ("wait", "1")])).await.expect(200);
        assert_eq!(batch["events"], json!([]), "round {round}");
        batch["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        assert!(is_online(&anna, &bert).await);
    }
    let mine = bert.connections().await.expect(200)["items"].clone();
    assert_eq!((mine.as_array().map(Vec::len), &mine[0]["transport"]), (Some(1), &json!("poll")));
    anna.say(&group, "hello").await;
    assert_eq!(annas.next_event().await.text(), "hello");
    assert_eq!(annas.ephemeral_count("presence"), 0, "polls do not flicker");
}

#[tokio::test]
async fn own_connections_are_listed_with_node_device_and_transport() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert) = (app.user("anna").await, app.guest("bert").await);
    let mut first = anna.stream("").await;
    let ready = first.next().await;
    let listed = async |count: usize| {
        let list = async || {
            let items = anna.connections().await.expect(200)["items"].as_array().expect("items").clone();
            (items.len() == count).then_some(items)
        };
        eventually(&format!("{count} connections are listed"), SOON, list).await
    };
    assert_eq!(listed(1).await[0]["id"], ready.value["connection_id"]);
    let request = anna.on(1).request(Method::GET, "/v1/stream").header("accept", "application/x-ndjson");
    let second = anna.open_stream(request).await;
    let items = listed(2).await;
    assert_eq!((&items[0]["transport"], &items[1]["transport"]), (&json!("sse"), &json!("ndjson")));
    assert!(items.iter().all(|item| item["device"] == "test" && item["since"].is_string()), "{items:?}");
    assert_ne!(items[0]["node"], items[1]["node"]);
    assert_eq!(bert.connections().await.expect(200)["items"], json!([]));
    drop(first);
    assert_eq!(listed(1).await[0]["transport"], "ndjson");
    drop(second);
    listed(0).await;
    anna.get("/v1/connections?all=1").await.problem(400, "malformed");
    app.anonymous().connections().await.problem(401, "token_missing");
}

#[tokio::test]
async fn presence_list_has_each_shared_user_once_and_online_users_first() {
    let app = TestApp::start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    anna.create_group(&[&bert, &carl]).await;
    anna.create_group(&[&bert, &carl]).await;
    let _stream = carl.ready_stream("").await;
    wait_until_online_is(&anna, &carl, true).await;
    let names = async |query: &str| {
        let answer = anna.presence(query).await.expect(200);
        let items = answer["items"].as_array().expect("items").clone();
        items.iter().map(|item| item["user"]["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["carl", "bert"]);
    let asked = format!("?users=me,{},BERT,bert,dora,nobody,{}", carl.id, dora.id);
    assert_eq!(names(&asked).await, ["carl", "anna", "bert"]);
    for (query, field) in [("?users=", "users[0]"), ("?users=anna,!", "users[1]"), ("?user=anna", "user")] {
        let problem = anna.presence(query).await.problem(400, "malformed");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    anna.presence(&format!("?users={}", vec!["bert"; 201].join(","))).await.problem(400, "malformed");
    app.anonymous().presence("").await.problem(401, "token_missing");
}

#[tokio::test]
async fn client_that_changes_nodes_stays_online() {
    let mut app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    anna.create_group(&[&bert, &carl]).await;
    let mut annas = anna.ready_stream("").await;
    let carls = carl.ready_stream("").await;
    expect(&mut annas, &carl, true).await;
    let berts = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
    let since = presence_of(&anna, &bert).await.expect("they share a conversation")["since"].clone();
    app.stop(1).await;
    drop(berts);
    let _again = bert.ready_stream("").await;
    let moved = async || (bert.connections().await.expect(200)["items"].as_array()?.len() == 1).then_some(());
    eventually("only the new connection is there", SOON, moved).await;
    let item = presence_of(&anna, &bert).await.expect("they share a conversation");
    assert_eq!((&item["online"], &item["since"]), (&json!(true), &since));
    drop(carls);
    // Who goes now is told of after who went before.
    assert_eq!(seen(&annas.next_ephemeral("presence").await), ("carl", false));
    assert_eq!(annas.ephemeral_count("presence"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_node_takes_its_users_offline() {
    let mut app = TestApp::builder().nodes(2).in_processes().start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    anna.create_group(&[&bert]).await;
    let mut annas = anna.ready_stream("").await;
    let berts = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
    app.kill(1).await;
    within("bert is told to be offline", OFFLINE_WITHIN, expect(&mut annas, &bert, false)).await;
    assert!(!is_online(&anna, &bert).await);
    assert_eq!(bert.connections().await.expect(200)["items"], json!([]));
    drop(berts);
    app.restart(1).await;
    let _again = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_registered_again_after_a_postgresql_crash() {
    let cluster = PrivateCluster::start().await;
    let app = TestApp::builder().nodes(2).database(crate::support::Database::at(cluster.url())).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    anna.create_group(&[&bert]).await;
    let mut annas = anna.ready_stream("").await;
    let berts = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
    let killed = cluster.kill();
    eventually("PostgreSQL is started again", OFFLINE_WITHIN, async || {
        cluster.postmaster().filter(|pid| *pid != killed)
    })
    .await;
    let asked = async || {
        let answer = anna.try_answer(anna.request(Method::GET, "/v1/presence?users=bert")).await.ok()?;
        (answer.status == 200 && answer.json()["items"][0]["online"] == true).then_some(())
    };
    eventually("bert is online still", OFFLINE_WITHIN, asked).await;
    drop(berts);
    expect(&mut annas, &bert, false).await;
    drop(app);
    cluster.stop().await;
}

#[tokio::test]
async fn presence_without_notifications_is_late_and_never_wrong() {
    let app = TestApp::builder().nodes(2).proxied().start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    anna.create_group(&[&bert]).await;
    let mut annas = anna.ready_stream("").await;
    for node in 0..2 {
        assert!(app.proxy(node).blackhole_listeners() > 0, "nobody listens");
    }
    let berts = bert.on(1).ready_stream("").await;
    expect(&mut annas, &bert, true).await;
    drop(berts);
    expect(&mut annas, &bert, false).await;
}

#[tokio::test]
async fn thousands_of_connections_are_written_in_one_statement_and_go_with_their_node() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    anna.create_group(&[&bert]).await;
    let bert_id = UserId::parse(&bert.id).expect("an id");
    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let node = NodeId::new();
    let arrival = |user| OpenedConnection { id: ConnectionId::new(), user, session: None, transport: Transport::Sse };
    let users: Vec<_> = (1..10_000).map(|_| UserId::new()).chain([bert_id]).collect();
    let came =
        ConnectionChanges { came: users.iter().map(|user| arrival(*user)).collect(), ..ConnectionChanges::default() };
    assert!(!connections::write(&mut connection, node, &came).await.expect("it runs"), "the node is not entered");
    nodes::register(&mut connection, node, 1).await.expect("it is entered");
    for _ in 0..2 {
        assert!(connections::write(&mut connection, node, &came).await.expect("it is written"));
    }
    let news = connections::changes_since(&mut connection, node, 1).await.expect("news");
    assert!(news.len() == 10_000 && news.iter().all(|news| news.came && !news.went), "{}", news.len());
    assert!(is_online(&anna, &bert).await);
    let went = ConnectionChanges {
        went: came.came.iter().map(|arrival| arrival.id).take(9_999).collect(),
        ..ConnectionChanges::default()
    };
    assert!(connections::write(&mut connection, node, &went).await.expect("it is written"));
    assert_eq!(connections::away(&mut connection, &users).await.expect("they are looked for").len(), 9_999);
    let sql = app.sql().await;
    let silence = format!("UPDATE nodes SET heard_at = heard_at - interval '2 minutes' WHERE id = '{node}'");
    sql.execute(&silence, &[]).await.expect("the node falls silent");
    assert!(!is_online(&anna, &bert).await);
    nodes::delete_stale(&mut connection).await.expect("it is swept");
    let left = format!("SELECT count(*) FROM connections WHERE node = '{node}'");
    assert_eq!(sql.query_one(&left, &[]).await.expect("it is counted").get::<_, i64>(0), 0);
}
