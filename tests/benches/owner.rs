//! A running owner of a state folder, asked through its socket without the cost of a process per question.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// An owner starts in well under a second; how long one with a large state needs is what is measured.
const START: Duration = Duration::from_secs(300);
/// The longest look; the owner answers at once when something happens.
const LOOK_MS: u64 = 20_000;

/// A process that owns a state folder. Dropped, it is killed.
pub struct Owner {
    child: Child,
    socket: PathBuf,
}

impl Owner {
    /// Starts the command and waits until it answers.
    ///
    /// # Errors
    /// If it does not.
    pub fn start(mut command: Command, state: &Path) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("start relhost")?;
        let mut owner = Self { child, socket: state.join("socket") };
        let started = Instant::now();
        while UnixStream::connect(&owner.socket).is_err() {
            if let Some(status) = owner.child.try_wait()? {
                bail!("relhost ended before it answered: {status}");
            }
            ensure!(started.elapsed() < START, "relhost does not answer");
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(owner)
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// What the owner answers instead.
    pub fn ask(&self, act_as: Option<&str>, request: &Value) -> anyhow::Result<Value> {
        let body = json!({ "act_as": act_as, "request": request }).to_string();
        let mut stream = UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "POST /v1/call HTTP/1.1\r\nhost: relhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{request}: {body}");
        serde_json::from_str(body).with_context(|| format!("read {body}"))
    }

    /// Waits until a release waits for somebody, or is over. Returns the approval, `None` if it is over.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn wait_for_approval(&self, release: &Value, events: &mut u64) -> anyhow::Result<Option<Value>> {
        loop {
            let follow = json!({
                "release": release, "events": *events, "lines": u64::MAX, "wait_ms": LOOK_MS, "drive": false
            });
            let news = self.ask(None, &json!({ "follow": follow }))?["news"].take();
            *events += news["events"].as_array().map_or(0, Vec::len) as u64;
            if let Some(open) = news["open"].get(0) {
                return Ok(Some(open.clone()));
            }
            if !news["row"]["summary"]["status"].is_null() {
                return Ok(None);
            }
        }
    }

    /// Approves as the first who is asked.
    ///
    /// # Errors
    /// If the vote does not count.
    pub fn approve(&self, open: &Value) -> anyhow::Result<()> {
        let vote =
            json!({ "approval": open["approval"]["id"], "approve": true, "comment": "", "content": null });
        self.ask(open["asked"][0].as_str(), &json!({ "decide": vote }))?;
        Ok(())
    }

    /// Which process it is.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid())?;
        let pid = rustix::process::Pid::from_raw(pid).context("a process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.end()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn end(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "relhost ended with {status}");
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
