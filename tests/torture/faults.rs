//! R3: where a process reaches a disk, and what may happen to it there.
//!
//! `faults/calls.c` stands between the process and the C library. A site is a call and a class of
//! files; which there are is learned from a process under load, so that one which the program
//! gets later is covered by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The process is killed before it.
    Before,
    /// It is killed after it.
    After,
    /// It is killed when half of the bytes are written.
    Torn,
    /// It is killed before it, and every file loses what was not synced at its end.
    Lost,
    /// Half of the bytes are written or read, and that is said.
    Short,
    /// It is refused, once.
    Io,
    /// There is no room from then on, until some is made.
    Full,
}

impl Fault {
    /// As the injector knows it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Fault::Before => "before",
            Fault::After => "after",
            Fault::Torn => "torn",
            Fault::Lost => "lost",
            Fault::Short => "short",
            Fault::Io => "EIO",
            Fault::Full => "ENOSPC",
        }
    }

    /// Whether it ends the process.
    pub(super) fn kills(self) -> bool {
        matches!(self, Fault::Before | Fault::After | Fault::Torn | Fault::Lost)
    }

    /// What can happen to a call: one that is whole or not at all is never torn, one that
    /// takes no room is never without it, and one that only looks loses nothing.
    fn of(call: &str) -> &'static [Fault] {
        use Fault::{After, Before, Full, Io, Lost, Short, Torn};
        match call {
            "write" | "writev" | "pwrite" | "pwritev" => {
                &[Before, After, Torn, Lost, Short, Io, Full]
            }
            "create" | "mkdir" | "rename" | "fsync" | "fdatasync" => {
                &[Before, After, Lost, Io, Full]
            }
            "ftruncate" | "unlink" | "rmdir" => &[Before, After, Lost, Io],
            "read" | "pread" => &[Before, After, Short, Io],
            "open" | "opendir" => &[Before, After, Io],
            _ => panic!("{call} is a call that nothing is known of"),
        }
    }
}

/// The states in which a process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Start {
    /// In a directory that holds nothing yet.
    Fresh,
    /// Where another was killed.
    Again,
    /// Where another was killed, a crash left torn tails, and a snapshot is damaged.
    Spoilt,
    /// Where another was killed whose sinks were owed what waits on disk.
    Owing,
}

/// A site, and how often a process came by it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) name: String,
    /// By the state it was started in.
    pub(super) calls: BTreeMap<Start, u64>,
    /// When it was first met in a fresh directory.
    order: usize,
}

/// A fault at a site.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) site: String,
    pub(super) fault: Fault,
    /// The states that lead there, the most usual one first, and the calls of the site in each.
    starts: Vec<(Start, u64)>,
    /// How often it was tried in vain.
    pub(super) misses: u32,
    /// When a process in a fresh directory comes by it.
    pub(super) order: usize,
}

impl Pair {
    /// The state in which it is tried: those that lead there, in turn.
    pub(super) fn start(&self) -> Start {
        self.starts[self.misses as usize % self.starts.len()].0
    }

    /// Whether nothing else leads there.
    pub(super) fn is_fresh(&self) -> bool {
        self.start() == Start::Fresh
    }

    /// Calls of the site in the most usual state.
    pub(super) fn calls(&self) -> u64 {
        self.starts[0].1
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.fault.word(), self.site)
    }
}

/// Adds the calls of a process, in order.
pub(super) fn learn(sites: &mut BTreeMap<String, Site>, start: Start, list: &str) {
    let count = sites.len();
    for name in list.lines() {
        let order = sites.len();
        let new = || Site { name: name.to_owned(), calls: BTreeMap::new(), order };
        *sites.entry(name.to_owned()).or_insert_with(new).calls.entry(start).or_default() += 1;
    }
    assert!(start != Start::Fresh || sites.len() > count, "a process came by no site");
}

/// Every fault of every site. Those that need a fresh directory come in the order in which a
/// process comes by them, what leaves it fresh first.
pub(super) fn pairs(sites: &BTreeMap<String, Site>) -> Vec<Pair> {
    let mut all = Vec::new();
    for site in sites.values() {
        let call = site.name.split(' ').next().unwrap();
        let usual = [Start::Again, Start::Spoilt, Start::Owing];
        let calls = |start: Start| Some((start, *site.calls.get(&start)?));
        let mut starts: Vec<(Start, u64)> = usual.into_iter().filter_map(calls).collect();
        if starts.is_empty() {
            starts.extend(calls(Start::Fresh));
        }
        all.extend(Fault::of(call).iter().map(|fault| Pair {
            site: site.name.clone(),
            fault: *fault,
            starts: starts.clone(),
            misses: 0,
            order: site.order,
        }));
    }
    all.sort_by_key(|pair| (pair.order, pair.fault == Fault::After, pair.fault));
    all
}

/// The library that lets calls fail; made once.
pub(super) fn injector() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/faults/calls.c");
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Another run of these tests may be loading it.
        let aside = directory.join(format!("faults.{}.so", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
        let status = cc.arg(&aside).arg(&source).arg("-ldl").status();
        let status = status.expect("`cc` is needed; `make packages` installs it");
        assert!(status.success(), "{} does not compile", source.display());
        let library = directory.join("faults.so");
        std::fs::rename(&aside, &library).unwrap();
        library
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_every_site_is_one_pair_in_the_state_that_leads_there() {
        let mut sites = BTreeMap::new();
        learn(&mut sites, Start::Fresh, "mkdir data\ncreate data/lock\nwrite data/N.log\n");
        learn(&mut sites, Start::Again, "write data/N.log\nwrite data/N.log\nread data/lock\n");
        learn(&mut sites, Start::Owing, "write data/N.log\nopen data/N.spool\n");
        let mut pairs = pairs(&sites);
        let of = |name: &str| pairs.iter().filter(|pair| pair.site == name).collect::<Vec<_>>();
        assert_eq!(pairs.len(), 5 + 5 + 7 + 4 + 3);
        assert!(of("mkdir data").iter().all(|pair| pair.is_fresh()));
        assert!(of("open data/N.spool").iter().all(|pair| pair.start() == Start::Owing));
        let write = of("write data/N.log");
        assert!(write.iter().all(|pair| (pair.start(), pair.calls()) == (Start::Again, 2)));
        let words: Vec<&str> = write.iter().map(|pair| pair.fault.word()).collect();
        assert_eq!(words, ["before", "torn", "lost", "short", "EIO", "ENOSPC", "after"]);
        assert_eq!(pairs[0].to_string(), "before of mkdir data");
        let missed = pairs.iter_mut().find(|pair| pair.site == "write data/N.log").unwrap();
        let tried = [1, 2].map(|misses| {
            missed.misses = misses;
            missed.start()
        });
        assert_eq!(tried, [Start::Owing, Start::Again], "each state has its turn");
    }
}
