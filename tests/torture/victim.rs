//! A process that is tortured: started, stopped, killed, and the directory it lives in.

use crate::live::process::memory_bytes;
use causeway_loadgen::rng::Rng;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything that a process has to do: far beyond what it takes.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// The program: the one that was built with the tests, or the one that the environment names.
fn program() -> PathBuf {
    let named = std::env::var_os("CAUSEWAY_BIN").filter(|path| !path.is_empty());
    named.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_causeway")), PathBuf::from)
}

/// A directory with a configuration, and the port that every process in it listens on.
pub(super) struct Place {
    directory: tempfile::TempDir,
    pub(super) port: u16,
    /// What a process is started with beside its configuration.
    arguments: Vec<String>,
}

impl Place {
    /// A new one; `yaml` makes the rest of the configuration from the directory.
    pub(super) fn new(rng: &mut Rng, yaml: impl FnOnce(&Path) -> String) -> Place {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port(rng);
        let place = Place { directory, port, arguments: Vec::new() };
        let text = format!(
            "version: 1\ndata_dir: {}\nserver: {{listen: \"127.0.0.1:{port}\", \
             limits: {{body: 64KiB, decoded: 64KiB}}}}\n{}",
            place.path("data").display(),
            yaml(place.directory.path()),
        );
        std::fs::write(place.path("causeway.yaml"), text).unwrap();
        place
    }

    /// The same, whose processes are started with further arguments.
    pub(super) fn with(mut self, arguments: Vec<String>) -> Place {
        self.arguments = arguments;
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path("data/journal")
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The text of its configuration.
    pub(super) fn config(&self) -> String {
        std::fs::read_to_string(self.path("causeway.yaml")).unwrap()
    }

    /// Has processes that are started from now on find `new` for `old` in the configuration.
    pub(super) fn rewrite(&self, old: &str, new: &str) {
        let (before, path) = (self.config(), self.path("causeway.yaml"));
        assert!(before.contains(old), "{old:?} is not in {before}");
        std::fs::write(path, before.replace(old, new)).unwrap();
    }

    /// Leaves the directory for whoever looks for the cause, and says where it is.
    pub(super) fn keep(self) -> PathBuf {
        self.directory.keep()
    }

    /// What was written to standard output by all its processes.
    pub(super) fn stdout(&self) -> Vec<u8> {
        std::fs::read(self.path("stdout")).unwrap()
    }

    /// The end of what was written to standard error.
    pub(super) fn log_tail(&self) -> String {
        let bytes = std::fs::read(self.path("stderr")).unwrap_or_default();
        let from = bytes.len().saturating_sub(4000);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }

    /// Starts a process.
    pub(super) fn start(&self) -> Victim {
        self.start_under(&[])
    }

    /// Starts a process with further variables in its environment.
    pub(super) fn start_under(&self, environment: &[(&str, String)]) -> Victim {
        let mut command = self.command("causeway.yaml");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdout(appended(&self.path("stdout"))).stderr(appended(&self.path("stderr")));
        Victim { child: command.spawn().unwrap() }
    }

    fn command(&self, config: &str) -> Command {
        let mut command = Command::new(program());
        command.args(["run", "-c"]).arg(self.path(config)).args(&self.arguments);
        command.env_remove("RUST_LOG");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a process that is expected to end by itself; its status and what it logged.
    pub(super) fn refused(&self) -> (Option<i32>, String) {
        refused(self.command("causeway.yaml"))
    }

    /// The same for one with a port of its own, in the same data directory.
    pub(super) fn refused_beside(&self, rng: &mut Rng) -> (Option<i32>, String) {
        let port = free_port(rng).to_string();
        let text = self.config().replace(&self.port.to_string(), &port);
        std::fs::write(self.path("beside.yaml"), text).unwrap();
        refused(self.command("beside.yaml"))
    }
}

fn refused(mut command: Command) -> (Option<i32>, String) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut victim = Victim { child };
    let mut log = victim.child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut log).unwrap());
    let status = victim.ended().expect("it goes on where it must refuse");
    (status.code(), reader.join().unwrap())
}

fn appended(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// A port below those that the system gives to clients: one of theirs could be taken by a
/// client between two runs, or be connected to itself.
pub(super) fn free_port(rng: &mut Rng) -> u16 {
    let mut ports = std::iter::repeat_with(|| 10_240 + rng.below(20_000) as u16).take(1000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// A running process; killed when it is dropped.
pub(super) struct Victim {
    child: Child,
}

impl Victim {
    /// Whether it goes on.
    pub(super) fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// How it ended, if it did.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Kills it in the middle of whatever it does, and waits until it is gone.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success(), "kill -{name} {id}");
    }

    /// The most memory that it ever held, bytes.
    pub(super) fn resident_bytes_max(&self) -> u64 {
        memory_bytes(self.child.id(), "VmHWM:")
    }

    /// Waits for its end; `None` when it has none.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // A test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer, or the deadline is over.
pub(super) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let ends = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > ends {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
