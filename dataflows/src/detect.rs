//! From signals to findings: log lines that are new, or that come more often than they did.

pub mod log;
