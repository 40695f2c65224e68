//! What the search index reads of the log.

use crate::ids::Position;
use crate::store::Connection;
use crate::store::sql::sql;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt};
use diesel_async::RunQueryDsl;

/// Finds which of the events at `positions`, which are in order, have no text, have lost it, or are no longer kept.
pub async fn without_text(connection: &mut Connection, positions: &[Position]) -> Result<Vec<Position>, Error> {
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return Ok(Vec::new()) };
    // The bounds exclude the partitions that have none of them.
    sql::<BigInt>("SELECT p FROM unnest(")
        .bind::<Array<BigInt>, _>(positions)
        .sql(") p WHERE p NOT IN (SELECT e.position FROM events e WHERE e.position >= ")
        .bind::<BigInt, _>(first)
        .sql(" AND e.position <= ")
        .bind::<BigInt, _>(last)
        .sql(" AND e.position = ANY(")
        .bind::<Array<BigInt>, _>(positions)
        .sql(") AND e.payload ->> 'text' IS NOT NULL)")
        .load(connection)
        .await
}
