//! Opens a connection, which the sandbox does not offer: it is refused before it runs.

use relhost_sdk::prelude::*;

struct WantsSockets;

/// Opens a connection, which the sandbox does not offer: it is refused before it runs.
#[relhost_sdk::stage]
impl Stage for WantsSockets {
    type Settings = NoSettings;

    fn run(&self, _: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        let peer = std::net::TcpStream::connect("127.0.0.1:1")?.peer_addr()?;
        Ok(Outcome::succeeded(peer.to_string()))
    }
}
