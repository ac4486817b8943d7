//! An incident's graph in the language of Graphviz.

use crate::emit::wire::words::phrase;
use crate::emit::wire::{Revision, SeverityWord};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One node for each entity that matters, one edge for each relation that the reasoning uses.
///
/// Solid edges are the path from symptom to cause, dashed ones say of which
/// alerting entity another is a symptom. The darker a node, the likelier it is
/// the cause; the border is the worst severity on it.
pub(super) fn render(revision: &Revision) -> String {
    let mut dot = String::from("digraph incident {\n");
    let title = quote(&format!("{}: {}", revision.incident_id, revision.title));
    let _ = writeln!(dot, "  label={title};");
    dot.push_str("  labelloc=t;\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\"];\n");
    for (entity, node) in nodes(revision) {
        let _ = writeln!(
            dot,
            "  {} [label={}, fillcolor=\"0.58 {:.3} 1.000\", color={}, penwidth={}];",
            quote(entity),
            quote(&node.label(entity)),
            f64::from(node.ppm) / 1e6,
            node.severity.map_or("gray", border),
            if node.is_first { 3 } else { 1 },
        );
    }
    for hop in &revision.explanation.path {
        let label = match hop.lag_ms {
            0 => phrase::verb(&hop.relation).to_owned(),
            // Effect less cause: a positive lag means that the cause came earlier.
            lag => {
                let when = phrase::after(lag.saturating_neg());
                format!("{}, {when}", phrase::verb(&hop.relation))
            }
        };
        let (from, to) = (quote(&hop.from), quote(&hop.to));
        let _ = writeln!(dot, "  {from} -> {to} [label={}, penwidth=2];", quote(&label));
    }
    for (from, to) in symptoms(revision) {
        let _ = writeln!(dot, "  {} -> {} [style=dashed];", quote(from), quote(to));
    }
    dot.push_str("}\n");
    dot
}

#[derive(Default)]
struct Node {
    ppm: u32,
    is_first: bool,
    alerts: usize,
    severity: Option<SeverityWord>,
}

impl Node {
    fn label(&self, entity: &str) -> String {
        let mut label = entity.to_owned();
        if self.ppm > 0 {
            label.push_str(&format!("\ncause: {}", crate::emit::wire::Ppm(self.ppm).shown()));
        }
        match self.alerts {
            0 => label.push_str("\nno alert"),
            alerts => label.push_str(&format!("\n{}", phrase::count(alerts, "alert"))),
        }
        label
    }
}

fn nodes(revision: &Revision) -> BTreeMap<&str, Node> {
    let mut nodes: BTreeMap<&str, Node> = BTreeMap::new();
    for row in &revision.alerts {
        let node = nodes.entry(&row.entity).or_default();
        node.alerts += 1;
        node.severity = node.severity.max(Some(row.severity));
    }
    for hop in &revision.explanation.path {
        nodes.entry(&hop.from).or_default();
        nodes.entry(&hop.to).or_default();
    }
    for (rank, candidate) in revision.cause.candidates.iter().enumerate() {
        // A long tail of unlikely entities that did nothing would only hide the others.
        if rank == 0 || nodes.contains_key(candidate.entity.as_str()) {
            let node = nodes.entry(&candidate.entity).or_default();
            node.ppm = candidate.probability.0;
            node.is_first = rank == 0;
        }
    }
    for (_, to) in symptoms(revision) {
        nodes.entry(to).or_default();
    }
    nodes
}

/// Which entity is a symptom of which, where the path does not say it already.
fn symptoms(revision: &Revision) -> BTreeMap<&str, &str> {
    let on_path = |from: &str, to: &str| {
        revision.explanation.path.iter().any(|hop| hop.from == from && hop.to == to)
    };
    revision
        .alerts
        .iter()
        .zip(&revision.explanation.members)
        .filter_map(|(row, member)| Some((row.entity.as_str(), member.symptom_of.as_deref()?)))
        .filter(|(from, to)| from != to && !on_path(from, to))
        .collect()
}

fn border(severity: SeverityWord) -> &'static str {
    match severity {
        SeverityWord::Fatal | SeverityWord::Critical => "red",
        SeverityWord::Error | SeverityWord::Warning => "orange",
        SeverityWord::Info | SeverityWord::Debug => "gray",
    }
}

/// A quoted string of the language; a line break becomes one in the picture.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
