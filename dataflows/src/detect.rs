//! From signals to findings: how strange a sample is, given what came before it.
//!
//! Shape:    signals to findings
//! Time:     event time; a reading at t depends on samples up to t alone
//! State:    per series, bounded in bytes
//! Retracts: the readings that a late sample within the bound changes

pub mod metric;
