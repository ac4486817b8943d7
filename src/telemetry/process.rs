//! The process itself, under the names that every exporter uses for them.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// Memory, time and handles of this process, read from `/proc` at each request.
#[derive(Clone, Copy, Debug)]
pub struct ProcessStats {
    /// When the process began, seconds since the Unix epoch.
    pub started: i64,
}

/// Bytes of a page; Linux on the machines we build for has no other.
const PAGE_BYTES: u64 = 4096;
/// Ticks a second in which the kernel counts processor time for programs.
const TICKS_A_SECOND: f64 = 100.0;

/// Bytes of this process in memory now.
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

/// The most bytes this process ever had in memory.
pub fn peak_resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Processor seconds of this process so far.
pub fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may hold spaces.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_A_SECOND)
}

impl Collector for ProcessStats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Start of the process";
        encoder
            .encode_descriptor("process_start_time", help, Some(&Unit::Seconds), MetricType::Gauge)?
            .encode_gauge(&self.started)?;
        if let Some(bytes) = resident_bytes() {
            let help = "Memory held";
            encoder
                .encode_descriptor(
                    "process_resident_memory",
                    help,
                    Some(&Unit::Bytes),
                    MetricType::Gauge,
                )?
                .encode_gauge(&bytes)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time used";
            encoder
                .encode_descriptor("process_cpu", help, Some(&Unit::Seconds), MetricType::Counter)?
                .encode_counter::<[(&str, &str); 0], _, f64>(&seconds, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_used_time() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(peak_resident_bytes().unwrap() >= 1 << 20);
        assert!(cpu_seconds().unwrap() >= 0.0);
    }
}
