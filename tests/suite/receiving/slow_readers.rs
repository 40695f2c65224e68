//! Promise 9: a reader that stops reading slows nobody, is cut, and resumes from its cursor.

use std::time::Duration;

use crate::support::{Received, TestApp, query, within};

/// Together more than the kernel's buffers on both sides take.
const MESSAGES: usize = 300;
/// 64 KiB, the most that a text can have.
const SCALARS: usize = 16_384;

fn number(received: &Received) -> usize {
    let text = received.text();
    text[..text.find(' ').expect("a number")].parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_reader_is_cut_slows_nobody_and_resumes() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let (mut stalled, mut quick) = (bert.ready_stream("").await, bert.ready_stream("").await);
    for number in 0..MESSAGES {
        let text = format!("{number} {}", "😀".repeat(SCALARS - 4));
        anna.say(&group, &text).await;
        // In step with the sender: what the quick reader does not read at once must not be its own slowness.
        let event = quick.next_event().await;
        assert_eq!(self::number(&event), number);
    }
    let (mut seen, mut cursor) = (0, None);
    while let Some(received) = within("the stalled stream ends", Duration::from_secs(60), stalled.try_next()).await {
        cursor = received.cursor.clone();
        if received.kind == "end" {
            assert_eq!(received.value["code"], "slow");
        } else {
            assert_eq!(number(&received), seen);
            seen += 1;
        }
    }
    assert!(seen < MESSAGES, "the reader was not cut");
    let mut resumed = bert.ready_stream(&query(&[("after", &cursor.expect("a cursor"))])).await;
    for expected in seen..MESSAGES {
        assert_eq!(number(&resumed.next_event().await), expected);
    }
}
