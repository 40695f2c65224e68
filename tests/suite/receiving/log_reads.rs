//! What delivery reads of the log: who is a member of what, and what a user missed.

use std::collections::HashSet;

use longwave::ids::{ConversationId, Position, UserId};
use longwave::log::read::MissedRange;
use longwave::log::{epoch, read};
use longwave::store::Pool;

use crate::support::{Database, TestApp, User, expected_events};

fn id(user: &User) -> UserId {
    UserId::parse(&user.id).expect("an id")
}

fn membership(user: &User, conversation: &str) -> (UserId, ConversationId) {
    (id(user), ConversationId::parse(conversation).expect("an id"))
}

#[tokio::test]
async fn memberships_of_many_users_are_read_with_the_head() {
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
    let head = epoch::load(&mut connection, Position::ZERO).await.expect("the state").head();
    for since in [Position::ZERO, head.position, head.position.plus(1_000)] {
        let wanted = [id(&anna), id(&bert), id(&dora)];
        let everyone =
            read::open_memberships(&mut connection, &wanted, since, Position::ZERO).await.expect("standings");
        assert_eq!(everyone.head, head, "known to be {since:?}");
        assert_eq!(everyone.memberships.len(), 4, "one of them twice");
        let mut ended: Vec<_> = everyone.ended.iter().map(|(user, _)| *user).collect();
        ended.dedup();
        assert_eq!((everyone.ended.len(), ended), (2, vec![id(&bert)]));
        let last = everyone.ended.iter().map(|(_, position)| *position).max().expect("there are two");
        let none = read::open_memberships(&mut connection, &wanted, since, last).await.expect("standings");
        assert_eq!(none.ended, []);
        let expected = [(&anna, &all), (&anna, &again), (&bert, &pair), (&bert, &again)];
        let expected: HashSet<_> = expected.into_iter().map(|(user, group)| membership(user, group)).collect();
        assert_eq!(everyone.memberships.into_iter().collect::<HashSet<_>>(), expected);
    }
    for nobody in [&[id(&dora)][..], &[]] {
        let nobody =
            read::open_memberships(&mut connection, nobody, head.position, Position::ZERO).await.expect("standings");
        assert_eq!((nobody.head, nobody.memberships), (head, Vec::new()));
    }
}

/// Makes two users with messages in several groups, one of whom leaves the groups and joins again.
async fn users_with_history(app: &TestApp) -> [User; 2] {
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
async fn missed_events_are_read_in_pages_of_any_size() {
    let app = TestApp::start().await;
    let users = users_with_history(&app).await;
    let sql = app.sql().await;
    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let upto = epoch::load(&mut connection, Position::ZERO).await.expect("the state").head().position;
    for user in &users {
        let truth: Vec<_> = expected_events::visible_to(&sql, &user.id).await.into_iter().map(Position).collect();
        assert!(truth.len() > 60, "too little to tell pages apart");
        for limit in [1, 2, 3, 5, 8, 20, truth.len(), 1_000] {
            for skipped in [0, 1, 17, truth.len() - 3] {
                let span = MissedRange { after: truth[skipped], upto, only: None };
                let found = read::missed_positions(&mut connection, id(user), span, limit).await.expect("positions");
                let expected = &truth[skipped + 1..];
                assert_eq!(found, expected[..limit.min(expected.len())], "{limit} after {skipped}");
            }
        }
        let (mut pages, mut left) = (Vec::new(), &truth[..]);
        while !left.is_empty() {
            let page = read::events_page(&mut connection, &left[..left.len().min(7)]).await.expect("a page");
            left = &left[page.len()..];
            pages.extend(page.iter().map(|event| event.position));
        }
        assert_eq!(pages, truth);
    }
}

#[tokio::test]
async fn missed_page_ends_at_its_byte_limit_and_has_at_least_one_event() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    for _ in 0..10 {
        anna.say(&group, &"x".repeat(5_000)).await;
    }
    let pool = Pool::new(app.database.url(), 1);
    let mut connection = pool.get().await.expect("a connection");
    let positions: Vec<_> =
        expected_events::visible_to(&app.sql().await, &anna.id).await.into_iter().map(Position).collect();
    let messages = &positions[positions.len() - 10..];
    assert_eq!(read::events_page(&mut connection, messages).await.expect("a page").len(), 9);
    assert_eq!(read::events_page(&mut connection, &messages[..3]).await.expect("a page").len(), 3);
    assert_eq!(read::events_page(&mut connection, &[]).await.expect("a page").len(), 0);
    let sql = app.sql().await;
    sql.batch_execute(
        "UPDATE events SET payload = to_json(repeat('x', 100000)) WHERE position = (SELECT max(position) FROM events)",
    )
    .await
    .expect("a payload beyond all limits");
    assert_eq!(read::events_page(&mut connection, &messages[9..]).await.expect("a page").len(), 1);
}

