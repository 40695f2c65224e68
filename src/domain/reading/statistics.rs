//! Statistics: how many messages are written, when and by whom.

use crate::domain::auth::caller::Caller;
use crate::domain::error::{Error, invalid};
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, UserId};
use crate::log::statistics::{self, CountError, DayRange, GroupBy, MessageCount};
use crate::store::{Connection, UserRole, conversations, users};
use chrono::NaiveDate;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// How long a report waits for its turn.
const REPORT_PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Days of a range.
const MAX_DAYS: i64 = 366;
/// Days of a range, when the client does not say.
const DEFAULT_DAYS: u64 = 30;

/// Which figures to count.
#[derive(Clone, Debug)]
pub struct StatisticsQuery {
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// An IANA name.
    pub zone: String,
    pub by: GroupBy,
}

/// The figures of a deployment.
#[derive(Clone, Debug)]
pub struct DeploymentReport {
    pub users: i64,
    pub conversations: i64,
    pub items: Vec<MessageCount>,
}

impl Domain {
    /// Counts the messages of a conversation, as far as the caller may read them.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members; [`Error::Invalid`], [`Error::Malformed`], [`Error::TooMany`].
    pub async fn statistics(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        query: StatisticsQuery,
    ) -> Result<Vec<MessageCount>, Error> {
        let mut connection = self.connection().await?;
        let days = self.days(&mut connection, &query).await?;
        let access = visibility::of(&mut connection, caller, conversation).await?;
        access.present()?;
        drop(connection);
        let _place = self.report_permit().await?;
        let mut connection = self.connection().await?;
        let counts =
            statistics::of_conversation(&mut connection, conversation, &access.intervals, &days, query.by).await?;
        finished(&mut connection, counts, &days, query.by).await
    }

    /// Counts all messages of the deployment.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all but admins; [`Error::Invalid`], [`Error::Malformed`], [`Error::TooMany`].
    pub async fn overview(&self, caller: &Caller, query: StatisticsQuery) -> Result<DeploymentReport, Error> {
        if caller.user.role != UserRole::Admin {
            return Err(Error::Forbidden("only admins of the server see its statistics"));
        }
        let _place = self.report_permit().await?;
        let mut connection = self.connection().await?;
        let days = self.days(&mut connection, &query).await?;
        let counts = statistics::of_all(&mut connection, &days, query.by).await?;
        Ok(DeploymentReport {
            users: users::count(&mut connection).await?,
            conversations: conversations::count(&mut connection).await?,
            items: finished(&mut connection, counts, &days, query.by).await?,
        })
    }

    async fn report_permit(&self) -> Result<SemaphorePermit<'_>, Error> {
        match tokio::time::timeout(REPORT_PERMIT_TIMEOUT, self.0.report_permits.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    /// Resolves the range of days of a query.
    async fn days(&self, connection: &mut Connection, query: &StatisticsQuery) -> Result<DayRange, Error> {
        let zone = query.zone.clone();
        if !self.0.time_zones.get_or_try_init(async || statistics::zones(connection).await).await?.contains(&zone) {
            return Err(invalid("tz", "is no time zone, needs a name like Europe/Berlin"));
        }
        let last = match query.last {
            Some(last) => last,
            None => statistics::today(connection, &zone).await?,
        };
        let first = query.first.unwrap_or_else(|| last - chrono::Days::new(DEFAULT_DAYS - 1));
        match (last - first).num_days() + 1 {
            1..=MAX_DAYS => Ok(DayRange { first, last, zone }),
            ..=0 => Err(malformed("from", format!("is {first}, which is after {last}"))),
            count => Err(malformed("from", format!("makes {count} days, at most {MAX_DAYS} are taken"))),
        }
    }
}

fn malformed(field: &str, detail: String) -> Error {
    Error::Malformed(vec![crate::wire::FieldError { field: field.into(), detail }])
}

/// Completes the counts: days and hours without messages are added, and senders get their names.
async fn finished(
    connection: &mut Connection,
    counts: Vec<MessageCount>,
    days: &DayRange,
    by: GroupBy,
) -> Result<Vec<MessageCount>, Error> {
    match by {
        GroupBy::Day => {
            let all = days.first.iter_days().take_while(|day| *day <= days.last);
            Ok(filled(counts, all.map(|day| day.format("%Y-%m-%d").to_string())))
        }
        GroupBy::Hour => Ok(filled(counts, (0..24).map(|hour: u8| hour.to_string()))),
        GroupBy::Sender => named(connection, counts).await,
    }
}

fn filled(counts: Vec<MessageCount>, keys: impl Iterator<Item = String>) -> Vec<MessageCount> {
    let mut counts: HashMap<_, _> = counts.into_iter().map(|count| (count.key.clone(), count)).collect();
    keys.map(|key| counts.remove(&key).unwrap_or(MessageCount { key, messages: 0, senders: 0 })).collect()
}

async fn named(connection: &mut Connection, counts: Vec<MessageCount>) -> Result<Vec<MessageCount>, Error> {
    let ids: Vec<_> = counts.iter().filter_map(|count| UserId::parse(&count.key)).collect();
    let users = users::by_ids_or_names(connection, &ids, &[]).await?;
    let mut names: HashMap<_, _> = users.into_iter().map(|user| (user.id.to_string(), user.name)).collect();
    let name = |count: MessageCount| MessageCount { key: names.remove(&count.key).unwrap_or(count.key), ..count };
    let mut named: Vec<_> = counts.into_iter().map(name).collect();
    named.sort_by(|one, other| (other.messages, &one.key).cmp(&(one.messages, &other.key)));
    Ok(named)
}

impl From<CountError> for Error {
    fn from(error: CountError) -> Self {
        match error {
            CountError::TooMany => Self::TooMany,
            CountError::Store(error) => Self::Store(error),
        }
    }
}

#[cfg(test)]
#[path = "tests/statistics.rs"]
mod tests;
