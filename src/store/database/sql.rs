//! Hand-written SQL with bound values. Unlike diesel's `sql_query`, it is prepared once a connection.

use diesel::expression::{AsExpression, Expression};
use diesel::pg::Pg;
use diesel::pg::data_types::PgInterval;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Interval, SingleValue, SqlType, Timestamptz};
use std::marker::PhantomData;
use std::time::Duration;

/// A time, as PostgreSQL stores it.
pub type Time = chrono::DateTime<chrono::Utc>;

/// SQL text with bound values in between. Its rows have the SQL types `Row`.
pub struct Sql<'a, Row> {
    parts: Vec<Part<'a>>,
    row: PhantomData<Row>,
}

enum Part<'a> {
    Text(&'static str),
    Value(Box<dyn QueryFragment<Pg> + Send + 'a>),
}

/// Starts a query with `text`.
pub fn sql<'a, Row>(text: &'static str) -> Sql<'a, Row> {
    Sql { parts: vec![Part::Text(text)], row: PhantomData }
}

impl<'a, Row> Sql<'a, Row> {
    /// Appends text.
    pub fn sql(mut self, text: &'static str) -> Self {
        self.parts.push(Part::Text(text));
        self
    }

    /// Appends a bound value of the SQL type `Type`.
    pub fn bind<Type, Value>(mut self, value: Value) -> Self
    where
        Type: SqlType + SingleValue,
        Value: AsExpression<Type>,
        Value::Expression: Expression + QueryFragment<Pg> + Send + 'a,
    {
        self.parts.push(Part::Value(Box::new(value.as_expression())));
        self
    }
}

/// Returns the only row of what `load` returned.
///
/// Use it with `load` instead of diesel-async's `get_result` or `first`. Those return as soon as a row arrives, and in a
/// statement that is its own transaction an error of the commit comes after the row. `load` returns after ReadyForQuery.
///
/// # Errors
/// [`Error::NotFound`] if there is no row.
pub fn only<T>(rows: Vec<T>) -> QueryResult<T> {
    rows.into_iter().next().ok_or(Error::NotFound)
}

impl<Row> QueryFragment<Pg> for Sql<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_sql(text),
                Part::Value(value) => value.walk_ast(out.reborrow())?,
            }
        }
        Ok(())
    }
}

impl<Row> Query for Sql<'_, Row> {
    type SqlType = Row;
}

impl<Row> QueryId for Sql<'_, Row> {
    type QueryId = ();
    // The text itself is the key under which the prepared statement is kept.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row, Conn> diesel::RunQueryDsl<Conn> for Sql<'_, Row> {}

diesel::define_sql_function! {
    /// The time at which the transaction began, by the database's clock.
    fn now() -> Timestamptz;
}

diesel::define_sql_function! {
    /// The function behind `time + span`.
    fn timestamptz_pl_interval(time: Timestamptz, span: Interval) -> Timestamptz;
}

/// SQL: the time `span` from now, by the database's clock.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn from_now(span: PgInterval) -> _ {
    timestamptz_pl_interval::<now, PgInterval>(now(), span)
}

/// Converts a duration, in whole seconds.
pub fn seconds(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(duration.as_secs() as i64 * 1_000_000)
}

/// Converts a duration to a negative interval, in whole seconds.
pub fn seconds_ago(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(-(duration.as_secs() as i64) * 1_000_000)
}
