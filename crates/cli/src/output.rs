//! The one door to the standard output and the standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Writes `text` and the end of the line to the standard output, now.
///
/// # Errors
/// [`Failure::Closed`] when nobody reads it any more.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    raw(&format!("{text}\n"))
}

/// Writes `text` as it is to the standard output, now.
///
/// # Errors
/// [`Failure::Closed`] when nobody reads it any more.
pub(crate) fn raw(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes `value` as one JSON document to the standard output, now.
///
/// # Errors
/// [`Failure::Closed`] when nobody reads it any more.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    line(&text)
}

/// Writes a line to the standard error; that nobody reads it is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
