//! The normal event: the unit in which throughput is measured.
//!
//! 360 bytes of JSON, 12 fields, 8 labels; entities by Zipf's law; 70 % of the
//! events repeat an alert that is in the window, 5 % are late by up to 30 s,
//! 0.1 % are malformed. Made from a seed before any clock starts.

use crate::instant::{Ms, SECOND, START, push_rfc3339};
use crate::rng::{Rng, Zipf, mix};
use crate::wire::{push_id, push_number};

/// Share of events that repeat a live alert.
const REPEATED: f64 = 0.7;
const LATE: f64 = 0.05;
const LATE_MAX: Ms = 30 * SECOND;
const MALFORMED: f64 = 0.001;
const ENTITY_EXPONENT: f64 = 1.1;
/// How long an alert that nobody repeats stays alive: the default `quiet`.
const QUIET: f64 = 300.0;
/// The usual length of a line, line feed included.
pub const LINE: usize = 360;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// How many lines.
    pub events: u64,
    /// How many alerts are alive once the stream is under way.
    ///
    /// Three in five are in the window that repetitions come from, the others wait for
    /// `quiet` to pass. It takes about `live_keys * 10 / 3` events to get there.
    pub live_keys: u64,
    /// The seed.
    pub seed: u64,
}

/// The stream, as an iterator over chunks of whole lines.
#[derive(Clone, Debug)]
pub struct NormalEvents {
    rng: Rng,
    entities: Zipf,
    seed: u64,
    left: u64,
    made: u32,
    /// How many keys were ever opened; the newest are in the window.
    opened: u64,
    window: u64,
    /// Milliseconds of event time from one event to the next.
    step: f64,
}

impl NormalEvents {
    /// Bytes of a chunk, at least; a chunk ends with a line.
    pub const CHUNK: usize = 1 << 20;

    /// A stream from its parameters.
    pub fn new(params: Params) -> Self {
        // A key spends `QUIET` in the window, where it is repeated 7/3 times, on average
        // for the last time after 184 s, and is alive for another `QUIET` after that.
        let window = ((params.live_keys as f64 * QUIET / (QUIET + 184.0)) as u64).max(1);
        let keys_per_second = window as f64 / QUIET;
        let entities = (params.live_keys / 10).clamp(10, 100_000) as usize;
        NormalEvents {
            rng: Rng::stream(params.seed, "normal"),
            entities: Zipf::new(entities, ENTITY_EXPONENT),
            seed: params.seed,
            left: params.events,
            made: 0,
            opened: 0,
            window,
            step: 1_000.0 * (1.0 - REPEATED) / keys_per_second,
        }
    }

    /// Appends up to `lines` lines; returns how many.
    pub fn push_lines(&mut self, out: &mut Vec<u8>, lines: u64) -> u64 {
        let lines = lines.min(self.left);
        for _ in 0..lines {
            self.push_line(out);
        }
        self.left -= lines;
        lines
    }

    fn push_line(&mut self, out: &mut Vec<u8>) {
        let key = if self.opened > 0 && self.rng.chance(REPEATED) {
            let window = self.window.min(self.opened);
            self.opened - 1 - self.rng.below(window as usize) as u64
        } else {
            self.opened += 1;
            self.opened - 1
        };
        let now = START + (f64::from(self.made) * self.step) as Ms;
        let late = if self.rng.chance(LATE) { self.rng.below(LATE_MAX as usize) as Ms } else { 0 };
        let begin = out.len();
        self.push_event(out, key, now, late);
        if self.rng.chance(MALFORMED) {
            self.spoil(out, begin);
        }
        out.push(b'\n');
        self.made += 1;
    }

