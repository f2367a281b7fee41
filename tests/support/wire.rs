//! The line between the host and the control plane: it can hold back what is sent, in either direction, so that a
//! test decides on which side of it the host dies, and it can be slow. What goes through is encrypted and not looked
//! at.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cluster::ControlPlane;
use crate::wait::until;

/// An answer stays so long before somebody is asked about it: one that fills the server's buffer is sent before its
/// line of the audit log is written.
const ANSWER: Duration = Duration::from_millis(100);
/// How often somebody who holds back looks whether they still do.
const LOOK: Duration = Duration::from_millis(2);
/// From the start of the host to what it is stopped at, on a busy machine.
const BUSY: Duration = Duration::from_secs(180);

/// A line that runs until it is dropped, and whatever is under way then a little longer.
#[derive(Debug)]
pub struct Wire {
    /// Its end for the host, as a URL.
    pub url: String,
    /// What the host sends.
    pub requests: Arc<Gate>,
    /// What the control plane sends. Closes when it is time to stop.
    pub answers: Arc<Gate>,
    /// What was opened, to be closed at the end.
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    /// A line to the control plane. Before an answer goes on `stop` is asked; the first for which it says yes is held
    /// back, and all others that come after it.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn to(plane: &ControlPlane, stop: impl Fn() -> bool + Send + 'static) -> Self {
        Self::new(plane, ANSWER, Some(Box::new(stop)))
    }

    /// A line to the control plane on which whatever it answers comes so much later.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn slow(plane: &ControlPlane, delay: Duration) -> Self {
        Self::new(plane, delay, None)
    }

    /// Whether anybody has used it.
    ///
    /// # Panics
    /// If the line is broken.
    #[must_use]
    pub fn was_used(&self) -> bool {
        !self.open.lock().expect("nobody panics with it").is_empty()
    }

    fn new(plane: &ControlPlane, delay: Duration, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("it has an address"));
        let wire = Self { url, requests: Arc::default(), answers: Arc::default(), open: Arc::default() };
        let server = plane.server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let ends = Ends {
            requests: Arc::clone(&wire.requests),
            answers: Arc::clone(&wire.answers),
            delay,
            stop: Arc::new(Mutex::new(stop)),
            open: Arc::clone(&wire.open),
        };
        start(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                ends.join(client, server);
            }
        });
        wire
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.requests.let_go();
        self.answers.let_go();
        for stream in self.open.lock().expect("nobody panics with it").drain(..) {
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// One direction of the line. It is open at first.
#[derive(Debug, Default)]
pub struct Gate {
    holds: AtomicBool,
    held: AtomicUsize,
}

impl Gate {
    /// From now on nothing arrives.
    pub fn hold(&self) {
        self.holds.store(true, Ordering::SeqCst);
    }

    /// Waits until something is held back.
    ///
    /// # Panics
    /// If nothing is sent.
    pub fn wait_until_held(&self) {
        until("something that was sent", BUSY, || (self.held.load(Ordering::SeqCst) > 0).then_some(()));
    }

    /// What was held back arrives.
    pub fn let_go(&self) {
        self.holds.store(false, Ordering::SeqCst);
    }

    fn pass(&self, read: usize) {
        if self.holds.load(Ordering::SeqCst) {
            let _before = self.held.fetch_add(read, Ordering::SeqCst);
        }
        while self.holds.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
    }
}

/// Says when to hold the answers back; gone once it has.
type Stop = Option<Box<dyn Fn() -> bool + Send>>;

/// What every connection of a line knows.
struct Ends {
    requests: Arc<Gate>,
    answers: Arc<Gate>,
    delay: Duration,
    stop: Arc<Mutex<Stop>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Ends {
    fn join(&self, client: TcpStream, server: TcpStream) {
        let twice = |stream: &TcpStream| stream.try_clone().expect("a stream has two ends");
        let (from_client, from_server) = (twice(&client), twice(&server));
        self.open.lock().expect("nobody panics with it").extend([twice(&client), twice(&server)]);
        let (requests, answers) = (Arc::clone(&self.requests), Arc::clone(&self.answers));
        let (delay, stop) = (self.delay, Arc::clone(&self.stop));
        // The server's end stays open when the client dies: what is under way arrives.
        start(move || pass(from_client, server, |read| requests.pass(read)));
        start(move || {
            pass(from_server, client, |read| {
                std::thread::sleep(delay);
                close(&answers, &stop);
                answers.pass(read);
            });
        });
    }
}

/// Closes a gate if it is time to, and never again.
fn close(gate: &Gate, stop: &Mutex<Stop>) {
    // Held while it is asked: no other answer slips through meanwhile.
    let mut stop = stop.lock().expect("nobody panics with it");
    if stop.as_ref().is_some_and(|stop| stop()) {
        gate.hold();
        *stop = None;
    }
}

fn start(work: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().name("wire".into());
    let _detached = builder.spawn(work).expect("start a thread");
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
