use super::secret::Secret;
use clap::Args;

/// The keys that sign and verify access tokens.
#[derive(Args, Clone, Debug)]
pub struct TokenConfig {
    /// Key that signs access tokens, 32 bytes or more; without it one is made and kept in the database
    #[arg(long, env = "LONGWAVE_JWT_SECRET", value_name = "KEY", hide_env_values = true, value_parser = signing_key)]
    pub jwt_secret: Option<Secret>,

    /// Key of the tokens that an app's own backend mints (HS256, 32 bytes or more)
    #[arg(long, env = "LONGWAVE_EXTERNAL_JWT_SECRET", value_name = "KEY", hide_env_values = true, value_parser = signing_key)]
    pub external_jwt_secret: Option<Secret>,
}

fn signing_key(text: &str) -> Result<Secret, String> {
    if text.len() < 32 {
        return Err(format!("has {} bytes, needs 32 or more", text.len()));
    }
    Ok(Secret::new(text))
}
