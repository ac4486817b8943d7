//! Identifiers: hashes that are equal in every process, and the names behind them.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// Whole seconds since the Unix epoch, UTC.
pub type Seconds = i64;

/// What makes two events the same alert: xxh3_128 over tenant, kind, entity as
/// given, name and the sorted identity labels (SEMANTICS rule 1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Hashes the identifying parts; `scratch` is reused so that the hot path does not allocate.
    ///
    /// Every part is preceded by its length, so that no two different lists of
    /// parts run together into the same bytes. `labels` must be sorted by key.
    pub fn of<'a>(
        scratch: &mut Vec<u8>,
        tenant: &str,
        kind: &str,
        entity: &str,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        scratch.clear();
        for part in [tenant, kind, entity, name] {
            push_part(scratch, part.as_bytes());
        }
        for (key, value) in labels {
            push_part(scratch, key.as_bytes());
            push_part(scratch, value.as_bytes());
        }
        Fingerprint(xxh3_128(scratch))
    }

    /// Sixty-four well-mixed bits, for placement and for hash tables.
    #[inline]
    pub fn low64(self) -> u64 {
        self.0 as u64
    }
}

/// Adds a part to bytes that are to be hashed, such that no two lists of parts are the same bytes.
#[inline]
pub fn push_part(scratch: &mut Vec<u8>, part: &[u8]) {
    scratch.extend_from_slice(&(part.len() as u32).to_le_bytes());
    scratch.extend_from_slice(part);
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}..", (self.0 >> 96) as u32)
    }
}

/// The hash of an entity's tenant and reference; what joins and placement use.
///
/// The tenant is part of the hash, so two tenants' equal names never meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct EntityId(pub u64);

impl EntityId {
    /// The id of `reference` (`type:namespace/name`) within `tenant`.
    pub fn of(tenant: &str, reference: &str) -> Self {
        EntityId(xxh3_64_with_seed(reference.as_bytes(), tenant_seed(tenant)))
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{:016x}", self.0)
    }
}

fn tenant_seed(tenant: &str) -> u64 {
    xxh3_64_with_seed(tenant.as_bytes(), 0)
}

/// The hash of an alert's name (its rule), tenant included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NameId(pub u64);

impl NameId {
    /// The id of `name` within `tenant`.
    pub fn of(tenant: &str, name: &str) -> Self {
        NameId(xxh3_64_with_seed(name.as_bytes(), tenant_seed(tenant) ^ 1))
    }
}

/// An entity's id together with the words people know it by.
///
/// Ordered and hashed by the id first, so comparisons rarely look at the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityRef {
    /// The hash that joins use.
    pub id: EntityId,
    /// `type:namespace/name`.
    pub text: SmolStr,
}

impl EntityRef {
    /// The reference `text` within `tenant`.
    pub fn new(tenant: &str, text: &str) -> Self {
        EntityRef { id: EntityId::of(tenant, text), text: SmolStr::new(text) }
    }

    /// The part before the colon: `service`, `host`, `pod`, …; `unknown` without one.
    pub fn kind(&self) -> &str {
        self.text.split_once(':').map_or("unknown", |(kind, _)| kind)
    }

    /// The part after the last slash, or after the colon: what a title shows.
    pub fn short(&self) -> &str {
        let rest = self.text.split_once(':').map_or(self.text.as_str(), |(_, rest)| rest);
        rest.rsplit_once('/').map_or(rest, |(_, name)| name)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The id a source gave its event, or the one derived for it (SEMANTICS rule 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct EventId(pub SmolStr);

impl EventId {
    /// Wraps `text`; up to 23 bytes are held without an allocation.
    pub fn new(text: &str) -> Self {
        EventId(SmolStr::new(text))
    }

    /// A derived id: 22 hexadecimal digits of a hash, short enough to be held inline.
    pub fn derived(hash: u128) -> Self {
        EventId(SmolStr::new(format!("{:022x}", hash >> 40)))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One alert: a run of one fingerprint's firing events that began at `onset`.
///
/// The order is the order of onset, which is the order in which grouping
/// decides (SEMANTICS rules 14 and 15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// When it began, whole seconds.
    pub onset: Seconds,
    /// Whose run it is.
    pub fingerprint: Fingerprint,
}

impl AlertKey {
    /// A hash of both parts, the same in every process.
    pub fn hash(self) -> u64 {
        xxh3_64_with_seed(&self.fingerprint.0.to_le_bytes(), self.onset as u64)
    }
}

impl fmt::Debug for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.onset, self.fingerprint)
    }
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alt-{:016x}", self.hash())
    }
}

/// The key of an incident: the hash of its earliest alert (SEMANTICS rule 20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct IncidentKey(pub u64);

impl IncidentKey {
    /// The key of the incident whose earliest alert is `earliest`.
    pub fn of(earliest: AlertKey) -> Self {
        IncidentKey(earliest.hash())
    }
}

impl fmt::Display for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inc-{:016x}", self.0)
    }
}

impl fmt::Debug for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let mut scratch = Vec::new();
        let none = std::iter::empty;
        let a = Fingerprint::of(&mut scratch, "t", "alert", "ab", "c", none());
        let b = Fingerprint::of(&mut scratch, "t", "alert", "a", "bc", none());
        assert_ne!(a, b);
    }

    #[test]
    fn tenants_never_meet() {
        assert_ne!(EntityId::of("a", "service:x/y"), EntityId::of("b", "service:x/y"));
    }

    #[test]
    fn an_entity_reads_in_parts() {
        let entity = EntityRef::new("default", "service:shop/cart");
        assert_eq!((entity.kind(), entity.short()), ("service", "cart"));
        assert_eq!(EntityRef::new("default", "cart").kind(), "unknown");
    }
}
