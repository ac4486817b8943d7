//! Entities, relations and changes.

use super::{push_pair, push_string};
use crate::faults::Change;
use crate::world::{Fact, NodeId, NodeKind, World};

/// The kind of event that tells `fact`.
pub(super) fn kind(fact: Fact) -> &'static str {
    match fact {
        Fact::Entity(_) => "entity",
        Fact::Relation { .. } => "relation",
    }
}

/// Appends everything of a fact that is not envelope.
pub(super) fn push_fact(out: &mut Vec<u8>, world: &World, fact: Fact, upsert: bool) {
    match fact {
        Fact::Entity(node) => push_entity(out, world, node, upsert),
        Fact::Relation { from, to, relation } => {
            out.push(b',');
            push_pair(out, "op", op(upsert));
            out.push(b',');
            push_pair(out, "from", &world.node(from).reference);
            out.push(b',');
            push_pair(out, "to", &world.node(to).reference);
            out.push(b',');
            push_pair(out, "relation", relation.word());
            out.extend_from_slice(b",\"confidence\":1.0");
        }
    }
}

fn push_entity(out: &mut Vec<u8>, world: &World, id: NodeId, upsert: bool) {
    let node = world.node(id);
    out.push(b',');
    push_pair(out, "entity", &node.reference);
    out.push(b',');
    push_pair(out, "op", op(upsert));
    out.push(b',');
    push_pair(out, "type", node.kind.word());
    if !upsert {
        return;
    }
    if let Some(owner) = node.owner {
        out.push(b',');
        push_pair(out, "owner", &world.node(owner).reference);
    }
    out.push(b',');
    push_pair(out, "criticality", node.criticality);
    let aliases: Vec<NodeId> =
        aliases(world, id).into_iter().filter(|a| world.node(*a).resolved).collect();
    if aliases.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"aliases\":[");
    for (i, alias) in aliases.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_string(out, &world.node(*alias).reference);
    }
    out.push(b']');
}

fn op(upsert: bool) -> &'static str {
    if upsert { "upsert" } else { "delete" }
}

/// Other names: of a service its load balancer and its name, of a pod its address.
fn aliases(world: &World, id: NodeId) -> Vec<NodeId> {
    let Some(service) = world.service_of(id) else { return Vec::new() };
    match world.node(id).kind {
        NodeKind::Service => service.lb.into_iter().chain(service.dns).collect(),
        NodeKind::Pod => {
            let held = service.pods.iter().flat_map(|slot| &slot.held);
            held.filter(|(_, pod, _)| *pod == id).map(|(.., instance)| *instance).collect()
        }
        _ => Vec::new(),
    }
}

/// Appends everything of a change that is not envelope.
pub(super) fn push_change(out: &mut Vec<u8>, world: &World, change: &Change, done: bool) {
    let entity = world.node(change.node);
    out.push(b',');
    push_pair(out, "entity", &entity.reference);
    out.push(b',');
    push_pair(out, "summary", &headline(change, entity.short()));
    out.extend_from_slice(b",\"change\":{");
    push_pair(out, "id", &change.id);
    out.push(b',');
    push_pair(out, "type", change.kind);
    out.push(b',');
    push_pair(out, "phase", if done { "finished" } else { "started" });
    out.push(b',');
    push_pair(out, "class", change.class);
    out.push(b',');
    push_pair(out, "risk", change.risk);
    out.push(b',');
    push_pair(out, "version", &change.version);
    out.push(b'}');
}

fn headline(change: &Change, entity: &str) -> String {
    let version = &change.version;
    match change.kind {
        "config" => format!("new settings for {entity}, revision {version}"),
        "feature_flag" => format!("switches of {entity} turned, set {version}"),
        "scale" => format!("capacity of {entity} adjusted, plan {version}"),
        "infra" => format!("network and machines under {entity} changed, plan {version}"),
        "db_migration" => format!("schema of {entity} migrated to {version}"),
        _ => format!("{entity} {version} rolled out"),
    }
}
