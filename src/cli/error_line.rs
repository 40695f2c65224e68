//! Errors of the command line that are shown on one line.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Returns the line for a setting with an invalid value, nothing for other errors. The line names the setting and never
/// shows the value, which may be a secret.
pub fn of_invalid_value(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let Some(ContextValue::String(setting)) = error.get(ContextKind::InvalidArg) else { return None };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let cause = cause.unwrap_or_else(|| "is not one of the possible values, see --help".into());
    Some(format!("error: {setting}: {cause}"))
}

#[cfg(test)]
#[path = "tests/error_line.rs"]
mod tests;
