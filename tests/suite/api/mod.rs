//! What holds for every endpoint: the OpenAPI document, problem documents, idempotency keys,
//! compression, and calls of web pages.

mod browsers;
mod compression;
mod idempotency;
mod openapi;
mod problems;
