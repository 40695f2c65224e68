//! What is found, by whom and how.

use super::*;

#[tokio::test]
async fn search_finds_texts_in_every_script_and_form() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let all = [
        ("Wir treffen uns in München", vec!["MÜNCHEN", "mu\u{308}nchen", "ünch", "wir münchen", "TREFFEN uns"]),
        ("Mu\u{308}nchen, Maximilianstraße", vec!["maximilianSTRASSE", "MÜNCHEN,", "ße"]),
        ("我们在北京见面吧", vec!["北京", "京", "在北京见", "我们 见面"]),
        ("東京タワーで会いましょう", vec!["タワー", "ﾀﾜｰ", "東京", "会いま"]),
        ("내일 서울에서 만나요", vec!["서울", "만나", "\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}"]),
        ("Danke 👍🏽 und ❤\u{fe0f}", vec!["👍", "👍🏽", "❤", "❤\u{fe0f}"]),
        ("ＦＵＬＬ　ｗｉｄｔｈ ﬁle", vec!["full width", "file"]),
        ("Встреча в Москве", vec!["ВСТРЕЧА", "москв"]),
        ("C++ & a/b?c=d%20 100% it's_ok \\ \"quoted\"", vec!["c++", "b?c=", "100%", "s_o", "\\", "\"quoted\"", "'s"]),
    ];
    for (text, _) in &all {
        anna.say(&group, text).await;
    }
    indexed(&app).await;
    for (text, words) in &all {
        for q in words {
            let found = finds(&anna, q).await;
            assert!(found.iter().any(|found| found == text), "{q} does not find {text}: {found:?}");
        }
    }
    for q in ["muenchen", "munchen", "京北", "münchen 北京", "tower", "👎", "it%", "_ok_"] {
        assert_eq!(finds(&anna, q).await, [""; 0], "{q}");
    }
}

#[tokio::test]
async fn search_hits_are_newest_first_with_message_and_excerpt() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let long = format!("{} the Zugspitze\nis high {}", "before ".repeat(100), "after ".repeat(100));
    let first = anna.say(&group, &long).await;
    anna.say(&group, "no mountain").await;
    let second = anna.say(&group, "zugspitze").await;
    indexed(&app).await;
    for anna in [anna.on(0), anna.on(1)] {
        let page = anna.search("?q=ZUGSPITZE").await.expect(200);
        assert_eq!(page["next"], Value::Null);
        let hits = items(&page);
        assert_eq!(hits.iter().map(|hit| &hit["message"]).collect::<Vec<_>>(), [&second, &first]);
        assert_eq!(hits[0]["excerpt"], "zugspitze");
        let excerpt = hits[1]["excerpt"].as_str().expect("an excerpt");
        assert!(excerpt.contains(" the Zugspitze is high after") && excerpt.chars().count() <= 162, "{excerpt}");
        assert!(excerpt.starts_with("…before") && excerpt.ends_with("after…"), "{excerpt}");
        let after = query(&[("after", hits[1]["message"]["cursor"].as_str().expect("a cursor"))]);
        assert_eq!(items(&anna.history(&group, &after).await.expect(200)).len(), 2);
    }
}

#[tokio::test]
async fn search_is_filtered_by_conversation_sender_and_time() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (one, other) = (anna.create_group(&[&bert]).await, anna.create_group(&[&bert]).await);
    anna.say(&one, "apple 1").await;
    bert.say(&one, "apple 2").await;
    let middle = anna.say(&other, "apple 3").await;
    bert.say(&other, "apple 4").await;
    indexed(&app).await;
    let expect = async |parameters: &[(&str, &str)], expected: &str| {
        let found = found(&anna, &[&[("q", "apple")], parameters].concat()).await;
        let numbers: String = found.iter().map(|text| text.trim_start_matches("apple ")).collect();
        assert_eq!(numbers, expected, "{parameters:?}");
    };
    expect(&[], "4321").await;
    expect(&[("conversation_id", &one)], "21").await;
    for from in ["bert", "BERT", bert.id.as_str()] {
        expect(&[("from", from)], "42").await;
    }
    expect(&[("from", "me"), ("conversation_id", &other)], "3").await;
    let sql = app.sql().await;
    let hours = "UPDATE search SET created_at = '2026-01-01T00:00:00Z'::timestamptz + created * interval '1 hour';
                 UPDATE search_spans SET oldest = '2026-01-01', newest = '2026-01-02'";
    sql.batch_execute(hours).await.expect("other times");
    let statement = "SELECT created FROM search WHERE message_id::text = $1";
    let id = middle["id"].as_str().expect("an id");
    let hour: i64 = sql.query_one(statement, &[&id]).await.expect("a row").get(0);
    let at = format!("2026-01-01T{hour:02}:00:00Z");
    expect(&[("since", &at)], "43").await;
    expect(&[("until", &at)], "21").await;
    expect(&[("since", &at), ("until", "2026-06-01T00:00:00+02:00"), ("from", "me")], "3").await;
    for nothing in [("since", "2026-02-01T00:00:00Z"), ("until", "2025-01-01T00:00:00Z")] {
        expect(&[nothing], "").await;
    }
}

