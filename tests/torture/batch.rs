//! What a sender sends at a time.

use super::known::NAMES;
use causeway_loadgen::rng::Rng;
use serde_json::json;

/// A batch of lines.
pub(super) struct Batch {
    pub(super) lines: String,
    /// Entity and number of the name of each that fires.
    pub(super) firing: Vec<(String, usize)>,
    /// Good lines and bad ones.
    pub(super) accepted: u64,
    pub(super) rejected: u64,
}

/// One to six lines; `standing` are the sender's alerts that fire.
pub(super) fn draw(rng: &mut Rng, id: &str, standing: &mut Vec<(String, usize)>) -> Batch {
    let mut batch = Batch { lines: String::new(), firing: Vec::new(), accepted: 0, rejected: 0 };
    for at in 0..1 + rng.below(6) {
        let chance = rng.unit();
        let (about, status) = match standing.is_empty() {
            _ if chance < 0.03 => {
                batch.lines.push_str("{\"source\":\"torture\",\"kind\":\"alert\",\n");
                batch.rejected += 1;
                continue;
            }
            false if chance < 0.15 => (standing.swap_remove(rng.below(standing.len())), "resolved"),
            false if chance < 0.5 => (rng.pick(standing).clone(), "firing"),
            _ => {
                let about = (format!("service:torture/s-{id}-{at}"), rng.below(NAMES));
                standing.push(about.clone());
                (about, "firing")
            }
        };
        let summary = "x".repeat(if rng.chance(0.2) { rng.below(4000) } else { 10 });
        batch.lines.push_str(&line(&format!("{id}-{at}"), &about, status, &summary));
        batch.accepted += 1;
        if status == "firing" {
            batch.firing.push(about);
        }
    }
    batch
}

/// The line of one event.
pub(super) fn line(
    id: &str,
    (entity, name): &(String, usize),
    status: &str,
    summary: &str,
) -> String {
    let event = json!({"source": "torture", "kind": "alert", "name": format!("Torture{name}"),
        "severity": "error", "id": id, "entity": entity, "status": status, "summary": summary});
    format!("{event}\n")
}
