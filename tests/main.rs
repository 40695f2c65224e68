//! The tests of the whole server: real nodes on real ports, a real PostgreSQL, and the API as a client sees it.

mod readme;
mod suite;
mod support;
