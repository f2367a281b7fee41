//! The real binary, run in a folder of its own.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit};

use crate::keys;
use crate::wait::until;
use crate::workspace::root;

/// How exactly a process is killed after a span of time.
const MOMENT: Duration = Duration::from_millis(1);
/// A process that was killed is gone by then.
const REAPED: Duration = Duration::from_secs(30);

/// The ordinary binary.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary() -> PathBuf {
    find("RELHOST_BIN", "debug/relhost")
}

/// The binary that dies at labelled points.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn kill_binary() -> PathBuf {
    find("RELHOST_KILL_BIN", "kill-points/relhost")
}

fn find(variable: &str, built: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| root().join("target").join(built), PathBuf::from);
    assert!(path.is_file(), "{} is missing: cargo xtask test builds it", path.display());
    path
}

/// A folder with configuration, pipelines and state, and the binary to run there.
///
/// When it is dropped, what is secret there must be nowhere else: see [`keys`].
pub struct Place {
    folder: tempfile::TempDir,
    binary: PathBuf,
    heard: Heard,
}

/// Everything that programs of one place have said.
type Heard = Arc<Mutex<Vec<String>>>;

impl Place {
    /// An empty folder and the ordinary binary.
    ///
    /// # Panics
    /// If no folder can be made.
    #[must_use]
    pub fn new() -> Self {
        Self::with(binary())
    }

    /// An empty folder and a binary.
    ///
    /// # Panics
    /// If no folder can be made.
    #[must_use]
    pub fn with(binary: PathBuf) -> Self {
        Self { folder: tempfile::tempdir().expect("make a folder"), binary, heard: Heard::default() }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("make the folder");
        std::fs::write(&path, text).expect("write the file");
        path
    }

    /// Replaces a text that stands in a file below the folder.
    ///
    /// # Panics
    /// If the file has no such text.
    #[track_caller]
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(name)).expect("read the file");
        assert!(text.contains(from), "{name} has no {from:?}");
        let _path = self.write(name, &text.replace(from, to));
    }

    /// Copies a folder of the workspace below the folder.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn copy(&self, from: &str, to: &str) {
        copy_folder(&root().join(from), &self.path().join(to));
    }

    /// The binary with arguments, to be run in the folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.path()).env_remove("CI").stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("start the binary");
        let ended = Ended::new(arguments, &output);
        hear(&self.heard, [ended.stdout.clone(), ended.stderr.clone()]);
        ended
    }

    /// Starts the binary and goes on.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str], environment: &[(&str, &OsStr)]) -> Running {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::heard(command.spawn().expect("start the binary"), Arc::clone(&self.heard))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A test that fails has said what it has to say.
        if !std::thread::panicking() {
            keys::are_nowhere_else(self.path(), &self.heard.lock().expect("nobody panics with it"));
        }
    }
}

fn hear(heard: &Heard, texts: [String; 2]) {
    heard.lock().expect("nobody panics with it").extend(texts);
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make a folder");
    for entry in std::fs::read_dir(from).expect("read a folder") {
        let entry = entry.expect("read a folder");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("read a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy a file");
        }
    }
}

/// A program that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What was asked.
    pub arguments: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Ended {
    fn new(arguments: &[&str], output: &Output) -> Self {
        Self {
            arguments: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is another one; shows everything.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "relhost {}\n{}\n{}", self.arguments, self.stdout, self.stderr);
        self
    }

    /// The result as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// A program that runs. Dropped, it is killed.
pub struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    stdout: Arc<Mutex<String>>,
    heard: Heard,
}

impl Running {
    /// A child whose output is piped.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn new(child: Child) -> Self {
        Self::heard(child, Heard::default())
    }

    fn heard(mut child: Child, heard: Heard) -> Self {
        let stderr = collect(child.stderr.take().expect("stderr is piped"));
        let stdout = collect(child.stdout.take().expect("stdout is piped"));
        Self { child, stderr, stdout, heard }
    }

    /// Its number at the operating system.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    ///
    /// # Panics
    /// If the reader panicked.
    #[must_use]
    pub fn said(&self) -> String {
        self.stderr.lock().expect("the reader does not panic").clone()
    }

    /// Waits until it has said something.
    ///
    /// # Panics
    /// If it does not in time, or ends first.
    pub fn wait_for(&mut self, text: &str) {
        let limit = Duration::from_secs(180);
        until(&format!("`{text}` on stderr"), limit, || {
            if self.said().contains(text) {
                return Some(());
            }
            let ended = self.child.try_wait().expect("ask for its end");
            assert!(
                ended.is_none() || self.said().contains(text),
                "ended ({ended:?}) without `{text}`:\n{}",
                self.said()
            );
            None
        });
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("ask for its end").is_some()
    }

    /// Kills it as a power cut would.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("kill it");
        self.child.wait().expect("wait for its end");
        self.said()
    }

    /// Waits for its end, and kills it if it has not ended by then.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn end_or_kill(mut self, span: Duration) -> Ended {
        let deadline = Instant::now() + span;
        while Instant::now() < deadline && !self.has_ended() {
            std::thread::sleep(MOMENT.min(deadline.saturating_duration_since(Instant::now())));
        }
        self.child.kill().expect("kill it");
        self.end(REAPED)
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Sends SIGTERM, as a service manager does.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Lets it leave a core, as far as it does itself.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn allow_cores(&self) {
        let unlimited = Rlimit { current: None, maximum: None };
        rustix::process::prlimit(Some(self.pid()), Resource::Core, unlimited).expect("raise a limit");
    }

    /// Ends it as a defect of its own would.
    ///
    /// # Panics
    /// If it does not end.
    pub fn abort(mut self) {
        self.signal(rustix::process::Signal::ABORT);
        let _status = self.child.wait().expect("wait for its end");
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has a pid")
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("send a signal");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within `limit`.
    pub fn end(mut self, limit: Duration) -> Ended {
        let status = until("its end", limit, || self.child.try_wait().expect("ask for its end"));
        // The readers end with the pipes; what they hold then is everything.
        let limit = Duration::from_secs(5);
        until("the end of its output", limit, || (Arc::strong_count(&self.stderr) == 1).then_some(()));
        until("the end of its output", limit, || (Arc::strong_count(&self.stdout) == 1).then_some(()));
        Ended {
            arguments: String::new(),
            code: status.code(),
            stdout: self.stdout.lock().expect("the reader has ended").clone(),
            stderr: self.said(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        let said = |pipe: &Mutex<String>| pipe.lock().map(|text| text.clone()).unwrap_or_default();
        hear(&self.heard, [said(&self.stdout), said(&self.stderr)]);
    }
}

fn collect(pipe: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let writer = Arc::clone(&text);
    let builder = std::thread::Builder::new().name("collect".into());
    builder
        .spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut text = writer.lock().expect("nobody panics with it");
                text.push_str(&line);
                text.push('\n');
            }
        })
        .expect("start a reader");
    text
}

/// One HTTP request without a library, so that a test sees exactly what a browser would get.
///
/// # Panics
/// If the server cannot be reached or does not speak HTTP.
#[must_use]
pub fn http(method: &str, url: &str, form: Option<&str>) -> (u16, String) {
    let rest = url.strip_prefix("http://").expect("the page is served without TLS on loopback");
    let (authority, path) = rest.split_once('/').expect("the address has a path");
    let mut stream = std::net::TcpStream::connect(authority).expect("reach the page");
    let body = form.unwrap_or_default();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read the answer");
    let status = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("an HTTP status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}
