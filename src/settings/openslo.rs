//! SLOs as OpenSLO v1 writes them.
//!
//! Read are documents of kind `SLO` with a `ratioMetric` of counters, in place or in a document
//! of kind `SLI` that `indicatorRef` names, over one rolling window and with one objective.
//! Documents of other kinds say nothing of what is counted and are passed over.

use crate::canonical::intake::DEFAULT_NAMESPACE;
use crate::config::slo::{Ratio, Slo};
use crate::config::units::Period;
use serde_json::Value;
use std::collections::BTreeMap;

const API: &str = "openslo/v1";
/// The annotation that says what the findings of an SLO are about.
const ENTITY: &str = "causeway/entity";
/// Kinds of the format that are passed over.
const OTHER_KINDS: [&str; 6] =
    ["SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource", "Service"];
const QUERY: &str = "write as `metricSource.spec.query` the selector of the counter alone, such as \
     `http_requests_total{job=\"cart\"}`; how much it grew in a window is counted anyway";

/// One SLO of a file.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// Number of its document, from 1.
    pub(super) document: usize,
    /// What it says, or what is wrong.
    pub(super) slo: Result<Slo, Wrong>,
}

/// What of a document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Dotted.
    pub(super) field: String,
    /// What it is.
    pub(super) message: String,
    /// What to do.
    pub(super) remedy: &'static str,
}

fn wrong(field: &str, message: impl Into<String>, remedy: &'static str) -> Wrong {
    Wrong { field: field.to_owned(), message: message.into(), remedy }
}

/// The SLOs of a file of one or more documents.
pub(super) fn read(text: &str) -> Vec<Read> {
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        Err(error) => {
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            let slo = Err(wrong("", format!("not YAML: {first}"), "correct the YAML"));
            return vec![Read { document: 1, slo }];
        }
    };
    let name = |document: &Value| text_at(document, "/metadata/name").map(str::to_owned);
    let of_kind = |kind: &'static str| move |document: &&Value| kind_of(document) == Some(kind);
    let indicators: BTreeMap<String, &Value> = documents
        .iter()
        .filter(of_kind("SLI"))
        .filter_map(|document| Some((name(document)?, document.get("spec")?)))
        .collect();
    let mut found = Vec::new();
    for (document, at) in documents.iter().zip(1..) {
        match kind_of(document) {
            Some("SLO") => found.push(Read { document: at, slo: slo(document, &indicators) }),
            Some(other) if OTHER_KINDS.contains(&other) => {}
            _ if document.is_null() => {}
            _ => {
                let remedy = "leave documents out that are not of OpenSLO v1";
                let slo = Err(wrong("kind", "it is none of OpenSLO v1", remedy));
                found.push(Read { document: at, slo });
            }
        }
    }
    if found.is_empty() {
        let slo = Err(wrong("", "the file holds no SLO", "add a document of `kind: SLO`"));
        found.push(Read { document: 1, slo });
    }
    found
}

fn kind_of(document: &Value) -> Option<&str> {
    text_at(document, "/kind")
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn slo(document: &Value, indicators: &BTreeMap<String, &Value>) -> Result<Slo, Wrong> {
    if text_at(document, "/apiVersion") != Some(API) {
        let given = text_at(document, "/apiVersion").unwrap_or("nothing");
        let message = format!("the format is {given}");
        return Err(wrong("apiVersion", message, "write `apiVersion: openslo/v1`"));
    }
    let name = text_at(document, "/metadata/name")
        .ok_or_else(|| wrong("metadata.name", "it has no name", "name it"))?;
    let spec = document.get("spec").unwrap_or(&Value::Null);
    let method = text_at(spec, "/budgetingMethod").unwrap_or("Occurrences");
    if method != "Occurrences" {
        let message = format!("budgets by {method} are not kept");
        return Err(wrong("spec.budgetingMethod", message, "write `Occurrences`"));
    }
    let annotations = document.pointer("/metadata/annotations");
    let annotated = annotations.and_then(|all| all.get(ENTITY)).and_then(Value::as_str);
    let entity = match (annotated, text_at(spec, "/service")) {
        (Some(entity), _) => entity.to_owned(),
        (None, Some(service)) if service.contains('/') => format!("service:{service}"),
        (None, Some(service)) => format!("service:{DEFAULT_NAMESPACE}/{service}"),
        (None, None) => String::new(),
    };
    Ok(Slo {
        name: name.to_owned(),
        tenant: "default".to_owned(),
        entity,
        calls: None,
        ratio: Some(ratio(spec, indicators)?),
        objective: objective(spec)?,
        window: window(spec)?,
        events: 100,
        tiers: Vec::new(),
    })
}

/// The one item of a list.
fn only<'a>(
    spec: &'a Value,
    field: &'static str,
    remedy: &'static str,
) -> Result<&'a Value, Wrong> {
    match spec.get(field).and_then(Value::as_array).map(Vec::as_slice) {
        Some([one]) => Ok(one),
        Some(several) if several.len() > 1 => {
            let message = format!("there are {} and one is read", several.len());
            Err(wrong(&format!("spec.{field}"), message, remedy))
        }
        _ => Err(wrong(&format!("spec.{field}"), "there is none", remedy)),
    }
}

