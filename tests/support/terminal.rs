//! The real binary at a terminal of its own: what somebody sees there, and what they type.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty;

use crate::wait::until;

/// The longest wait for something to be shown.
const SHOWN: Duration = Duration::from_secs(180);

/// A program at a pseudo-terminal. Dropped, it is killed.
pub struct AtTerminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// What was waited for lies before this place.
    read: usize,
}

impl AtTerminal {
    /// Starts a command with all three streams at a terminal.
    ///
    /// # Panics
    /// If there is no terminal to be had, or it does not start.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let (ours, theirs) = pair();
        let clone = || Stdio::from(theirs.try_clone().expect("share the terminal"));
        command.stdin(clone()).stdout(clone()).stderr(clone()).env("TERM", "xterm");
        let child = command.spawn().expect("start the binary");
        drop((command, theirs));
        let keyboard = File::from(ours);
        let screen = Arc::default();
        watch(keyboard.try_clone().expect("share the terminal"), Arc::clone(&screen));
        Self { child, keyboard, screen, read: 0 }
    }

    /// Everything that was shown so far, colours and redrawn lines included.
    ///
    /// # Panics
    /// If the reader panicked.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen.lock().expect("the reader does not panic").clone()
    }

    /// Waits until something new is shown.
    ///
    /// # Panics
    /// If it is not.
    pub fn wait_for(&mut self, text: &str) {
        let seen = until(&format!("`{text}` at the terminal"), SHOWN, || {
            let screen = self.screen();
            let found = screen[self.read..].find(text).map(|at| self.read + at + text.len());
            if found.is_none() && self.child.try_wait().expect("ask for its end").is_some() {
                assert!(self.screen()[self.read..].contains(text), "ended without `{text}`:\n{screen}");
            }
            found
        });
        self.read = seen;
    }

    /// Types a line.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("type");
    }

    /// Sends SIGINT. The terminal is not the program's controlling one, so the key alone would do nothing.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let signal = rustix::process::Signal::INT;
        rustix::process::kill_process(pid.expect("it has a pid"), signal).expect("send SIGINT");
    }

    /// Waits for its end, and checks the exit code. Returns everything that was shown.
    ///
    /// # Panics
    /// If it does not end, or with another code; shows everything.
    #[track_caller]
    pub fn expect(mut self, code: i32) -> String {
        let status = until("its end", SHOWN, || self.child.try_wait().expect("ask for its end"));
        // The reader ends with the terminal; what it holds then is everything.
        until("the end of its output", SHOWN, || (Arc::strong_count(&self.screen) == 1).then_some(()));
        let screen = self.screen();
        assert_eq!(status.code(), Some(code), "{screen}");
        screen
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Our end and the program's.
fn pair() -> (OwnedFd, OwnedFd) {
    let flags = pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY | pty::OpenptFlags::CLOEXEC;
    let ours = pty::openpt(flags).expect("a pseudo-terminal");
    pty::grantpt(&ours).expect("own the terminal");
    pty::unlockpt(&ours).expect("unlock the terminal");
    let name = pty::ptsname(&ours, Vec::new()).expect("the terminal has a name");
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs =
        rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).expect("open the terminal");
    (ours, theirs)
}

fn watch(mut terminal: File, screen: Arc<Mutex<String>>) {
    let builder = std::thread::Builder::new().name("watch".into());
    builder
        .spawn(move || {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            // The last one to close the other end makes this an error.
            while let Ok(count @ 1..) = terminal.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..count]);
                *screen.lock().expect("nobody panics with it") = String::from_utf8_lossy(&bytes).into_owned();
            }
        })
        .expect("start a reader");
}
