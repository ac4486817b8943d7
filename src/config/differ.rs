//! Where two configurations say different things.
//!
//! What they come to is compared, defaults included, so that a value that is spelled out now
//! and was a default before is no difference. Secrets have no place in what is shown, so their
//! text is compared where they were written.

use super::units::REDACTED;
use super::{Written, node, show};
use serde_json::Value;

impl Written {
    /// The dotted keys at which `other` says something else, as deep as the two are alike above.
    pub(crate) fn differing(&self, other: &Written) -> Vec<String> {
        let mut found = Vec::new();
        let (own, others) = (show::value(&self.config), show::value(&other.config));
        self.compare(other, String::new(), (&own, &others), &mut found);
        found
    }

    fn compare(
        &self,
        other: &Written,
        key: String,
        values: (&Value, &Value),
        found: &mut Vec<String>,
    ) {
        let below = |part: &str| match key.is_empty() {
            true => part.to_owned(),
            false => format!("{key}.{part}"),
        };
        match values {
            (Value::Object(own), Value::Object(others)) => {
                for (part, value) in own {
                    match others.get(part) {
                        Some(other_value) => {
                            self.compare(other, below(part), (value, other_value), found);
                        }
                        None => found.push(below(part)),
                    }
                }
                let new = others.keys().filter(|part| !own.contains_key(*part));
                found.extend(new.map(|part| below(part)));
            }
            (Value::Array(own), Value::Array(others)) if own.len() == others.len() => {
                for (at, pair) in own.iter().zip(others).enumerate() {
                    self.compare(other, below(&at.to_string()), pair, found);
                }
            }
            (Value::String(own), Value::String(others)) if own == REDACTED && own == others => {
                if self.text(&key) != other.text(&key) {
                    found.push(key);
                }
            }
            (own, others) if own == others => {}
            _ => found.push(key),
        }
    }

    /// The text that was written at `key`, references expanded.
    fn text(&self, key: &str) -> Option<&str> {
        match &self.tree.deepest(key).1.value {
            node::Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Surroundings, load_text};
    use super::*;

    fn written(text: &str, secret: &'static str) -> Written {
        let variable = |_: &str| Some(secret.to_owned());
        let file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let around = Surroundings { variable: &variable, file: &file };
        load_text("test", &format!("version: 1\n{text}"), &around).unwrap()
    }

    #[track_caller]
    fn differ(one: &str, other: &str, keys: &[&str]) {
        assert_eq!(written(one, "secret").differing(&written(other, "secret")), keys, "{other}");
    }

    #[test]
    fn differences_have_the_keys_of_the_file() {
        differ("", "workers: 0\nsources: {http: {type: http}}\n", &[]);
        differ("", "workers: 3\n", &["workers"]);
        differ("", "server: {limits: {body: 1MiB}}\n", &["server.limits.body"]);
        let two = "sources: {a: {type: stdin}, b: {type: http}}\n";
        let one = "sources: {b: {type: http, prefix: /x}}\n";
        differ(two, one, &["sources.a", "sources.b.prefix"]);
        differ(one, two, &["sources.b.prefix", "sources.a"]);
        differ("topology: a\n", "topology: [a]\n", &[]);
        differ("topology: [a, b]\n", "topology: [a, c]\n", &["topology.1"]);
        differ("topology: [a, b]\n", "topology: [a]\n", &["topology"]);
        let sink = |more: &str| format!("sinks: {{s: {{type: stdout{more}}}}}\n");
        let owned = sink(", match: {owner: [a]}");
        differ(&sink(""), &owned, &["sinks.s.match.owner"]);
    }

    #[test]
    fn another_secret_is_a_difference_that_shows_nothing() {
        let tokens = "server: {tokens: [{name: a, token: \"${env:A}\"}]}\n";
        let (one, other) = (written(tokens, "0123456789abcdef"), written(tokens, "another"));
        assert_eq!(one.differing(&other), ["server.tokens.0.token"]);
        assert_eq!(one.differing(&one.clone()), [""; 0]);
    }
}
