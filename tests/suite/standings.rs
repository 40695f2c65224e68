//! What delivery reads of many users at once.

use std::collections::HashSet;

use longwave::ids::{ConversationId, Position, UserId};
use longwave::log::{epoch, read};
use longwave::store::Pool;

use crate::support::{TestApp, User};

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
