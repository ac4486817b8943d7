//! Which series are meant: `name{label="value"}`, as Prometheus writes a selector.

use crate::canonical::native::matcher::MatcherBody;
use causeway_dataflows::model::{BUCKET_ENDINGS, Matcher, MatcherOp, bound_text};
use causeway_dataflows::ops::matcher::{parse_matchers, validate};
use smol_str::SmolStr;

/// What is wrong with a selector, and the remedy.
pub(super) type Wrong = (String, &'static str);

const FORM: &str = "write a selector such as `http_requests_total{job=\"cart\",code=~\"5..\"}`";
const COUNTED: &str =
    "write the selector of the counter alone; how much it grew in a window is counted anyway";
const BUCKETS: &str = "say which of them by its bound, such as `latency_bucket{le=\"0.3\"}`; `le=\"+Inf\"` counts all";
const TOGETHER: &str = "leave `le` out; the buckets of a histogram come together";

/// The matchers that the selector of a counter means, with `alertname` for the metric. The bound
/// of a bucket is in its shortest form, as detection spells it.
pub(super) fn counter(text: &str) -> Result<Vec<Matcher>, Wrong> {
    let mut matchers = selector(text)?;
    let is_bucket = BUCKET_ENDINGS.iter().any(|ending| matchers[0].value.ends_with(ending));
    let Some(bound) = matchers.iter_mut().find(|m| m.name == "le" && m.op == MatcherOp::Equal)
    else {
        return match is_bucket {
            true => Err((format!("`{}` means all buckets of a histogram", text.trim()), BUCKETS)),
            false => Ok(matchers),
        };
    };
    match bound.value.parse().ok().filter(|number: &f64| !number.is_nan()) {
        Some(number) => bound.value = bound_text(number).into(),
        None => return Err((format!("`{}` is no bound of a bucket", bound.value), BUCKETS)),
    }
    Ok(matchers)
}

/// The matchers that the selector of series means, with `alertname` for the metric.
pub(super) fn series(text: &str) -> Result<Vec<Matcher>, Wrong> {
    let matchers = selector(text)?;
    match matchers.iter().any(|matcher| matcher.name == "le") {
        true => Err((format!("`{}` means one bucket of a histogram", text.trim()), TOGETHER)),
        false => Ok(matchers),
    }
}

fn selector(text: &str) -> Result<Vec<Matcher>, Wrong> {
    let text = text.trim();
    let (name, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
    let name = name.trim();
    if name.contains(['(', '[']) || rest.trim_end().ends_with([')', ']']) {
        return Err((format!("`{text}` is a query and no selector"), COUNTED));
    }
    let mut matchers = matchers(rest)?;
    let named = matchers.iter().position(|m| m.name == "__name__" && m.op == MatcherOp::Equal);
    let name = match named {
        Some(at) if name.is_empty() => matchers.remove(at).value,
        _ => SmolStr::new(name),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_:.-/".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err((format!("`{text}` does not name a metric"), FORM));
    }
    let of_name = Matcher { name: "alertname".into(), op: MatcherOp::Equal, value: name };
    Ok([vec![of_name], matchers].concat())
}

/// Matchers as a list, with or without braces.
pub(super) fn matchers(text: &str) -> Result<Vec<Matcher>, Wrong> {
    let matchers = parse_matchers(text).map_err(|error| (error.to_string(), FORM))?;
    for matcher in &matchers {
        validate(matcher).map_err(|error| (error.to_string(), "correct the pattern"))?;
        MatcherBody::of(matcher).check().map_err(|message| (message, FORM))?;
    }
    Ok(matchers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let matchers = counter(text).map_err(|(message, _)| message)?;
        Ok(matchers.iter().map(Matcher::to_string).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_selector_names_a_metric_and_its_labels() {
        for (text, means) in [
            ("requests_total", r#"alertname="requests_total""#),
            (r#" requests_total{ code =~ "5..", } "#, r#"alertname="requests_total",code=~"5..""#),
            (r#"{__name__="up",job="a"}"#, r#"alertname="up",job="a""#),
            ("http.server.requests{}", r#"alertname="http.server.requests""#),
            (r#"latency_bucket{le="1.0"}"#, r#"alertname="latency_bucket",le="1""#),
            (r#"latency_bucket{le="+inf"}"#, r#"alertname="latency_bucket",le="+Inf""#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(means), "{text}");
        }
        assert!(series("latency_bucket").is_ok() && series(r#"latency_bucket{le="1"}"#).is_err());
    }

    #[test]
    fn what_is_more_than_a_selector_is_refused() {
        for (text, wrong) in [
            ("sum(rate(requests_total[5m]))", "is a query"),
            (r#"requests_total{code="500"}[5m]"#, "is a query"),
            (r#"{code="500"}"#, "does not name a metric"),
            ("a b", "does not name a metric"),
            ("latency_bucket", "means all buckets"),
            (r#"latency_bucket{le="fast"}"#, "no bound"),
            (r#"requests_total{code"}"#, "no operator"),
            (r#"requests_total{code=~"("}"#, "unusable regular expression"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(wrong), "{text}: {found}");
        }
    }
}
