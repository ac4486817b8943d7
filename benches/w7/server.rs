//! The servers that W7 feeds.

use crate::harness::args;
use crate::work::firing::WARM;
use crate::work::process::{Process, configure};
use crate::work::requests::{Request, once};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Threads of the floor, as many as the process has for requests on two cores.
const FLOOR_THREADS: usize = 2;
/// What is configured beside the journal.
const CONFIG: &str = "
sources: {http: {type: http}}
sinks: {out: {type: stdout}}
";

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `causeway run` as it is by default.
    Durable,
    /// The same without a journal.
    Volatile,
    /// Bodies are read and answered.
    Floor,
}

/// A server in a process of its own, and its folder, which goes with it.
pub struct Server {
    /// The process.
    pub process: Process,
    /// Threads that work for it.
    pub workers: usize,
    folder: PathBuf,
}

impl Server {
    /// Starts one and has it take `known` over and over, so that nothing in them is new any more.
    pub fn start(kind: Kind, known: &[Request]) -> Server {
        let folder = args::folder().join("w7-row");
        // A run that was cut off may have left its own.
        let _ = std::fs::remove_dir_all(&folder);
        let process = match kind {
            Kind::Floor => Process::own("serve"),
            Kind::Durable | Kind::Volatile => {
                let journal = format!("journal: {{enabled: {}}}\n", kind == Kind::Durable);
                configure(&folder, 0, &format!("{CONFIG}{journal}"));
                Process::run(&folder, false)
            }
        };
        let server = Server { process, workers: FLOOR_THREADS, folder };
        for request in (0..WARM).flat_map(|_| known) {
            while once(server.address(), request) != 200 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Before its folder goes, lest it make it anew.
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The floor: a server that reads a body and answers. Says its address first.
///
/// # Panics
/// When it cannot listen.
pub fn floor() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(FLOOR_THREADS)
        .enable_all()
        .build()
        .expect("threads can be had");
    runtime.block_on(async {
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        println!("{}", listener.local_addr().expect("it is bound"));
        let take = || post(|body: Bytes| async move { format!("{}\n", body.len()) });
        let app = Router::new()
            .route("/v1/events", take())
            .route("/api/v2/alerts", take())
            .layer(DefaultBodyLimit::disable());
        axum::serve(listener, app).await.expect("it serves until it is killed");
    });
}
