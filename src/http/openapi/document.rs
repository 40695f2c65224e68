//! The document without its operations: title, license, schemas of the stream, and security schemes.

use crate::wire::{End, EphemeralEvent, EventObject, ProblemDocument, Ready, Reset};
use utoipa::openapi::OpenApi as Openapi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document without its operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Longwave",
        description = "Messaging over plain HTTP. What the stream carries is described in `openapi/stream.md`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    components(schemas(ProblemDocument, EventObject, EphemeralEvent, Ready, Reset, End)),
    modifiers(&SecuritySchemes),
)]
pub struct ApiDocument;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut Openapi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let ticket = ApiKeyValue::with_description("ticket", "Of `POST /v1/tickets`, for one stream");
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}
