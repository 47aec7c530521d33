//! Values as people write them, on the command line and in files.

use std::net::SocketAddr;
use std::time::Duration;

use headcount::{Detector, Exchange, Name};

/// A duration with its unit: `200ms`, `5s`, `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number with its unit, for example 200ms or 5s"))
}

/// A socket's address: `127.0.0.1:7946`, `[::1]:7946`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "is not an address; write ip:port, for example 127.0.0.1:7946 (port 0: any free one)"
            .to_owned()
    })
}

/// A host and its port: `10.0.0.5:7946`, `seeds.example.org:7946`, `[::1]:7946`.
pub(crate) fn host_port(text: &str) -> Result<String, String> {
    let fix = "write host:port, for example 10.0.0.5:7946 or seeds.example.org:7946";
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("has no port; {fix}"));
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || host.contains(char::is_whitespace) || (host.contains(':') && !bracketed) {
        return Err(format!("has no host; {fix}"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(text.to_owned()),
        _ => Err(format!("{port:?} is not a port, 1 to 65535; {fix}")),
    }
}

/// A tag: `key=value`.
pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("is not a tag; write key=value, for example role=api".to_owned()),
    }
}

/// A member's name.
pub(crate) fn name(text: &str) -> Result<String, String> {
    Name::new(text).map(|name| name.to_string()).map_err(|error| format!("is no name: {error}"))
}

/// The name of a way to exchange tables.
pub(crate) fn exchange(text: &str) -> Result<Exchange, String> {
    let unknown = || "is no way to exchange tables; use auto, full, sketch or stream".to_owned();
    Exchange::from_name(text).ok_or_else(unknown)
}

/// A detector's name.
pub(crate) fn detector(text: &str) -> Result<Detector, String> {
    Detector::from_name(text)
        .ok_or_else(|| "is no detector; use observers, lifeguard or swim".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_needs_a_port() {
        for good in ["10.0.0.5:7946", "seeds.example.org:1", "[::1]:7946"] {
            assert_eq!(host_port(good).as_deref(), Ok(good));
        }
        for bad in ["", "host", ":1", "host:", "host:0", "host:65536", "::1:1", "a b:1", "host:x"] {
            assert!(host_port(bad).is_err_and(|error| error.contains("write host:port")), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_a_key_and_a_value() {
        assert_eq!(tag("role=api=2"), Ok(("role".to_owned(), "api=2".to_owned())));
        assert_eq!(tag("role="), Ok(("role".to_owned(), String::new())));
        assert!(tag("=api").is_err() && tag("role").is_err());
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("5").is_err_and(|error| error.contains("5s")));
    }
}
