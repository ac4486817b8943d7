use super::*;
use jiff::civil::Date;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

const MINUTE: Seconds = 60;
const DAY: Seconds = 86_400;

fn at(text: &str) -> Seconds {
    text.parse::<Timestamp>().expect(text).as_second()
}

/// `times 09:00-17:00; days -1--1; in Europe/Berlin`: an interval in words.
fn interval(text: &str) -> TimeInterval {
    let mut interval = TimeInterval::default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (field, value) = part.split_once(' ').expect(part);
        if field == "in" {
            interval.location = value.into();
            continue;
        }
        let (begin, end) = value.split_once("..").unwrap_or((value, value));
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':').expect(text);
            hour.parse::<u16>().expect(text) * 60 + minute.parse::<u16>().expect(text)
        };
        let number = |text: &str| text.parse::<i16>().expect(text);
        match field {
            "times" => interval.times.push((minute(begin), minute(end))),
            "weekdays" => interval.weekdays.push((number(begin) as u8, number(end) as u8)),
            "days" => interval.days_of_month.push((number(begin) as i8, number(end) as i8)),
            "months" => interval.months.push((number(begin) as u8, number(end) as u8)),
            "years" => interval.years.push((number(begin) as u16, number(end) as u16)),
            other => panic!("no field {other}"),
        }
    }
    interval
}

fn maintenance(starts: Seconds, ends: Seconds, intervals: Vec<TimeInterval>) -> Maintenance {
    Maintenance {
        maintenance_id: "m".into(),
        entities: Vec::new(),
        matchers: Vec::new(),
        starts,
        ends,
        intervals,
        comment: "".into(),
    }
}

fn recurring(intervals: Vec<TimeInterval>) -> Maintenance {
    maintenance(Seconds::MIN, Seconds::MAX, intervals)
}

/// What Alertmanager computes, field by field, with jiff's own civil time.
fn reference(interval: &TimeInterval, at: Seconds) -> bool {
    let name = if interval.location.is_empty() { "UTC" } else { interval.location.as_str() };
    let Ok(zone) = ZONES.get(name) else { return false };
    let local = Timestamp::from_second(at).expect("in range").to_zoned(zone).datetime();
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let weekday = local.weekday().to_sunday_zero_offset() as u8;
    let (day, length) = (i32::from(local.day()), i32::from(local.days_in_month()));
    let of_month = |day: i8| i32::from(day) + if day < 0 { length + 1 } else { 0 };
    let day_fits = |&(begin, end): &(i8, i8)| {
        let (begin, end) = (of_month(begin), of_month(end));
        begin <= length
            && (begin.clamp(-length, length)..=end.clamp(-length, length)).contains(&day)
    };
    let any = |empty: bool, fits: bool| empty || fits;
    any(interval.times.is_empty(), interval.times.iter().any(|t| t.0 <= minute && minute < t.1))
        && any(
            interval.weekdays.is_empty(),
            interval.weekdays.iter().any(|w| w.0 <= weekday && weekday <= w.1),
        )
        && any(interval.days_of_month.is_empty(), interval.days_of_month.iter().any(day_fits))
        && any(
            interval.months.is_empty(),
            interval.months.iter().any(|m| (m.0..=m.1).contains(&(local.month() as u8))),
        )
        && any(
            interval.years.is_empty(),
            interval.years.iter().any(|y| (y.0..=y.1).contains(&(local.year() as u16))),
        )
}

