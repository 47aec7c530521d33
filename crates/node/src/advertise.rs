//! Which address a node tells others to reach it at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::error::NodeError;
use crate::seeds::resolve;
use crate::sockets::source_for;

/// A start waits no longer than this for names to resolve.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The address set, or one derived from the address bound and the way to the first seed. A fresh
/// host always gets one; the log says which and why.
///
/// # Errors
/// Only for an address that was set and cannot be.
pub(crate) async fn choose(
    setting: Option<&str>,
    bound: SocketAddr,
    seeds: &[String],
) -> Result<SocketAddr, NodeError> {
    let (address, reason) = match setting {
        Some(text) => (given(text, bound).await?, "it was set".to_owned()),
        None if !bound.ip().is_unspecified() => (bound, "it is the address bound".to_owned()),
        None => derived(bound, seeds).await,
    };
    if address.ip().is_loopback() && !bound.ip().is_loopback() {
        tracing::warn!(%address, %reason, "advertised address is reachable from this host alone");
    } else {
        tracing::info!(%address, %reason, "advertised address");
    }
    Ok(address)
}

/// An address as people write it: `ip`, `ip:port`, `host` or `host:port`; without a port, or with
/// port 0, the one that is bound.
async fn given(text: &str, bound: SocketAddr) -> Result<SocketAddr, NodeError> {
    let problem = |problem: String| NodeError::setting("advertise", text, problem);
    let found: Vec<SocketAddr> = if let Ok(ip) = text.parse::<IpAddr>() {
        vec![SocketAddr::new(ip, bound.port())]
    } else {
        let port = if text.contains(':') { "" } else { ":0" };
        let lookup = timeout(LOOKUP_TIMEOUT, lookup_host(format!("{text}{port}")));
        match lookup.await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => {
                return Err(problem(format!("does not resolve: {error}; give an IP and a port")));
            }
            Err(_) => {
                return Err(problem("does not resolve in time; give an IP and a port".into()));
            }
        }
    };
    let same_family = found.iter().find(|address| address.is_ipv4() == bound.is_ipv4());
    let Some(mut address) = same_family.or(found.first()).copied() else {
        return Err(problem("resolves to no address; give an IP and a port".into()));
    };
    if address.port() == 0 {
        address.set_port(bound.port());
    }
    if address.ip().is_unspecified() || address.ip().is_multicast() {
        return Err(problem("is no address of one host; give one that others can reach".into()));
    }
    Ok(address)
}

async fn derived(bound: SocketAddr, seeds: &[String]) -> (SocketAddr, String) {
    let usable = |ip: IpAddr| !ip.is_unspecified() && (bound.is_ipv6() || ip.is_ipv4());
    if let Some(seed) = seeds.first()
        && let Ok(Ok(found)) = timeout(LOOKUP_TIMEOUT, resolve(seed)).await
    {
        for to in found {
            if let Ok(source) = source_for(to).await
                && usable(source.ip())
            {
                let address = SocketAddr::new(source.ip(), bound.port());
                return (address, format!("the way to the seed {seed} begins there"));
            }
        }
    }
    for elsewhere in elsewhere(bound) {
        if let Ok(source) = source_for(elsewhere).await
            && usable(source.ip())
        {
            let address = SocketAddr::new(source.ip(), bound.port());
            return (address, "the way to other networks begins there".to_owned());
        }
    }
    let loopback: IpAddr = match bound {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let reason = "there is no way to any other host; set `advertise` if there is one";
    (SocketAddr::new(loopback, bound.port()), reason.to_owned())
}

/// Addresses kept for documentation (RFC 5737, RFC 3849): they lie behind the default route, and
/// nobody is there.
fn elsewhere(bound: SocketAddr) -> Vec<SocketAddr> {
    let v4 = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
    let v6 = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9));
    if bound.is_ipv4() { vec![v4] } else { vec![v6, v4] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    async fn chosen(setting: Option<&str>, bound: &str, seeds: &[&str]) -> SocketAddr {
        let seeds: Vec<String> = seeds.iter().map(|seed| (*seed).to_owned()).collect();
        choose(setting, at(bound), &seeds).await.expect("an address")
    }

    #[tokio::test]
    async fn a_concrete_address_bound_is_the_one_advertised() {
        assert_eq!(chosen(None, "127.0.0.9:77", &[]).await, at("127.0.0.9:77"));
    }

    #[tokio::test]
    async fn an_address_that_was_set_takes_the_port_bound_when_it_names_none() {
        assert_eq!(chosen(Some("10.9.8.7"), "0.0.0.0:77", &[]).await, at("10.9.8.7:77"));
        assert_eq!(chosen(Some("10.9.8.7:0"), "0.0.0.0:77", &[]).await, at("10.9.8.7:77"));
        assert_eq!(chosen(Some("10.9.8.7:5"), "0.0.0.0:77", &[]).await, at("10.9.8.7:5"));
        assert_eq!(chosen(Some("localhost"), "0.0.0.0:77", &[]).await, at("127.0.0.1:77"));
    }

    #[tokio::test]
    async fn the_way_to_the_first_seed_decides() {
        let address = chosen(None, "0.0.0.0:77", &["127.0.0.1:5"]).await;
        assert_eq!(address, at("127.0.0.1:77"));
    }

    #[tokio::test]
    async fn a_fresh_host_always_gets_an_address() {
        for bound in ["0.0.0.0:77", "[::]:77"] {
            let address = chosen(None, bound, &["no-such-host.invalid:5"]).await;
            assert!(!address.ip().is_unspecified());
            assert_eq!(address.port(), 77);
        }
    }

    #[tokio::test]
    async fn an_address_of_no_host_is_refused_by_name() {
        for text in ["0.0.0.0", "[::]:5", "224.0.0.1", "no-such-host.invalid"] {
            let error = choose(Some(text), at("0.0.0.0:77"), &[]).await.expect_err("refused");
            assert!(error.to_string().starts_with("advertise: "), "{error}");
        }
    }
}
