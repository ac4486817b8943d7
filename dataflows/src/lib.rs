//! Causeway's logic: from decoded events to explained incidents.
//!
//! Pure and deterministic: no clocks, files, sockets, threads, environment,
//! printing or hash-ordered iteration. Time arrives as ticks, rules arrive as
//! inputs. The modules are declared in the order in which an event meets them.

pub mod model;
pub mod params;
pub mod ops;
pub mod dedup;
pub mod context;
pub mod detect;
pub mod suppress;
pub mod history;
pub mod correlate;
pub mod cause;
pub mod explain;
pub mod pipeline;
pub mod oracle;
