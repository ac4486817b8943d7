//! What sort of thing an alert's name speaks of.
//!
//! Resource alerts point at where a fault is, request alerts (latency, errors,
//! rate) at where it is felt. A name that no word gives away is a resource kind
//! of its own, because a rare alert with a particular name is the best evidence
//! there is.

use crate::model::Identity;
use smol_str::SmolStr;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The sort of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Requests take longer.
    Latency,
    /// Requests fail.
    Errors,
    /// More or fewer requests.
    Rate,
    /// Something waits: pools, retries, breakers, what a business counts.
    Pressure,
    /// A line in a log.
    Log,
    /// Anything that a thing suffers by itself; the word or name tells which.
    Resource(SmolStr),
}

const LATENCY: &[&str] = &[
    "latency",
    "responseslow",
    "requestslow",
    "slowrequest",
    "duration",
    "responsetime",
    "p95",
    "p99",
    "apdex",
    "timeout",
    "degradation",
];
const ERRORS: &[&str] = &[
    "errorrate",
    "servererror",
    "requestfailure",
    "errorratio",
    "5xx",
    "http5",
    "failurerate",
    "failedrequests",
    "successrate",
    "errorbudget",
    "availability",
];
const RATE: &[&str] = &["traffic", "requestrate", "throughput", "qps", "rps", "volume"];
const PRESSURE: &[&str] = &[
    "upstream",
    "breaker",
    "retry",
    "retries",
    "inflight",
    "poolbusy",
    "backend",
    "conversion",
    "journey",
    "business",
    "slo",
    "checkout",
    "orders",
    "backlog",
    "saturation",
];
const LOG: &[&str] = &["log:", "logline", "logpattern", "exceptionlog"];
/// Words that make names one kind: a flood about one resource counts once.
const RESOURCES: &[&str] = &[
    "cpu",
    "mem",
    "oom",
    "disk",
    "filesystem",
    "inode",
    "network",
    "packet",
    "retrans",
    "socket",
    "connection",
    "thread",
    "gc",
    "restart",
    "crash",
    "cert",
    "dns",
    "replica",
    "queue",
    "lag",
    "deadlock",
    "lock",
    "node",
    "probe",
];

/// Words that count only when they stand alone, because they are short: mean response time,
/// success rate, request rate.
const SHORT: &[(&str, Kind)] =
    &[("mrt", Kind::Latency), ("rt", Kind::Latency), ("sr", Kind::Errors), ("rr", Kind::Rate)];

/// The sort of an alert: what its label `signal` says it was made of, else what its name says.
///
/// A trace alert is named after an operation, which says nothing of what is wrong with it but
/// a status at its end; a log alert is a line whatever its template is called.
pub fn kind_of(identity: &Identity) -> Kind {
    match identity.label("signal") {
        Some("log" | "logs") => Kind::Log,
        Some("trace" | "traces" | "span") => {
            let last = identity.name.rsplit(|c: char| !c.is_alphanumeric()).next();
            let status = last.and_then(|word| word.parse::<u16>().ok());
            if status.is_some_and(|status| (400..600).contains(&status)) {
                Kind::Errors
            } else {
                Kind::Latency
            }
        }
        _ => kind(&identity.name),
    }
}

/// Sorts by name, once found: there are far fewer names than alerts, and finding one takes
/// looking for some eighty words in it.
#[derive(Debug, Default)]
pub struct Kinds(RefCell<BTreeMap<SmolStr, Kind>>);

/// Names that are remembered; where there are more, some of them are made up as they come.
const NAMES_MAX: usize = 4_096;

impl Kinds {
    /// [`kind_of`] an alert.
    pub fn of(&self, identity: &Identity) -> Kind {
        if identity.label("signal").is_some() {
            return kind_of(identity);
        }
        let mut known = self.0.borrow_mut();
        if let Some(kind) = known.get(&identity.name) {
            return kind.clone();
        }
        let kind = kind_of(identity);
        if known.len() >= NAMES_MAX {
            known.clear();
        }
        known.insert(identity.name.clone(), kind.clone());
        kind
    }
}

/// The sort of an alert called `name`.
pub fn kind(name: &str) -> Kind {
    let alone = |word: &str| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == word);
    if let Some((_, kind)) = SHORT.iter().find(|(word, _)| alone(word)) {
        return kind.clone();
    }
    let squeezed: String = name
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ':')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let any = |words: &[&str]| words.iter().any(|word| squeezed.contains(word));
    if any(LOG) {
        Kind::Log
    } else if any(LATENCY) {
        Kind::Latency
    } else if any(ERRORS) {
        Kind::Errors
    } else if any(PRESSURE) {
        Kind::Pressure
    } else if any(RATE) {
        Kind::Rate
    } else {
        let word = RESOURCES.iter().find(|word| squeezed.contains(**word));
        // How many requests came, as counters are called; of memory or CPU it is a reservation.
        let counted = squeezed.strip_suffix("total").unwrap_or(&squeezed);
        if word.is_none() && counted.ends_with("requests") {
            return Kind::Rate;
        }
        Kind::Resource(word.map_or_else(|| SmolStr::new(&squeezed), SmolStr::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_their_kinds() {
        assert_eq!(kind("HighRequestLatency"), Kind::Latency);
        assert_eq!(kind("High_Error_Rate"), Kind::Errors);
        assert_eq!(kind("log:1234"), Kind::Log);
        assert_eq!(kind("ContainerCPUThrottling"), Kind::Resource("cpu".into()));
        assert_eq!(kind("NodeDiskWillFill"), kind("DiskPressure"));
        assert_eq!(kind("FluxCapacitor"), Kind::Resource("fluxcapacitor".into()));
        assert_eq!(kind("http_requests_total"), Kind::Rate);
        assert_eq!(kind("kube_pod_memory_requests"), Kind::Resource("mem".into()));
        assert_eq!(kind("grpc-mrt up"), Kind::Latency);
        assert_eq!(kind("grpc-sr down"), Kind::Errors);
        assert_eq!(kind("disk-srv"), Kind::Resource("disk".into()));
    }

    #[test]
    fn what_a_trace_or_a_line_is_called_does_not_make_it_a_resource() {
        let of = |signal: &str, name: &str| {
            kind_of(&Identity {
                fingerprint: crate::model::Fingerprint(0),
                tenant: "t".into(),
                source: "s".into(),
                entity: crate::model::EntityRef::new("t", "pod:a/b"),
                name: name.into(),
                labels: crate::model::Labels::pack(std::iter::once(("signal", signal))),
            })
        };
        assert_eq!(of("trace", "shop.Cart/Get (rpc) 500"), Kind::Errors);
        assert_eq!(of("trace", "shop.Cart/Get (rpc) PD"), Kind::Latency);
        assert_eq!(of("log", "template 7"), Kind::Log);
        assert_eq!(of("metric", "container_cpu up"), Kind::Resource("cpu".into()));
    }
}
