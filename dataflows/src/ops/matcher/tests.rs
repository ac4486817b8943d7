use super::*;
use crate::model::{Fingerprint, Labels};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn identity(labels: &[(&str, &str)]) -> Identity {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    Identity {
        fingerprint: Fingerprint(1),
        tenant: SmolStr::new("acme"),
        source: SmolStr::new("prometheus-a"),
        entity: EntityRef::new("acme", "host:dc1/db-7.local"),
        name: SmolStr::new("DiskFull"),
        labels: Labels::pack(labels.into_iter()),
    }
}

/// Whether `matchers` hold for an alert with `labels` on db-7.local, known as db-7.
fn check(matchers: &str, labels: &[(&str, &str)], expected: bool) {
    let parsed = parse_matchers(matchers).expect(matchers);
    let compiled = Compiled::new(&parsed);
    let resolved = EntityRef::new("acme", "host:dc1/db-7");
    let matched = compiled.matches(&identity(labels), &resolved, Severity::WARNING);
    assert_eq!(matched, expected, "{matchers} against {labels:?}");
}

#[test]
fn labels_compare_as_alertmanager_compares_them() {
    let labels = [("job", "node"), ("mount", "/var")];
    check("job=node", &labels, true);
    check("job!=node", &labels, false);
    check("job=~no.*,mount=\"/var\"", &labels, true);
    check("job=~no.*,mount=\"/tmp\"", &labels, false);
    check("job=~ode", &labels, false);
    check("job=~od|nod", &labels, false);
    check("job=~od|node", &labels, true);
    check("job!~ode", &labels, true);
    check("job!~no.e", &labels, false);
}

#[test]
fn an_absent_label_is_an_empty_one() {
    check("team=\"\"", &[], true);
    check("team!=\"\"", &[], false);
    check("team=~\".*\"", &[], true);
    check("team=~\".+\"", &[], false);
    check("team!~\".+\"", &[], true);
    check("team!=web", &[], true);
    check("team=\"\"", &[("team", "")], true);
}

#[test]
fn pseudo_labels_are_there() {
    check("alertname=DiskFull, source=~prometheus-., tenant=acme", &[], true);
    check("alertname=CpuHot", &[], false);
    check("severity=warning", &[], true);
    check("severity=warning", &[("severity", "page")], false);
    check("severity=page", &[("severity", "page")], true);
}

#[test]
fn an_entity_is_matched_under_both_of_its_names() {
    check("entity=\"host:dc1/db-7\"", &[], true);
    check("entity=\"host:dc1/db-7.local\"", &[], true);
    check("entity=\"host:dc1/db-8\"", &[], false);
    check("entity!=\"host:dc1/db-7\"", &[], false);
    check("entity!=\"host:dc1/db-7.local\"", &[], false);
    check("entity!=\"host:dc1/db-8\"", &[], true);
    check("entity=~\".*local\"", &[], true);
    check("entity!~\".*local\"", &[], false);
}

#[test]
fn an_empty_list_matches_nothing() {
    check("{}", &[("job", "node")], false);
}

#[test]
fn a_broken_pattern_matches_nothing_and_says_so() {
    for broken in ["job=~\"(\"", "job!~\"(\"", "job=~\"a)|(?:b\"", "job!~\"(\", job=node"] {
        check(broken, &[("job", "node")], false);
        let matchers = parse_matchers(broken).expect(broken);
        assert_eq!(Compiled::new(&matchers).errors().len(), 1, "{broken}");
        assert!(matches!(validate(&matchers[0]), Err(MatcherError::Pattern { .. })), "{broken}");
    }
    let huge = parse_matchers("job=~\"(\\w{1000}){1000}\"").expect("well formed");
    let Err(MatcherError::Pattern { source, .. }) = validate(&huge[0]) else {
        panic!("a pattern over the limit is accepted")
    };
    assert_eq!(source, regex::Error::CompiledTooBig(PATTERN_BYTES_MAX));
    let nameless = Matcher { name: "".into(), op: MatcherOp::NotEqual, value: "x".into() };
    assert!(matches!(validate(&nameless), Err(MatcherError::NoName { .. })));
    assert_eq!(Compiled::new(&[nameless]).errors().len(), 1);
}

#[test]
fn a_silence_needs_a_matcher_that_refuses_the_empty_value() {
    let said = |text: &str| validate_silence(&parse_matchers(text).expect(text));
    assert_eq!(said("{}"), Err(MatcherError::NoMatchers));
    assert_eq!(said("a=~\".*\", b!=c, d=\"\""), Err(MatcherError::AllMatchEmpty));
    assert_eq!(said("a=~\".*\", b=c"), Ok(()));
    assert_eq!(said("a!~\"|x\""), Ok(()));
    assert!(matches!(said("b=c, a=~\"(\""), Err(MatcherError::Pattern { .. })));
}