#[tokio::test]
async fn search_pages_hold_every_hit_once_while_others_write() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    for number in 0..11 {
        anna.say(&group, &format!("apple {number}")).await;
        anna.say(&group, "pear").await;
    }
    indexed(&app).await;
    let mut seen = Vec::new();
    let mut page = anna.search(&query(&[("q", "apple"), ("limit", "3"), ("from", "me")])).await.expect(200);
    loop {
        assert!(items(&page).len() <= 3);
        seen.extend(texts(&page).into_iter().map(|text| text.replace("apple ", "")));
        anna.say(&group, "apple late").await;
        let Some(next) = page["next"].as_str() else { break };
        page = anna.search(&query(&[("page", next)])).await.expect(200);
    }
    assert_eq!(seen.join(" "), "10 9 8 7 6 5 4 3 2 1 0");
}

#[tokio::test]
async fn search_of_non_members_is_empty_and_of_former_members_limited_to_their_time() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    for (history, while_member, afterwards) in [("joined", "2", "2"), ("shared", "321", "2")] {
        let body = json!({"kind": "group", "members": [], "history": history});
        let group = anna.post("/v1/conversations", body).await.expect(201);
        let group = group["id"].as_str().expect("an id");
        let expect = async |user: &User, expected: &str| {
            indexed(&app).await;
            let found = found(user, &[("q", "apple"), ("conversation_id", group)]).await;
            let numbers: String = found.iter().map(|text| text.trim_start_matches("apple ")).collect();
            assert_eq!(numbers, expected, "{history}");
        };
        anna.say(group, "apple 1").await;
        anna.put_member(group, "bert", json!({})).await.expect(201);
        anna.say(group, "apple 2").await;
        if history == "shared" {
            anna.say(group, "apple 3").await;
        }
        expect(&bert, while_member).await;
        anna.remove_member(group, "bert").await.expect(204);
        anna.say(group, "apple 4").await;
        expect(&bert, if history == "shared" { "32" } else { afterwards }).await;
        let stranger = carl.search(&query(&[("q", "apple"), ("conversation_id", group)])).await;
        stranger.problem(404, "not_found");
        anna.put_member(group, "bert", json!({})).await.expect(201);
        anna.say(group, "apple 5").await;
        expect(&bert, if history == "shared" { "54321" } else { "52" }).await;
        let all = finds(&bert, "apple").await;
        assert!(all.contains(&"apple 5".to_owned()) && !all.contains(&"apple 0".to_owned()), "{all:?}");
    }
    assert_eq!(finds(&carl, "apple").await, [""; 0]);
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}"))
}

#[tokio::test]
async fn search_finds_the_edited_text_and_for_former_members_the_earlier_one() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let message = anna.say(&group, "apple").await;
    let other = anna.say(&group, "plum").await;
    anna.edit(id(&message), "apple and pear").await.expect(200);
    anna.remove_member(&group, "bert").await.expect(204);
    anna.edit(id(&message), "peach").await.expect(200);
    indexed(&app).await;
    for (q, of_anna, of_bert) in [
        ("apple", vec![], vec!["apple and pear"]),
        ("pear", vec![], vec!["apple and pear"]),
        ("peach", vec!["peach"], vec![]),
        ("plum", vec!["plum"], vec!["plum"]),
    ] {
        assert_eq!(finds(&anna.on(1), q).await, of_anna, "{q}");
        assert_eq!(finds(&bert, q).await, of_bert, "{q}");
    }
    let hit = items(&anna.search("?q=peach").await.expect(200))[0].clone();
    assert_eq!(hit["message"], anna.message(id(&message)).await.expect(200));
    assert_eq!(finds(&anna, "p").await, ["plum", "peach"]);
    let before = query(&[("q", "p"), ("limit", "1")]);
    let next = anna.search(&before).await.expect(200)["next"].as_str().expect("a page").to_owned();
    let second = anna.search(&query(&[("page", &next)])).await.expect(200);
    assert_eq!((texts(&second), &second["next"]), (vec!["peach"], &Value::Null));
    assert_eq!(hit["message"]["cursor"], message["cursor"]);
    assert_ne!(id(&hit["message"]), id(&other));
}

