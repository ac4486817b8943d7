//! The configuration as it is written.
//!
//! ```text
//! -c FILE|DIR … ─► read ─► merge ─► expand references ─► Config ─► settings
//! ```
//!
//! Every field is documented here, because the JSON Schema for editors is made
//! from these comments. Unknown keys are refused. Only what one value can say
//! about itself is checked here; what values say about each other is checked
//! in [`crate::settings`], and only the result of that travels further.

use crate::canonical::native::controls::{MaintenanceBody, RuleBody, SilenceBody};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub mod error;
pub mod units;
pub mod server;
pub mod cluster;
pub mod csv;
pub mod source;
pub mod stages;
pub mod detection;
pub mod slo;
pub mod sink;
pub mod kafka;
mod node;
mod read;
mod expand;
mod de;
mod collect;
mod attached;
mod schema;
mod show;
mod differ;

pub use attached::Attached;
use collect::Unread;
pub use error::{ConfigError, Problem};
pub use expand::Surroundings;
pub use node::{Node, Place};
pub use schema::schema;
use units::{ByteSize, FilePath, OneOrMore, Period};

/// The version of the configuration's own format.
pub const VERSION: u32 = 1;

/// Everything that a configuration can say.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Causeway configuration")]
pub struct Config {
    /// Version of this format; 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Directory for everything that must outlast the process.
    #[serde(default = "data_dir_default")]
    pub data_dir: FilePath,
    /// Worker threads of the engine; `0` for one a core.
    #[serde(default)]
    pub workers: usize,
    /// Bytes of input that may wait for the engine; beyond it senders are turned away.
    #[serde(default = "input_queue_default")]
    pub input_queue: ByteSize,
    /// Bytes of memory that the process may hold. Near it sources wait and senders are turned
    /// away until alerts have ended and left the horizon. Without it the limit of the control
    /// group counts, if there is one.
    #[serde(default)]
    pub memory_limit: Option<ByteSize>,
    /// The HTTP server.
    #[serde(default)]
    pub server: server::Server,
    /// Several processes as one.
    #[serde(default)]
    pub cluster: cluster::Cluster,
    /// Where events come from; without any, HTTP under the name `http`.
    #[serde(default)]
    pub sources: BTreeMap<String, source::Source>,
    /// Files of entities and relations that are read before the first event.
    #[serde(default)]
    pub topology: OneOrMore<FilePath>,
    /// What is looked for in metrics, logs, spans and signs of life.
    #[serde(default)]
    pub detection: detection::Detection,
    /// What services promise, and how fast their error budgets may burn.
    #[serde(default)]
    pub slos: Vec<slo::Slo>,
    /// Files of SLOs as OpenSLO v1 writes them.
    #[serde(default)]
    pub slo_files: OneOrMore<FilePath>,
    /// What keeps alerts out of incidents besides silences, windows and rules.
    #[serde(default)]
    pub suppression: stages::Suppression,
    /// Base rates of alerts.
    #[serde(default)]
    pub history: stages::History,
    /// How alerts are linked and groups are split.
    #[serde(default)]
    pub correlation: stages::Correlation,
    /// How the probable cause is found.
    #[serde(default)]
    pub cause: stages::Cause,
    /// When incidents are told to sinks.
    #[serde(default)]
    pub emission: stages::Emission,
    /// Silences of the tenant `default` that always are; each needs an `id`.
    #[serde(default)]
    pub silences: Vec<SilenceBody>,
    /// Maintenance windows of the tenant `default` that always are; each needs an `id`.
    #[serde(default)]
    pub maintenance: Vec<MaintenanceBody>,
    /// Rules of the tenant `default` that always are; each needs an `id`.
    #[serde(default)]
    pub rules: Vec<RuleBody>,
    /// Who is told of incidents; without any, standard output under the name `stdout`.
    #[serde(default)]
    pub sinks: BTreeMap<String, sink::Sink>,
    /// What makes a restart go on where the process ended.
    #[serde(default)]
    pub journal: Journal,
    /// Where events go that cannot be used.
    #[serde(default)]
    pub dead_letters: DeadLetters,
    /// What the process says about itself.
    #[serde(default)]
    pub logging: Logging,
}

