use std::path::PathBuf;

/// Says where the embedded PostgreSQL lives and how it is started.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The directory that holds the cluster; made if it is missing.
    pub data_dir: PathBuf,
    /// The only place to look for `postgres` and `initdb`, if given.
    pub pg_bin: Option<PathBuf>,
    /// Further PostgreSQL settings (name, value); they win over those that are set here.
    pub settings: Vec<(String, String)>,
}
