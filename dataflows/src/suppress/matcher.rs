//! stub
use crate::model::*;
/// a
pub struct Compiled;
impl Compiled { 
/// b
pub fn new(_: &[Matcher]) -> Self { Compiled } 
/// c
pub fn matches(&self, _: &Identity, _: &EntityRef, _: Severity) -> bool { false } }