    fn push_event(&mut self, out: &mut Vec<u8>, key: u64, now: Ms, late: Ms) {
        const SEVERITIES: [&str; 4] = ["warning", "error", "critical", "info"];
        const REGIONS: [&str; 3] = ["eu1", "us1", "ap1"];
        const TIERS: [&str; 3] = ["top", "mid", "low"];
        // A key's words are a function of the key, so that nothing need be remembered.
        let mut of_key = Rng::new(mix(self.seed ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let entity = self.entities.draw(&mut of_key) as u64;
        let dice = of_key.next_u64();
        let begin = out.len();
        out.extend_from_slice(b"{\"schema\":\"event/1.0\",\"id\":\"");
        push_id(out, self.made);
        out.extend_from_slice(b"\",\"source\":\"bench\",\"kind\":\"alert\",\"name\":\"Check");
        push_padded(out, dice % 100, 2);
        out.extend_from_slice(b"\",\"time\":\"");
        push_rfc3339(out, now - late);
        out.extend_from_slice(b"\",\"observed_time\":");
        push_number(out, now as u64 * 1_000_000);
        out.extend_from_slice(b",\"status\":\"firing\",\"severity\":\"");
        out.extend_from_slice(SEVERITIES[(dice >> 8) as usize % 4].as_bytes());
        out.extend_from_slice(b"\",\"entity\":\"service:b/s");
        push_number(out, entity);
        out.extend_from_slice(b"\",\"labels\":{\"az\":\"z");
        push_number(out, (dice >> 16) % 8);
        out.extend_from_slice(b"\",\"env\":\"prod\",\"ns\":\"b\",\"pod\":\"p");
        push_number(out, key);
        out.extend_from_slice(b"\",\"region\":\"");
        out.extend_from_slice(REGIONS[(dice >> 24) as usize % 3].as_bytes());
        out.extend_from_slice(b"\",\"svc\":\"s");
        push_number(out, entity);
        out.extend_from_slice(b"\",\"team\":\"t");
        push_number(out, entity % 40);
        out.extend_from_slice(b"\",\"tier\":\"");
        out.extend_from_slice(TIERS[(dice >> 32) as usize % 3].as_bytes());
        out.extend_from_slice(b"\"},\"summary\":\"");
        self.push_summary(out, begin);
        out.extend_from_slice(b"\"}");
    }

    /// Fills the line up to its usual length with words.
    fn push_summary(&mut self, out: &mut Vec<u8>, begin: usize) {
        const WORDS: &[u8] = b"threshold exceeded for longer than allowed by the rule ";
        let value = self.rng.below(1_000) as u64;
        push_number(out, value);
        out.push(b' ');
        // Two closing characters and the line feed are still to come.
        let target = begin + LINE - 3;
        let mut words = WORDS.iter().cycle();
        while out.len() < target {
            out.extend(words.next());
        }
    }

    /// Breaks the line that begins at `begin` in one of the ways that lines break.
    fn spoil(&mut self, out: &mut Vec<u8>, begin: usize) {
        match self.rng.below(4) {
            // Cut short.
            0 => out.truncate(begin + LINE / 2),
            // Not UTF-8.
            1 => out[begin + 30] = 0xff,
            // Not a name for a kind.
            2 => {
                let kind = b"\"kind\":\"alert\"";
                let found = out[begin..].windows(kind.len()).position(|w| w == kind);
                let at = begin + found.unwrap_or(0);
                out[at..at + kind.len()].copy_from_slice(b"\"kind\":[     ]");
            }
            // Not JSON.
            _ => out[begin] = b'<',
        }
    }
}

/// Appends `value` with at least `width` digits.
fn push_padded(out: &mut Vec<u8>, value: u64, width: u32) {
    for digit in (1..width).rev() {
        if value < 10u64.pow(digit) {
            out.push(b'0');
        }
    }
    push_number(out, value);
}

impl Iterator for NormalEvents {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let lines = self.left.min((NormalEvents::CHUNK / LINE) as u64 + 1);
        let mut out = Vec::with_capacity(lines as usize * LINE);
        (self.push_lines(&mut out, lines) > 0).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    fn lines(events: u64, live_keys: u64, seed: u64) -> Vec<Vec<u8>> {
        let chunks = NormalEvents::new(Params { events, live_keys, seed });
        let all: Vec<u8> = chunks.flatten().collect();
        assert_eq!(all.last(), Some(&b'\n'));
        all[..all.len() - 1].split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_normal_event_is_as_announced() {
        let lines = lines(20_000, 4_000, 1);
        assert_eq!(lines.len(), 20_000);
        let (mut good, mut bytes, mut late) = (0, 0, 0);
        for line in &lines {
            let Ok(event) = serde_json::from_slice::<Value>(line) else { continue };
            if event["kind"].is_array() {
                continue;
            }
            good += 1;
            bytes += line.len() + 1;
            assert_eq!(event.as_object().unwrap().len(), 12);
            assert_eq!(event["labels"].as_object().unwrap().len(), 8);
            let received = event["observed_time"].as_i64().unwrap() / 1_000_000;
            late += usize::from(event["time"] != crate::instant::rfc3339(received));
        }
        let malformed = 1.0 - good as f64 / 20_000.0;
        assert!((0.0004..0.002).contains(&malformed), "{malformed}");
        assert!((355..=365).contains(&(bytes / good)), "{}", bytes / good);
        let late = late as f64 / good as f64;
        assert!((0.04..0.06).contains(&late), "{late}");
    }

    #[test]
    fn seven_in_ten_repeat_a_live_alert() {
        let mut seen = BTreeSet::new();
        let mut entities: BTreeMap<String, u32> = BTreeMap::new();
        let (mut all, mut fresh) = (0u32, 0u32);
        for line in lines(30_000, 4_000, 2) {
            let Ok(event) = serde_json::from_slice::<Value>(&line) else { continue };
            all += 1;
            fresh += u32::from(seen.insert(event["labels"].to_string()));
            *entities.entry(event["entity"].to_string()).or_default() += 1;
        }
        let share = f64::from(fresh) / f64::from(all);
        assert!((0.29..0.31).contains(&share), "{share}");
        let mut counts: Vec<u32> = entities.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // Zipf's law with exponent 1.1: the tenth entity has a twelfth of the first's events.
        let ratio = f64::from(counts[0]) / f64::from(counts[9]);
        assert!((8.0..20.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn keys_live_as_long_as_asked() {
        let live_keys = 3_000;
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        let mut now = 0;
        for line in lines(40_000, live_keys, 3) {
            let Ok(event) = serde_json::from_slice::<Value>(&line) else { continue };
            now = event["observed_time"].as_i64().unwrap() / 1_000_000;
            last.insert(event["labels"]["pod"].to_string(), now);
        }
        let live = last.values().filter(|t| now - **t <= 300 * SECOND).count() as u64;
        assert!((live_keys * 9 / 10..=live_keys * 11 / 10).contains(&live), "{live}");
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(lines(500, 100, 7), lines(500, 100, 7));
        assert_ne!(lines(500, 100, 7), lines(500, 100, 8));
    }
}
