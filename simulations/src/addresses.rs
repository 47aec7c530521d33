//! The addresses of the simulated network, and whose they are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port of every node.
const PORT: u16 = 7_946;

/// The network: 10.0.0.0/8.
const NETWORK: u32 = 0x0a00_0000;
const HOSTS: u32 = 0x00ff_ffff;

/// Who has which address. Addresses are given out in order, so that an address is as good as a
/// number; a node keeps what it has had until it is passed on.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    owners: Vec<usize>,
}

impl Addresses {
    /// An address for `node` that nobody had before.
    pub(crate) fn fresh(&mut self, node: usize) -> SocketAddr {
        self.owners.push(node);
        address(self.owners.len() as u32 - 1)
    }

    /// `node` has from now on what another one had.
    pub(crate) fn pass_on(&mut self, address: SocketAddr, node: usize) {
        let number = self.number(address);
        if let Some(owner) = number.and_then(|number| self.owners.get_mut(number as usize)) {
            *owner = node;
        }
    }

    /// The number of an address that was given out.
    pub(crate) fn number(&self, address: SocketAddr) -> Option<u32> {
        let SocketAddr::V4(v4) = address else { return None };
        let ip = u32::from(*v4.ip());
        if ip & !HOSTS != NETWORK || v4.port() != PORT {
            return None;
        }
        let number = (ip & HOSTS).checked_sub(1)?;
        ((number as usize) < self.owners.len()).then_some(number)
    }

    /// The node that has or had the address of this number.
    pub(crate) fn owner(&self, number: u32) -> Option<usize> {
        self.owners.get(number as usize).copied()
    }
}

/// The address number `number` of the simulated network: 10.0.0.1, 10.0.0.2, ...
pub(crate) fn address(number: u32) -> SocketAddr {
    let host = number.wrapping_add(1) & HOSTS;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(NETWORK | host)), PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_up_through_the_private_network() {
        assert_eq!(address(0).to_string(), "10.0.0.1:7946");
        assert_eq!(address(254).to_string(), "10.0.0.255:7946");
        assert_eq!(address(65_535).to_string(), "10.1.0.0:7946");
    }

    #[test]
    fn only_what_was_given_out_has_an_owner() {
        let mut addresses = Addresses::default();
        let given: Vec<SocketAddr> = [7, 8, 7].map(|node| addresses.fresh(node)).to_vec();
        assert_eq!(given, [address(0), address(1), address(2)]);
        let numbers: Vec<_> = given.iter().map(|given| addresses.number(*given)).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
        assert_eq!(
            [0, 1, 2, 3].map(|number| addresses.owner(number)),
            [Some(7), Some(8), Some(7), None]
        );
        for nobody in ["10.0.0.4:7946", "10.0.0.0:7946", "10.0.0.1:7947", "11.0.0.1:7946"] {
            assert_eq!(addresses.number(nobody.parse().unwrap()), None, "{nobody}");
        }
        assert_eq!(addresses.number("[::1]:7946".parse().unwrap()), None);
    }
}