/// Users in many, in some and in one of sixty conversations, most of which they leave and join again, and a log of 600
/// in which many events stand at the ends of memberships, and some are for one member alone.
const RANDOM_MEMBERSHIPS_SQL: &str = "
    SELECT setseed(0.7);
    INSERT INTO users (id, name, display_name)
    SELECT md5('user' || u)::uuid, 'user' || u, '' FROM generate_series(1, 3) u;
    INSERT INTO conversations (id, kind, created_by, created_at)
    SELECT md5('conversation' || c)::uuid, 'group', md5('user1')::uuid, now() FROM generate_series(1, 60) c;
    INSERT INTO members (conversation_id, user_id, role, joined_at, left_at, read, since)
    SELECT md5('conversation' || c)::uuid, md5('user' || u)::uuid, 'member', joined_at,
           CASE WHEN k < 2 OR random() < 0.5 THEN joined_at + 1 + floor(random() * 150) END, 1, now()
      FROM generate_series(1, 3) u, generate_series(1, 60) c, generate_series(0, 2) k,
           LATERAL (SELECT k * 200 + 1 + floor(random() * 45)::bigint AS joined_at) j
     WHERE random() < CASE u WHEN 1 THEN 0.9 WHEN 2 THEN 0.1 ELSE 0.02 END;
    INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
    SELECT n, coalesce((SELECT conversation_id FROM members
                         WHERE (joined_at = n OR left_at = n) AND random() < 0.8 ORDER BY random() LIMIT 1),
                       md5('conversation' || 1 + floor(power(random(), 2) * 60))::uuid),
           'message.created', gen_random_uuid(), md5('user1')::uuid, now(), '{}'
      FROM generate_series(1, 600) n;
    UPDATE events SET only_for = (SELECT user_id FROM members m
                                   WHERE m.conversation_id = events.conversation_id AND m.joined_at <= position
                                     AND coalesce(m.left_at >= position, true) ORDER BY random() LIMIT 1)
     WHERE position % 5 = 0;";

/// The missed events of users by a plain query and by the function of the server, for ranges of all lengths.
const COMPARISON_SQL: &str = "
    SELECT user_id::text, p_after, p_upto, p_only::text, most,
           log_missed(user_id, p_after, p_upto, p_only, most) AS found,
           ARRAY(SELECT e.position FROM events e
                  WHERE e.position > p_after AND e.position <= p_upto AND (p_only IS NULL OR e.conversation_id = p_only)
                    AND coalesce(e.only_for = s.user_id, true)
                    AND EXISTS (SELECT FROM members m
                                 WHERE m.conversation_id = e.conversation_id AND m.user_id = s.user_id
                                   AND m.joined_at <= e.position AND (m.left_at IS NULL OR e.position <= m.left_at))
                  ORDER BY e.position LIMIT most) AS expected
      FROM (SELECT md5('user' || 1 + n % 3)::uuid AS user_id, p_after, p_after - 2 + floor(random() * length)::bigint AS p_upto,
                   CASE WHEN random() < 0.2 THEN md5('conversation' || 1 + floor(random() * 5))::uuid END AS p_only,
                   (ARRAY[1, 2, 7, 40, 1000])[1 + floor(random() * 5)] AS most
              FROM (SELECT n, floor(random() * 600)::bigint AS p_after, (ARRAY[6, 30, 150, 640])[1 + floor(random() * 4)] AS length
                      FROM generate_series(1, 6000) n OFFSET 0) r OFFSET 0) s";

#[tokio::test]
async fn missed_events_equal_those_of_a_plain_query() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    sql.batch_execute(RANDOM_MEMBERSHIPS_SQL).await.expect("random data");
    let rows = sql.query(COMPARISON_SQL, &[]).await.expect("both answers");
    let (mut found, mut empty) = (0, 0);
    for row in &rows {
        let (positions, expected): (Vec<i64>, Vec<i64>) = (row.get("found"), row.get("expected"));
        let (user, only): (&str, Option<&str>) = (row.get("user_id"), row.get("p_only"));
        let (after, upto, most): (i64, i64, i32) = (row.get("p_after"), row.get("p_upto"), row.get("most"));
        assert_eq!(positions, expected, "{user} from {after} to {upto}, at most {most} of {only:?}");
        found += positions.len();
        empty += usize::from(positions.is_empty());
    }
    assert!(found > 10_000 && empty > 500, "{found} found, {empty} times nothing: too little to tell the ways apart");
}
