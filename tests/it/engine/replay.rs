//! What a replay takes from its own lines.

use causeway::canonical::{Code, Decoder, Framing, Leap, Origin, Reject, Source};
use causeway::emit::ledger::Emission;
use causeway::emit::wire::Message;
use causeway::replay::{Outlet, Replay};
use causeway_dataflows::params::Params;
use std::sync::{Arc, Mutex};

/// Owners of the incidents told of.
#[derive(Clone, Default)]
struct Owners(Arc<Mutex<Vec<Option<String>>>>);

impl Outlet for Owners {
    fn revisions(&mut self, _: u64, messages: Vec<Message>) {
        let owner = |message: Message| message.revision.owner.as_ref().map(ToString::to_string);
        self.0.lock().unwrap().extend(messages.into_iter().map(owner));
    }

    fn rejects(&mut self, rejects: Vec<Reject>) {
        assert!(rejects.is_empty(), "{rejects:?}");
    }
}

#[test]
fn topology_without_a_time_holds_before_the_first_event() {
    let entity = r#"{"id":"e","kind":"entity","entity":"service:shop/cart","owner":"team:shop"}"#;
    let alert = r#"{"id":"a","kind":"alert","name":"N","time":"2026-11-23T07:00:00Z","severity":"error","entity":"service:shop/cart"}"#;
    let owners = Owners::default();
    let decoder = Decoder::new(Arc::new(Source::named("test")), 1, None);
    let mut replay =
        Replay::start(1, &Params::default(), Emission::default(), decoder, owners.clone()).unwrap();
    replay
        .events(format!("{entity}\n{alert}\n").as_bytes(), &Origin::default(), Framing::Lines, 1)
        .unwrap();
    let (_, counts) = replay.finish().unwrap();
    assert_eq!((counts.folded, counts.context), (1, 1));
    let told = owners.0.lock().unwrap().clone();
    assert_eq!(told.first(), Some(&Some("team:shop".to_owned())), "{told:?}");
}

/// Revisions are of no interest.
pub(super) struct Silent;

impl Outlet for Silent {
    fn revisions(&mut self, _: u64, _: Vec<Message>) {}

    fn rejects(&mut self, rejects: Vec<Reject>) {
        assert!(rejects.is_empty(), "{rejects:?}");
    }
}

/// The members of each incident that stands at the end, by entity.
fn incidents(lines: &str) -> Vec<Vec<String>> {
    let decoder = Decoder::new(Arc::new(Source::named("test")), 1, None);
    let mut replay =
        Replay::start(1, &Params::default(), Emission::default(), decoder, Silent).unwrap();
    replay.events(lines.as_bytes(), &Origin::default(), Framing::Lines, 1).unwrap();
    let (finals, _) = replay.finish().unwrap();
    let entity = |member: &causeway_dataflows::model::Member| member.row.entity.text.to_string();
    finals.incidents.values().map(|i| i.members.iter().map(entity).collect()).collect()
}

/// An edit of the topology an hour after an incident began: the slice of its first alert is
/// beyond the horizon, that of its second is not. The first must still hold the second, or the
/// incident falls apart.
#[test]
fn what_lies_beyond_the_horizon_still_holds_its_group_together() {
    let line = |time: &str, rest: &str| {
        format!("{{\"source\":\"t\",\"time\":\"2026-11-23T{time}Z\",{rest}}}\n")
    };
    let alert = |time: &str, entity: &str| {
        line(
            time,
            &format!(
                "\"kind\":\"alert\",\"name\":\"N\",\"severity\":\"error\",\"entity\":\"{entity}\""
            ),
        )
    };
    let edge = |time: &str, from: &str, to: &str| {
        let body = format!(
            "\"kind\":\"relation\",\"from\":\"{from}\",\"to\":\"{to}\",\"relation\":\"calls\""
        );
        line(time, &body)
    };
    let (cart, db) = ("service:shop/cart", "database:shop/cart-db");
    let before = edge("06:00:00", cart, db) + &alert("07:00:00", db) + &alert("07:01:10", cart);
    // 08:01:00 seals the first alert's slice, 08:02:00 that of the second.
    let tick = line("08:01:20", "\"kind\":\"heartbeat\",\"entity\":\"host:a\"");
    let edit = edge("08:01:30", cart, "cache:shop/cart-cache");
    let later = line("08:01:40", "\"kind\":\"heartbeat\",\"entity\":\"host:a\"");
    let expected = vec![vec![db.to_owned(), cart.to_owned()]];
    assert_eq!(incidents(&before), expected);
    assert_eq!(incidents(&(before + &tick + &edit + &later)), expected);
}

/// An alert event at a second after seven, without a receipt of its own.
fn at(second: u32) -> String {
    let (hour, minute, second) = (7 + second / 3600, second / 60 % 60, second % 60);
    format!(
        "{{\"kind\":\"alert\",\"name\":\"N\",\"entity\":\"service:a\",\
         \"time\":\"2026-11-23T{hour:02}:{minute:02}:{second:02}Z\"}}\n"
    )
}

fn worst_leap(lines: &[String]) -> Option<Leap> {
    let decoder = Decoder::new(Arc::new(Source::named("test")), 1, None);
    let mut replay =
        Replay::start(1, &Params::default(), Emission::default(), decoder, Silent).unwrap();
    let origin = Origin { partition: Some("e.ndjson".into()), ..Origin::default() };
    replay.events(lines.concat().as_bytes(), &origin, Framing::Lines, 1).unwrap();
    let leap = replay.worst_leap();
    replay.finish().unwrap();
    leap
}

#[test]
fn a_line_that_makes_others_late_is_found() {
    let steady: Vec<String> = (0..20).map(|i| at(i * 60)).collect();
    assert_eq!(worst_leap(&steady), None);
    let mut ahead = steady.clone();
    ahead.insert(10, at(12 * 3600));
    let leap = worst_leap(&ahead).unwrap();
    assert_eq!((leap.partition.as_deref(), leap.line, leap.late), (Some("e.ndjson"), 11, 10));
    assert_eq!(leap.to - leap.from, 12 * 3600 - 9 * 60);
    // After a gap that all lines have made, none is late.
    let gap: Vec<String> = steady.into_iter().chain((0..20).map(|i| at(36_000 + i * 60))).collect();
    assert_eq!(worst_leap(&gap), None);
    // A receipt of its own says what the clock cannot.
    let received = |line: &String| {
        let time = line.split("\"time\":").nth(1).unwrap().split('}').next().unwrap();
        line.replace("}\n", &format!(",\"observed_time\":{time}}}\n"))
    };
    let told: Vec<String> = ahead.iter().map(received).collect();
    assert_eq!(worst_leap(&told), None);
}

#[test]
fn a_time_beyond_counting_is_out_of_range_and_not_absent() {
    let decoder = || Decoder::new(Arc::new(Source::named("test")), 1, None);
    let counts = |lines: &str| {
        let mut replay =
            Replay::start(1, &Params::default(), Emission::default(), decoder(), Silent).unwrap();
        replay.events(lines.as_bytes(), &Origin::default(), Framing::Lines, 1).unwrap();
        replay.finish().unwrap().1
    };
    let far = at(60).replace("2026", "2999");
    let found = counts(&[at(0), far, at(120)].concat());
    assert_eq!((found.accepted, found.late), (3, 0), "the clock stays where it was");
    assert_eq!((found.repaired.of(Code::W102), found.repaired.of(Code::W101)), (1, 0));
}
