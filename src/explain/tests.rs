//! What people see.

use super::graph::{GraphFormat, pipeline, topology};
use super::*;
use crate::emit::wire::{Message, sample};
use std::io::Write as _;
use std::path::Path;

const PLAIN: Style = Style::Text { width: 100, color: false };
const PAGE: &str = r#"CRITICAL  inc-1  revision 2, resolved
cart: HighErrorRate on service:shop/cart, 3 alerts on 3 services
2026-11-23 07:01:40 UTC to 07:11:40 UTC (10 min), owner team:shop/payments, tenant default

  3 alerts on 3 services from 07:01:40 UTC until 07:11:40 UTC, all over; the worst was SloBurn
    (critical) on service:shop/frontend.
  The cause is very likely service:shop/cart (82 %); next is service:shop/checkout (10 %).
  For it: how rare its own alerts are (+1.9), a recent change on it or under it (+0.8), when it
    began beside the others (+0.6); against it: what kind of thing it is (-0.2).
  From symptom to cause: frontend calls checkout, which alerted 24 s earlier; checkout calls cart,
    which alerted 18 s earlier.
  Recent change: deploy CHG-9 (cart 1.4.2) on service:shop/cart, 3 min 40 s before the first
    alert.
  Without event c-1, the answer would be service:shop/checkout (41 %).

Probable cause
   82 %  ████████████████████····  service:shop/cart
   10 %  ██······················  service:shop/checkout
    8 %  ██······················  none of these

From symptom to cause
  service:shop/frontend
    └─ calls, 24 s earlier ─▶ service:shop/checkout  [a-42, a-18]
      └─ calls, 18 s earlier ─▶ service:shop/cart  [a-18, a-0]

Why service:shop/cart
  own          +1.90  ██████████  how rare its own alerts are
  change       +0.79  ████······  a recent change on it or under it
  onset        +0.64  ███·······  when it began beside the others
  level        -0.20  █·········  what kind of thing it is
  score         3.13

What would change the answer
  Without c-1 `change` would fall, and service:shop/checkout would come first with 41 %.

Recent changes
  06:58:00 UTC deploy CHG-9 on service:shop/cart: cart 1.4.2 (3 min 40 s before the first alert)

3 alerts
  07:01:40 UTC  error     HighErrorRate on service:shop/cart, 10 times, over
                HighErrorRate is above its limit
                On service:shop/cart, from which this incident grew.
  07:01:58 UTC  warning   HighLatency on service:shop/checkout, 10 times, over
                HighLatency is above its limit
                service:shop/checkout calls service:shop/cart and alerted 18 s later.
  07:02:22 UTC  critical  SloBurn on service:shop/frontend, 10 times, over
                SloBurn is above its limit
                service:shop/frontend calls service:shop/checkout and alerted 24 s later, 2 hops
                from where the incident grew.

Since revision 1
  3 alerts changed.
  resolved_at: nothing → 2026-11-23T07:11:40Z
"#;
const DOT: &str = r#"digraph incident {
  label="inc-1: a \"quoted\" \\ title";
  labelloc=t;
  rankdir=LR;
  node [shape=box, style="rounded,filled"];
  "service:shop/cart" [label="service:shop/cart\ncause: 82 %\n1 alert", fillcolor="0.58 0.823 1.000", color=orange, penwidth=3];
  "service:shop/checkout" [label="service:shop/checkout\ncause: 10 %\n1 alert", fillcolor="0.58 0.102 1.000", color=orange, penwidth=1];
  "service:shop/frontend" [label="service:shop/frontend\n1 alert", fillcolor="0.58 0.000 1.000", color=red, penwidth=1];
  "service:shop/checkout" -> "service:shop/cart" [label="calls, 18 s earlier", penwidth=2];
  "service:shop/frontend" -> "service:shop/checkout" [style=dashed];
}
"#;

#[test]
fn a_page_for_a_terminal() {
    assert_eq!(render(&sample::resolved(), PLAIN), PAGE);
}

#[test]
fn colours_change_nothing_but_colour() {
    let colored = render(&sample::resolved(), Style::Text { width: 100, color: true });
    assert!(colored.contains("\u{1b}[31mCRITICAL\u{1b}[0m"));
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, render(&sample::resolved(), PLAIN));
}

