//! What `longwave serve` prints when it accepts requests.

use crate::config::DatabaseConfig;
use std::net::SocketAddr;

/// Returns the address of the server, and three commands that show it at work. They can be pasted repeatedly.
pub fn startup_text(address: SocketAddr, database: &DatabaseConfig) -> String {
    let program = std::env::current_exe().map_or_else(|_| "longwave".into(), |path| path.display().to_string());
    let (option, hint) = match &database.database_url {
        // The URL may hold a password, which must not be printed.
        Some(_) => (String::new(), "# each of these terminals needs the DATABASE_URL of this one\n"),
        None => {
            let dir = std::path::absolute(database.data_dir()).unwrap_or_else(|_| database.data_dir());
            (format!(" --data-dir '{}'", dir.display()), "")
        }
    };
    let curl = |user: &str, rest: &str| {
        format!("curl -H \"Authorization: Bearer $('{program}' token{option} {user})\" {rest}")
    };
    format!(
        "listening on http://{address}

{hint}# anna listens, in a second terminal:
{}
# bert sends, in a third:
{}
# anna asks for what there was:
{}

",
        curl("anna", &format!("-N http://{address}/v1/stream")),
        curl("bert", &format!("-d '{{\"to\":[\"anna\"],\"text\":\"hello\"}}' http://{address}/v1/messages")),
        curl("anna", &format!("'http://{address}/v1/updates?after=start&wait=0'")),
    )
}
