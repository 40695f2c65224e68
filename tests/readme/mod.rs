//! The README and the contract of the stream, held to what the server does: what they show is run, what they list is
//! compared.

mod contract;
mod conversation;
mod greeting;
mod markdown;
mod server;
mod settings;
mod shell;

use server::Server;
use shell::Shell;
