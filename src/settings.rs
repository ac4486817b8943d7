//! The configuration as it was checked: the only form that travels.
//!
//! [`crate::config`] says what one value means; here values are held against
//! each other. All problems are collected, each with its place, those of reading
//! the files among them, so that one run of `causeway validate` shows them all. What comes out needs no further
//! checks: addresses are parsed, periods are seconds, names are known.

use crate::canonical::Reject;
use crate::config::units::ByteSize;
use crate::config::{Config, ConfigError, LogFormat, Surroundings, Written, load};
use causeway_dataflows::model::{Context, ContextEvent, EventId, Op};
use causeway_dataflows::params::Params;
use smol_str::SmolStr;
use std::path::PathBuf;
use std::time::Duration;

mod checker;
mod server;
mod cluster;
mod kafka;
mod csv;
mod kubernetes;
mod source;
mod detection;
mod slo;
mod expected;
mod openslo;
mod selector;
mod stages;
mod context;
mod sink;
mod outputs;
mod changeable;

pub use changeable::fixed;
use checker::Checker;
pub use cluster::ClusterSettings;
pub use kafka::{
    GroupProtocol, KafkaClient, KafkaSinkSettings, KafkaSourceSettings, OffsetLost, Start,
    partition_name,
};
pub use kubernetes::KubernetesSettings;
pub use server::{Access, CertificateMark, JwtSettings, KeysFrom, Proof, ServerSettings};
pub use sink::{Address, SinkKind, SinkSettings, WebhookSettings};
pub use source::{SourceKind, SourceSettings};

/// The tenant of whatever names none.
pub const DEFAULT_TENANT: &str = "default";

/// The source of what a configuration itself holds, named as no other is.
pub const CONFIG_SOURCE: &str = "causeway/config";

/// Everything a process needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory for everything that must outlast the process.
    pub data_dir: PathBuf,
    /// Worker threads of the engine, at least one.
    pub workers: usize,
    /// Bytes of input that may wait for the engine; beyond it senders are turned away.
    pub input_queue_bytes: usize,
    /// Bytes that the process may hold; `None` for what its control group says.
    pub memory_limit_bytes: Option<u64>,
    /// The HTTP server.
    pub server: ServerSettings,
    /// Several processes as one.
    pub cluster: ClusterSettings,
    /// Whether this server may be reached without authentication.
    pub insecure: bool,
    /// The sources in the order of their names; the place of each is its index everywhere.
    pub sources: Vec<SourceSettings>,
    /// Files and globs of entities and relations, read before the first event.
    pub topology: Vec<PathBuf>,
    /// What the dataflow needs to know.
    pub params: Params,
    /// When incidents are told to sinks.
    pub emission: EmissionSettings,
    /// The sinks in the order of their names.
    pub sinks: Vec<SinkSettings>,
    /// Silences, windows and rules that the configuration itself holds.
    pub context: Vec<Context>,
    /// The dead-letter store.
    pub dead_letters: DeadLetterSettings,
    /// How the journal is kept.
    pub journal: JournalSettings,
    /// The log.
    pub logging: LoggingSettings,
}

/// When incidents are told to sinks, and how long they can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmissionSettings {
    /// A new incident is told once it has not changed for this long.
    pub settle: Duration,
    /// A new incident is told at the latest this long after it was first seen.
    pub settle_max: Duration,
    /// Least time between two revisions of one incident.
    pub revise_interval: Duration,
    /// Resolved incidents kept for reading.
    pub resolved_incidents_max: usize,
    /// How long a resolved incident is kept for reading.
    pub resolved_for: Duration,
}

/// How the journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Whether there is one.
    pub enabled: bool,
    /// Bytes at which a new file begins.
    pub segment_bytes: u64,
    /// How often a snapshot is written.
    pub snapshot_every: Duration,
    /// Bytes after which one is written sooner.
    pub snapshot_bytes: u64,
    /// Whether what no kept snapshot needs is removed.
    pub forget: bool,
}

/// Bounds of the dead-letter store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterSettings {
    /// Bytes on disk.
    pub bytes_max: u64,
    /// Age of a record.
    pub age_max: Duration,
    /// Bytes kept of one payload.
    pub payload_bytes_max: usize,
    /// Records of one epoch.
    pub queue_max: usize,
}

/// What the log shows and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingSettings {
    /// Which messages; checked to be a filter.
    pub filter: String,
    /// How they look.
    pub format: LogFormat,
}

impl Settings {
    /// Reads and checks the files and directories given; without any, the defaults.
    ///
    /// # Errors
    /// When a file cannot be read, or with every problem found.
    pub fn load(
        paths: &[PathBuf],
        around: &Surroundings<'_>,
    ) -> Result<(Written, Self), ConfigError> {
        let written = match paths {
            [] => Written::defaults(),
            paths => load(paths, around)?,
        };
        let settings = Settings::check(&written)?;
        Ok((written, settings))
    }

    /// Checks a configuration.
    ///
    /// # Errors
    /// With every problem found.
    pub fn check(written: &Written) -> Result<Self, ConfigError> {
        let mut checker = Checker::new(written);
        let config = &written.config;
        if config.version != crate::config::VERSION {
            checker.wrong(
                "version",
                format!("version {} is not known", config.version),
                "write `version: 1`",
            );
        }
        let sources = source::check(&mut checker, config);
        let settings = Settings {
            data_dir: config.data_dir.0.clone(),
            workers: workers(&mut checker, config.workers),
            input_queue_bytes: input_queue(&mut checker, config),
            memory_limit_bytes: memory_limit(&mut checker, config),
            server: server::check(&mut checker, &config.server, &sources),
            cluster: cluster::check(&mut checker, &config.cluster),
            insecure: config.server.insecure,
            topology: topology(&mut checker, config),
            params: stages::params(&mut checker, config, &sources),
            emission: stages::emission(&mut checker, &config.emission),
            sinks: sinks(&mut checker, config),
            context: context::check(&mut checker, config),
            journal: journal(&mut checker, &config.journal),
            dead_letters: dead_letters(&mut checker, &config.dead_letters),
            logging: logging(&mut checker, &config.logging),
            sources,
        };
        checker.finish().map(|()| settings)
    }

