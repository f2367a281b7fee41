//! A far server: everything that passes through is held back for a while, in both directions, without making the way
//! any narrower.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What is read at once. A TLS record has at most 16 KiB.
const CHUNK: usize = 16 * 1024;

/// A way to a server that adds latency. It is there until the value is dropped.
pub struct Delay {
    /// Where it listens.
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Delay {
    /// A way to a server, on which a message and its answer need this much longer together.
    ///
    /// # Errors
    /// If there is no port for it.
    pub fn to(server: SocketAddr, round_trip: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).context("listen")?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(async move {
                    let Ok(far) = TcpStream::connect(server).await else { return };
                    // Held back once is enough: small messages must not wait for further ones.
                    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
                        return;
                    }
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(
                        pass(near_in, far_out, round_trip / 2),
                        pass(far_in, near_out, round_trip / 2)
                    );
                });
            }
        });
        Ok(Self { address, _runtime: runtime })
    }
}

/// Passes on what is read, each chunk when its time has come.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut held) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            if sender.send((Instant::now() + delay, chunk[..length].to_vec())).is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = held.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}
