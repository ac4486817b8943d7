//! What Causeway found itself in signals, and the words for it.
//!
//! A finding travels as the summary of an alert event, so that it takes the way of every other
//! alert: the sentence is for people, and [`Finding::read`] gets the numbers back out of it.

use smol_str::SmolStr;
use std::fmt;

/// The label that tells a finding from alerts of others, and what it was found in.
pub const SIGNAL: &str = "signal";

/// What the ids of the events that tell of findings begin with.
pub const FINDING_ID: &str = "finding/";

/// What a detector saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What is out of the ordinary.
    pub what: SmolStr,
    /// What it was, in the unit of the signal.
    pub value: SmolStr,
    /// What was expected; empty when there is no such number.
    pub expected: SmolStr,
    /// How sure, parts per million.
    pub score_ppm: u32,
    /// How far from the usual in robust deviations, thousandths, with its sign; zero when the
    /// detector has no such number.
    pub step_milli: i32,
    /// The detector and the version of its model, such as `metric/1`.
    pub model: SmolStr,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.what, self.value)?;
        if !self.expected.is_empty() {
            write!(f, ", expected {}", self.expected)?;
        }
        write!(f, " (score {}.{:03}", self.score_ppm / 1_000_000, self.score_ppm / 1000 % 1000)?;
        if self.step_milli != 0 {
            let (sign, step) =
                (if self.step_milli < 0 { '-' } else { '+' }, self.step_milli.unsigned_abs());
            write!(f, ", step {sign}{}.{:03}", step / 1000, step % 1000)?;
        }
        write!(f, ", model {})", self.model)
    }
}

impl Finding {
    /// The finding that a summary tells of; nothing when it tells of none.
    pub fn read(summary: &str) -> Option<Finding> {
        let (said, numbers) = summary.strip_suffix(')')?.rsplit_once(" (score ")?;
        let (numbers, model) = numbers.rsplit_once(", model ")?;
        let (score, step) = match numbers.split_once(", step ") {
            Some((score, step)) => (score, step),
            None => (numbers, "0.000"),
        };
        let (what, value) = said.split_once(" is ")?;
        let (value, expected) = value.rsplit_once(", expected ").unwrap_or((value, ""));
        Some(Finding {
            what: what.into(),
            value: value.into(),
            expected: expected.into(),
            score_ppm: u32::try_from(thousandths(score)?).ok()?.checked_mul(1000)?,
            step_milli: i32::try_from(thousandths(step)?).ok()?,
            model: model.into(),
        })
    }
}

/// A number with three decimals.
fn thousandths(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (whole, rest) = digits.split_once('.')?;
    let rest: i64 = (rest.len() == 3).then(|| rest.parse().ok())??;
    Some(sign * (whole.parse::<i64>().ok()?.checked_mul(1000)? + rest))
}

/// A number as people write it: few digits, and no more than it has.
pub fn number(value: f64) -> SmolStr {
    if value == 0.0 || !value.is_finite() {
        return SmolStr::new_static("0");
    }
    let size = value.abs();
    let text = if (1e-4..1e9).contains(&size) {
        // Four significant digits.
        let decimals = (3 - size.log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{value:.decimals$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    } else {
        format!("{value:.3e}")
    };
    SmolStr::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut finding = Finding {
            what: "http.server.request.duration.p99".into(),
            value: "1.26".into(),
            expected: "0.21".into(),
            score_ppm: 934_000,
            step_milli: 14_250,
            model: "metric/1".into(),
        };
        let said = "http.server.request.duration.p99 is 1.26, expected 0.21 \
                    (score 0.934, step +14.250, model metric/1)";
        assert_eq!(finding.to_string(), said);
        for (expected, step_milli, score_ppm) in [("", 0, 1_000_000), ("-0.5", -1, 0)] {
            (finding.expected, finding.step_milli) = (expected.into(), step_milli);
            finding.score_ppm = score_ppm;
            assert_eq!(Finding::read(&finding.to_string()), Some(finding.clone()));
        }
    }

    #[test]
    fn other_summaries_are_no_findings() {
        for text in ["", "disk is full", "x is 1 (score 0.5, model m)", "x is 1 (score 1.000)"] {
            assert_eq!(Finding::read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.213_456, "0.2135"),
            (1234.5678, "1235"),
            (-17.25, "-17.25"),
            (1.5e12, "1.500e12"),
            (2.5e-7, "2.500e-7"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
