//! Stock tools against the running program: Prometheus sends, amtool asks and silences.

use super::process::Process;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const RULES: &str = "\
groups:
  - name: test
    interval: 1s
    rules:
      - alert: AlwaysFiring
        expr: vector(1)
        labels: {severity: critical, namespace: shop, service: cart}
        annotations: {summary: always on}
";

/// A tool of a Debian package; `make test-packages` installs it when it may.
fn tool(name: &str, package: &str) -> Command {
    let found = std::env::var_os("PATH").is_some_and(|paths| {
        std::env::split_paths(&paths).any(|directory| directory.join(name).is_file())
    });
    assert!(found, "{name} is missing: run `make test-packages` as root, or install {package}");
    Command::new(name)
}

/// Ends with its test.
pub(super) struct Prometheus(Child);

impl Prometheus {
    fn start(directory: &Path, target: SocketAddr) -> Prometheus {
        let config = format!(
            "rule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    - static_configs:\n        \
             - targets: [\"{target}\"]\n"
        );
        std::fs::write(directory.join("rules.yml"), RULES).unwrap();
        Prometheus::with(directory, &config)
    }

    /// With a configuration.
    pub(super) fn with(directory: &Path, config: &str) -> Prometheus {
        std::fs::write(directory.join("prometheus.yml"), config).unwrap();
        let child = tool("prometheus", "prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--web.listen-address=127.0.0.1:0")
            // An alert that fires before its receiver is found is sent again soon.
            .arg("--rules.alert.resend-delay=1s")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Prometheus(child)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn amtool(process: &Process, arguments: &[&str]) -> String {
    let output = tool("amtool", "prometheus-alertmanager")
        .arg(format!("--alertmanager.url={}", process.url("")))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn names(revision: &Value) -> Vec<&str> {
    let alerts = revision["alerts"].as_array().unwrap();
    alerts.iter().map(|alert| alert["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_stock_prometheus_and_amtool_work_against_it() {
    let mut process = Process::start(super::QUICK);
    let directory = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(directory.path(), process.address());
    let told = process.until(|revision| names(revision) == ["AlwaysFiring"]);
    assert_eq!(told["alerts"][0]["entity"], "service:shop/cart", "{told}");
    assert_eq!(told["severity"], "critical");

    let alerts: Value =
        serde_json::from_str(&amtool(&process, &["alert", "query", "-o", "json"])).unwrap();
    assert_eq!(alerts[0]["labels"]["alertname"], "AlwaysFiring");
    assert_eq!(alerts[0]["annotations"]["summary"], "always on");
    assert_eq!(alerts[0]["status"]["state"], "active");

    let add = ["silence", "add", "alertname=AlwaysFiring", "-c", "known", "-d", "1h"];
    let id = amtool(&process, &add).trim().to_owned();
    process.until(|revision| revision["event"] == "withdrawn");
    let suppressed = amtool(&process, &["alert", "query", "-s", "-o", "json"]);
    let suppressed: Value = serde_json::from_str(&suppressed).unwrap();
    assert_eq!(suppressed[0]["status"]["silencedBy"][0], id.as_str());
    assert_eq!(amtool(&process, &["silence", "query", "-q"]).trim(), id);

    amtool(&process, &["silence", "expire", &id]);
    process.until(|revision| revision["event"] == "opened");
    drop(prometheus);
    process.terminate();
}
