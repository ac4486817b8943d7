//! Whether the process is well, as a list of conditions that its parts keep up.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// One part's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is well.
    Well,
    /// It is not, and why.
    Unwell(String),
}

/// The conditions of being ready; cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<RwLock<BTreeMap<&'static str, Condition>>>);

impl Health {
    /// A part that is awaited: until it speaks, the process is not ready.
    pub fn expect(&self, part: &'static str) {
        self.set(part, Condition::Unwell("not there yet".to_owned()));
    }

    /// A part speaks for itself.
    pub fn set(&self, part: &'static str, condition: Condition) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(part, condition);
    }

    /// Whether all parts are well.
    pub fn is_ready(&self) -> bool {
        let conditions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        conditions.values().all(|condition| *condition == Condition::Well)
    }

    /// One line a part, as Kubernetes writes its own probes.
    pub fn report(&self) -> String {
        let conditions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (part, condition) in &*conditions {
            match condition {
                Condition::Well => text.push_str(&format!("[+] {part} ok\n")),
                Condition::Unwell(why) => text.push_str(&format!("[-] {part} {why}\n")),
            }
        }
        text
    }
}
