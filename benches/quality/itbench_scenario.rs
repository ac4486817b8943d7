//! One ITBench scenario: its ground truth with groups resolved to entities.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::native::{QualityError, file_error, read, shape_error};
use super::synth::Dependents;

/// The ground truth of a scenario, version 1.
#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    alerts: Vec<Alert>,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    aliases: Option<Vec<Vec<String>>>,
    #[serde(default)]
    propagations: Vec<Propagation>,
    #[serde(default)]
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Alert {
    id: String,
    #[serde(default)]
    group_id: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    root_cause: bool,
}

#[derive(Deserialize)]
struct Propagation {
    source: String,
    target: String,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    category: String,
}

/// A scenario with its groups resolved to entities.
pub struct Scenario {
    /// Its number upstream.
    pub number: u32,
    /// Category of the injected fault.
    pub fault: String,
    /// Entities where it begins.
    pub roots: Vec<String>,
    /// Whether one of the roots does nothing unless it is edited.
    pub is_configuration: bool,
    /// Alerts: entity, name, description.
    pub alerts: Vec<(String, String, String)>,
    /// How the fault spreads.
    pub dependents: Dependents,
    /// The roots and all that the scenario calls the same.
    pub accepted: BTreeSet<String>,
    /// Relations: dependent, dependency, word.
    pub relations: Vec<(String, String, &'static str)>,
    /// Every entity that it names.
    pub entities: BTreeSet<String>,
    /// Alerts that name no group and were left out.
    pub without_group: usize,
}

/// The ground truths in the folder, in the order of their paths.
///
/// # Errors
/// When the folder cannot be read.
pub fn scenario_files(dir: &Path) -> Result<Vec<PathBuf>, QualityError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|source| file_error(dir, source))? {
        let path = entry.map_err(|source| file_error(dir, source))?.path();
        let truth = path.join("groundtruth_v1.yaml");
        if truth.is_file() {
            files.push(truth);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one ground truth; its number is that of its folder.
///
/// # Errors
/// When the file is not a ground truth.
pub fn read_scenario(path: &Path) -> Result<Scenario, QualityError> {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let number = folder.rsplit('_').next().and_then(|text| text.parse().ok());
    let number = number.ok_or_else(|| shape_error(path, "its folder has no number"))?;
    let whole: Value =
        serde_saphyr::from_str(&read(path)?).map_err(|error| shape_error(path, error))?;
    let spec = whole.get("spec").cloned().unwrap_or(whole);
    let spec: Spec = serde_json::from_value(spec).map_err(|error| shape_error(path, error))?;
    Ok(resolve(number, &spec))
}

/// Turns groups into entities and propagation steps into relations.
fn resolve(number: u32, spec: &Spec) -> Scenario {
    let by_id: BTreeMap<&str, &Group> =
        spec.groups.iter().map(|group| (group.id.as_str(), group)).collect();
    let namespace = spec.groups.iter().map(|group| group.namespace.as_str()).max().unwrap_or("");
    let entity = |id: &str| -> String {
        match by_id.get(id) {
            Some(group) => entity_name(&group.kind, &group.namespace, id),
            // Some alerts name their group without its number.
            None => match by_id.get(format!("{id}-1").as_str()) {
                Some(group) => entity_name(&group.kind, &group.namespace, id),
                None => entity_name("Service", namespace, id),
            },
        }
    };
    let mut relations = Vec::new();
    let mut dependents = Dependents::new();
    for step in &spec.propagations {
        let (cause, effect) = (entity(&step.source), entity(&step.target));
        if cause != effect {
            dependents.entry(cause.clone()).or_default().insert(effect.clone());
            relations.push((effect, cause, "depends_on"));
        }
    }
    let roots: Vec<&Group> = spec.groups.iter().filter(|group| group.root_cause).collect();
    let root_names: Vec<String> = roots.iter().map(|group| entity(&group.id)).collect();
    let mut accepted: BTreeSet<String> = root_names.iter().cloned().collect();
    for class in spec.aliases.iter().flatten() {
        let members: BTreeSet<String> = class.iter().map(|id| entity(id)).collect();
        relations.extend(parts(&members));
        if members.iter().any(|member| root_names.contains(member)) {
            accepted.extend(members);
        }
    }
    let alerts: Vec<(String, String, String)> = spec
        .alerts
        .iter()
        .filter_map(|alert| {
            let group = alert.group_id.as_deref()?;
            Some((entity(group), alert.id.clone(), alert.metadata.description.clone()))
        })
        .collect();
    let mut entities: BTreeSet<String> =
        spec.groups.iter().map(|group| entity(&group.id)).collect();
    entities.extend(alerts.iter().map(|(entity, _, _)| entity.clone()));
    Scenario {
        number,
        // The last fault of a scenario is the one that was injected.
        fault: spec.fault.last().map_or(String::new(), |fault| fault.category.clone()),
        is_configuration: roots.iter().any(|group| is_configuration(&group.kind)),
        roots: root_names,
        without_group: spec.alerts.len() - alerts.len(),
        alerts,
        dependents,
        accepted,
        relations,
        entities,
    }
}

/// `service:otel-demo/cart` from a group of kind Service called `cart-service-1`.
fn entity_name(kind: &str, namespace: &str, id: &str) -> String {
    let kind = kind.to_lowercase();
    let name = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = if name.len() < id.len() { name.strip_suffix('-').unwrap_or(id) } else { id };
    let name = name.strip_suffix(&format!("-{kind}")).unwrap_or(name);
    format!("{kind}:{namespace}/{name}")
}

/// Groups that count as one are parts of their service.
fn parts(members: &BTreeSet<String>) -> Vec<(String, String, &'static str)> {
    match members.iter().find(|member| member.starts_with("service:")) {
        Some(service) => members
            .iter()
            .filter(|member| *member != service)
            .map(|member| (member.clone(), service.clone(), "part_of"))
            .collect(),
        None => Vec::new(),
    }
}

/// Objects that do nothing unless somebody edits them.
fn is_configuration(kind: &str) -> bool {
    matches!(
        kind,
        "ConfigMap"
            | "Deployment"
            | "NetworkPolicy"
            | "PodDisruptionBudget"
            | "ResourceQuota"
            | "Schedule"
    ) || kind.ends_with("Chaos")
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_entities() {
        assert_eq!(entity_name("Service", "shop", "web-service-1"), "service:shop/web");
        assert_eq!(
            entity_name("ConfigMap", "shop", "flagd-config-1"),
            "configmap:shop/flagd-config"
        );
        assert_eq!(entity_name("Pod", "shop", "high-priority-pods"), "pod:shop/high-priority-pods");
        assert_eq!(entity_name("Service", "shop", "web2"), "service:shop/web2");
    }
}
