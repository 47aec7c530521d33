//! Which `Host` a request may name. A web page elsewhere can point its own name at this address,
//! and then its reader's browser takes this endpoint for a part of that page: such requests carry
//! the page's name, and no address.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses requests that name another host than an address or `localhost`.
pub(crate) async fn only_addresses(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).iter();
    if hosts.all(|host| host.to_str().is_ok_and(is_address)) {
        return next.run(request).await;
    }
    let text = "ask for this host by its address or as localhost; \
                an agent with --http-any-address takes any name\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_taken_and_names_are_not() {
        for good in ["127.0.0.1", "127.0.0.1:7947", "[::1]:7947", "[::1]", "LocalHost:80"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["page.example", "localhost.page.example:7947", "127.0.0.1.page.example", ""] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
