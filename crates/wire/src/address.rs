use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::error::DecodeError;
use crate::proto;
use crate::proto::address::Ip;

pub(crate) fn from_proto(address: Option<proto::Address>) -> Result<SocketAddr, DecodeError> {
    let address = address.ok_or(DecodeError::invalid("address"))?;
    let ip = match address.ip {
        Some(Ip::Ipv4(bits)) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
        Some(Ip::Ipv6(octets)) => <[u8; 16]>::try_from(octets)
            .map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
            .map_err(|_| DecodeError::invalid("address.ipv6"))?,
        None => return Err(DecodeError::invalid("address.ip")),
    };
    let plain = ip.to_canonical();
    if plain.is_unspecified() || plain.is_multicast() {
        return Err(DecodeError::invalid("address.ip"));
    }
    match u16::try_from(address.port) {
        Ok(port) if port != 0 => Ok(SocketAddr::new(ip, port)),
        _ => Err(DecodeError::invalid("address.port")),
    }
}
