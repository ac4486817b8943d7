//! A seeded history: what happens in a few hours of a small system, step by step.

use causeway_loadgen::rng::Rng;
use serde_json::{Value, json};

/// 2026-11-23T07:00:00Z, when every history begins.
pub(super) const BEGINS: i64 = 1_795_417_200;
const ENTITIES: usize = 12;

/// Lines that come together, and how long after those before.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) after_seconds: i64,
    pub(super) lines: String,
}

/// The configuration that histories run under.
pub(super) fn yaml(rng: &mut Rng) -> String {
    let emission = match rng.chance(0.5) {
        true => "emission: {settle: 0s, settle_max: 0s, revise_interval: 0s}\n",
        false => "",
    };
    format!("version: 1\n{emission}sources: {{http: {{type: http}}}}\n")
}

/// So many steps.
pub(super) fn draw(rng: &mut Rng, steps: usize) -> Vec<Step> {
    (0..steps)
        .map(|at| {
            let after_seconds = *rng.pick(&[0, 0, 1, 3, 20, 70, 400]);
            let lines: Vec<Value> =
                (0..1 + rng.below(4)).map(|line| event(rng, &format!("{at}-{line}"))).collect();
            let lines = lines.iter().map(|line| format!("{line}\n")).collect();
            Step { after_seconds, lines }
        })
        .collect()
}

fn event(rng: &mut Rng, id: &str) -> Value {
    let entity = |rng: &mut Rng| format!("service:shop/s-{}", rng.below(ENTITIES));
    let op = if rng.chance(0.6) { "upsert" } else { "delete" };
    match rng.weighted(&[14.0, 4.0, 3.0, 1.0, 1.0]) {
        0 => json!({"source": "load", "kind": "alert", "id": id, "entity": entity(rng),
            "name": format!("Name{}", rng.below(3)),
            "severity": *rng.pick(&["warning", "error", "critical", "fatal"])}),
        1 => json!({"source": "load", "kind": "alert", "id": id, "entity": entity(rng),
            "name": format!("Name{}", rng.below(3)), "status": "resolved"}),
        2 => {
            let from = rng.below(ENTITIES - 1);
            let to = from + 1 + rng.below(ENTITIES - from - 1);
            json!({"source": "load", "kind": "relation", "op": op, "relation": "calls",
                "from": format!("service:shop/s-{from}"), "to": format!("service:shop/s-{to}")})
        }
        3 => json!({"source": "load", "kind": "silence", "op": op, "silence": {
            "id": "s", "matchers": [format!("alertname=\"Name{}\"", rng.below(3))],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"}}),
        _ => json!({"source": "load", "kind": "change", "id": id, "entity": entity(rng),
            "change": {"id": id, "type": "deployment"}}),
    }
}
