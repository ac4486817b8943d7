//! What a stretch of work costs this process: wall, processor time, memory.

use std::fs;
use std::time::Instant;

/// Linux counts processor time for `/proc` in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In user mode.
    pub user_s: f64,
    /// In the kernel.
    pub system_s: f64,
}

impl Cpu {
    /// Of this process so far: all threads, those that ended included.
    pub fn of_self() -> Cpu {
        Cpu::of("self")
    }

    /// Of this thread so far.
    pub fn of_thread() -> Cpu {
        Cpu::of("thread-self")
    }

    /// Of another process so far; nothing once it is gone.
    pub fn of_process(id: u32) -> Cpu {
        Cpu::of(&id.to_string())
    }

    fn of(who: &str) -> Cpu {
        let stat = fs::read_to_string(format!("/proc/{who}/stat")).unwrap_or_default();
        // The name, which may hold anything, is in the last parentheses.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = rest.split_whitespace().skip(11);
        let mut seconds = || {
            let ticks: Option<f64> = fields.next().and_then(|field| field.parse().ok());
            ticks.unwrap_or(0.0) / TICKS_PER_SECOND
        };
        Cpu { user_s: seconds(), system_s: seconds() }
    }

    /// What was spent since `before`.
    #[must_use]
    pub fn since(self, before: Cpu) -> Cpu {
        let Cpu { user_s, system_s } = self;
        Cpu { user_s: user_s - before.user_s, system_s: system_s - before.system_s }
    }

    /// Both.
    pub fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }
}

/// A running measurement.
pub struct Meter {
    wall: Instant,
    cpu: Cpu,
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
        Meter { cpu: Cpu::of_self(), rss_before: rss_bytes(), wall: Instant::now() }
    }

    /// Ends.
    pub fn stop(self) -> Spent {
        self.stop_without(Cpu::default())
    }

    /// Ends, and takes out what the bench itself spent meanwhile on reading. The kernel splits
    /// the time of a process by samples, and that of a thread by others, so only sums can be
    /// told apart: what is taken out is taken from the kernel's share first.
    pub fn stop_without(self, own: Cpu) -> Spent {
        let wall_s = self.wall.elapsed().as_secs_f64();
        let all = Cpu::of_self().since(self.cpu);
        let system_s = (all.system_s - own.total_s()).max(0.0);
        let user_s = all.total_s() - own.total_s() - system_s;
        let (rss_before, rss_peak) = (self.rss_before, status_bytes("self", "VmHWM:"));
        Spent { wall_s, user_s, system_s, rss_before, rss_peak }
    }
}

/// Resident bytes of this process now.
pub fn rss_bytes() -> u64 {
    status_bytes("self", "VmRSS:")
}

/// The most resident bytes that another process ever had; nothing once it is gone.
pub fn rss_peak_of(id: u32) -> u64 {
    status_bytes(&id.to_string(), "VmHWM:")
}

fn status_bytes(who: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{who}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
