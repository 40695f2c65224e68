//! Which web pages may call the server.

/// Origins whose pages may call the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// `http` and `https` on this machine, any port.
    Loopback,
    /// All.
    Any,
    /// These alone, as browsers write them.
    List(Vec<String>),
}

impl AllowedOrigins {
    /// Puts the values of the setting together; none stands for loopback.
    pub fn of(values: &[String]) -> Self {
        match values {
            [] => Self::Loopback,
            values if values.iter().any(|value| value == "*") => Self::Any,
            values => Self::List(values.to_vec()),
        }
    }
}

/// Reads one origin, or `*`.
///
/// # Errors
/// It has a path, no scheme, or no host.
pub fn parse_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let origin = text.to_ascii_lowercase();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    match origin.split_once("://") {
        Some((scheme, host))
            if !scheme.is_empty() && scheme.bytes().all(is_scheme) && !host.is_empty() && host.bytes().all(is_host) =>
        {
            // Browsers leave the scheme's own port out.
            let port = match scheme {
                "http" => ":80",
                "https" => ":443",
                _ => "",
            };
            Ok(origin.strip_suffix(port).unwrap_or(&origin).to_owned())
        }
        _ => Err("is not an origin, needs one like https://app.example.com, without a path".into()),
    }
}

#[cfg(test)]
#[path = "tests/origins.rs"]
mod tests;
