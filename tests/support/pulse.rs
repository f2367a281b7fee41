//! Whether a process is still there for others: what it answers on its socket, and what memory it holds.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// Who does not answer within this does not answer.
const SILENCE: Duration = Duration::from_secs(60);

/// A question that goes all the way to the database.
const QUESTION: &str = r#"{"act_as":null,"request":"environments"}"#;

/// Asks an owner without pause how it is, from another thread.
#[derive(Debug)]
pub struct Pulse {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Felt>,
}

/// What was felt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Felt {
    /// Answers.
    pub answers: u32,
    /// The longest that one took.
    pub slowest: Duration,
}

impl Pulse {
    /// Begins, at the owner of a state folder.
    ///
    /// # Panics
    /// If there is no thread to be had.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        let (socket, stop) = (state.join("socket"), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&stop);
        let builder = std::thread::Builder::new().name("pulse".into());
        let asking = builder.spawn(move || ask_until(&socket, &until)).expect("start a thread");
        Self { stop, asking }
    }

    /// Ends.
    ///
    /// # Panics
    /// If a question was not answered.
    #[must_use]
    pub fn end(self) -> Felt {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().expect("every question is answered")
    }
}

fn ask_until(socket: &Path, stop: &AtomicBool) -> Felt {
    let mut felt = Felt::default();
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = ask(socket);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        felt.slowest = felt.slowest.max(asked.elapsed());
        felt.answers += 1;
        std::thread::sleep(PAUSE);
    }
    felt
}

fn ask(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).expect("reach the owner");
    stream.set_read_timeout(Some(SILENCE)).expect("set a timeout");
    let length = QUESTION.len();
    write!(
        stream,
        "POST /v1/call HTTP/1.1\r\nHost: owner\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{QUESTION}"
    )
    .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the owner answers");
    answer
}

/// The most memory that a process has held at once so far, in KiB.
///
/// # Panics
/// If the system does not say.
#[must_use]
pub fn peak_resident(process: u32) -> u64 {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system says");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