/// Compares both functions with the reference, minute by minute.
fn check_by_minute(m: &Maintenance, from: Seconds, days: i64) -> Result<(), TestCaseError> {
    let active = |at: Seconds| {
        let recurs = m.intervals.is_empty() || m.intervals.iter().any(|i| reference(i, at));
        m.starts <= at && at < m.ends && recurs
    };
    let from = from - from.rem_euclid(MINUTE);
    let mut expected = Vec::new();
    let mut before = active(from);
    prop_assert_eq!(maintenance_active(m, from), before);
    let until = from + days * DAY;
    for at in (from + MINUTE..until).step_by(MINUTE as usize) {
        let now = active(at);
        prop_assert_eq!(maintenance_active(m, at), now, "at {}", timestamp(at));
        if now != before {
            expected.push(at);
            before = now;
        }
    }
    let mut found = Vec::new();
    let mut cursor = from;
    let mut asked = 0;
    while let Some(next) = next_boundary(m, cursor).filter(|next| *next < until) {
        prop_assert!(next > cursor);
        if maintenance_active(m, next) != maintenance_active(m, cursor) {
            found.push(next);
        }
        cursor = next;
        asked += 1;
    }
    prop_assert!(asked <= expected.len() + days as usize / 14 + 1, "asked {} times", asked);
    prop_assert_eq!(found, expected);
    Ok(())
}

/// The boundaries after `from`, as timestamps, at most `count` of them.
fn boundaries(m: &Maintenance, from: &str, count: usize) -> Vec<String> {
    let mut cursor = at(from);
    let mut found = Vec::new();
    while let Some(next) = next_boundary(m, cursor).filter(|_| found.len() < count) {
        found.push(timestamp(next).to_string());
        cursor = next;
    }
    found
}

#[test]
fn ends_of_the_range_that_is_looked_at() {
    assert_eq!(FIRST, at("0001-01-03T00:00:00Z"));
    assert_eq!(LAST, at("9998-12-30T00:00:00Z"));
    let always = recurring(vec![TimeInterval::default()]);
    for instant in [Seconds::MIN, FIRST, 0, LAST, Seconds::MAX - 1] {
        assert!(maintenance_active(&always, instant));
    }
    assert_eq!(next_boundary(&always, 0), None);
    let daily = recurring(vec![interval("times 01:00..02:00; in Asia/Tokyo")]);
    assert!(next_boundary(&daily, Seconds::MIN).is_some_and(|next| next >= FIRST));
    assert_eq!(next_boundary(&daily, LAST), None);
    assert_eq!(next_boundary(&daily, Seconds::MAX - 1), None);
}

#[test]
fn a_window_without_intervals_has_two_boundaries() {
    let m = maintenance(100, 200, Vec::new());
    let active: Vec<_> = [99, 100, 199, 200].map(|at| maintenance_active(&m, at)).into();
    assert_eq!(active, [false, true, true, false]);
    let next: Vec<_> = [99, 100, 199, 200].map(|at| next_boundary(&m, at)).into();
    assert_eq!(next, [Some(100), Some(200), Some(200), None]);
    assert_eq!(next_boundary(&maintenance(200, 100, Vec::new()), 0), None);
    assert_eq!(next_boundary(&recurring(Vec::new()), 0), None);
}

#[test]
fn bounds_cut_intervals() {
    let nights = vec![interval("times 00:00..06:00")];
    let starts = at("2026-03-01T03:30:07Z");
    let m = maintenance(starts, at("2026-03-02T01:00:01Z"), nights.clone());
    assert_eq!(
        boundaries(&m, "2026-02-01T00:00:00Z", 9),
        [
            "2026-03-01T03:30:07Z",
            "2026-03-01T06:00:00Z",
            "2026-03-02T00:00:00Z",
            "2026-03-02T01:00:01Z"
        ]
    );
    let day = maintenance(at("2026-03-01T07:00:00Z"), at("2026-03-01T23:00:00Z"), nights);
    assert_eq!(next_boundary(&day, 0), None);
}

