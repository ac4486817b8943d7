//! Recurring windows in Alertmanager's `time_intervals` syntax.
//!
//! ```json
//! {"times":[{"start_time":"22:00","end_time":"24:00"}],"weekdays":["monday:friday"],
//!  "days_of_month":["1:5","-1"],"months":["january","3:6"],"years":["2026:2027"],
//!  "location":"Europe/Berlin"}
//! ```

use causeway_dataflows::model::TimeInterval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One interval on the wire; every list that is not empty must contain the instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalBody {
    /// Times of the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimesBody>,
    /// Days of the week, `monday` or `monday:friday`; sunday is the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<RangeBody>,
    /// Days of the month, `1:5`; `-1` is the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days_of_month: Vec<RangeBody>,
    /// Months by name or number, `january` or `3:6`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<RangeBody>,
    /// Years, `2026` or `2026:2027`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub years: Vec<RangeBody>,
    /// IANA time zone; UTC without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
}

const TIME_OF_DAY: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$";

/// A part of the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimesBody {
    /// Inclusive, `HH:MM`.
    #[schemars(regex(pattern = TIME_OF_DAY))]
    pub start_time: String,
    /// Exclusive, `HH:MM` up to `24:00`.
    #[schemars(regex(pattern = TIME_OF_DAY))]
    pub end_time: String,
}

/// A value or a range of them, both ends inclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RangeBody {
    /// `from:to`, or one value.
    Text(String),
    /// One value.
    Number(i64),
}

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl IntervalBody {
    /// The interval, if it makes sense.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<TimeInterval, String> {
        let times = self.times.iter().map(times).collect::<Result<_, _>>()?;
        let weekday = |word: &str| position(&WEEKDAYS, word);
        let days = format!("{}, or from:to of two of them", WEEKDAYS.join(", "));
        let month = |word: &str| match position(&MONTHS, word) {
            Some(at) => Some(at + 1),
            None => word.parse().ok().filter(|month| (1..=12).contains(month)),
        };
        let day = |word: &str| {
            word.parse().ok().filter(|day: &i64| *day != 0 && (-31..=31).contains(day))
        };
        let year = |word: &str| word.parse().ok().filter(|year| (1970..=9999).contains(year));
        if !self.location.is_empty() && jiff::tz::TimeZone::get(&self.location).is_err() {
            return Err(format!("{:?} is no IANA time zone", self.location));
        }
        Ok(TimeInterval {
            times,
            weekdays: ranges(&self.weekdays, ("weekdays", &days), weekday)?,
            days_of_month: ranges(
                &self.days_of_month,
                ("days_of_month", "1 to 31, or -1 to -31 from the end of the month"),
                day,
            )?,
            months: ranges(&self.months, ("months", "january to december, or 1 to 12"), month)?,
            years: ranges(&self.years, ("years", "1970 to 9999"), year)?,
            location: SmolStr::new(&self.location),
        })
    }
}

fn position(words: &[&str], word: &str) -> Option<i64> {
    words.iter().position(|known| known.eq_ignore_ascii_case(word)).map(|at| at as i64)
}

fn times(body: &TimesBody) -> Result<(u16, u16), String> {
    let start = minutes(&body.start_time)?;
    let end = minutes(&body.end_time)?;
    if start >= end {
        return Err(format!("{} is not before {}", body.start_time, body.end_time));
    }
    Ok((start, end))
}

fn minutes(text: &str) -> Result<u16, String> {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once(':')
        .filter(|(hours, minutes)| digits(hours) && digits(minutes))
        .and_then(|(hours, minutes)| Some((hours.parse().ok()?, minutes.parse().ok()?)))
        .filter(|(hours, minutes): &(u16, u16)| {
            (*hours < 24 && *minutes < 60) || (*hours, *minutes) == (24, 0)
        })
        .map(|(hours, minutes)| hours * 60 + minutes)
        .ok_or_else(|| format!("{text:?} is no time of the day such as 06:30"))
}

fn ranges<T: TryFrom<i64>>(
    bodies: &[RangeBody],
    (list, choices): (&str, &str),
    value: impl Fn(&str) -> Option<i64>,
) -> Result<Vec<(T, T)>, String> {
    let one = |body: &RangeBody| {
        let text = match body {
            RangeBody::Text(text) => text.clone(),
            RangeBody::Number(number) => number.to_string(),
        };
        let wrong = || format!("{text:?} is nothing that {list} can hold; write {choices}");
        let (from, to) = text.split_once(':').unwrap_or((&text, &text));
        let from = value(from.trim()).ok_or_else(wrong)?;
        let to = value(to.trim()).ok_or_else(wrong)?;
        // A day counted from the end may follow one counted from the beginning.
        let mixed = from > 0 && to < 0;
        if from > to && !mixed {
            return Err(format!("{text:?} in {list} ends before it begins"));
        }
        if from < 0 && to > 0 {
            return Err(format!("{text:?} in {list} runs from the end of the month on"));
        }
        Ok((T::try_from(from).map_err(|_| wrong())?, T::try_from(to).map_err(|_| wrong())?))
    };
    bodies.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<TimeInterval, String> {
        serde_json::from_str::<IntervalBody>(json).map_err(|e| e.to_string())?.check()
    }

    #[test]
    fn the_whole_syntax() {
        let interval = check(
            r#"{"times":[{"start_time":"22:00","end_time":"24:00"}],
                "weekdays":["Monday:Friday","sunday"],"days_of_month":["1:5","-1","-3:-1",7,"20:-1"],
                "months":["january","3:june"],"years":["2026:2027",2030],"location":"Europe/Berlin"}"#,
        )
        .unwrap();
        assert_eq!(interval.times, [(1_320, 1_440)]);
        assert_eq!(interval.weekdays, [(1, 5), (0, 0)]);
        assert_eq!(interval.days_of_month, [(1, 5), (-1, -1), (-3, -1), (7, 7), (20, -1)]);
        assert_eq!(interval.months, [(1, 1), (3, 6)]);
        assert_eq!(interval.years, [(2026, 2027), (2030, 2030)]);
        assert_eq!(check("{}"), Ok(TimeInterval::default()));
    }

    #[test]
    fn what_makes_no_sense() {
        for json in [
            r#"{"times":[{"start_time":"22:00","end_time":"06:00"}]}"#,
            r#"{"times":[{"start_time":"24:01","end_time":"25:00"}]}"#,
            r#"{"times":[{"start_time":"9:00","end_time":"10:00"}]}"#,
            r#"{"weekdays":["friday:monday"]}"#,
            r#"{"weekdays":["someday"]}"#,
            r#"{"days_of_month":["0"]}"#,
            r#"{"days_of_month":["-1:3"]}"#,
            r#"{"days_of_month":["32"]}"#,
            r#"{"months":["13"]}"#,
            r#"{"years":["26"]}"#,
            r#"{"location":"Nowhere/Land"}"#,
            r#"{"hours":["1"]}"#,
        ] {
            assert!(check(json).is_err(), "{json}");
        }
    }
}
