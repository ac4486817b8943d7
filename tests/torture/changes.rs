//! Changes of what holds until it is taken back: silences, rules, relations.

use super::known::{Controls, Known, NAMES, SILENCED};
use super::load::Load;
use causeway_loadgen::rng::Rng;
use serde_json::{Value, json};

/// Relations that stand at a time.
const RELATIONS_MAX: usize = 12;

/// Changes what holds, one change at a time, and reads back what was acknowledged.
pub(super) async fn changer(load: &Load, seed: u64) {
    let mut rng = Rng::stream(seed, "changes");
    let mut kills = 0;
    while !load.is_over() {
        let now = load.kills();
        if now > kills || rng.chance(0.1) {
            kills = now;
            compare(load).await;
        }
        match rng.below(3) {
            0 => change(load, "silence", rng.below(SILENCED)).await,
            1 => change(load, "rule", SILENCED + rng.below(NAMES - SILENCED)).await,
            _ => relate(load, &mut rng).await,
        }
        tokio::time::sleep(load.pace * 4).await;
    }
}

/// Puts a silence or a rule about a name, or takes it back when it stands.
async fn change(load: &Load, kind: &str, name: usize) {
    let stands = load.known().controls.suppress(name);
    let path = format!("/v1/{kind}s/c-{name}");
    let matchers = [format!("alertname=\"Torture{name}\"")];
    let body = match kind {
        "silence" => json!({"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2100-01-01T00:00:00Z", "createdBy": "torture", "comment": "torture"}),
        _ => json!({"matchers": matchers, "action": "suppress"}),
    };
    let (method, body) = if stands { ("DELETE", String::new()) } else { ("PUT", body.to_string()) };
    let ask = || load.request(method, &path, "application/json", body.clone());
    let answer = load.insist_counting(ask).await;
    let mut known = load.known();
    let Controls { silences, rules, .. } = &mut known.controls;
    let set = if kind == "silence" { silences } else { rules };
    let done = if stands { set.remove(&name) } else { set.insert(name) };
    acknowledged(&mut known, &format!("{method} {path}"), &answer, done);
}

fn acknowledged(
    known: &mut Known,
    what: &str,
    (unanswered, (status, body)): &(u64, (u16, String)),
    done: bool,
) {
    known.changes += 1;
    // Without a key each try may have counted. A deletion of what is gone is refused before
    // it is an event, and counts nowhere.
    known.accepted_maybe += unanswered;
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let taken = *status == 200 && answer["accepted"] == 1;
    // A deletion that was taken by a process that was killed before it could say so.
    let was_taken = *unanswered > 0 && *status == 400 && body.contains("nothing such stands");
    if !(taken || was_taken) || !done {
        known.find(format!("{what}: {status} {body}"));
    }
}

/// Puts a relation between two entities that alert, or takes one back.
async fn relate(load: &Load, rng: &mut Rng) {
    let (standing, entities): (Vec<String>, Vec<String>) = {
        let known = load.known();
        let newest = known.alerts.keys().rev().step_by(3).take(200);
        (known.controls.relations.iter().cloned().collect(), newest.cloned().collect())
    };
    let goes = standing.len() >= RELATIONS_MAX || !standing.is_empty() && rng.chance(0.4);
    let relation = match goes {
        true => rng.pick(&standing).clone(),
        false if entities.len() < 2 => return,
        false => {
            let (from, to) = (rng.pick(&entities), rng.pick(&entities));
            format!("{from} {to}")
        }
    };
    let Some((from, to)) = relation.split_once(' ').filter(|(from, to)| from != to) else { return };
    if goes != standing.contains(&relation) {
        return;
    }
    let body = json!([{"kind": "relation", "source": "torture", "from": from, "to": to,
        "relation": "calls"}]);
    let method = if goes { "DELETE" } else { "PUT" };
    let ask = || load.request(method, "/v1/topology", "application/json", body.to_string());
    let answer = load.insist_counting(ask).await;
    let mut known = load.known();
    let relations = &mut known.controls.relations;
    let done = if goes { relations.remove(&relation) } else { relations.insert(relation.clone()) };
    acknowledged(&mut known, &format!("{method} {relation}"), &answer, done);
}

/// What is listed is what was acknowledged: nobody else changes it.
pub(super) async fn compare(load: &Load) {
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap().clone();
        let number = |item: &Value| item["id"].as_str()?.strip_prefix("c-")?.parse().ok();
        items.iter().map(|item| number(item).unwrap()).collect()
    };
    let relation = |item: &Value| {
        format!("{} {}", item["from"].as_str().unwrap(), item["to"].as_str().unwrap())
    };
    let listed = Controls {
        silences: ids(&load.get("/v1/silences").await),
        rules: ids(&load.get("/v1/rules").await),
        relations: load.get("/v1/topology").await["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(relation)
            .collect(),
    };
    let mut known = load.known();
    known.listed += 1;
    if listed != known.controls {
        let finding = format!("{:?} was acknowledged, {listed:?} is listed", known.controls);
        known.find(finding);
    }
}
