//! What holds for every endpoint: the OpenAPI document, problem documents, idempotency keys.

mod idempotency;
mod openapi;
mod problems;
