//! The program itself under load: started, looked at, stopped for a while, killed, started again.

use crate::harness::usage::{Cpu, rss_peak_of};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take: a snapshot of ten million keys is gigabytes.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two questions of whether it is ready.
const ASK: Duration = Duration::from_millis(5);

/// A running program that serves HTTP; ends with this one.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it says on standard output, when that is read.
    pub stdout: Option<ChildStdout>,
}

/// The program that is measured: `CAUSEWAY_BIN`, else the one built with this bench.
pub fn binary() -> PathBuf {
    let given = std::env::var_os("CAUSEWAY_BIN");
    given.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_causeway")), PathBuf::from)
}

/// Writes a configuration into `folder` whose data lie beside it, listening on `port`, 0 for any.
///
/// # Panics
/// When the folder cannot be written.
pub fn configure(folder: &Path, port: u16, rest: &str) {
    std::fs::create_dir_all(folder).expect("target/bench can be written");
    let text = format!(
        "version: 1\ndata_dir: {}/data\nserver: {{listen: \"127.0.0.1:{port}\"}}\n{rest}",
        folder.display()
    );
    std::fs::write(folder.join("causeway.yaml"), text).expect("target/bench can be written");
}

impl Process {
    /// Starts `causeway run` with the configuration in `folder` and waits until it says that it
    /// is ready; its standard output is read when `listens`.
    ///
    /// # Panics
    /// When it ends before.
    pub fn run(folder: &Path, listens: bool) -> Process {
        let (child, stdout) = launch(folder, listens);
        let mut process = Process { child, address: SocketAddr::from(([0, 0, 0, 0], 0)), stdout };
        let stderr = process.child.stderr.take().expect("it was asked for");
        let mut lines = BufReader::new(stderr).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.expect("the log can be read");
            let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if record["level"] == "ERROR" {
                eprintln!("{line}");
            }
            (record["message"] == "ready").then(|| record["address"].as_str()?.parse().ok())?
        });
        process.address = address.expect("it is ready before it ends");
        drain(lines);
        process
    }

    /// Starts it where a configuration names the port, and does not wait.
    pub fn launched(folder: &Path, address: SocketAddr, listens: bool) -> Process {
        let (mut child, stdout) = launch(folder, listens);
        let stderr = child.stderr.take().expect("it was asked for");
        drain(BufReader::new(stderr).lines());
        Process { child, address, stdout }
    }

    /// Starts this bench's own server of a row, which says its address first.
    ///
    /// # Panics
    /// When it does not.
    pub fn own(row: &str) -> Process {
        let own = std::env::current_exe().expect("a process knows its own program");
        let mut child = Command::new(own)
            .args(["--row", row])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a row's process can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("it says its address");
        let address = line.trim().parse().expect("it says its address");
        Process { child, address, stdout: None }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time so far.
    pub fn cpu(&self) -> Cpu {
        Cpu::of_process(self.id())
    }

    /// The most memory that it ever held.
    pub fn rss_peak(&self) -> u64 {
        rss_peak_of(self.id())
    }

    /// Sends it a signal by name.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success(), "the process is there");
    }

    /// Waits until `/readyz` says so; since when it was waited for.
    ///
    /// # Panics
    /// When it ends or takes too long.
    pub fn until_ready(&mut self) -> Duration {
        let began = Instant::now();
        while get(self.address, "/readyz").is_none_or(|(status, _)| status != 200) {
            let ended = self.child.try_wait().expect("a child can be asked for");
            assert!(ended.is_none(), "it ended before it was ready: {ended:?}");
            assert!(began.elapsed() < PATIENCE, "it does not become ready");
            std::thread::sleep(ASK);
        }
        began.elapsed()
    }

    /// Kills it in the middle of whatever it does.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path, listens: bool) -> (Child, Option<ChildStdout>) {
    let mut child = Command::new(binary())
        .args(["run", "-c"])
        .arg(folder.join("causeway.yaml"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(if listens { Stdio::piped() } else { Stdio::null() })
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let stdout = child.stdout.take();
    (child, stdout)
}

/// Reads on, so that the process can go on writing; its complaints are shown.
fn drain(lines: std::io::Lines<BufReader<std::process::ChildStderr>>) {
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok).filter(|line| line.contains("\"ERROR\"")) {
            eprintln!("  {line}");
        }
    });
}

/// The status and body of a GET on a connection of its own; `None` when nobody answers.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

/// A figure of `/metrics` by its whole name, labels included.
pub fn metric(address: SocketAddr, name: &str) -> Option<f64> {
    let (_, text) = get(address, "/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split(' ').next()?.parse().ok()
}