#[test]
fn text_is_read_as_amtool_reads_it() {
    let read = |text: &str| format_matchers(&parse_matchers(text).expect(text));
    assert_eq!(read(""), "{}");
    assert_eq!(read(" { } "), "{}");
    assert_eq!(read("a=b"), r#"{a="b"}"#);
    assert_eq!(read(r#"{ a = "b" , c=~"d.*", }"#), r#"{a="b",c=~"d.*"}"#);
    assert_eq!(read("a= b c , d!~e|f"), r#"{a="b c",d!~"e|f"}"#);
    assert_eq!(read("a="), r#"{a=""}"#);
    assert_eq!(read(r#"a="x,y={z}""#), r#"{a="x,y={z}"}"#);
    assert_eq!(read(r#"a="\"\\\n\d""#), r#"{a="\"\\\n\\d"}"#);
    assert_eq!(read(r"a=x\"), r#"{a="x\\"}"#);
    assert_eq!(read("a=~b{2}"), r#"{a=~"b{2}"}"#);
    assert_eq!(read("{a=~b{2}}"), r#"{a=~"b{2}"}"#);
    assert_eq!(read(r#""odd name"!="x",service.name=y"#), r#"{"odd name"!="x",service.name="y"}"#);
    assert_eq!(read("Größe=hoch"), r#"{Größe="hoch"}"#);
}

#[test]
fn faults_of_form_are_named() {
    use MatcherError::*;
    let fault = |text: &str| parse_matchers(text).expect_err(text);
    assert!(matches!(fault("=b"), NoName { .. }));
    assert!(matches!(fault("a=b,,c=d"), NoName { .. }));
    assert!(matches!(fault(","), NoName { .. }));
    assert!(matches!(fault("\"\"=b"), NoName { .. }));
    assert!(matches!(fault("a"), NoOperator { .. }));
    assert!(matches!(fault("a b=c"), NoOperator { .. }));
    assert!(matches!(fault("a!b"), NoOperator { .. }));
    assert!(matches!(fault("a=\"b"), UnclosedQuote { .. }));
    assert!(matches!(fault("a=\"b\\\""), UnclosedQuote { .. }));
    assert!(matches!(fault("a=b\"c"), StrayQuote { .. }));
    assert!(matches!(fault("a=\"b\"c=\"d\""), NoComma { .. }));
    assert!(matches!(fault("{a=b"), UnpairedBrace { .. }));
    assert!(matches!(fault("a=b}"), UnpairedBrace { .. }));
    assert!(matches!(fault("a=}b{"), UnpairedBrace { .. }));
    let long = "ä".repeat(500);
    assert!(fault(&long).to_string().chars().count() < 200);
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop_oneof![
        Just(MatcherOp::Equal),
        Just(MatcherOp::NotEqual),
        Just(MatcherOp::Regex),
        Just(MatcherOp::NotRegex),
    ];
    ("[a-z_.\\PC\"\\\\\n ]{1,6}", op, "(?s).{0,8}|[\\\\\"n{},= ]{0,8}")
        .prop_map(|(name, op, value)| Matcher { name: name.into(), op, value: value.into() })
}

fn config() -> Config {
    Config { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_written_is_read_back(matchers in prop::collection::vec(any_matcher(), 0..4)) {
        prop_assert_eq!(parse_matchers(&format_matchers(&matchers)), Ok(matchers));
    }

    #[test]
    fn reading_never_panics(text in "[ab{}\"\\\\,=!~ n\u{e9}]{0,20}") {
        if let Ok(matchers) = parse_matchers(&text) {
            prop_assert_eq!(parse_matchers(&format_matchers(&matchers)), Ok(matchers.clone()));
            let valid = matchers.iter().all(|matcher| validate(matcher).is_ok());
            prop_assert_eq!(Compiled::new(&matchers).errors().is_empty(), valid);
        }
    }

    #[test]
    fn a_negative_matcher_is_the_opposite_of_its_positive(
        value in "[ab.*|]{0,5}", given in "[ab]{0,3}", regex: bool,
    ) {
        let (op, opposite) = if regex {
            (MatcherOp::Regex, MatcherOp::NotRegex)
        } else {
            (MatcherOp::Equal, MatcherOp::NotEqual)
        };
        let holds = |op| {
            let matcher = Matcher { name: "x".into(), op, value: value.as_str().into() };
            let compiled = Compiled::new(&[matcher]);
            let entity = EntityRef::new("acme", "host:h");
            let held = compiled.matches(&identity(&[("x", &given)]), &entity, Severity::INFO);
            compiled.errors().is_empty().then_some(held)
        };
        prop_assert_eq!(holds(op), holds(opposite).map(|held| !held));
    }
}
