//! The `slos` section: what services promise, and how fast their error budget may burn.

use super::source::SeverityWord;
use super::units::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One SLO. It counts calls or reads counters: one of `calls` and `ratio`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// What it is called; findings carry it as the label `slo`.
    pub name: String,
    /// Whose signals it reads.
    #[serde(default = "tenant_default")]
    pub tenant: String,
    /// What its findings are about, such as `service:shop/cart`; with `calls` also whose calls
    /// count. Without it `slo:` and the name.
    #[serde(default)]
    pub entity: String,
    /// Which calls count, and which of them are good.
    #[serde(default)]
    pub calls: Option<Calls>,
    /// Which counters count.
    #[serde(default)]
    pub ratio: Option<Ratio>,
    /// The part that has to be good, in percent, such as 99.9.
    pub objective: f64,
    /// Over how long that is promised, at most 90d.
    #[serde(default = "window_default")]
    pub window: Period,
    /// A tier with fewer events than that in its long window is not judged.
    #[serde(default = "events_default")]
    pub events: u64,
    /// When the budget burns too fast; without any, 14.4 times over 1h and 5m and 6 times over
    /// 6h and 30m are critical, 3 times over 1d and 2h and once over 3d and 6h are warnings.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

fn tenant_default() -> String {
    "default".to_owned()
}

fn window_default() -> Period {
    Period::minutes(30 * 24 * 60)
}

fn events_default() -> u64 {
    100
}

/// Calls of `entity`, as spans tell of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Which operation; all of them without it.
    pub operation: Option<String>,
    /// Whom it asks, such as `database:shop/cart-db`; without it, calls that the entity answers.
    pub peer: Option<String>,
    /// Whether calls that fail are bad.
    pub failures: bool,
    /// Calls that take that long or longer are bad.
    pub latency_below: Option<Period>,
}

impl Default for Calls {
    fn default() -> Self {
        Calls { operation: None, peer: None, failures: true, latency_below: None }
    }
}

/// Counters, each as `name{label="value"}`: what happened, and either the good or the bad part.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ratio {
    /// Counters of all that happened.
    pub total: String,
    /// Counters of what was good.
    pub good: Option<String>,
    /// Counters of what was bad.
    pub bad: Option<String>,
}

/// When a budget burns too fast: as fast in a long window and in a short one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Times the rate at which the budget lasts for the SLO's window.
    pub burn: f64,
    /// The window that says that it matters.
    pub long: Period,
    /// The window that says that it still goes on.
    pub short: Period,
    /// Severity of the finding.
    pub severity: SeverityWord,
}
