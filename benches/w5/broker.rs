//! A broker of Apache Kafka, started as tests start it.

use crate::harness::args;
use crate::harness::usage::Cpu;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, Producer};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One broker, carried by a shell that ends when its standard input does.
pub struct Broker {
    shell: Child,
    folder: PathBuf,
    /// Where it is.
    pub address: String,
}

impl Broker {
    /// Starts one with nothing in it.
    ///
    /// # Panics
    /// When it does not start: it has to be fetched first.
    pub fn start() -> Broker {
        let folder = args::folder().join("w5-broker");
        // A run that was cut off may have left its own.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("target/bench can be written");
        let ports = [free_port(), free_port()];
        let shell = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/kafka.sh"))
            .arg("serve")
            .arg(&folder)
            .args(ports.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell is there");
        let mut broker = Broker { shell, folder, address: format!("127.0.0.1:{}", ports[0]) };
        let until = Instant::now() + PATIENCE;
        let client: BaseProducer = broker.client().create().expect("the client starts");
        while client.client().fetch_metadata(None, Duration::from_secs(1)).is_err() {
            let ended = broker.shell.try_wait().expect("a child can be asked for");
            assert!(
                ended.is_none() && Instant::now() < until,
                "the broker does not start: run `tools/kafka.sh fetch`"
            );
        }
        broker
    }

    /// What every client of it begins with.
    pub fn client(&self) -> ClientConfig {
        client(&self.address)
    }

    /// Makes a topic.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn topic(&self, name: &str, partitions: i32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("the client starts");
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made =
            runtime.expect("a runtime starts").block_on(admin.create_topics(&[new], &options));
        assert_eq!(made.expect("the broker answers"), [Ok(name.to_owned())]);
    }

    /// Processor time of the broker itself so far: it is the shell's child.
    pub fn cpu(&self) -> Cpu {
        let shell = self.shell.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let children = children.unwrap_or_default();
        let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
        ids.map(Cpu::of_process).fold(Cpu::default(), |sum, one: Cpu| Cpu {
            user_s: sum.user_s + one.user_s,
            system_s: sum.system_s + one.system_s,
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a client of the broker at `address` begins with.
pub fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config
}

fn free_port() -> u16 {
    let bound = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    bound.local_addr().expect("it is bound").port()
}
