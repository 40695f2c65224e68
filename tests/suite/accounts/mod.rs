//! Users, bots and what proves who they are: registration, sessions, tokens, profiles, deletion.

mod bots;
mod deletion;
mod directory;
mod profile;
mod registration;
mod sessions;
mod tokens;
