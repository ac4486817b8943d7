//! What a stretch of work costs this process: wall, processor time, memory.

use std::fs;
use std::time::Instant;

/// Linux counts processor time for `/proc` in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running measurement.
pub struct Meter {
    wall: Instant,
    user: f64,
    system: f64,
    /// Resident bytes when it began.
    pub rss_before: u64,
}

/// What a measured stretch cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Seconds by the clock.
    pub wall_s: f64,
    /// Seconds of processor time in user mode, all threads.
    pub user_s: f64,
    /// Seconds of processor time in the kernel, all threads.
    pub system_s: f64,
    /// Resident bytes when it began.
    pub rss_before: u64,
    /// The most resident bytes while it ran.
    pub rss_peak: u64,
}

impl Meter {
    /// Begins; forgets the peak so far.
    pub fn start() -> Meter {
        // Resets the high-water mark; where the kernel refuses, the peak is that of the process.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (user, system) = cpu_seconds();
        Meter { user, system, rss_before: rss_bytes(), wall: Instant::now() }
    }

    /// Ends.
    pub fn stop(self) -> Spent {
        let wall_s = self.wall.elapsed().as_secs_f64();
        let (user, system) = cpu_seconds();
        Spent {
            wall_s,
            user_s: user - self.user,
            system_s: system - self.system,
            rss_before: self.rss_before,
            rss_peak: status_bytes("VmHWM:"),
        }
    }
}

/// Resident bytes of this process now.
pub fn rss_bytes() -> u64 {
    status_bytes("VmRSS:")
}

fn status_bytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// User and system seconds of all threads so far, those that ended included.
fn cpu_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, which may hold anything, is in the last parentheses.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = rest.split_whitespace().skip(11);
    let mut seconds = || {
        let ticks: Option<f64> = fields.next().and_then(|field| field.parse().ok());
        ticks.unwrap_or(0.0) / TICKS_PER_SECOND
    };
    (seconds(), seconds())
}
