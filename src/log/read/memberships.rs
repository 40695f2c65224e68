use crate::ids::{ConversationId, Epoch, Position, UserId};
use crate::log::cursor::Cursor;
use crate::store::sql::sql;
use crate::store::{Connection, StoreError};
use diesel::sql_types::{Array, BigInt, Nullable, Uuid};
use diesel_async::RunQueryDsl;

/// The open memberships of many users, with the head of the log in the same snapshot.
#[derive(Clone, Debug)]
pub struct MembershipSnapshot {
    pub head: Cursor,
    /// Each once, in no order.
    pub memberships: Vec<(UserId, ConversationId)>,
    /// Where others ended, in no order.
    pub ended: Vec<(UserId, Position)>,
}

/// Reads the open memberships of many users, each named once, where others ended above `ended_above`, and the head that
/// they are true for, in one query.
///
/// `known` is any position that was seen committed; it spares the older partitions. Each user is one probe of the index,
/// whatever the planner believes: `user_id = ANY(…)` is read as a scan of all members, each compared with all of the
/// users, until the first ANALYZE. A user's conversations travel as one array.
pub async fn open_memberships(
    connection: &mut Connection,
    users: &[UserId],
    known: Position,
    ended_above: Position,
) -> Result<MembershipSnapshot, StoreError> {
    type MembershipRow = (Epoch, Position, Option<UserId>, Option<Vec<ConversationId>>, Option<Vec<Position>>);
    let query = sql::<(BigInt, BigInt, Nullable<Uuid>, Nullable<Array<Uuid>>, Nullable<Array<BigInt>>)>(
        "SELECT (SELECT epoch FROM log_epoch ORDER BY number DESC LIMIT 1),
                coalesce((SELECT max(position) FROM events WHERE position >= ",
    )
    .bind::<BigInt, _>(known)
    .sql(
        "), (SELECT max(position) FROM events), 0),
                u.id, (SELECT array_agg(m.conversation_id) FROM members m WHERE m.user_id = u.id AND m.left_at IS NULL),
                (SELECT array_agg(m.left_at) FROM members m WHERE m.user_id = u.id AND m.left_at > ",
    )
    .bind::<BigInt, _>(ended_above)
    .sql(
        ")
           FROM (SELECT 1) one LEFT JOIN unnest(",
    )
    .bind::<Array<Uuid>, _>(users)
    .sql(") u (id) ON true");
    let rows: Vec<MembershipRow> = query.load(connection).await?;
    let (epoch, position) = rows.as_slice().first().map_or((Epoch(0), Position::ZERO), |row| (row.0, row.1));
    let (mut memberships, mut ended) = (Vec::new(), Vec::new());
    for (_, _, user, conversations, positions) in rows {
        let Some(user) = user else { continue };
        memberships.extend(conversations.into_iter().flatten().map(|conversation| (user, conversation)));
        ended.extend(positions.into_iter().flatten().map(|position| (user, position)));
    }
    Ok(MembershipSnapshot { head: Cursor { epoch, position }, memberships, ended })
}
