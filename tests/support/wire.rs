//! The line between the host and the control plane: it takes its time, and can hold back what is sent, so that a
//! test decides on which side of it the host dies. What goes through is encrypted and not looked at.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cluster::ControlPlane;
use crate::wait::until;

/// How long an answer is under way: long enough to kill somebody before it arrives.
const ANSWER: Duration = Duration::from_millis(400);
/// How often somebody who holds back looks whether they still do.
const LOOK: Duration = Duration::from_millis(2);
/// A request of a busy machine.
const BUSY: Duration = Duration::from_secs(60);

/// A line that runs until it is dropped, and whatever is under way then a little longer.
#[derive(Debug)]
pub struct Wire {
    /// Its end for the host, as a URL.
    pub url: String,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    holds: AtomicBool,
    held: AtomicUsize,
    /// What was opened, to be closed at the end.
    open: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A line to the control plane.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn to(plane: &ControlPlane) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("it has an address"));
        let state = Arc::new(State::default());
        let server = plane.server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let shared = Arc::clone(&state);
        start(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                join(&shared, client, server);
            }
        });
        Self { url, state }
    }

    /// From now on what the host sends does not arrive.
    pub fn hold(&self) {
        self.state.holds.store(true, Ordering::SeqCst);
    }

    /// Waits until something is held back.
    ///
    /// # Panics
    /// If nothing is sent.
    pub fn wait_until_held(&self) {
        until("something that was sent", BUSY, || (self.state.held.load(Ordering::SeqCst) > 0).then_some(()));
    }

    /// What was held back arrives.
    pub fn let_go(&self) {
        self.state.holds.store(false, Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.let_go();
        for stream in self.state.open.lock().expect("nobody panics with it").drain(..) {
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

fn start(work: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().name("wire".into());
    let _detached = builder.spawn(work).expect("start a thread");
}

fn join(state: &Arc<State>, client: TcpStream, server: TcpStream) {
    let twice = |stream: &TcpStream| stream.try_clone().expect("a stream has two ends");
    let (from_client, from_server) = (twice(&client), twice(&server));
    state.open.lock().expect("nobody panics with it").extend([twice(&client), twice(&server)]);
    let shared = Arc::clone(state);
    // The server's end stays open when the client dies: what is under way arrives.
    start(move || pass(from_client, server, |read| shared.hold_back(read)));
    start(move || pass(from_server, client, |_read| std::thread::sleep(ANSWER)));
}

impl State {
    fn hold_back(&self, read: usize) {
        if self.holds.load(Ordering::SeqCst) {
            let _before = self.held.fetch_add(read, Ordering::SeqCst);
        }
        while self.holds.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, wait: impl Fn(usize)) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        wait(read);
        if to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
