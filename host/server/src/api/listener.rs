//! Connections from wherever the page is reachable: so many at a time, and each for so long, whatever comes of
//! it. The socket needs none of it, because only the owner of the state folder reaches that.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at a time. Each may hold half a MiB of headers; who comes later waits for one to end.
const CONNECTIONS_MAX: usize = 64;
/// The longest life of a connection. A browser asks and is answered in a moment, and comes again if it wants
/// more.
const LIFE_MAX: Duration = Duration::from_secs(20);

/// A listener that holds its connections to these limits.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Bounded {
    /// Over a listener.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let end = Box::pin(tokio::time::sleep(LIFE_MAX));
        (Connection { stream, end, _place: place }, address)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends in time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn alive(&mut self, context: &mut Context<'_>) -> Result<()> {
        if self.end.as_mut().poll(context).is_ready() {
            return Err(Error::new(ErrorKind::TimedOut, "the connection was open for too long"));
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn listening() -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Bounded::new(listener), address)
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_cut_off() {
        let (mut bounded, address) = listening().await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = bounded.accept().await;
        let read = connection.read_u8().await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_comes_too_late_waits_for_a_place() {
        let (mut bounded, address) = listening().await;
        bounded.free = Arc::new(Semaphore::new(1));
        let _first = TcpStream::connect(address).await.unwrap();
        let (taken, _) = bounded.accept().await;
        let _second = TcpStream::connect(address).await.unwrap();
        assert!(futures::poll!(Box::pin(bounded.accept())).is_pending());
        drop(taken);
        let (_connection, _) = bounded.accept().await;
    }
}