fn data_dir_default() -> FilePath {
    FilePath(PathBuf::from("causeway-data"))
}

fn input_queue_default() -> ByteSize {
    ByteSize::mebibytes(64)
}

/// The journal of all input, `journal` in the data directory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Whether input is on disk before its sender is told that it was taken. Without it a
    /// restart begins with nothing.
    pub enabled: bool,
    /// Bytes at which a new file begins.
    pub segment: ByteSize,
    /// How often a snapshot is written, when anything came; a start reads the journal from the
    /// last one on, and what no kept snapshot needs is removed.
    pub snapshot_every: Period,
    /// Bytes of the journal after which one is written sooner.
    pub snapshot_bytes: ByteSize,
    /// Whether files that no kept snapshot needs are removed. Without it the journal grows, and
    /// all of it can be replayed and verified.
    pub forget: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            enabled: true,
            segment: ByteSize::mebibytes(64),
            snapshot_every: Period::minutes(5),
            snapshot_bytes: ByteSize::mebibytes(256),
            forget: true,
        }
    }
}

/// The dead-letter store, `dlq` in the data directory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeadLetters {
    /// Bytes kept on disk; beyond it the oldest are dropped and counted.
    pub bytes: ByteSize,
    /// Age at which a record is dropped and counted.
    pub age: Period,
    /// Bytes of one record's payload that are kept.
    pub payload: ByteSize,
    /// Records of what is refused at once, which is one epoch; further ones are dropped and
    /// counted.
    pub queue: usize,
}

impl Default for DeadLetters {
    fn default() -> Self {
        DeadLetters {
            bytes: ByteSize::mebibytes(256),
            age: Period::minutes(7 * 24 * 60),
            payload: ByteSize(256 << 10),
            queue: 10_000,
        }
    }
}

/// What the process says about itself on standard error.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// Which messages, such as `info` or `info,causeway::ingest=debug`; the environment
    /// variable RUST_LOG wins.
    pub filter: Option<String>,
    /// How they look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line of text a message.
    Text,
    /// One JSON object a message.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            version: VERSION,
            data_dir: data_dir_default(),
            workers: 0,
            input_queue: input_queue_default(),
            memory_limit: None,
            server: server::Server::default(),
            cluster: cluster::Cluster::default(),
            sources: BTreeMap::new(),
            topology: OneOrMore::default(),
            detection: detection::Detection::default(),
            slos: Vec::new(),
            slo_files: OneOrMore::default(),
            suppression: stages::Suppression::default(),
            history: stages::History::default(),
            correlation: stages::Correlation::default(),
            cause: stages::Cause::default(),
            emission: stages::Emission::default(),
            silences: Vec::new(),
            maintenance: Vec::new(),
            rules: Vec::new(),
            sinks: BTreeMap::new(),
            journal: Journal::default(),
            dead_letters: DeadLetters::default(),
            logging: Logging::default(),
        }
    }
}

/// A configuration with the tree it came from, so that later checks can point at lines.
#[derive(Clone, Debug)]
pub struct Written {
    /// What it says, with defaults for what could not be read.
    pub config: Config,
    /// Where it says so.
    tree: Node,
    /// What is wrong with it so far.
    problems: Vec<Problem>,
    /// What could not be read.
    unread: Vec<Unread>,
    /// Files that it names and that are checked with it.
    attached: Vec<Attached>,
}

