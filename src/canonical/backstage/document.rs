//! One document of a catalogue file.

use crate::canonical::intake::DEFAULT_NAMESPACE;
use crate::canonical::native::Refusal;
use crate::canonical::reject::Code;
use serde_json::Value;
use smol_str::SmolStr;

/// Cuts a YAML stream at its `---` lines, so that a broken document costs only itself.
///
/// Stretches without anything but white space and comments are no documents.
pub(in crate::canonical) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut cuts = vec![];
    let (mut start, mut at) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let marker = line.strip_prefix(b"---");
        if marker.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace)) {
            cuts.push((start, at));
            // What stands behind the marker belongs to the document.
            start = at + 3;
        }
        at += line.len();
    }
    cuts.push((start, bytes.len()));
    cuts.into_iter().map(|(start, end)| &bytes[start..end]).filter(|text| holds_something(text))
}

fn holds_something(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with(b"#") && line != b"..."
    })
}

/// Kind, namespace and name of an entity, in lower case as Backstage compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    kind: String,
    namespace: String,
    name: String,
}

impl Reference {
    /// Reads `[kind:][namespace/]name`.
    fn parse(text: &str, default_kind: &str, default_namespace: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (kind, rest) = text.split_once(':').unwrap_or((default_kind, &text));
        let (namespace, name) = rest.split_once('/').unwrap_or((default_namespace, rest));
        if kind.is_empty() || namespace.is_empty() || name.is_empty() {
            return None;
        }
        let [kind, namespace, name] = [kind, namespace, name].map(str::to_owned);
        Some(Reference { kind, namespace, name })
    }

    /// What references are looked up by.
    pub(super) fn key(&self) -> String {
        format!("{}:{}/{}", self.kind, self.namespace, self.name)
    }

    /// Our reference with the type `prefix`.
    pub(super) fn words(&self, prefix: &str) -> String {
        format!("{prefix}:{}/{}", self.namespace, self.name)
    }

    /// The type of an entity of which only the kind is known.
    pub(super) fn default_prefix(&self) -> &str {
        match self.kind.as_str() {
            "component" => "service",
            "group" => "team",
            kind => kind,
        }
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| !text.is_empty())
}

/// One entity of the catalogue.
#[derive(Debug)]
pub(super) struct Document {
    /// Which.
    pub(super) reference: Reference,
    metadata: Value,
    spec: Value,
}

impl Document {
    /// Reads one document; `None` for an empty one.
    pub(super) fn read(yaml: &str) -> Result<Option<Self>, Refusal> {
        let value: Value = serde_saphyr::from_str(yaml).map_err(|error| {
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            Refusal::new(Code::E001, "", format!("not YAML: {first}"))
        })?;
        if value.is_null() {
            return Ok(None);
        }
        if !value.is_object() {
            return Err(Refusal::new(Code::E001, "", "a document is a mapping"));
        }
        let Some(kind) = text(value.get("kind")) else {
            return Err(Refusal::invalid("kind", "kind is missing"));
        };
        let metadata = value.get("metadata").cloned().unwrap_or_default();
        let Some(name) = text(metadata.get("name")) else {
            return Err(Refusal::invalid("metadata.name", "metadata.name is missing"));
        };
        let namespace = text(metadata.get("namespace")).unwrap_or(DEFAULT_NAMESPACE);
        let whole = format!("{kind}:{namespace}/{name}");
        let Some(reference) = Reference::parse(&whole, "", "") else {
            return Err(Refusal::invalid("metadata", "kind, namespace and name are no reference"));
        };
        let spec = value.get("spec").cloned().unwrap_or_default();
        Ok(Some(Document { reference, metadata, spec }))
    }

    /// Whether it describes a thing, and not where to find or how to make things.
    pub(super) fn is_entity(&self) -> bool {
        let kinds = ["component", "resource", "system", "domain", "api", "group", "user"];
        kinds.contains(&self.reference.kind.as_str())
    }

