//! Members of conversations.

use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::page::PageParams;
use crate::http::extract::path::{PathParam, PathParams};
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json::{self, JsonResponse};
use crate::http::respond::problem::Problem;
use crate::ids::{ConversationId, Position, UserId};
use crate::store::MemberRole;
use crate::wire::{List, Member};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The new role of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMember {
    /// Stays as it is, or `member`, if it is not given.
    #[schema(example = "member")]
    role: Option<MemberRole>,
}

/// Where the next page of members begins.
#[derive(Debug, Serialize, Deserialize)]
struct MembersPageToken {
    joined_at: i64,
    user: UserId,
}

/// Members
///
/// Present members, in order of joining.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/members",
    operation_id = "list_members",
    tag = "Members",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation"), PageParams),
    responses((status = 200, description = "A page", body = List<Member>)),
)]
pub async fn list_members(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<MembersPageToken>()?;
    let after = page.token.as_ref().map(|token| (Position(token.joined_at), token.user));
    let listed = app.domain.list_members(&caller, id, after, page.limit).await?;
    let next = listed.next.map(|(joined_at, user)| page.next(MembersPageToken { joined_at: joined_at.0, user }));
    Ok(json::ok(List { items: listed.items, next }))
}

/// Add a member, or change their role
///
/// By owners and admins; only owners make and change owners.
#[utoipa::path(
    put,
    path = "/v1/conversations/{id}/members/{user}",
    operation_id = "put_member",
    tag = "Members",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The conversation"),
        ("user" = String, Path, description = "An id, a name or `me`", example = "me"),
    ),
    request_body = Option<PutMember>,
    responses(
        (status = 201, description = "Added", body = Member),
        (status = 200, description = "Changed, or as it was", body = Member),
        (status = 403, description = "`forbidden`"),
        (status = 409, description = "`direct_fixed`"),
    ),
)]
pub async fn put_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParams(id, user): PathParams<ConversationId, String>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<Option<PutMember>>,
) -> Result<Response, Problem> {
    let (member, added) = app.domain.put_member(&caller, id, &user, value.and_then(|wanted| wanted.role)).await?;
    let status = if added { StatusCode::CREATED } else { StatusCode::OK };
    Ok(JsonResponse(status, member).into_response())
}

/// Remove a member
///
/// By owners and admins; `me` leaves. A last owner who leaves hands over to the oldest admin, else member.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}/members/{user}",
    operation_id = "delete_member",
    tag = "Members",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The conversation"),
        ("user" = String, Path, description = "An id, a name or `me`", example = "me"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 403, description = "`forbidden`"),
        (status = 409, description = "`direct_fixed`"),
    ),
)]
pub async fn delete_member(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParams(id, user): PathParams<ConversationId, String>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.remove_member(&caller, id, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
