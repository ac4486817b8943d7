//! Writes the configuration back as YAML, defaults included, secrets left out.

use super::Config;
use serde_json::Value;
use std::fmt::Write;

/// Stands beside a section of which nothing is configured.
const DEFAULT_MARK: &str = "# the default: none is configured";

/// What `config` says as the file would, defaults included, secrets left out.
pub(super) fn value(config: &Config) -> Value {
    let run = Config {
        sources: config.sources_run().into_owned(),
        sinks: config.sinks_run().into_owned(),
        ..config.clone()
    };
    let mut value = serde_json::to_value(run).unwrap_or_default();
    for section in ["sources", "sinks"] {
        let Some(Value::Object(entries)) = value.get_mut(section) else { continue };
        entries.values_mut().for_each(tag_inside);
    }
    value
}

/// The YAML of `config`.
pub(super) fn show(config: &Config) -> String {
    let mut out = String::new();
    write_value(&mut out, &value(config), 0);
    for (section, is_default) in
        [("sources", config.sources.is_empty()), ("sinks", config.sinks.is_empty())]
    {
        if is_default {
            let head = format!("\n{section}:\n");
            out = out.replacen(&head, &format!("\n{section}: {DEFAULT_MARK}\n"), 1);
        }
    }
    out
}

/// Serde writes `{http: {…}}`; the file says `type: http` inside.
fn tag_inside(entry: &mut Value) {
    let Value::Object(outer) = entry else { return };
    let Some((tag, Value::Object(fields))) = std::mem::take(outer).into_iter().next() else {
        return;
    };
    let mut inner = serde_json::Map::new();
    inner.insert("type".to_owned(), Value::String(tag));
    inner.extend(fields);
    *outer = inner;
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                out.push_str(&indent);
                out.push_str(&scalar(&Value::String(key.clone())));
                out.push(':');
                write_below(out, value, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                // A nested block begins on the line of its dash, two columns further in.
                let mut block = String::new();
                write_below(&mut block, item, depth);
                let block = match block.strip_prefix('\n') {
                    Some(rest) => rest.trim_start().to_owned(),
                    None => block.trim_start().to_owned(),
                };
                let _ = write!(out, "{indent}- {block}");
            }
        }
        _ => {
            let _ = writeln!(out, "{indent}{}", scalar(value));
        }
    }
}

fn write_below(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            write_value(out, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_value(out, value, depth + 1);
        }
        _ => {
            let _ = writeln!(out, " {}", scalar(value));
        }
    }
}

/// A scalar on one line; text is quoted unless YAML can only read it as text.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string().replace('$', "$$"),
    }
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '<');
    let inside = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./<>".contains(c));
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    starts && inside && !reserved.contains(&text.to_ascii_lowercase().as_str())
}
