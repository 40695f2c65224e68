//! Completes the document with what all operations have in common.

use super::examples;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ContentBuilder, Object, OpenApi as Openapi, Ref, RefOr, Required, ResponseBuilder};

/// Completes the document that the handlers make, and renders it as it is in `openapi/openapi.json`.
///
/// # Panics
/// Never: the document is JSON.
pub fn render(mut document: Openapi) -> String {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete(operation);
        }
    }
    let mut document = serde_json::to_value(&document).expect("the document is JSON");
    relax(&mut document);
    examples::add(&mut document);
    format!("{document:#}\n")
}

/// A body without a field that must be there need not be there itself: an absent one is an empty object.
fn relax(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let items = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        let Some(body) = operation.get_mut("requestBody") else { continue };
        let reference = body["content"]["application/json"]["schema"]["$ref"].as_str();
        let name = reference.and_then(|reference| reference.rsplit('/').next());
        if name.is_some_and(|name| schemas[name].get("required").is_none()) {
            body["required"] = json!(false);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// Adds the refusals that an operation has in common with others like it, and makes all of them problem documents.
fn complete(operation: &mut Operation) {
    let secured = operation.security.is_some();
    let has_body = operation.request_body.is_some();
    let mut parameters = operation.parameters.iter().flatten();
    let named = parameters.any(in_path);
    let receives = operation.tag_is("Receiving") && !has_body && operation.id_starts_with("get");
    // The path of a PUT names what it creates.
    let puts = operation.id_starts_with("put");
    let creates = has_body && operation.responses.responses.contains_key("201") && secured && !puts;
    let common = [
        ("400", true, "`malformed`, `cursor_malformed`"),
        ("401", secured, "`token_missing`, `token_invalid`, `token_expired`, `session_revoked`"),
        ("404", named || receives || has_body && secured, "`not_found`"),
        ("408", has_body, "`request_timeout`"),
        ("410", receives, "`cursor_unknown`, `cursor_expired`, with a fresh `cursor`"),
        ("413", has_body, "`body_too_large`"),
        ("415", has_body, "`media_type_unsupported`"),
        ("422", true, "`invalid`, `idempotency_key_reused`"),
        ("429", secured || has_body, "`rate_limited`"),
        ("431", true, "`headers_too_large`"),
        ("500", true, "`internal`"),
        ("503", true, "`unavailable`"),
    ];
    for (status, applies, codes) in common {
        if applies && !operation.responses.responses.contains_key(status) {
            let response = ResponseBuilder::new().description(codes).build();
            operation.responses.responses.insert(status.into(), RefOr::T(response));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && (status.starts_with('4') || status.starts_with('5'))
        {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.insert("application/problem+json".into(), RefOr::T(content));
        }
    }
    if creates {
        operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
    }
}

fn in_path(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
}

fn idempotency_key() -> Parameter {
    let schema = Object::builder()
        .schema_type(utoipa::openapi::schema::Type::String)
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Uuid)));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("A UUID, which becomes the id of what is created: a repeat creates nothing more"))
        .schema(Some(schema))
        .build()
}

trait Described {
    fn tag_is(&self, tag: &str) -> bool;
    fn id_starts_with(&self, start: &str) -> bool;
}

impl Described for Operation {
    fn tag_is(&self, tag: &str) -> bool {
        self.tags.iter().flatten().any(|other| other == tag)
    }

    fn id_starts_with(&self, start: &str) -> bool {
        self.operation_id.as_ref().is_some_and(|id| id.starts_with(start))
    }
}