fn objective(spec: &Value) -> Result<f64, Wrong> {
    let one = only(spec, "objectives", "write an SLO for each objective")?;
    for field in ["indicator", "indicatorRef", "compositeWeight"] {
        if one.get(field).is_some() {
            let at = format!("spec.objectives.{field}");
            let remedy = "write an SLO for each part; composed ones are not kept";
            return Err(wrong(&at, "it is an SLO composed of others", remedy));
        }
    }
    let number = |field: &str| one.get(field).and_then(Value::as_f64);
    let part = number("target").map(|target| target * 100.0);
    // What people write has a few digits; what multiplying adds is noise.
    let part = part.map(|percent| (percent * 1e9).round() / 1e9);
    part.or_else(|| number("targetPercent")).ok_or_else(|| {
        let remedy = "write `target: 0.999` or `targetPercent: 99.9`";
        wrong("spec.objectives", "it has no target", remedy)
    })
}

fn window(spec: &Value) -> Result<Period, Wrong> {
    let remedy = "write `timeWindow: [{duration: 30d, isRolling: true}]`";
    let one = only(spec, "timeWindow", remedy)?;
    if one.get("calendar").is_some() || one.get("isRolling") != Some(&Value::Bool(true)) {
        return Err(wrong("spec.timeWindow", "windows of the calendar are not kept", remedy));
    }
    let text = text_at(one, "/duration").unwrap_or_default();
    Period::parse(text).ok_or_else(|| {
        wrong("spec.timeWindow.duration", format!("`{text}` is no length of time"), remedy)
    })
}

fn ratio(spec: &Value, indicators: &BTreeMap<String, &Value>) -> Result<Ratio, Wrong> {
    let (field, indicator) = match (spec.get("indicator"), text_at(spec, "/indicatorRef")) {
        (Some(own), None) => ("spec.indicator.spec", own.get("spec")),
        (None, Some(name)) => match indicators.get(name) {
            Some(known) => ("spec.indicatorRef", Some(*known)),
            None => {
                let message = format!("no SLI `{name}` is in the file");
                let remedy = "put the document of `kind: SLI` into the same file";
                return Err(wrong("spec.indicatorRef", message, remedy));
            }
        },
        _ => {
            let remedy = "write one of `indicator` and `indicatorRef`";
            return Err(wrong("spec", "it does not say what is counted", remedy));
        }
    };
    let metric = indicator.and_then(|indicator| indicator.get("ratioMetric"));
    let at = |rest: &str| format!("{field}.ratioMetric{rest}");
    let Some(metric) = metric else {
        let remedy = "write a `ratioMetric` of good or bad and total";
        return Err(wrong(field, "it is no ratioMetric", remedy));
    };
    if metric.get("counter") == Some(&Value::Bool(false)) {
        let remedy = "name counters and write `counter: true`";
        return Err(wrong(&at(".counter"), "gauges are not added up", remedy));
    }
    if metric.get("raw").is_some() {
        let remedy = "write good or bad, and total";
        return Err(wrong(&at(".raw"), "a ratio that is made already has no events", remedy));
    }
    let query = |part: &str| -> Result<Option<String>, Wrong> {
        let Some(given) = metric.get(part) else { return Ok(None) };
        let text = text_at(given, "/metricSource/spec/query");
        let lacks = || wrong(&at(&format!(".{part}")), "it has no metricSource.spec.query", QUERY);
        Ok(Some(text.ok_or_else(lacks)?.to_owned()))
    };
    let (total, good, bad) = (query("total")?, query("good")?, query("bad")?);
    let Some(total) = total else {
        return Err(wrong(&at(".total"), "it has no total", "name the counters of all events"));
    };
    for (part, text) in [("total", Some(&total)), ("good", good.as_ref()), ("bad", bad.as_ref())] {
        let read = text.map_or(Ok(Vec::new()), |text| super::selector::counter(text));
        if let Err((message, _)) = read {
            return Err(wrong(&at(&format!(".{part}")), message, QUERY));
        }
    }
    Ok(Ratio { total, good, bad })
}