#[test]
fn a_skipped_hour_is_in_no_window_and_a_repeated_one_is_in_it_twice() {
    // In Berlin 02:00 to 03:00 is skipped on 2026-03-29 and repeated on 2026-10-25.
    let m = recurring(vec![interval("times 02:15..02:45; in Europe/Berlin")]);
    assert_eq!(
        boundaries(&m, "2026-03-28T12:00:00Z", 2),
        ["2026-03-30T00:15:00Z", "2026-03-30T00:45:00Z"]
    );
    assert_eq!(
        boundaries(&m, "2026-10-24T12:00:00Z", 4),
        [
            "2026-10-25T00:15:00Z",
            "2026-10-25T00:45:00Z",
            "2026-10-25T01:15:00Z",
            "2026-10-25T01:45:00Z"
        ]
    );
    let across = recurring(vec![interval("times 01:30..02:30; in Europe/Berlin")]);
    assert_eq!(
        boundaries(&across, "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"]
    );
}

#[test]
fn days_that_a_zone_skipped_are_in_no_window() {
    // Samoa went from 2011-12-29 straight to 2011-12-31.
    let m = recurring(vec![interval("days 30; months 12; years 2011..2012; in Pacific/Apia")]);
    assert_eq!(
        boundaries(&m, "2011-01-01T00:00:00Z", 9),
        ["2012-12-29T10:00:00Z", "2012-12-30T10:00:00Z"]
    );
}

#[test]
fn rare_days_are_found() {
    let leap = recurring(vec![interval("days 29; months 2; weekdays 1")]);
    assert_eq!(
        boundaries(&leap, "2025-01-01T00:00:00Z", 2),
        ["2044-02-29T00:00:00Z", "2044-03-01T00:00:00Z"]
    );
    let last = recurring(vec![interval("days -1; months 2; times 12:00..24:00")]);
    assert_eq!(
        boundaries(&last, "2027-03-01T00:00:00Z", 4),
        [
            "2028-02-29T12:00:00Z",
            "2028-03-01T00:00:00Z",
            "2029-02-28T12:00:00Z",
            "2029-03-01T00:00:00Z"
        ]
    );
    let never = recurring(vec![interval("days 30; months 2; in America/New_York")]);
    assert_eq!(next_boundary(&never, at("2026-01-01T00:00:00Z")), None);
    let far = recurring(vec![interval("years 2900; months 6; in Europe/Berlin")]);
    assert_eq!(boundaries(&far, "2026-01-01T00:00:00Z", 9).len(), 2);
    assert_eq!(
        timestamp(next_boundary(&far, 0).expect("in 2900")).to_string(),
        "2900-05-31T22:00:00Z"
    );
}

#[test]
fn ranges_of_days_are_cut_at_the_months_end() {
    let check = |text: &str, month: (i16, i8), expected: &[i8]| {
        let days: Vec<i8> = (1..=Date::new(month.0, month.1, 1).expect("a month").days_in_month())
            .filter(|day| {
                let noon = format!("{}-{:02}-{day:02}T12:00:00Z", month.0, month.1);
                contains(&interval(text), at(&noon))
            })
            .collect();
        assert_eq!(days, expected, "{text} in {month:?}");
    };
    check("days 29..31", (2026, 2), &[]);
    check("days 29..31", (2028, 2), &[29]);
    check("days 30..31", (2026, 4), &[30]);
    check("days -3..-1", (2026, 2), &[26, 27, 28]);
    check("days 29..-1", (2026, 1), &[29, 30, 31]);
    check("days 29..-1", (2026, 2), &[]);
    check("days -31..-30", (2026, 2), &[]);
    check("days -31..-27", (2026, 2), &[1, 2]);
}

#[test]
fn an_unknown_zone_never_holds() {
    for name in ["Mars/Olympus", "Local", "Etc/Unknown"] {
        let unknown = interval(&format!("in {name}"));
        assert!(!contains(&unknown, 0));
        assert_eq!(next_boundary(&recurring(vec![unknown.clone()]), 0), None);
        let error = WindowError::UnknownLocation { location: name.into() };
        assert_eq!(validate(&unknown), Err(error));
    }
    assert!(contains(&interval("in europe/berlin"), 0));
}

