//! Whether memory is short, and how much of it there may be.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The books of the memory limit; clones share them.
#[derive(Clone, Debug)]
pub struct MemoryBooks(Arc<Books>);

#[derive(Debug)]
struct Books {
    limit: u64,
    short: AtomicBool,
    times: AtomicU64,
}

impl MemoryBooks {
    /// Of a process that may hold so many bytes.
    pub fn new(limit: u64) -> MemoryBooks {
        MemoryBooks(Arc::new(Books { limit, short: false.into(), times: 0.into() }))
    }

    /// It is short from now on, or is not any more.
    pub fn set_short(&self, short: bool) {
        self.0.short.store(short, Ordering::Relaxed);
        self.0.times.fetch_add(u64::from(short), Ordering::Relaxed);
    }
}

impl Collector for MemoryBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Books { limit, short, times } = &*self.0;
        let help = "Memory that the process may hold";
        encoder
            .encode_descriptor("memory_limit", help, Some(&Unit::Bytes), MetricType::Gauge)?
            .encode_gauge(limit)?;
        let help = "Whether memory is short, so that sources wait and senders are turned away";
        encoder
            .encode_descriptor("memory_short", help, None, MetricType::Gauge)?
            .encode_gauge(&u64::from(short.load(Ordering::Relaxed)))?;
        let help = "Times that memory became short";
        encoder
            .encode_descriptor("memory_shortages", help, None, MetricType::Counter)?
            .encode_counter::<[(&str, &str); 0], _, f64>(&times.load(Ordering::Relaxed), None)?;
        Ok(())
    }
}

/// What the control group of this process, or one around it, lets it hold; `None` without a
/// limit, and where there are no control groups of version 2.
pub fn limit_of_group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_within(Path::new("/sys/fs/cgroup"), &groups)
}

/// The least `memory.max` from the group that `groups` names up to the `root` of all.
fn limit_within(root: &Path, groups: &str) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = Path::new(own.trim_start_matches('/'));
    let limit = |group: &Path| {
        let text = std::fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    own.ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_group_around_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("system.slice/causeway.service");
        std::fs::create_dir_all(&inner).unwrap();
        let limit = || limit_within(root.path(), "0::/system.slice/causeway.service\n");
        assert_eq!(limit(), None);
        std::fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(limit(), None);
        std::fs::write(root.path().join("system.slice/memory.max"), "4096\n").unwrap();
        assert_eq!(limit(), Some(4096));
        std::fs::write(inner.join("memory.max"), "1024\n").unwrap();
        assert_eq!(limit(), Some(1024));
        assert_eq!(limit_within(root.path(), "1:name=systemd:/a\n"), None);
    }
}
