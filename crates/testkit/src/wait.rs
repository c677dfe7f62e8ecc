//! Waiting for something to become true, and ports to listen on.
//!
//! Sleeps only between two looks at a condition: a test that sleeps and hopes is a test that fails on a slow day.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType};

/// The pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks at `condition` until it is true.
///
/// # Panics
/// When it still is not true after `deadline`; `what` says what was waited for.
pub fn wait_for(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_some(deadline, what, || condition().then_some(()));
}

/// Looks until there is something, and hands it out.
///
/// # Panics
/// When there still is nothing after `deadline`; `what` says what was waited for.
pub fn wait_some<T>(deadline: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    match try_wait(deadline, look) {
        Some(found) => found,
        None => panic!("waited {deadline:?} in vain for {what}"),
    }
}

/// Looks until there is something or the deadline passed.
pub fn try_wait<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() >= deadline {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A TCP port on loopback that nobody listens on at this moment, and that the kernel gives to nobody by itself: neither to a
/// listener at port 0 nor to who connects (Documentation/networking/ip-sysctl, `ip_local_port_range`).
///
/// Whoever binds it next has it: prefer port 0 where the listener can tell which port it got.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    // Each process begins elsewhere, and gives none away twice.
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(16);
    let next = || {
        let nth = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        u16::try_from(FIRST + nth).expect("below 65,536")
    };
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(next).take(COUNT as usize).find(is_free).expect("loopback has a free port")
}

/// A loopback port that refuses every connection for as long as this value lives: bound, so that nobody else gets it, and
/// never listening.
pub struct Unreachable {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl Unreachable {
    /// Takes a port and does not listen on it.
    pub fn new() -> Self {
        let socket =
            rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a TCP socket can be made");
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port");
        let address = rustix::net::getsockname(&socket).expect("a bound socket has an address");
        let address = SocketAddr::try_from(address).expect("an internet socket has an internet address");
        Self { address, _socket: socket }
    }

    /// The port that refuses.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:<port>/<path>`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

impl Default for Unreachable {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unreachable({})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn an_unreachable_port_refuses() {
        let nobody = Unreachable::new();
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, nobody.port())).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn waiting_ends_with_the_condition() {
        let mut looks = 0;
        wait_for(Duration::from_secs(5), "three looks", || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
        assert_eq!(try_wait(Duration::from_millis(1), || None::<()>), None);
    }
}