#[test]
fn ranges_are_checked() {
    let good =
        ["", "times 00:00..24:00", "weekdays 0..6", "days -31..-1", "days 29..-1", "months 1..12"];
    for text in good {
        assert_eq!(validate(&interval(text)), Ok(()), "{text}");
    }
    for text in
        ["times 00:00..24:01", "weekdays 0..7", "days 0..3", "days 1..32", "months 0..3", "years 0"]
    {
        let said = validate(&interval(text));
        assert!(matches!(said, Err(WindowError::OutOfBounds { .. })), "{text}: {said:?}");
    }
    let empty =
        ["times 09:00..09:00", "times 22:00..06:00", "weekdays 5..1", "days -3..3", "days 30..-5"];
    for text in empty.into_iter().chain(["months 11..2", "years 2027..2026"]) {
        let said = validate(&interval(text));
        assert!(matches!(said, Err(WindowError::EmptyRange { .. })), "{text}: {said:?}");
        let mut cut = interval(text);
        cut.location = "Europe/Berlin".into();
        if text != "days -3..3" && text != "days 30..-5" {
            assert_eq!(next_boundary(&recurring(vec![cut]), 0), None, "{text}");
        }
    }
}

#[test]
fn hand_overs_without_a_gap_end_in_a_later_question() {
    let halves = vec![interval("times 00:00..12:00"), interval("times 12:00..24:00")];
    let next = next_boundary(&recurring(halves), 0).expect("an instant to ask again");
    assert!(next >= 14 * DAY, "{next}");
}

const ZONES_TESTED: [&str; 10] = [
    "",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Scoresbysund",
    "Mars/Olympus",
];

/// Instants around which clocks shift, months or years end, or February has 29 days.
const AROUND: [&str; 12] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-09-06T04:00:00Z",
    "2026-02-15T02:00:00Z",
    "2026-12-31T23:00:00Z",
    "2028-02-29T00:00:00Z",
    "2027-02-28T12:00:00Z",
    "2024-03-31T01:00:00Z",
    "2011-12-30T10:00:00Z",
];

fn ranges<T: Copy + Ord + std::fmt::Debug + 'static>(
    of: impl Strategy<Value = T> + Clone + 'static,
    likely: f64,
) -> BoxedStrategy<Vec<(T, T)>> {
    let range = (of.clone(), of).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let some = prop::collection::vec(range, 1..3);
    prop::option::weighted(likely, some).prop_map(Option::unwrap_or_default).boxed()
}

fn any_interval() -> impl Strategy<Value = TimeInterval> {
    let minute = prop_oneof![Just(0u16), Just(120), Just(150), Just(1440), 0u16..=1440];
    let day = prop_oneof![1i8..=31, -31i8..=-1];
    (
        ranges(minute, 0.6),
        ranges(0u8..=6, 0.4),
        ranges(day, 0.4),
        ranges(1u8..=12, 0.2),
        ranges(2024u16..=2029, 0.2),
        prop::sample::select(ZONES_TESTED.to_vec()),
    )
        .prop_map(|(times, weekdays, days_of_month, months, years, location)| TimeInterval {
            times,
            weekdays,
            days_of_month,
            months,
            years,
            location: location.into(),
        })
}

proptest! {
    #![proptest_config(Config {
        cases: 192,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn boundaries_are_those_found_minute_by_minute(
        intervals in prop::collection::vec(any_interval(), 0..3),
        around in prop::sample::select(AROUND.to_vec()),
        starts in prop::option::of(-20_000i64..20_000),
        ends in prop::option::of(-20_000i64..20_000),
    ) {
        let middle = at(around);
        let bound = |minutes: i64| middle + minutes * MINUTE;
        let m = maintenance(
            starts.map_or(Seconds::MIN, bound),
            ends.map_or(Seconds::MAX, bound),
            intervals,
        );
        check_by_minute(&m, middle - 11 * DAY, 22)?;
    }
}
