//! Promise 10: clocks order nothing.

use serde_json::Value;
use uuid::Uuid;

use crate::support::transports::events_after;
use crate::support::{TestApp, id};

/// Moves every time in the log by up to five days, forward or back, as clocks that jump would have written them.
const JUMP: &str = "UPDATE events SET created_at = created_at + (position * 7919 % 11 - 5) * interval '1 day'";

fn texts(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().expect("items").iter().filter_map(|item| item["text"].as_str()).collect()
}

#[tokio::test]
async fn order_cursors_and_replays_are_independent_of_clocks() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let key = Uuid::new_v4().to_string();
    let begin = bert.now().await;
    let first = anna.send_with_key(&group, &key, "0").await.expect(201);
    for number in 1..12 {
        anna.say(&group, &number.to_string()).await;
    }
    let before = events_after(&bert, &begin, 12).await;
    app.sql().await.batch_execute(JUMP).await.expect("clocks that jump");

    let expected: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    for node in 0..2 {
        let history = anna.on(node).history(&group, "?order=asc&limit=200").await.expect(200);
        assert_eq!(texts(&history), expected);
    }
    let middle = before[5]["cursor"].as_str().expect("a cursor");
    let (resumed, _) = bert.on(1).collect(middle, 6).await;
    let cursors = |events: &[Value]| events.iter().map(|event| event["cursor"].clone()).collect::<Vec<_>>();
    assert_eq!(cursors(&resumed), cursors(&before[6..]));

    let replayed = anna.on(1).send_with_key(&group, &key, "0").await;
    assert!(replayed.is_replay());
    assert_eq!(id(&replayed.expect(201)), id(&first));
    anna.say(&group, "12").await;
    let newest = anna.on(1).history(&group, "?limit=1").await.expect(200);
    assert_eq!(texts(&newest), ["12"]);
}
