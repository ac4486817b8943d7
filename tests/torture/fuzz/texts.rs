//! Texts that people and other programs write: configuration, matchers, and what `verify` reads.

use super::{Target, fixtures, shape};
use causeway::config::{Surroundings, load_text};
use causeway::settings::Settings;
use causeway::verify::{Acked, Checker, Expected};
use causeway_dataflows::ops::matcher::{format_matchers, parse_matchers};

pub(super) fn config() -> Target {
    let samples = [fixtures("config/good", ".yaml"), fixtures("config/bad", ".yaml")].concat();
    let read = |bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(String::new()) };
        let around = Surroundings {
            variable: &|name| (name.len() > 2).then(|| "value".to_owned()),
            file: &|_| Ok("a-secret-of-sixteen-or-more".to_owned()),
        };
        let problems = match load_text("fuzz.yaml", text, &around) {
            Ok(written) => Settings::check(&written).err(),
            Err(error) => Some(error),
        };
        match problems {
            Some(error) if error.to_string().is_empty() => Err("it refuses without a word".into()),
            Some(error) => Ok(shape(&error)),
            None => Ok(String::new()),
        }
    };
    Target { name: "configuration", samples, slow: false, read: Box::new(read) }
}

pub(super) fn matchers() -> Target {
    let samples = [
        r#"{foo="bar", "la bel"!~"a.*|b\"c"}"#,
        "alertname=~High.*,severity!=info",
        "a=b",
        r#"x="\n\\""#,
    ];
    let read = |bytes: &[u8]| {
        let Some(found) = std::str::from_utf8(bytes).ok().and_then(|t| parse_matchers(t).ok())
        else {
            return Ok(String::new());
        };
        let text = format_matchers(&found);
        match parse_matchers(&text) {
            Ok(again) if again == found => Ok(found.len().to_string()),
            other => Err(format!("{found:?} is written as {text} and read as {other:?}")),
        }
    };
    let samples = samples.map(|text| text.as_bytes().to_vec()).to_vec();
    Target { name: "matchers", samples, slow: false, read: Box::new(read) }
}

pub(super) fn sink() -> Target {
    let line = br#"{"specversion":"1.0","id":"INC-1/1","source":"causeway","type":"incident","data":{"incident_id":"INC-1","revision":1,"event":"opened","alerts":[]}}"#;
    let read = |bytes: &[u8]| {
        let mut checker = Checker::new(Expected::new());
        checker.read("fuzz", bytes).map_err(|error| error.to_string())?;
        Ok(shape(&checker.finish(false).to_text()))
    };
    Target { name: "sink", samples: vec![line.to_vec()], slow: false, read: Box::new(read) }
}

pub(super) fn acked() -> Target {
    let samples = vec![br#"{"source":"http","id":"e-1","kind":"alert"}"#.to_vec()];
    let read = |bytes: &[u8]| {
        Ok(Acked::read(bytes).map_or_else(|error| shape(&error), |_| "read".to_owned()))
    };
    Target { name: "acknowledged", samples, slow: false, read: Box::new(read) }
}