    /// The settings of a process without a configuration.
    ///
    /// # Panics
    /// When the defaults contradict each other, which is our own mistake.
    pub fn defaults() -> Self {
        match Settings::check(&Written::defaults()) {
            Ok(settings) => settings,
            Err(error) => panic!("the default configuration is wrong: {error}"),
        }
    }

    /// The configuration's own silences, windows and rules as events of the instant given.
    pub fn context_events(&self, now_ns: i64) -> Vec<ContextEvent> {
        let event = |context: &Context| ContextEvent {
            tenant: SmolStr::new_static(DEFAULT_TENANT),
            source: SmolStr::new_static(CONFIG_SOURCE),
            id: EventId::new(&context::event_id(context)),
            time_ns: now_ns,
            observed_ns: now_ns,
            op: Op::Upsert,
            body: context.clone(),
        };
        self.context.iter().map(event).collect()
    }
}

/// More workers than any machine this runs on has cores.
const WORKERS_MAX: usize = 1024;
/// Less than this and files of the journal cost more than what is in them.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

fn workers(checker: &mut Checker<'_>, workers: usize) -> usize {
    if workers > WORKERS_MAX {
        let message = format!("{workers} workers are more than {WORKERS_MAX}");
        checker.wrong("workers", message, "use at most one worker a core, or `0` for just that");
    }
    match workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    }
}

fn input_queue(checker: &mut Checker<'_>, config: &Config) -> usize {
    // A body is in memory before it is decoded, so a queue that cannot hold one protects nothing.
    let body = config.server.limits.decoded;
    if checker.knows(&["server.limits.decoded"]) && config.input_queue.0 < body.0 {
        let message = format!("{} cannot hold one request of {body}", config.input_queue);
        checker.wrong("input_queue", message, "make it at least `server.limits.decoded`");
    }
    config.input_queue.as_usize()
}

/// Input waits as bytes, then decoded, then as what is remembered of it.
const QUEUES_IN_MEMORY: u64 = 4;

fn memory_limit(checker: &mut Checker<'_>, config: &Config) -> Option<u64> {
    let limit = config.memory_limit?.0;
    let least = ByteSize(config.input_queue.0.saturating_mul(QUEUES_IN_MEMORY));
    if checker.knows(&["input_queue"]) && limit < least.0 {
        let message = format!("{} is too little for what `input_queue` lets in", ByteSize(limit));
        let remedy = format!("make it at least {least}, or `input_queue` smaller");
        checker.wrong("memory_limit", message, &remedy);
    }
    Some(limit)
}

fn sinks(checker: &mut Checker<'_>, config: &Config) -> Vec<SinkSettings> {
    outputs::check(checker, config);
    sink::check(checker, config)
}

fn topology(checker: &mut Checker<'_>, config: &Config) -> Vec<PathBuf> {
    for (i, path) in config.topology.0.iter().enumerate() {
        checker.pattern(&format!("topology.{i}"), &path.0);
    }
    config.topology.0.iter().map(|path| path.0.clone()).collect()
}

fn journal(checker: &mut Checker<'_>, config: &crate::config::Journal) -> JournalSettings {
    if config.segment.0 < SEGMENT_BYTES_MIN {
        let message = format!("{} makes a file of nearly every epoch", config.segment);
        checker.wrong("journal.segment", message, "write at least 1MiB");
    }
    checker.some_time("journal.snapshot_every", config.snapshot_every);
    checker.positive("journal.snapshot_bytes", config.snapshot_bytes.as_usize());
    JournalSettings {
        enabled: config.enabled,
        segment_bytes: config.segment.0,
        snapshot_every: config.snapshot_every.0,
        snapshot_bytes: config.snapshot_bytes.0,
        forget: config.forget,
    }
}

fn dead_letters(
    checker: &mut Checker<'_>,
    config: &crate::config::DeadLetters,
) -> DeadLetterSettings {
    checker.positive("dead_letters.queue", config.queue);
    checker.some_time("dead_letters.age", config.age);
    if config.payload.as_usize() > Reject::PAYLOAD_BYTES_MAX {
        checker.wrong(
            "dead_letters.payload",
            format!("{} is more than is kept of any event", config.payload),
            "write at most 256KiB",
        );
    }
    // In base64 and with its envelope a payload takes up to twice its size, and a store
    // that is cut by whole segments must hold a few of them.
    let known = checker.knows(&["dead_letters.payload"]);
    if known && config.bytes.0 < config.payload.0.saturating_mul(8) {
        checker.wrong(
            "dead_letters.bytes",
            format!("{} cannot hold records with payloads of {}", config.bytes, config.payload),
            "make it at least eight times `dead_letters.payload`",
        );
    }
    DeadLetterSettings {
        bytes_max: config.bytes.0,
        age_max: config.age.0,
        payload_bytes_max: config.payload.as_usize(),
        queue_max: config.queue,
    }
}

fn logging(checker: &mut Checker<'_>, config: &crate::config::Logging) -> LoggingSettings {
    let filter = config.filter.clone().unwrap_or_else(|| "info".to_owned());
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
        checker.wrong(
            "logging.filter",
            format!("`{filter}` is not a filter: {error}"),
            "write a level such as `info`, or `info,causeway::ingest=debug`",
        );
    }
    LoggingSettings { filter, format: config.format }
}
