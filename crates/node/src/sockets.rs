//! One port number for datagrams and streams, and sockets that outlive their errors.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use headcount_swim::Transmit;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::Instant;

use crate::error::NodeError;
use crate::stats::SocketStats;

/// So often another port is tried when the one that was free for datagrams is taken for streams.
const PORT_ATTEMPTS: usize = 32;

/// Room for the bursts of a large cluster; the operating system may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

const ACCEPT_BACKLOG: i32 = 1_024;

/// A failing socket is left alone for so long after this many errors in a row.
const ERRORS_IN_A_ROW: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

const WARN_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Sockets {
    udp: UdpSocket,
    /// The same socket, past the runtime.
    direct: net::UdpSocket,
    tcp: TcpListener,
    local: SocketAddr,
    pub(crate) stats: SocketStats,
    sending: Trouble,
    receiving: Trouble,
    accepting: Trouble,
}

impl Sockets {
    /// Binds both at `address`; port 0 takes one that is free for both.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Sockets, NodeError> {
        let attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
        let mut bound = bind_both(address);
        for _ in 1..attempts {
            match &bound {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                _ => break,
            }
            bound = bind_both(address);
        }
        let failed = |source| NodeError::Bind { address, source };
        let (direct, tcp, local) = bound.map_err(failed)?;
        let udp = direct.try_clone().and_then(UdpSocket::from_std).map_err(failed)?;
        // Until the runtime has looked at a new socket, sending says that it would block.
        udp.writable().await.map_err(failed)?;
        Ok(Sockets {
            udp,
            direct,
            tcp,
            local,
            stats: SocketStats::default(),
            sending: Trouble::new("send"),
            receiving: Trouble::new("receive"),
            accepting: Trouble::new("accept"),
        })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits until datagrams may be there. Cancel safe.
    pub(crate) async fn readable(&self) {
        self.receiving.pause().await;
        // An error shows again when the datagram is taken.
        let _ = self.udp.readable().await;
    }

    /// Takes one datagram; `None` when there is none, or when taking it failed.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let received = self.udp.try_recv_from(buffer);
        self.received(received)
    }

    /// Takes one datagram, though the runtime may not have looked at the socket since it came.
    pub(crate) fn receive_unannounced(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let received = self.direct.recv_from(buffer);
        self.received(received)
    }

    fn received(
        &mut self,
        received: io::Result<(usize, SocketAddr)>,
    ) -> Option<(usize, SocketAddr)> {
        match received {
            Ok((length, from)) => {
                self.receiving.over();
                Some((length, canonical(from)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => {
                self.stats.receive_errors += 1;
                self.receiving.tell(&error, None);
                None
            }
        }
    }

    /// Sends one datagram now or never.
    pub(crate) fn send(&mut self, transmit: &Transmit) {
        match self.udp.try_send_to(&transmit.bytes, self.reachable(transmit.to)) {
            Ok(_) => self.sending.over(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stats.send_blocked += 1;
            }
            Err(error) => {
                self.stats.send_errors += 1;
                self.sending.tell(&error, Some(transmit.to));
            }
        }
    }

    /// Waits for the next stream that a peer opens. Cancel safe.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accepting.pause().await;
        let (stream, from) = self.tcp.accept().await?;
        Ok((stream, canonical(from)))
    }

    pub(crate) fn accept_failed(&mut self, error: &io::Error) {
        self.stats.accept_errors += 1;
        self.accepting.tell(error, None);
    }

    pub(crate) fn accept_succeeded(&mut self) {
        self.accepting.over();
    }

    /// An IPv6 socket reaches IPv4 peers at their mapped addresses.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.local.is_ipv6() => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => to,
        }
    }
}

/// IPv4 peers of an IPv6 socket, by their IPv4 addresses.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn bind_both(address: SocketAddr) -> io::Result<(net::UdpSocket, TcpListener, SocketAddr)> {
    let domain = Domain::for_address(address);
    let stream = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process that are still closing do not keep the port. Elsewhere
    // than on Unix this option would let two processes share it.
    #[cfg(unix)]
    stream.set_reuse_address(true)?;
    prepare(&stream, address)?;
    stream.listen(ACCEPT_BACKLOG)?;
    let tcp = TcpListener::from_std(stream.into())?;
    let local = tcp.local_addr()?;

    let datagram = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // Best effort: a smaller buffer only drops more in a burst.
    let _ = datagram.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    prepare(&datagram, local)?;
    Ok((datagram.into(), tcp, local))
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        // "All addresses" means those of IPv4 too.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}

