//! Metric series: a score for each sample from records of a few cheap transforms.
//!
//! A series is a few running figures and no history. Each transform keeps the range that
//! it has filled so far; a sample that takes one beyond its range by more than a part of
//! that range, and by more than its usual spread, is strange. Records grow rare by
//! themselves (the chance of one is two over the number of samples), which is why no
//! distribution has to be assumed. Rule: ALGORITHMS 1.3.
//!
//! Counters are made gauges first, late samples are replayed by [`Track`].

mod counter;
mod lanes;
mod off;
mod reading;
mod seasons;
mod series;
mod steps;
mod track;
#[cfg(test)]
pub(crate) mod tests;

use crate::params::metric as model;

pub use counter::{Accumulation, Counter};
pub use model::{Lanes, MetricModel, Season, THRESHOLD_PPM};
pub use off::Word;
pub use reading::{Reading, Transform};
pub use series::Series;
pub use track::{Change, Pushed, Track};