/// Whether the dotted path `inner` is `outer` or goes on from it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Written {
    /// The defaults, for a process without `-c`.
    pub fn defaults() -> Self {
        let place = Place { file: "defaults".into(), line: 0, column: 0 };
        let tree = Node { value: node::Value::Map(Vec::new()), place, expanded: false };
        Written {
            config: Config::default(),
            tree,
            problems: Vec::new(),
            unread: Vec::new(),
            attached: Vec::new(),
        }
    }

    /// What is wrong with it so far.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// `key` as the file counts its lists, with its place or that of the nearest key above it
    /// that was written.
    pub(crate) fn locate(&self, key: &str) -> (String, Place) {
        let (mut written, node) = self.tree.deepest(key);
        let parts = |path: &str| path.split('.').filter(|part| !part.is_empty()).count();
        for part in key.split('.').skip(parts(&written)) {
            if !written.is_empty() {
                written.push('.');
            }
            written.push_str(part);
        }
        (written, node.place.clone())
    }

    /// Whether `key`, what holds it and what it holds could all be read.
    pub(crate) fn is_read(&self, key: &str) -> bool {
        let (key, _) = self.locate(key);
        let below = |unread: &Unread| holds(&key, &unread.path);
        !self.is_default_of_unread(&key) && !self.unread.iter().any(below)
    }

    /// Whether `key` stands in something that could not be read, so that its value is a default.
    pub(crate) fn is_default_of_unread(&self, key: &str) -> bool {
        self.unread.iter().any(|unread| holds(&unread.path, key))
    }

    /// Whether `field` is not in the mapping at `key` and no mistake told so far says why.
    pub(crate) fn is_missing(&self, key: &str, field: &str) -> bool {
        !collect::is_told(&self.locate(key).0, field, &self.unread)
    }
}

/// Reads, merges, expands and types the files and directories given.
///
/// # Errors
/// When a file cannot be read or is no YAML, or with every problem found when there are too many
/// to go on; otherwise [`crate::settings::Settings::check`] tells them with those it finds.
pub fn load(paths: &[PathBuf], around: &Surroundings<'_>) -> Result<Written, ConfigError> {
    let mut problems = Vec::new();
    let tree = read::read(paths, &mut problems)?;
    finish(tree, problems, around)
}

/// The same for one text that is called `name`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    name: &str,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Written, ConfigError> {
    finish(read::parse(name, text)?, Vec::new(), around)
}

fn finish(
    mut tree: Node,
    mut problems: Vec<Problem>,
    around: &Surroundings<'_>,
) -> Result<Written, ConfigError> {
    let mut unread = Vec::new();
    expand::expand(&mut tree, "", around, &mut problems, &mut unread);
    match collect::typed(&mut tree, &mut problems, &mut unread) {
        Some(config) => {
            let (attached, unreadable) = attached::read(&config, around);
            let mut written = Written { config, tree, problems, unread, attached };
            for (key, problem) in unreadable {
                let (key, place) = written.locate(&key);
                written.problems.push(problem.on(key).at(&place));
            }
            Ok(written)
        }
        None => Err(ConfigError::invalid(problems)),
    }
}

impl Config {
    /// The whole configuration, defaults included, as YAML without its secrets.
    ///
    /// It has the source and the sink that run when none is configured, marked by a comment.
    pub fn show(&self) -> String {
        show::show(self)
    }

    /// The sources that run: HTTP under the name `http` when none is configured.
    pub fn sources_run(&self) -> Cow<'_, BTreeMap<String, source::Source>> {
        let http = || ("http".to_owned(), source::Source::Http(source::HttpSource::default()));
        match self.sources.is_empty() {
            true => Cow::Owned(BTreeMap::from([http()])),
            false => Cow::Borrowed(&self.sources),
        }
    }

    /// The sinks that run: standard output under the name `stdout` when none is configured.
    pub fn sinks_run(&self) -> Cow<'_, BTreeMap<String, sink::Sink>> {
        let stdout = || ("stdout".to_owned(), sink::Sink::Stdout(sink::StdoutSink::default()));
        match self.sinks.is_empty() {
            true => Cow::Owned(BTreeMap::from([stdout()])),
            false => Cow::Borrowed(&self.sinks),
        }
    }
}
