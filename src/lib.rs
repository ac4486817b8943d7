//! Causeway, the process.
