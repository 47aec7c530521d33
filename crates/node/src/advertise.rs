//! Which address a node tells others to reach it at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::NodeError;
use crate::seeds::resolve;
use crate::sockets::source_for;

/// A start waits no longer than this for names to resolve.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The way to so many seeds is looked at.
const SEEDS_MAX: usize = 32;

/// The address set, or one derived from the address bound and the way to the seeds. A fresh
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
    let mut local = None;
    for (seed, source) in sources(bound, seeds).await {
        let found = (SocketAddr::new(source, bound.port()), seed);
        if !source.is_loopback() {
            return (found.0, format!("the way to the seed {} begins there", found.1));
        }
        local.get_or_insert(found);
    }
    if let Some((address, seed)) = local
        && seeds.iter().all(|seed| is_local(seed))
    {
        return (address, format!("all seeds are on this host, as {seed}"));
    }
    for elsewhere in elsewhere(bound) {
        if let Some(source) = usable_source(bound, elsewhere).await {
            let address = SocketAddr::new(source, bound.port());
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

/// From where each seed is reached, in the order of the seeds; those that are not reached, or not
/// found in time, are left out. All are looked up at once.
async fn sources(bound: SocketAddr, seeds: &[String]) -> Vec<(&str, IpAddr)> {
    let mut lookups = JoinSet::new();
    for (index, seed) in seeds.iter().take(SEEDS_MAX).cloned().enumerate() {
        lookups.spawn(async move {
            let mut sources = Vec::new();
            for to in resolve(&seed).await.unwrap_or_default() {
                sources.extend(usable_source(bound, to).await);
            }
            let best = sources.iter().find(|source| !source.is_loopback()).or(sources.first());
            (index, best.copied())
        });
    }
    let until = Instant::now() + LOOKUP_TIMEOUT;
    let mut found = Vec::new();
    while let Ok(Some(done)) = timeout_at(until, lookups.join_next()).await {
        if let Ok((index, Some(source))) = done {
            found.push((index, source));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(index, source)| (seeds[index].as_str(), source)).collect()
}

/// The way to `to` begins here, and a socket bound to all addresses of `bound`'s family is there.
async fn usable_source(bound: SocketAddr, to: SocketAddr) -> Option<IpAddr> {
    let source = source_for(to).await.ok()?.ip();
    (!source.is_unspecified() && (bound.is_ipv6() || source.is_ipv4())).then_some(source)
}

/// Whether a seed says by itself that it is on this host.
fn is_local(seed: &str) -> bool {
    let literal =
        seed.parse::<SocketAddr>().is_ok_and(|seed| seed.ip().to_canonical().is_loopback());
    literal || seed.rsplit_once(':').is_some_and(|(host, _)| host.eq_ignore_ascii_case("localhost"))
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
    async fn seeds_on_this_host_alone_make_it_loopback() {
        for seeds in [["127.0.0.1:5", "127.0.0.1:6"], ["localhost:5", "127.0.0.1:6"]] {
            assert_eq!(chosen(None, "0.0.0.0:77", &seeds).await, at("127.0.0.1:77"));
        }
    }

    #[tokio::test]
    async fn a_seed_on_this_host_does_not_hide_one_elsewhere() {
        // Where a fresh host without seeds is found: on a host with no network, loopback.
        let elsewhere = chosen(None, "0.0.0.0:77", &[]).await;
        for seed in ["192.0.2.7:5", "no-such-host.invalid:5"] {
            let address = chosen(None, "0.0.0.0:77", &["127.0.0.1:5", seed]).await;
            assert_eq!(address, elsewhere, "{seed}");
        }
    }

    #[test]
    fn a_seed_is_local_when_it_says_so() {
        for local in ["127.0.0.1:5", "127.9.9.9:5", "[::1]:5", "localhost:5", "LocalHost:5"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["10.0.0.1:5", "[fe80::1]:5", "orders-1:5", "localhost.example.com:5"] {
            assert!(!is_local(other), "{other}");
        }
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
