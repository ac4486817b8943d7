//! The labels that make an alert what it is.

use crate::canonical::reject::{Code, Quality};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// Bytes of a label's name.
const KEY_BYTES_MAX: usize = 128;
/// Bytes of a label's value.
const VALUE_BYTES_MAX: usize = 1_024;

/// Labels that survive when there are too many: what entities are found by.
const KEPT: [&str; 24] = [
    "app",
    "cluster",
    "env",
    "host",
    "host.name",
    "instance",
    "job",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.statefulset.name",
    "namespace",
    "node",
    "pod",
    "region",
    "service",
    "service.name",
    "service.namespace",
    "service_name",
    "service_namespace",
];

/// Cuts `text` to at most `bytes_max` bytes, never inside a character.
#[inline]
pub fn cut<'a>(text: &'a str, bytes_max: usize, quality: &mut Quality) -> &'a str {
    if text.len() <= bytes_max {
        return text;
    }
    quality.note(Code::W106);
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Identity labels under construction, borrowed from the event.
#[derive(Clone, Debug, Default)]
pub struct Labels<'a>(SmallVec<[(&'a str, &'a str); 16]>);

impl<'a> Labels<'a> {
    /// No labels.
    #[inline]
    pub fn new() -> Self {
        Labels(SmallVec::new())
    }

    /// Adds a label; of two with one key the last holds. An empty value is no
    /// label, as in Prometheus.
    #[inline]
    pub fn push(&mut self, key: &'a str, value: &'a str, quality: &mut Quality) {
        if key.is_empty() || value.is_empty() {
            return self.unset(key);
        }
        self.0.push((cut(key, KEY_BYTES_MAX, quality), cut(value, VALUE_BYTES_MAX, quality)));
    }

    /// Adds a label unless the key is there already.
    pub fn push_missing(&mut self, key: &'a str, value: &'a str, quality: &mut Quality) {
        if !self.0.iter().any(|(name, _)| *name == key) {
            self.push(key, value, quality);
        }
    }

    #[cold]
    fn unset(&mut self, key: &str) {
        self.0.retain(|(name, _)| *name != key);
    }

    /// The value of the label `key`.
    pub fn peek(&self, key: &str) -> Option<&'a str> {
        Some(self.0.iter().rfind(|(name, _)| *name == key)?.1)
    }

    /// Takes the label `key` out and gives its value.
    pub fn take(&mut self, key: &str) -> Option<&'a str> {
        let value = self.peek(key)?;
        self.unset(key);
        Some(value)
    }

    /// Sorts, and applies the source's rules: replica labels go, and what is over the limit.
    #[inline]
    pub(super) fn settle(
        &mut self,
        replica_labels: &[SmolStr],
        labels_max: usize,
        quality: &mut Quality,
    ) {
        if !self.0.is_sorted_by(|a, b| a.0 < b.0) {
            self.sort();
        }
        if !replica_labels.is_empty() {
            self.0.retain(|(key, _)| !replica_labels.iter().any(|replica| replica == key));
        }
        if self.0.len() > labels_max {
            self.limit(labels_max, quality);
        }
    }

    fn sort(&mut self) {
        // Stable, so that of equal keys the one that came last stays last.
        self.0.sort_by(|a, b| a.0.cmp(b.0));
        let mut kept = 0;
        for at in 0..self.0.len() {
            let last = self.0.get(at + 1).is_none_or(|next| next.0 != self.0[at].0);
            if last {
                self.0[kept] = self.0[at];
                kept += 1;
            }
        }
        self.0.truncate(kept);
    }

    #[cold]
    fn limit(&mut self, labels_max: usize, quality: &mut Quality) {
        quality.note(Code::W107);
        let named = self.0.iter().filter(|(key, _)| KEPT.contains(key)).count();
        let mut others = labels_max.saturating_sub(named);
        self.0.retain(|(key, _)| {
            KEPT.contains(key) || {
                let room = others > 0;
                others = others.saturating_sub(1);
                room
            }
        });
        self.0.truncate(labels_max);
    }

    /// The value of `key`; only after settling.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let at = self.0.binary_search_by(|(name, _)| (*name).cmp(key)).ok()?;
        Some(self.0[at].1)
    }

    /// Keys and values in order.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(pairs: &[(&'static str, &'static str)], max: usize) -> (String, Quality) {
        let mut quality = Quality::default();
        let mut labels = Labels::new();
        for (key, value) in pairs {
            labels.push(key, value, &mut quality);
        }
        labels.settle(&["replica".into()], max, &mut quality);
        let text: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (text.join(" "), quality)
    }

    #[test]
    fn sorted_and_the_last_of_equals_holds() {
        let (text, quality) = settled(
            &[("b", "1"), ("a", "1"), ("b", "2"), ("replica", "x"), ("c", "9"), ("c", "")],
            64,
        );
        assert_eq!(text, "a=1 b=2");
        assert!(quality.is_clean());
    }

    #[test]
    fn what_names_an_entity_survives_the_limit() {
        let (text, quality) = settled(&[("a", "1"), ("b", "1"), ("pod", "p"), ("z", "1")], 2);
        assert_eq!(text, "a=1 pod=p");
        assert!(quality.has(Code::W107));
    }

    #[test]
    fn cuts_keep_characters_whole() {
        let mut quality = Quality::default();
        assert_eq!(cut("aäb", 2, &mut quality), "a");
        assert!(quality.has(Code::W106));
    }
}
