//! Statistics.

use crate::domain::{DeploymentReport, StatisticsQuery};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::QueryParams;
use crate::http::respond::csv;
use crate::http::respond::json;
use crate::http::respond::problem::{Problem, malformed};
use crate::ids::ConversationId;
use crate::log::statistics::{GroupBy, MessageCount};
use axum::extract::State;
use axum::response::Response;
use chrono::{Datelike, NaiveDate};
use hyper::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsParams {
    /// First day; 30 days with the last one, if it is not given. At most 366 days are taken.
    #[param(example = "2026-11-01", format = Date)]
    from: Option<String>,
    /// Last day, included; today, if it is not given.
    #[param(example = "2026-11-23", format = Date)]
    to: Option<String>,
    /// IANA name of the time zone of days and hours.
    #[param(example = "Europe/Berlin", default = "UTC")]
    tz: Option<String>,
    /// What there is one figure for.
    #[param(inline)]
    by: Option<Grouping>,
}

/// A figure for each day (default), for each hour of the day, or for each member who wrote.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Grouping {
    Day,
    Hour,
    Member,
}

/// One figure.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatisticsItem {
    /// The day, the hour (`0` to `23`), or the member's name.
    #[schema(example = "2026-11-23")]
    key: String,
    /// Messages sent, those that were deleted since among them.
    #[schema(example = 12)]
    messages: i64,
    /// Members who sent them.
    #[schema(example = 3)]
    members_active: i64,
}

/// Figures of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    /// Every day or hour of the range in order; of members those who wrote, the busiest first, at most 10,000.
    items: Vec<StatisticsItem>,
}

/// Figures of the deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentStatistics {
    /// Accounts that are not disabled.
    users: i64,
    conversations: i64,
    /// Streams that are open on the node that answers.
    streams: usize,
    items: Vec<StatisticsItem>,
}

impl From<MessageCount> for StatisticsItem {
    fn from(count: MessageCount) -> Self {
        Self { key: count.key, messages: count.messages, members_active: count.senders }
    }
}

/// Statistics of a conversation
///
/// Of what the caller may read. As CSV with the columns `key`, `messages` and `members_active`, if `Accept` names it.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/stats",
    operation_id = "get_conversation_statistics",
    tag = "Statistics",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation"), StatisticsParams),
    responses((
        status = 200,
        description = "The figures",
        content(
            (Statistics = "application/json"),
            (String = "text/csv", example = "key,messages,members_active\r\n2026-11-23,12,3\r\n"),
        ),
    )),
)]
pub async fn get_conversation_statistics(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(params): QueryParams<StatisticsParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let items = app.domain.statistics(&caller, id, params.wanted()?).await?;
    Ok(match csv::is_wanted(&headers) {
        true => table(items),
        false => json::ok(Statistics { items: shown(items) }),
    })
}

/// Statistics of the deployment
///
/// For users with the role `admin`. CSV, if `Accept` names it, has the figures alone.
#[utoipa::path(
    get,
    path = "/v1/admin/stats",
    operation_id = "get_deployment_statistics",
    tag = "Statistics",
    security(("token" = [])),
    params(StatisticsParams),
    responses(
        (
            status = 200,
            description = "The figures",
            content(
                (DeploymentStatistics = "application/json"),
                (String = "text/csv", example = "key,messages,members_active\r\n2026-11-23,12,3\r\n"),
            ),
        ),
        (status = 403, description = "`forbidden`"),
    ),
)]
pub async fn get_deployment_statistics(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<StatisticsParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let DeploymentReport { users, conversations, items } = app.domain.overview(&caller, params.wanted()?).await?;
    if csv::is_wanted(&headers) {
        return Ok(table(items));
    }
    let streams = app.hub.counts().streams;
    Ok(json::ok(DeploymentStatistics { users, conversations, streams, items: shown(items) }))
}

impl StatisticsParams {
    fn wanted(self) -> Result<StatisticsQuery, Problem> {
        Ok(StatisticsQuery {
            first: self.from.as_deref().map(|text| day("from", text)).transpose()?,
            last: self.to.as_deref().map(|text| day("to", text)).transpose()?,
            zone: self.tz.unwrap_or_else(|| "UTC".into()),
            by: match self.by.unwrap_or(Grouping::Day) {
                Grouping::Day => GroupBy::Day,
                Grouping::Hour => GroupBy::Hour,
                Grouping::Member => GroupBy::Sender,
            },
        })
    }
}

fn day(field: &str, text: &str) -> Result<NaiveDate, Problem> {
    let read = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    read.filter(|day| text.len() == 10 && (1..=9_999).contains(&day.year()))
        .ok_or_else(|| malformed(field, "is no date, needs one like 2026-11-23"))
}

fn shown(items: Vec<MessageCount>) -> Vec<StatisticsItem> {
    items.into_iter().map(StatisticsItem::from).collect()
}

fn table(items: Vec<MessageCount>) -> Response {
    let row = |count: MessageCount| [count.key, count.messages.to_string(), count.senders.to_string()];
    csv::table(["key", "messages", "members_active"], items.into_iter().map(row))
}
