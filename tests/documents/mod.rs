//! The documents of the repository, held to what the server does and to what the repository has: commands that they show
//! are run, lists are compared, files and tests that they name exist.

mod contract;
mod conversation;
mod links;
mod markdown;
mod server;
mod settings;
mod shell;
mod startup_text;

use server::Server;
use shell::Shell;
