//! A running `causeway`, with its pipes in hand.

mod log;

use log::Log;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_causeway");

/// Runs a command to its end with `input` on its standard input.
pub(crate) fn causeway(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early closes its end, which is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What the system says of a process's memory under a name.
pub(crate) fn memory_bytes(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// `causeway run` on a free port with a data directory of its own.
pub(crate) struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    log: Log,
    /// The line of its log that says that it is ready.
    ready: Value,
    directory: tempfile::TempDir,
    client: reqwest::Client,
    /// Every whole line of standard output that was read so far, from earlier runs too.
    told: Vec<String>,
    /// Beside the configuration.
    arguments: Vec<String>,
}

/// What a process left when it was killed.
pub(crate) struct Stopped {
    directory: tempfile::TempDir,
    told: Vec<String>,
    arguments: Vec<String>,
}

impl Stopped {
    /// Starts it again in the same directory.
    pub(crate) fn start(self) -> Process {
        Process::start_in(self.directory, self.told, self.arguments)
    }

    /// Runs it where it is expected to end by itself; its exit code and its log.
    pub(crate) fn refused(self) -> (Option<i32>, String) {
        let config = self.directory.path().join("causeway.yaml");
        let mut arguments = vec!["run", "-c", config.to_str().unwrap()];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let output = causeway(&arguments, b"");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A file in its data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("data").join(name)
    }

    /// The same once more, from a copy of all that it left but what `without` names, and with
    /// nothing told.
    pub(super) fn copy(&self, without: &[&str]) -> Stopped {
        self.elsewhere(|data| copy_all(&self.path(""), data, without))
    }

    /// Another place with the same configuration and nothing told, whose data directory `fill`
    /// makes.
    pub(super) fn elsewhere(&self, fill: impl FnOnce(&Path)) -> Stopped {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (self.directory.path(), directory.path());
        let config = std::fs::read_to_string(from.join("causeway.yaml")).unwrap();
        let place = |path: &Path| path.display().to_string();
        let config = config.replace(&place(from), &place(to));
        std::fs::write(to.join("causeway.yaml"), config).unwrap();
        fill(&to.join("data"));
        Stopped { directory, told: Vec::new(), arguments: self.arguments.clone() }
    }

    /// Whatever was told.
    pub(super) fn told(&self) -> &[String] {
        &self.told
    }

    /// Changes the text of its configuration.
    pub(crate) fn reconfigure(self, from: &str, to: &str) -> Stopped {
        let path = self.directory.path().join("causeway.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        self
    }
}

fn copy_all(from: &Path, to: &Path, without: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let left_out = without.iter().any(|without| name.to_str() == Some(without));
        match entry.path() {
            _ if left_out => {}
            path if path.is_dir() => copy_all(&path, &to.join(name), without),
            path => drop(std::fs::copy(path, to.join(name)).unwrap()),
        }
    }
}

impl Process {
    /// Starts with a configuration, version, data directory and address left out.
    pub(crate) fn start(yaml: &str) -> Process {
        Process::start_with(yaml, Vec::new())
    }

    /// The same with arguments beside it.
    pub(crate) fn start_with(yaml: &str, arguments: Vec<String>) -> Process {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("causeway.yaml");
        let text = format!(
            "version: 1\ndata_dir: {}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n{yaml}",
            directory.path().display()
        );
        std::fs::write(&config, text).unwrap();
        Process::start_in(directory, Vec::new(), arguments)
    }

    /// Starts in a directory that holds a configuration, and whatever an earlier run left.
    fn start_in(
        directory: tempfile::TempDir,
        told: Vec<String>,
        arguments: Vec<String>,
    ) -> Process {
        let config = directory.path().join("causeway.yaml");
        let mut child = Command::new(BINARY)
            .args(["run", "-c", config.to_str().unwrap()])
            .args(&arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = stderr.by_ref().map(Result::unwrap).find_map(|line| {
            let record: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            (record["message"] == "ready").then_some(record)
        });
        let ready = ready.expect("it ended before it was ready");
        let log = Log::read(stderr);
        // The client asks for a provider even where it speaks plain HTTP only.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Process {
            child,
            stdout,
            log,
            ready,
            directory,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            told,
            arguments,
        }
    }

    /// Kills it in the middle of whatever it does.
    pub(crate) fn killed(mut self) -> Stopped {
        self.child.kill().unwrap();
        self.read_to_the_end();
        self.left()
    }

    /// The rest of standard output of a process that ends; a killed one may tear its last line.
    fn read_to_the_end(&mut self) {
        let lines = self.stdout.by_ref().map(Result::unwrap).filter(|line| !line.is_empty());
        let whole = |line: &String| serde_json::from_str::<Value>(line).is_ok();
        self.told.extend(lines.filter(whole));
    }

    /// Whatever was told, from earlier runs too.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// The most memory it ever held.
    pub(super) fn peak_memory_bytes(&self) -> u64 {
        memory_bytes(self.child.id(), "VmHWM:")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listens("address")
    }

    /// An address that it says it listens on.
    pub(crate) fn listens(&self, what: &str) -> SocketAddr {
        self.ready[what].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The file of its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("causeway.yaml")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A client for requests of a kind that has no function here.
    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), self.url(path));
        let response = request.header("content-type", kind).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends lines of events.
    pub(crate) async fn post(&self, path: &str, lines: &str) -> (u16, Value) {
        self.send("POST", path, "application/x-ndjson", lines.to_owned()).await
    }

    /// Sends one JSON body.
    pub(crate) async fn put(&self, path: &str, body: &str) -> (u16, Value) {
        self.send("PUT", path, "application/json", body.to_owned()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.send("DELETE", path, "application/json", String::new()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "application/json", String::new()).await
    }

    /// Reads revisions from standard output up to the first that `wanted` admits.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        // A run that follows another begins with an empty line.
        let lines = self.stdout.by_ref().map(Result::unwrap).filter(|line| !line.is_empty());
        for line in lines {
            let envelope: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            self.told.push(line);
            if wanted(&envelope["data"]) {
                return envelope["data"].clone();
            }
        }
        panic!("it ended before it told of that");
    }

    /// Asks for the metrics until they hold `line`.
    pub(crate) async fn until_metric(&self, line: &str) {
        loop {
            let (_, text) = self.get("/metrics").await;
            if text.as_str().unwrap().lines().any(|held| held == line) {
                return;
            }
        }
    }

    /// What a counter, named with its labels, has come to.
    pub(crate) async fn counted(&self, counter: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let counted = text.as_str().unwrap().lines().find_map(|line| {
            let value = line.strip_prefix(counter)?.strip_prefix(' ')?;
            value.parse::<f64>().ok()
        });
        counted.unwrap_or(0.0)
    }

    /// Asks for the metrics until a counter has come to `least`.
    pub(crate) async fn until_counted(&self, counter: &str, least: f64) {
        while self.counted(counter).await < least {}
    }

    /// Asks until the process says that it is ready.
    pub(crate) async fn until_ready(&self) {
        while self.get("/readyz").await.0 != 200 {}
    }

    /// Sends lines of events under a key.
    pub(crate) async fn post_once(&self, key: &str, lines: &str) -> (u16, Value) {
        let request = self.client.post(self.url("/v1/events")).header("idempotency-key", key);
        let request = request.header("content-type", "application/x-ndjson");
        let response = request.body(lines.to_owned()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// The process's number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Changes the text of its configuration, which it does not read by itself.
    pub(super) fn rewrite(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// Ends the process as a supervisor does; returns the summary that it left.
    pub(crate) fn terminate(self) -> Value {
        self.terminated().0
    }

    /// The same, and whatever was told.
    pub(crate) fn terminated(self) -> (Value, Vec<String>) {
        let (summary, stopped) = self.drained();
        (summary, stopped.told)
    }

    /// The same, and whatever it left.
    pub(crate) fn drained(self) -> (Value, Stopped) {
        self.signal("TERM");
        let stopped = self.ended(0);
        (summary(&stopped.path("")), stopped)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for its end, which has the exit code `code`.
    pub(crate) fn ended(mut self, code: i32) -> Stopped {
        // A pipe that nobody reads would hold the drain up.
        self.read_to_the_end();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.log.last_lines());
        self.left()
    }

    /// Waits for its end by itself, which has the exit code `code`; the end of its log.
    pub(crate) fn failed(mut self, code: i32) -> String {
        self.read_to_the_end();
        let status = self.child.wait().unwrap();
        let log = self.log.last_lines();
        assert_eq!(status.code(), Some(code), "{log}");
        log
    }

    /// What outlasts the process that has ended.
    fn left(mut self) -> Stopped {
        let told = std::mem::take(&mut self.told);
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        let arguments = std::mem::take(&mut self.arguments);
        Stopped { directory, told, arguments }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed must not leave it running, and whoever looks for the cause wants to
        // know whether it was.
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("it had ended: {ended:?}; its log:\n{}", self.log.last_lines());
        }
    }
}

/// The summary that a drain left, with its equations checked.
pub(crate) fn summary(data_dir: &Path) -> Value {
    let text = std::fs::read_to_string(data_dir.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    let books: causeway::emit::summary::Books =
        serde_json::from_value(summary["ledger"].clone()).unwrap();
    assert_eq!(books.imbalance(), None);
    summary
}