#[test]
fn lines_fit_where_words_allow() {
    let narrow = render(&sample::opened(), Style::Text { width: 60, color: false });
    let story = narrow.split("Probable cause").next().unwrap();
    assert!(story.lines().all(|line| line.chars().count() <= 60), "{story}");
    assert!(!render(&sample::opened(), Style::Text { width: 0, color: false }).is_empty());
}

#[test]
fn numbers_stay_with_their_units_and_sentences_whole() {
    assert_eq!(paint::wrap("cart (< 1 %)", 7), ["cart", "(< 1 %)"]);
    assert_eq!(
        paint::wrap("a 3 min 40 s b (41 %). 5 apples", 7),
        ["a 3 min", "40 s b", "(41 %).", "5", "apples"]
    );
    assert_eq!(
        paint::sentences(
            "3 alerts on cart v1. 2 since 7. The rest. service:a/b is. see e.g. below."
        ),
        ["3 alerts on cart v1.", "2 since 7.", "The rest.", "service:a/b is. see e.g. below."]
    );
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut revision = sample::opened();
    let (row, member) = (revision.alerts[0].clone(), revision.explanation.members[0].clone());
    revision.alerts = vec![row; 30];
    revision.explanation.members = vec![member; 30];
    revision.cause.candidates = vec![revision.cause.candidates[1].clone(); 7];
    let page = render(&revision, PLAIN);
    assert!(page.contains("and 5 more; --json has them all"));
    assert!(page.contains(" 20 %  █████···················  2 others together"), "{page}");
}

#[test]
fn an_incident_that_ended_is_explained_without_alerts() {
    let mut revision = sample::opened();
    revision.alerts.clear();
    revision.explanation = Default::default();
    revision.cause.candidates.clear();
    let page = render(&revision, PLAIN);
    assert!(page.contains("inc-1") && !page.contains("Probable cause"), "{page}");
}

#[test]
fn texts_of_events_do_nothing_to_a_terminal() {
    let mut revision = sample::opened();
    revision.alerts[0].summary = "\u{1b}[2Jgone\u{7}\u{202e}evil\nnext".into();
    revision.title = "\u{1b}]0;title\u{7}".into();
    for style in [PLAIN, Style::Dot] {
        let page = render(&revision, style);
        let bad = page.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{page}");
        assert!(!page.contains('\u{202e}'));
    }
    assert!(render(&revision, PLAIN).contains("\u{fffd}[2Jgone\u{fffd}\u{fffd}evil next"));
}

#[test]
fn json_is_the_revision() {
    let json = render(&sample::opened(), Style::Json);
    assert_eq!(serde_json::from_str::<Revision>(&json).unwrap(), sample::opened());
}

#[test]
fn a_graph_of_the_incident() {
    let mut revision = sample::opened();
    revision.explanation.path.remove(0);
    revision.title = "a \"quoted\" \\ title".into();
    assert_eq!(render(&revision, Style::Dot), DOT);
}

fn lines(messages: &[Message]) -> String {
    messages.iter().map(|message| format!("{}\n", message.line)).collect()
}

fn look(text: &str, wanted: &str, revision: Option<u64>) -> Result<Revision, String> {
    find_in(text.as_bytes(), Path::new("incidents.ndjson"), wanted, revision)
        .map_err(|error| error.to_string())
}

#[test]
fn a_revision_is_found_by_id_prefix_and_number() {
    let text = lines(&[
        sample::message("inc-a1", 1),
        sample::message("inc-a1", 2),
        sample::message("inc-a1b", 1),
        sample::message("inc-c", 1),
    ]);
    let found = |wanted, number| {
        look(&text, wanted, number).map(|r| format!("{}/{}", r.incident_id, r.revision))
    };
    assert_eq!(found("inc-a1", None).as_deref(), Ok("inc-a1/2"));
    assert_eq!(found("inc-a1", Some(1)).as_deref(), Ok("inc-a1/1"));
    assert_eq!(found("inc-a1b", None).as_deref(), Ok("inc-a1b/1"));
    assert_eq!(found("c", None).as_deref(), Ok("inc-c/1"));
    assert_eq!(
        found("inc-a", None).unwrap_err(),
        "incident \"inc-a\" may be any of inc-a1, inc-a1b: write more of the id"
    );
    assert_eq!(
        found("inc-a1", Some(7)).unwrap_err(),
        "incident inc-a1 has no revision 7: there are 1, 2"
    );
    assert_eq!(
        found("inc-zz", None).unwrap_err(),
        "incident \"inc-zz\" is not in \"incidents.ndjson\": it holds 3 incidents, the latest are \
         inc-c, inc-a1b, inc-a1"
    );
    assert!(found("", None).is_err());
}

