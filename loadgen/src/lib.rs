//! Seeded storms with ground truth.
