//! Whether the process is well, as a list of conditions that its parts keep up.

use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// One part's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is well.
    Well,
    /// It is well enough to be ready, and there is something to say.
    Noted(String),
    /// It is not, and why.
    Unwell(String),
}

/// The conditions of being ready; cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<RwLock<Conditions>>);

#[derive(Debug, Default)]
struct Conditions {
    parts: BTreeMap<&'static str, Condition>,
    /// Each source by its name.
    sources: BTreeMap<SmolStr, Condition>,
}

impl Conditions {
    fn all(&self) -> impl Iterator<Item = &Condition> {
        self.parts.values().chain(self.sources.values())
    }
}

impl Health {
    /// A part that is awaited: until it speaks, the process is not ready.
    pub fn expect(&self, part: &'static str) {
        self.set(part, Condition::Unwell("not there yet".to_owned()));
    }

    /// A part speaks for itself.
    pub fn set(&self, part: &'static str, condition: Condition) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).parts.insert(part, condition);
    }

    /// Says whether a source is connected to where its events come from.
    pub fn set_source(&self, name: &SmolStr, condition: Condition) {
        let mut conditions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        conditions.sources.insert(name.clone(), condition);
    }

    /// Whether all parts are well.
    pub fn is_ready(&self) -> bool {
        let conditions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !conditions.all().any(|condition| matches!(condition, Condition::Unwell(_)))
    }

    /// One line a part, as Kubernetes writes its own probes.
    pub fn report(&self) -> String {
        let conditions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut line = |part: &dyn fmt::Display, condition: &Condition| match condition {
            Condition::Well => text.push_str(&format!("[+] {part} ok\n")),
            Condition::Noted(what) => text.push_str(&format!("[+] {part} ok, but {what}\n")),
            Condition::Unwell(why) => text.push_str(&format!("[-] {part} {why}\n")),
        };
        for (part, condition) in &conditions.parts {
            line(part, condition);
        }
        for (name, condition) in &conditions.sources {
            line(&format_args!("source `{name}`"), condition);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_not_connected_is_named_with_the_reason() {
        let (health, orders) = (Health::default(), SmolStr::new("orders"));
        health.set("engine", Condition::Well);
        assert!(health.is_ready());
        health.set_source(&orders, Condition::Unwell("is not connected: refused".to_owned()));
        assert!(!health.is_ready());
        let told = "[+] engine ok\n[-] source `orders` is not connected: refused\n";
        assert_eq!(health.report(), told);
        health.set_source(&orders, Condition::Well);
        assert_eq!(health.report(), "[+] engine ok\n[+] source `orders` ok\n");
        assert!(health.is_ready());
        health.set("engine", Condition::Noted("it is warm".to_owned()));
        assert_eq!(health.report(), "[+] engine ok, but it is warm\n[+] source `orders` ok\n");
        assert!(health.is_ready());
    }
}
