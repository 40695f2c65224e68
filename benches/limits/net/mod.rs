//! HTTP/1.1 over many sockets with as little work as it takes: the load must cost less than what it measures.
//!
//! One thread, one epoll, blocking nowhere but at connecting. What is read is looked through where it was read to, and
//! copied only where it is incomplete.

pub mod answer;
pub mod client;
pub mod epoll;
pub mod exchange;
pub mod lines;
pub mod socket;