    /// The type that the document gives its entity.
    pub(super) fn prefix(&self) -> SmolStr {
        let typed = matches!(self.reference.kind.as_str(), "component" | "resource");
        let given = self.spec.get("type").and_then(Value::as_str).filter(|_| typed);
        match given.map(|given| given.trim().to_lowercase().replace([' ', ':', '/'], "-")) {
            Some(given) if !given.is_empty() => SmolStr::new(given),
            _ => SmolStr::new(self.reference.default_prefix()),
        }
    }

    /// What the objects of Kubernetes are called that the annotations say it consists of.
    pub(super) fn names_in_kubernetes(&self) -> impl Iterator<Item = String> {
        let annotation = |name: &str| {
            let annotations = self.metadata.get("annotations")?;
            text(annotations.get(format!("backstage.io/kubernetes-{name}")))
        };
        let is_component = self.reference.kind == "component";
        let (id, namespace) = (annotation("id"), annotation("namespace"));
        let by_id = id.map(|id| format!("service:{DEFAULT_NAMESPACE}/{id}"));
        let name = id.unwrap_or(&self.reference.name);
        let by_namespace = namespace.map(|namespace| format!("service:{namespace}/{name}"));
        by_id.into_iter().chain(by_namespace).filter(move |_| is_component)
    }

    /// The word for how much hangs on it.
    pub(super) fn criticality(&self) -> Option<&str> {
        let named = |map: &'_ Value| -> Option<String> {
            let map = map.as_object()?;
            let key = |key: &str| key == "criticality" || key.ends_with("/criticality");
            map.keys().find(|name| key(name)).cloned()
        };
        for map in [self.metadata.get("annotations"), self.metadata.get("labels")] {
            if let Some(word) = map.and_then(|map| map.get(named(map)?)?.as_str()) {
                return Some(word);
            }
        }
        self.spec.get("criticality")?.as_str()
    }

    /// The one reference of a field of the spec.
    pub(super) fn reference_of(
        &self,
        field: &str,
        default_kind: &str,
    ) -> Result<Option<Reference>, Refusal> {
        Ok(self.references_of(field, default_kind)?.into_iter().next())
    }

    /// The references of a field of the spec, one or a list.
    pub(super) fn references_of(
        &self,
        field: &str,
        default_kind: &str,
    ) -> Result<Vec<Reference>, Refusal> {
        let one = |value: &Value, path: String| {
            let parsed = value
                .as_str()
                .and_then(|text| Reference::parse(text, default_kind, &self.reference.namespace));
            parsed.ok_or_else(|| Refusal::invalid(&path, "it is no entity reference"))
        };
        match self.spec.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .map(|(at, value)| one(value, format!("spec.{field}[{at}]")))
                .collect(),
            Some(value) => Ok(vec![one(value, format!("spec.{field}"))?]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_markers() {
        let text = "# head\n---\nkind: A\n--- # x\nkind: B\ntext: |\n  ---\n...\n---\n\n---x: 1\n";
        let cut: Vec<_> = split(text.as_bytes()).map(|b| std::str::from_utf8(b).unwrap()).collect();
        assert_eq!(cut.len(), 3, "{cut:?}");
        assert_eq!(cut[0], "\nkind: A\n");
        assert_eq!(cut[2], "\n\n---x: 1\n");
    }

    #[test]
    fn references_have_defaults_and_no_case() {
        let read = |text| Reference::parse(text, "component", "shop").map(|r| r.key());
        assert_eq!(read("Cart").as_deref(), Some("component:shop/cart"));
        assert_eq!(read("resource:cart-db").as_deref(), Some("resource:shop/cart-db"));
        assert_eq!(read("API:other/x").as_deref(), Some("api:other/x"));
        assert_eq!(read("component:"), None);
        assert_eq!(read(" / "), None);
    }
}
