//! A line to a server that is slow, or on which nobody ever answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
        Self::new(|_, _| {})
    }

    /// Leads to a server, whose every answer comes so much later.
    ///
    /// # Panics
    /// If there is no port to be had.
    #[must_use]
    pub fn slow(server: &str, delay: Duration) -> Self {
        let server = server.strip_prefix("https://").expect("the server is asked by https").to_owned();
        Self::new(move |caller, held| {
            let answering = TcpStream::connect(&server).expect("reach the server");
            let mut ends = held.lock().expect("nobody panics with it");
            ends.push(answering.try_clone().expect("share a connection"));
            pass(clone(caller), clone(&answering), Duration::ZERO);
            pass(answering, clone(caller), delay);
        })
    }

    fn new(mut taken: impl FnMut(&TcpStream, &Mutex<Vec<TcpStream>>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it listens").port();
        let held = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&held);
        spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                taken(&caller, &kept);
                kept.lock().expect("nobody panics with it").push(caller);
            }
        });
        Self { port, held }
    }

    /// What to call instead of the server.
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

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("share a connection")
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name("line".into()).spawn(work).expect("start a thread");
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            std::thread::sleep(delay);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(Shutdown::Write);
    });
}
