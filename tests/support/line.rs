//! A line on which nobody ever answers.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Where the line begins.
#[derive(Debug)]
pub struct Line {
    port: u16,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    /// Takes every connection and never says a word.
    ///
    /// # Panics
    /// If there is no port to be had.
    #[must_use]
    pub fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it listens").port();
        let held = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&held);
        let take = move || {
            for caller in listener.incoming().map_while(Result::ok) {
                kept.lock().expect("nobody panics with it").push(caller);
            }
        };
        std::thread::Builder::new().name("line".into()).spawn(take).expect("start a thread");
        Self { port, held }
    }

    /// What to call instead of a server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// How many connections there were.
    ///
    /// # Panics
    /// If the line is broken.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.held.lock().expect("nobody panics with it").len()
    }
}
