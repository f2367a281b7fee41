//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the ports that systems hand out for outgoing connections (from 32768 on Linux): one of those could
/// be taken by any connection between this choice and the moment the program listens.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Finds different free ports. They are held until all are found, then released together.
///
/// # Errors
/// If there are not enough.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    // Two clusters that start at once look in different places first.
    let offset = (std::process::id() % u32::from(COUNT)) as u16;
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for step in 0..COUNT {
        let port = FIRST + (offset.wrapping_mul(7) % COUNT + step) % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            ports[held.len()] = port;
            held.push(listener);
        }
        if held.len() == N {
            return Ok(ports);
        }
    }
    bail!("not enough free ports on loopback between {FIRST} and {}", FIRST + COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_different_ports_and_passes_over_those_that_are_taken() {
        let [taken] = free().unwrap();
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let mut ports: [u16; 6] = free().unwrap();
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] < pair[1]), "{ports:?}");
        assert!(!ports.contains(&taken), "{ports:?}");
    }
}
