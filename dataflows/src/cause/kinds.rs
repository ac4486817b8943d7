//! What sort of thing an alert's name speaks of.
//!
//! Resource alerts point at where a fault is, request alerts (latency, errors,
//! rate) at where it is felt. A name that no word gives away is a resource kind
//! of its own, because a rare alert with a particular name is the best evidence
//! there is.

use smol_str::SmolStr;

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

/// The sort of an alert called `name`.
pub fn kind(name: &str) -> Kind {
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
    }
}