#[tokio::test]
async fn search_finds_no_deleted_text_once_the_deletion_is_answered() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let messages = [anna.say(&group, "apple 1").await, anna.say(&group, "apple 2").await];
    anna.edit(id(&messages[0]), "apple 3").await.expect(200);
    indexed(&app).await;
    anna.remove_member(&group, "bert").await.expect(204);
    assert_eq!(finds(&bert, "apple").await, ["apple 2", "apple 3"]);
    anna.delete_message(id(&messages[0])).await.expect(204);
    for user in [anna.on(1), bert.on(0)] {
        assert_eq!(finds(&user, "apple").await, ["apple 2"]);
    }
    let left = async || {
        let rows = app.sql().await.query("SELECT message_id::text FROM search", &[]).await.expect("rows");
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    assert_eq!(left().await, [id(&messages[1])]);
    reindex(&app).await;
    assert_eq!(left().await, [id(&messages[1])]);
}

#[tokio::test]
async fn search_finds_nothing_of_a_deleted_conversation_and_the_index_keeps_nothing() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, other) = (anna.create_group(&[&bert]).await, anna.create_group(&[&bert]).await);
    anna.say(&group, "apple 1").await;
    anna.say(&other, "apple 2").await;
    indexed(&app).await;
    anna.delete(&format!("/v1/conversations/{group}")).await.expect(204);
    for user in [&anna, &bert] {
        assert_eq!(finds(user, "apple").await, ["apple 2"]);
        user.search(&query(&[("q", "apple"), ("conversation_id", &group)])).await.problem(404, "not_found");
    }
    indexed(&app).await;
    let left = "SELECT count(*) FROM search WHERE conversation_id::text = $1";
    let sql = app.sql().await;
    assert_eq!(sql.query_one(left, &[&group]).await.expect("a count").get::<_, i64>(0), 0);
    // Its texts stand for a moment longer.
    let ended = "UPDATE conversations SET deleted_at = now(), blanked_at = now() WHERE id::text = $1";
    assert_eq!(sql.execute(ended, &[&other]).await.expect("a deleted conversation"), 1);
    assert_eq!(finds(&anna, "apple").await, [""; 0]);
}

#[tokio::test]
async fn search_works_for_members_of_very_many_conversations() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (first, foreign) = (anna.create_group(&[]).await, bert.create_group(&[]).await);
    anna.say(&first, "apple 1").await;
    bert.say(&foreign, "apple 2").await;
    // More than are asked for one by one.
    let many = "WITH made AS (INSERT INTO conversations (id, kind, history, created_by, created_at)
                              SELECT gen_random_uuid(), 'group', 'joined', $1::text::uuid, now() FROM generate_series(1, 600)
                              RETURNING id)
                INSERT INTO members (conversation_id, user_id, role, joined_at, read, since)
                SELECT id, $1::text::uuid, 'member', 0, 0, now() FROM made RETURNING conversation_id::text";
    let rows = app.sql().await.query(many, &[&anna.id]).await.expect("many conversations");
    anna.say(rows[300].get(0), "apple 3").await;
    indexed(&app).await;
    assert_eq!(finds(&anna, "apple").await, ["apple 3", "apple 1"]);
    assert_eq!(finds(&bert, "apple").await, ["apple 2"]);
}

#[tokio::test]
async fn search_for_an_invalid_query_is_refused() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let long = "x".repeat(129);
    let bad: [&[(&str, &str)]; 13] = [
        &[],
        &[("q", "")],
        &[("q", " \u{200b} ")],
        &[("q", &long)],
        &[("q", "x"), ("limit", "0")],
        &[("q", "x"), ("limit", "201")],
        &[("q", "x"), ("conversation_id", "group")],
        &[("q", "x"), ("since", "yesterday")],
        &[("q", "x"), ("until", "2026-01-01")],
        &[("q", "x"), ("page", "nonsense")],
        &[("q", "x"), ("q", "y")],
        &[("q", "x"), ("query", "y")],
        &[("q", "x"), ("limit", "-1")],
    ];
    for parameters in bad {
        anna.search(&query(parameters)).await.problem(400, "malformed");
    }
    for from in ["nobody", "no name at all", &uuid::Uuid::now_v7().to_string()] {
        let problem = anna.search(&query(&[("q", "x"), ("from", from)])).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "from");
    }
    let unknown = uuid::Uuid::now_v7().to_string();
    anna.search(&query(&[("q", "x"), ("conversation_id", &unknown)])).await.problem(404, "not_found");
    anna.search("?q=%00").await.problem(422, "invalid");
    app.anonymous().search("?q=x").await.problem(401, "token_missing");
    assert_eq!(finds(&anna, &"x".repeat(128)).await, [""; 0]);
}
