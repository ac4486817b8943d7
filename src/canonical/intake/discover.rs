//! What is found out about the topology beside the events that tell of something else.
//!
//! | resource of OpenTelemetry has | says, with confidence 0.9 and for a day |
//! |---|---|
//! | `k8s.node.name`, else `host.name` outside of Kubernetes | its entity runs_on `host:name` |
//! | `k8s.pod.name`, `k8s.deployment.name` and its like | an alias of its entity |
//!
//! It is said once for each stretch of ten minutes in which the resource sends, with the beginning
//! of the stretch as its time. So what stands does not depend on what a decoder remembers, on how
//! many there are, or on which of them read what: they all say the very same. Nothing of it is
//! counted, for nobody sent it.

use super::entity::{self, Found};
use super::{Intake, Labels};
use crate::canonical::reject::Quality;
use crate::canonical::time::{NANOS, seconds_of};
use causeway_dataflows::model::{
    Context, ContextEvent, EventId, Op, Relation, RelationKind, Seconds,
};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// The source of what resources say.
const RESOURCES: &str = "resources";
/// How often it is said again, seconds.
const STRETCH_SECONDS: Seconds = 600;
/// How long it holds, seconds.
const TTL_SECONDS: u32 = 24 * 3600;
/// How sure it is, parts per million.
const SURE_PPM: u32 = 900_000;
/// Resources of one stretch that are remembered; to forget one costs time, never an answer.
const REMEMBERED_MAX: usize = 1 << 16;

/// The resources that were heard of in the stretch under way.
#[derive(Debug, Default)]
pub(super) struct Heard {
    stretch: Seconds,
    resources: BTreeSet<(u64, u128)>,
}

impl Intake {
    /// The stretch under way, when a resource was not heard of in it by this decoder.
    #[inline]
    pub fn unheard(&mut self, resource: u128) -> Option<Seconds> {
        let now = seconds_of(self.now_ns()?);
        let stretch = now.div_euclid(STRETCH_SECONDS) * STRETCH_SECONDS;
        let heard = &mut self.heard;
        if heard.stretch != stretch || heard.resources.len() >= REMEMBERED_MAX {
            *heard = Heard { stretch, resources: BTreeSet::new() };
        }
        heard.resources.insert((self.tenant_seed, resource)).then_some(stretch)
    }

    /// Says what a resource with these labels says.
    pub fn hear_resource(&mut self, mut labels: Labels<'_>, stretch: Seconds) {
        if !self.source.resources {
            return;
        }
        labels.settle(&[], usize::MAX, &mut Quality::default());
        let labels = &labels;
        let mut entity = String::new();
        let order = &self.source.entity_order;
        if entity::find(order, "", labels, &mut entity) != Found::Derived {
            return;
        }
        let mut found = Vec::new();
        for name in entity::workload_names(labels).filter(|name| *name != entity) {
            found.push((name, RelationKind::AliasOf, entity.clone()));
        }
        let is_pod = labels.get("k8s.pod.name").is_some();
        let host = labels.get("host.name").filter(|_| !is_pod);
        if let Some(host) = labels.get("k8s.node.name").or(host) {
            found.push((entity.clone(), RelationKind::RunsOn, format!("host:{host}")));
        }
        for (from, kind, to) in found.into_iter().filter(|(from, _, to)| from != to) {
            self.discovered(&from, kind, &to, stretch);
        }
    }

    fn discovered(&mut self, from: &str, kind: RelationKind, to: &str, stretch: Seconds) {
        let (from, to) = (self.entity_ref(from), self.entity_ref(to));
        let hash = xxh3_64(format!("{from} {} {to}", kind.word()).as_bytes());
        let (confidence_ppm, ttl_seconds) = (SURE_PPM, TTL_SECONDS);
        self.segment.context.push(ContextEvent {
            tenant: self.tenant.clone(),
            source: SmolStr::new_static(RESOURCES),
            id: EventId::new(&format!("resource/{hash:016x}/{stretch}")),
            time_ns: stretch.saturating_mul(NANOS),
            observed_ns: self.now_ns().unwrap_or_default(),
            op: Op::Upsert,
            body: Context::Relation(Relation { from, to, kind, confidence_ppm, ttl_seconds }),
        });
    }
}
