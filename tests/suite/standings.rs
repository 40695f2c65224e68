//! What delivery reads of the log: who is a member of what, and what a user missed.

use std::collections::HashSet;

use longwave::ids::{ConversationId, Position, UserId};
use longwave::log::read::Span;
use longwave::log::{epoch, read};
use longwave::store::Pool;

use crate::support::{TestApp, User, truth};

fn id(user: &User) -> UserId {
    UserId::parse(&user.id).expect("an id")
}

fn membership(user: &User, conversation: &str) -> (UserId, ConversationId) {
    (id(user), ConversationId::parse(conversation).expect("an id"))
}

#[tokio::test]
async fn the_standings_of_many_users_are_their_open_memberships_and_the_head() {
    let app = TestApp::start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let all = anna.create_group(&[&bert, &carl]).await;
    let pair = bert.create_group(&[&carl]).await;
    bert.remove_member(&all, "me").await.expect(204);
    let again = anna.create_group(&[&bert]).await;
    bert.remove_member(&again, "me").await.expect(204);
    anna.put_member(&again, &bert.id, serde_json::json!({})).await.expect(201);

    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let head = epoch::state(&mut connection, Position::ZERO).await.expect("the state").head();
    for since in [Position::ZERO, head.position, head.position.plus(1_000)] {
        let wanted = [id(&anna), id(&bert), id(&dora)];
        let everyone = read::standings_of(&mut connection, &wanted, since).await.expect("standings");
        assert_eq!(everyone.head, head, "known to be {since:?}");
        assert_eq!(everyone.memberships.len(), 4, "one of them twice");
        let expected = [(&anna, &all), (&anna, &again), (&bert, &pair), (&bert, &again)];
        let expected: HashSet<_> = expected.into_iter().map(|(user, group)| membership(user, group)).collect();
        assert_eq!(everyone.memberships.into_iter().collect::<HashSet<_>>(), expected);
    }
    for nobody in [&[id(&dora)][..], &[]] {
        let nobody = read::standings_of(&mut connection, nobody, head.position).await.expect("standings");
        assert_eq!((nobody.head, nobody.memberships), (head, Vec::new()));
    }
}

/// Lets users talk in several groups, which one of them leaves and joins again.
async fn talk(app: &TestApp) -> [User; 2] {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let mut groups = Vec::new();
    for _ in 0..4 {
        groups.push(anna.create_group(&[&bert]).await);
    }
    for round in 0..30 {
        // The first group has most, the last has little.
        for group in &groups[..=3 - (round + 2) % 4] {
            anna.say(group, &"x".repeat(1 + 40 * round)).await;
        }
        match round % 10 {
            3 => bert.remove_member(&groups[round / 10], "me").await.expect(204),
            6 => anna.put_member(&groups[round / 10], &bert.id, serde_json::json!({})).await.expect(201),
            _ => continue,
        };
    }
    [anna, bert]
}

#[tokio::test]
async fn what_a_user_missed_is_found_in_pages_of_any_size() {
    let app = TestApp::start().await;
    let users = talk(&app).await;
    let sql = app.sql().await;
    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let upto = epoch::state(&mut connection, Position::ZERO).await.expect("the state").head().position;
    for user in &users {
        let truth: Vec<_> = truth::visible_to(&sql, &user.id).await.into_iter().map(Position).collect();
        assert!(truth.len() > 60, "too little to tell pages apart");
        for limit in [1, 2, 3, 5, 8, 20, truth.len(), 1_000] {
            for skipped in [0, 1, 17, truth.len() - 3] {
                let span = Span { after: truth[skipped], upto, only: None };
                let found = read::missed_positions(&mut connection, id(user), span, limit).await.expect("positions");
                let expected = &truth[skipped + 1..];
                assert_eq!(found, expected[..limit.min(expected.len())], "{limit} after {skipped}");
            }
        }
        let (mut pages, mut left) = (Vec::new(), &truth[..]);
        while !left.is_empty() {
            let page = read::page(&mut connection, &left[..left.len().min(7)]).await.expect("a page");
            left = &left[page.len()..];
            pages.extend(page.iter().map(|event| event.position));
        }
        assert_eq!(pages, truth);
    }
}

#[tokio::test]
async fn a_page_ends_at_its_bytes_but_has_one_event_at_least() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    for _ in 0..10 {
        anna.say(&group, &"x".repeat(5_000)).await;
    }
    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let positions: Vec<_> = truth::visible_to(&app.sql().await, &anna.id).await.into_iter().map(Position).collect();
    let messages = &positions[positions.len() - 10..];
    assert_eq!(read::page(&mut connection, messages).await.expect("a page").len(), 9);
    assert_eq!(read::page(&mut connection, &messages[..3]).await.expect("a page").len(), 3);
    assert_eq!(read::page(&mut connection, &[]).await.expect("a page").len(), 0);
    let sql = app.sql().await;
    sql.batch_execute(
        "UPDATE events SET payload = to_json(repeat('x', 100000)) WHERE position = (SELECT max(position) FROM events)",
    )
    .await
    .expect("a payload beyond all limits");
    assert_eq!(read::page(&mut connection, &messages[9..]).await.expect("a page").len(), 1);
}
