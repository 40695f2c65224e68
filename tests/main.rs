//! The tests of the whole server: real nodes on real ports, a real PostgreSQL, and the API as a client sees it.

mod documents;
mod suite;
mod support;
