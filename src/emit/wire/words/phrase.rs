//! Small parts of sentences: numbers with their nouns, durations, verbs.

use crate::emit::wire::{Revision, Time};

/// The last part of an entity reference: what people call it.
pub fn short(entity: &str) -> &str {
    let rest = entity.split_once(':').map_or(entity, |(_, rest)| rest);
    rest.rsplit_once('/').map_or(rest, |(_, name)| name)
}

/// `1 alert`, `12 alerts`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {}", plural(noun)) }
}

fn plural(noun: &str) -> String {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| noun.ends_with(suffix));
    if ends(&["s", "x", "ch", "sh"]) {
        format!("{noun}es")
    } else if ends(&["y"]) && !ends(&["ay", "ey", "oy", "uy"]) {
        format!("{}ies", &noun[..noun.len() - 1])
    } else {
        format!("{noun}s")
    }
}

/// `12 alerts on 5 services`; entities of several kinds are entities.
pub fn reach(revision: &Revision) -> String {
    let alerts = count(revision.alerts.len(), "alert");
    let mut kinds =
        revision.entities.iter().map(|e| e.split_once(':').map_or("", |(kind, _)| kind));
    let first = kinds.next().unwrap_or_default();
    let one_kind = !matches!(first, "" | "unknown") && kinds.all(|kind| kind == first);
    let noun = if one_kind { first } else { "entity" };
    format!("{alerts} on {}", count(revision.entities.len(), noun))
}

/// `18 s`, `3 min 58 s`, `2 h 5 min`, `3 d 4 h`: two units at most.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// `18 s later`, `18 s earlier`, `at the same time`.
pub fn after(lag_ms: i64) -> String {
    match lag_ms {
        0 => "at the same time".to_owned(),
        1.. => format!("{} later", duration(lag_ms.unsigned_abs())),
        _ => format!("{} earlier", duration(lag_ms.unsigned_abs())),
    }
}

/// `07:01:58 UTC`; with the date when it is not the day of `beside`.
pub fn clock(time: Time, beside: Time) -> String {
    let text = time.to_string();
    let day = |text: &str| text.split_once('T').map(|(day, _)| day.to_owned());
    let (date, rest) = text.split_once('T').unwrap_or(("", &text));
    let hour = rest.get(..8).unwrap_or(rest);
    if day(&beside.to_string()).as_deref() == Some(date) {
        format!("{hour} UTC")
    } else {
        format!("{date} {hour} UTC")
    }
}

/// A relation as a verb: `runs_on` reads as "runs on".
pub fn verb(relation: &str) -> &str {
    match relation {
        "runs_on" => "runs on",
        "part_of" => "is part of",
        "owned_by" => "is owned by",
        "reads" => "reads from",
        "writes" => "writes to",
        "routes_to" => "routes to",
        "depends_on" => "depends on",
        "same" => "is",
        other => other,
    }
}

/// What a feature looks at, as a part of "for it" and of "against it" alike.
///
/// A contribution is a weight times a value, and models may weigh either way; so the words
/// name what was looked at and leave the sign to say which side it took.
pub fn reason(feature: &str) -> &'static str {
    match feature {
        "own" => "how rare its own alerts are",
        "explained" => "trouble that nothing it depends on explains",
        "peer" => "siblings in the same trouble",
        "log" => "unusual log lines of its own",
        "mention" => "log lines of others that name it",
        "impact" => "how far it deviates beside the symptom",
        "cover" => "its share of what is hurt",
        "onset" => "when it began beside the others",
        "change" => "a recent change on it or under it",
        "history" => "its record in incidents like this",
        "symptom" => "an alerting dependency that accounts for it",
        "silent" => "no alert of its own",
        "proxy" => "being a view of something else",
        "specific" => "how particular its alerts are",
        "support" => "how much of what is hurt depends on it",
        "level" => "what kind of thing it is",
        _ => "a feature of the model",
    }
}
