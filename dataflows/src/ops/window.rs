//! stub
use crate::model::*;
/// a
pub fn maintenance_active(_m: &Maintenance, _at: Seconds) -> bool { false }
/// b
pub fn next_boundary(_m: &Maintenance, _after: Seconds) -> Option<Seconds> { None }