/// The local address from which `to` is reached. Sends nothing.
pub(crate) async fn source_for(to: SocketAddr) -> io::Result<SocketAddr> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    socket.local_addr()
}

/// Errors of one direction: told at a bounded rate, and no reason to spin.
#[derive(Debug)]
struct Trouble {
    direction: &'static str,
    in_a_row: u32,
    paused_until: Option<Instant>,
    told: Option<Instant>,
    untold: u64,
}

impl Trouble {
    fn new(direction: &'static str) -> Trouble {
        Trouble { direction, in_a_row: 0, paused_until: None, told: None, untold: 0 }
    }

    fn over(&mut self) {
        self.in_a_row = 0;
        self.paused_until = None;
    }

    fn tell(&mut self, error: &io::Error, peer: Option<SocketAddr>) {
        let now = Instant::now();
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.paused_until = (self.in_a_row >= ERRORS_IN_A_ROW).then(|| now + PAUSE);
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < WARN_EVERY) {
            self.untold += 1;
            return;
        }
        let peer = peer.map(tracing::field::display);
        let (direction, untold) = (self.direction, self.untold);
        tracing::warn!(direction, peer, %error, untold, "socket error");
        self.told = Some(now);
        self.untold = 0;
    }

    async fn pause(&self) {
        if let Some(until) = self.paused_until {
            tokio::time::sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn one_port_number_serves_datagrams_and_streams() {
        let sockets = Sockets::bind(at("127.0.0.1:0")).await.expect("free ports");
        let port = sockets.local().port();
        assert_ne!(port, 0);
        assert_eq!(sockets.udp.local_addr().expect("bound").port(), port);
        assert_eq!(sockets.tcp.local_addr().expect("bound").port(), port);
    }

    #[tokio::test]
    async fn a_port_taken_for_datagrams_alone_is_not_bound_for_streams() {
        let taken = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = taken.local_addr().expect("bound");
        let error = Sockets::bind(address).await.expect_err("taken");
        assert!(matches!(error, NodeError::Bind { address: named, .. } if named == address));
        TcpListener::bind(address).await.expect("the stream port is free again");
    }

    #[tokio::test]
    async fn an_ipv6_socket_for_all_addresses_speaks_to_ipv4_peers() {
        let Ok(mut six) = Sockets::bind(at("[::]:0")).await else { return };
        let mut four = Sockets::bind(at("127.0.0.1:0")).await.expect("free ports");
        let bytes = bytes_of(b"hello");
        six.send(&Transmit { to: four.local(), bytes: bytes.clone() });
        let from = from_of_next(&mut four).await;
        assert_eq!(from, SocketAddr::from((Ipv4Addr::LOCALHOST, six.local().port())));
        four.send(&Transmit { to: from, bytes });
        assert_eq!(from_of_next(&mut six).await, four.local());
    }

    async fn from_of_next(sockets: &mut Sockets) -> SocketAddr {
        loop {
            sockets.readable().await;
            if let Some((_, from)) = sockets.receive(&mut [0; 16]) {
                return from;
            }
        }
    }

    fn bytes_of(text: &'static [u8]) -> bytes::Bytes {
        bytes::Bytes::from_static(text)
    }

    #[tokio::test]
    async fn a_datagram_that_cannot_be_sent_is_counted_and_nothing_else() {
        let mut sockets = Sockets::bind(at("127.0.0.1:0")).await.expect("free ports");
        let bytes = bytes_of(b"hello");
        sockets.send(&Transmit { to: at("[::1]:9"), bytes: bytes.clone() });
        assert_eq!(sockets.stats.send_errors, 1);
        let own = sockets.local();
        sockets.send(&Transmit { to: own, bytes });
        assert_eq!(from_of_next(&mut sockets).await, own);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_keeps_failing_is_left_alone_for_a_moment() {
        let mut trouble = Trouble::new("receive");
        let error = io::Error::from(io::ErrorKind::NetworkDown);
        let start = Instant::now();
        for _ in 1..ERRORS_IN_A_ROW {
            trouble.tell(&error, None);
            trouble.pause().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        trouble.tell(&error, None);
        trouble.pause().await;
        assert!(start.elapsed() >= PAUSE);
        assert_eq!(trouble.untold, u64::from(ERRORS_IN_A_ROW) - 1, "one line for all of them");
        trouble.over();
        assert_eq!(trouble.paused_until, None);
    }
}