#[test]
fn bare_rows_torn_lines_and_foreign_lines_are_coped_with() {
    let bare = serde_json::to_string(&sample::opened()).unwrap();
    let text = format!("{}\n\n{{\"x\":1}}\n{bare}\n", &bare[..50]);
    assert_eq!(look(&text, "inc-1", None), Ok(sample::opened()));
    let error = look("{\"x\":1}\n", "inc-1", None).unwrap_err();
    assert!(error.ends_with("it holds no incidents; 1 lines are no incidents"), "{error}");
    let error = look("{\"incident_id\":\"inc-1\"}\n", "inc-1", None).unwrap_err();
    assert!(error.starts_with("line 1 of") && error.contains("missing field"), "{error}");
}

#[test]
fn files_may_be_compressed() {
    let directory = tempfile::tempdir().unwrap();
    let text = lines(&[sample::message("inc-1", 1)]);
    let plain = directory.path().join("incidents.ndjson");
    std::fs::write(&plain, &text).unwrap();
    let zst = directory.path().join("incidents.ndjson.000001.zst");
    std::fs::write(&zst, zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    let gz = directory.path().join("incidents.ndjson.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    std::fs::write(&gz, encoder.finish().unwrap()).unwrap();
    for path in [plain, zst, gz] {
        assert_eq!(find(&path, "inc-1", None).unwrap().incident_id, "inc-1");
    }
    let missing = find(&directory.path().join("none"), "inc-1", None).unwrap_err();
    assert!(missing.to_string().contains("--file"), "{missing}");
}

const TOPOLOGY: &str = r#"
{"kind":"entity","entity":"service:shop/cart","owner":"team:shop/payments"}
{"kind":"entity","entity":"service:shop/old"}
{"kind":"relation","from":"service:shop/checkout","to":"service:shop/cart","relation":"calls"}
{"kind":"relation","from":"service:shop/checkout","to":"service:shop/old","relation":"calls"}
{"kind":"change","change":{"id":"CHG-9"}}
{"kind":"relation","op":"delete","from":"service:shop/checkout","to":"service:shop/old","relation":"calls"}
{"kind":"entity","op":"delete","entity":"service:shop/old"}
"#;

#[test]
fn a_topology_is_drawn_as_it_stands_at_the_end() {
    let graph = topology(TOPOLOGY.as_bytes()).unwrap();
    assert_eq!(
        graph.render(GraphFormat::Dot),
        "digraph causeway {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n  \
         \"service:shop/cart\" [label=\"service:shop/cart\\nteam:shop/payments\"];\n  \
         \"service:shop/checkout\" [label=\"service:shop/checkout\"];\n  \
         \"service:shop/checkout\" -> \"service:shop/cart\" [label=\"calls\"];\n}\n"
    );
    assert_eq!(
        graph.render(GraphFormat::Mermaid),
        "flowchart LR\n  n0[\"service:shop/cart<br/>team:shop/payments\"]\n  \
         n1[\"service:shop/checkout\"]\n  n1 -- \"calls\" --> n0\n"
    );
    let error = topology("\n{\"kind\":".as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("line 2 of the topology"), "{error}");
}

#[test]
fn names_cannot_break_out_of_a_drawing() {
    let row = r#"{"kind":"entity","entity":"a\"];evil[\"<b>\u001b#"}"#;
    let graph = topology(row.as_bytes()).unwrap();
    assert!(graph.render(GraphFormat::Dot).contains(r#""a\"];evil[\"<b>"#));
    assert!(
        graph.render(GraphFormat::Mermaid).contains("a#quot;];evil[#quot;#lt;b#gt;\u{fffd}#35;")
    );
}

#[test]
fn the_pipeline_shows_sources_stages_and_sinks_in_order() {
    let graph = pipeline(&["http".to_owned()], &["pager".to_owned()]);
    let dot = graph.render(GraphFormat::Dot);
    for edge in [
        "\"source http\" -> \"ingest\"",
        "\"dedup\" -> \"suppress\"",
        "\"topology, changes\" -> \"enrich\"",
        "\"explain\" -> \"emit\"",
        "\"emit\" -> \"sink pager\"",
    ] {
        assert!(dot.contains(edge), "{edge} is missing in {dot}");
    }
    assert!(graph.render(GraphFormat::Mermaid).contains("emit<br/>ids and revisions"));
}
