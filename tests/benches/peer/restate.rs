//! A Restate server on loopback, with everything it writes in a folder that is gone with it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use relhost_tests::workspace::root;

use super::{Part, tool};
use crate::sync;

/// It partitions its log first, under strace slower.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// A server that runs. Dropped, it is ended.
pub struct Server {
    child: Child,
    /// The server itself; the child is strace if it is traced.
    pid: i32,
    folder: tempfile::TempDir,
    packages: PathBuf,
    ports: [u16; 4],
    traced: bool,
}

impl Server {
    /// Starts one, under strace if its fsyncs are to be counted, and waits until it is well.
    ///
    /// # Errors
    /// If it cannot be had or does not start.
    pub fn start(traced: bool) -> anyhow::Result<Self> {
        let packages = tool("RELHOST_BENCH_RESTATE")?;
        let folder = tempfile::tempdir()?;
        let ports = free_ports()?;
        let mut command = server(&packages, folder.path(), &ports);
        if traced {
            command = sync::traced(&command, &folder.path().join("counts"));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.context("start restate-server")?;
        let pid = i32::try_from(child.id())?;
        let mut server = Self { child, pid, folder, packages, ports, traced };
        let started = Instant::now();
        while !server.is_well() {
            if let Some(status) = server.child.try_wait()? {
                anyhow::bail!("restate-server ended with {status}");
            }
            ensure!(started.elapsed() < START, "restate-server is not well after {} s", START.as_secs());
            std::thread::sleep(Duration::from_millis(50));
        }
        if traced {
            server.pid = only_child(server.pid)?;
        }
        Ok(server)
    }

    /// Its name, version, and the setting that durability rests on, as it says it itself.
    ///
    /// # Errors
    /// If it does not say it.
    pub fn title(&self) -> anyhow::Result<String> {
        let ask = |argument: &str| -> anyhow::Result<String> {
            let mut command = server(&self.packages, self.folder.path(), &self.ports);
            Ok(String::from_utf8(command.arg(argument).output()?.stdout)?)
        };
        let version = ask("--version")?;
        let version = version.split_whitespace().nth(1).unwrap_or("of unknown version").to_owned();
        let dumped = ask("--dump-config")?;
        let lines = dumped.lines().filter(|line| line.starts_with("rocksdb-disable-wal"));
        let mut settings: Vec<&str> = lines.filter(|line| !line.contains("compression")).collect();
        settings.sort_unstable();
        settings.dedup();
        Ok(format!("Restate {version} ({})", settings.join(", ").replace(" = ", "=")))
    }

    /// The program that serves the steps and asks for them.
    ///
    /// # Errors
    /// If there is no Node.
    pub fn program(&self, part: Part, times: usize) -> anyhow::Result<Command> {
        let [ingress, admin, _, service] = self.ports;
        let mut command = Command::new("node");
        command.arg(root().join("tests/benches/peers/restate_steps.mjs"));
        command.arg(self.packages.join("@restatedev/restate-sdk/dist/index.js"));
        command.args([format!("http://127.0.0.1:{ingress}"), format!("http://127.0.0.1:{admin}")]);
        command.arg(service.to_string()).args(part.words(times));
        // A line per invocation would be measured too.
        command.env("RESTATE_LOGGING", "ERROR");
        Ok(command)
    }

    /// Ends it, and tells how often it made something durable.
    ///
    /// # Errors
    /// If it was not traced, or does not end.
    pub fn counted(mut self) -> anyhow::Result<u32> {
        ensure!(self.traced, "the server is traced");
        self.end()?;
        sync::read(&self.folder.path().join("counts"))
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid).context("a process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(asked.elapsed() < STOP, "restate-server does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn is_well(&self) -> bool {
        let get = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.ports[1]))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        get().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
            && TcpStream::connect(("127.0.0.1", self.ports[0])).is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_err() {
            if let Some(pid) = rustix::process::Pid::from_raw(self.pid) {
                let _ended = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let _ended = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

fn server(packages: &std::path::Path, folder: &std::path::Path, ports: &[u16; 4]) -> Command {
    let [ingress, admin, node, _] = ports;
    let mut command = Command::new(packages.join("@restatedev/restate-server-linux-x64/bin/restate-server"));
    command.arg("--no-logo").current_dir(folder).env("DO_NOT_TRACK", "1");
    command.env("RESTATE_BASE_DIR", folder.join("data")).env("RESTATE_LISTEN_MODE", "tcp");
    command.env("RESTATE_INGRESS__BIND_ADDRESS", format!("127.0.0.1:{ingress}"));
    command.env("RESTATE_ADMIN__BIND_ADDRESS", format!("127.0.0.1:{admin}"));
    command.env("RESTATE_BIND_ADDRESS", format!("127.0.0.1:{node}"));
    command
}

/// Ports that nobody has at the moment.
fn free_ports() -> anyhow::Result<[u16; 4]> {
    let taken: Vec<TcpListener> =
        (0..4).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<Result<_, _>>()?;
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(&taken) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn only_child(pid: i32) -> anyhow::Result<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    children.split_whitespace().next().and_then(|pid| pid.parse().ok()).context("strace has a child")
}
